# shellcheck shell=bash
# What the stack's owner adds to Redis (local/redis.d), after what fits the container's memory.
# shellcheck source=target-sbin/lib/memory.sh
source "$LAMPLIGHTER_SBIN/lib/memory.sh"

# Words, as Redis takes them on its command line: those behind go before.
redisOptions() { # [with-local]
    printf '/usr/local/conf/redis.conf --maxmemory %d' "$(cacheSize "$(memoryLimit)")"
    if [[ -n ${1:-} ]] && hasLocal redis.d conf; then printf ' --include %s/redis.d/*.conf' "$LAMPLIGHTER_LOCAL"; fi
}

localFolders=(redis.d:conf)

# Redis has no way to check its configuration but to start with it, and does not always say where a fault is: that is the
# first line with which it does not start.
daemonFault() { # [with-local]
    local own=$LAMPLIGHTER_CONF/redis.conf file line lines text
    local -a files=("$own") include=()
    if [[ -n ${1:-} ]]; then
        files=("$LAMPLIGHTER_LOCAL"/redis.d/*.conf)
        include=("$LAMPLIGHTER_LOCAL/redis.d/*.conf")
    fi
    tryRedis "$own" "${include[@]}"
    if [[ -n $trialIsUp ]]; then return; fi
    for file in "${files[@]}"; do
        mapfile -t lines <"$file"
        for line in "${!lines[@]}"; do
            text=${lines[line]}
            if [[ $text =~ ^[[:space:]]*(#|$) ]]; then continue; fi
            head --lines=$((line + 1)) -- "$file" >/run/redis-local-part.conf
            if [[ -n ${1:-} ]]; then tryRedis "$own" /run/redis-local-part.conf; else tryRedis /run/redis-local-part.conf; fi
            if [[ -z $trialIsUp ]]; then
                # shellcheck disable=SC2016 # backticks that are meant as such
                printf '%s:%d: `%s`: %s\n' "$file" $((line + 1)) "$text" "$trialReason"
                return
            fi
        done
    done
    if [[ -n ${1:-} ]]; then file=local/redis.d; else file=service/redis/conf; fi
    printf '%s: Redis would not start: %s\n' "$file" "$trialReason"
}

# Aside, without its data. Sets trialIsUp, or trialReason: who listens has read it all, and is ended then.
tryRedis() { # CONFIGURATION [FILES-TO-INCLUDE]
    local folder=/run/redis-local process
    local -a options
    trialIsUp='' trialReason=''
    read -r -a options <<<"$(redisOptions '')"
    rm -rf -- "$folder"
    mkdir -- "$folder"
    redis-server "$1" "${options[@]:1}" ${2:+--include "$2"} --aclfile '' --dir "$folder" --appendonly no --save '' \
        --unixsocket "$folder/socket" --logfile '' --daemonize no </dev/null >"$folder/said" 2>&1 &
    process=$!
    until [[ -n $trialIsUp ]] || ! kill -0 "$process" 2>/dev/null; do
        if [[ -S $folder/socket ]]; then trialIsUp=1; else sleep 0.05; fi
    done
    kill "$process" 2>/dev/null || true
    wait "$process" || true
    # After the line that it shows, else its last one without the time.
    trialReason=$(sed --quiet "/^>>> /{ n; p }" "$folder/said" | sed --quiet 1p)
    trialReason=${trialReason:-$(sed --quiet --regexp-extended '$s/^[0-9]+:.{0,30} [#*] //p' "$folder/said")}
    rm -rf -- "$folder"
}
