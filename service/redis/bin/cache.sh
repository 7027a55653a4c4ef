# shellcheck shell=bash
# Redis is a cache: when it cannot read what it has kept, that is put aside and it begins with nothing, so that the site
# is slower for a while instead of down for ever.

keptCache=/var/lib/redis/appendonlydir
brokenCache=/var/lib/redis/broken
# More of what is broken is not worth its room.
largestBroken=$((512 * 1024 * 1024))

# Run at every start. The quick check also refuses what Redis can mend (a last command that a power cut has torn), so
# Redis itself has the last word.
mendCache() {
    local manifest=$keptCache/appendonly.aof.manifest reasons=/run/redis-trial.log
    [[ -e $manifest ]] || return 0
    # An empty one passes the check, and is refused.
    if [[ -s $manifest ]] && redis-check-aof "$manifest" </dev/null &>/dev/null; then return 0; fi
    tryCache "$reasons"
    if [[ $trialStatus == 1 ]]; then putCacheAside "$reasons"; fi
    rm -f -- "$reasons"
}

# Sets trialStatus: 0 when Redis can load it, 1 when it refuses; what else ends it says nothing about the cache.
tryCache() { # FILE-FOR-ITS-LOG
    local socket=/run/redis-trial.sock server answer
    install --mode=0600 /dev/null "$1"
    redis-server /usr/local/conf/redis.conf --aclfile '' \
        --unixsocket "$socket" --unixsocketperm 700 --logfile "$1" </dev/null >/dev/null &
    server=$!
    trialStatus=''
    while [[ -z $trialStatus ]]; do
        answer=$(redis-cli -s "$socket" ping 2>/dev/null) || true
        if [[ $answer == PONG ]]; then
            redis-cli -s "$socket" shutdown nosave &>/dev/null || true
            trialStatus=0
            wait "$server" || true
        elif ! kill -0 "$server" 2>/dev/null; then
            trialStatus=0
            wait "$server" || trialStatus=$?
        else
            sleep 0.05
        fi
    done
    rm -f -- "$socket"
}

# One is kept for whoever wants to look, the newest.
putCacheAside() { # FILE-WITH-THE-REASON
    local reason bytes about="a damaged cache was thrown away"
    # Without its advice, which is for data that cannot be made again.
    reason=$(sed --quiet --regexp-extended 's/: make a backup.*//; s/^[0-9]+:[A-Z] .{24} # //p' "$1" | tail --lines=1)
    bytes=$(du --summarize --bytes -- "$keptCache" | cut --fields=1)
    rm -rf -- "$brokenCache"
    if ((bytes <= largestBroken)); then
        mv --no-target-directory -- "$keptCache" "$brokenCache"
        about="a damaged cache is in data/redis/broken: remove it when nobody wants to look at it"
    else
        rm -rf -- "$keptCache"
    fi
    logLine WARN "Redis cannot read what it has kept ($reason), and begins with nothing: $about" >&2
    if [[ -e $brokenCache ]]; then leaveProblem cache "Redis began with nothing on $(date --utc +%Y-%m-%dT%H:%M:%SZ) ($reason): $about"; fi
}

# The problem ends when somebody has removed what was put aside.
forgetBrokenCache() {
    if [[ -e $problemsFolder/cache && ! -e $brokenCache ]]; then takeAwayProblem cache; fi
}
