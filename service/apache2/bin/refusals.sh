# shellcheck shell=bash
# What Apache refuses visitors: limits.conf logs it, a line each with second, status, address and whether it calls itself
# a crawler.

# So many in an hour are told as a problem that lasts until they are fewer.
refusedMany=5000

# Since the last time, also what has been rotated away meanwhile. How many there were is a fact that `status` shows.
countRefused() { # LOG
    local counted=$LAMPLIGHTER_STATE/refused-counted since=0 now minutes names visits networks crawlers most all said
    printf -v now '%(%s)T' -1
    if [[ -e $counted ]]; then read -r since <"$counted" || true; fi
    if [[ ! $since =~ ^[0-9]{1,12}$ ]] || ((since > now || since < now - 7200)); then since=$((now - 3600)); fi
    # shellcheck disable=SC2153 # environment.sh has it
    # The second that goes on is left for the next time.
    read -r names visits networks crawlers most < <(
        { cat -- "$1.1" "$1" 2>/dev/null || true; } |
            "$LAMPLIGHTER_BIN/count-refusals.pl" "$since" "$now" "$NETWORKS/refused.conf" "$NETWORKS/crawler.conf"
    )
    (umask 077 && printf '%s\n' "$now" >"$counted")
    minutes=$(((now - since + 30) / 60))
    all=$((names + visits + networks + crawlers))
    said="$all in $minutes min: $networks of refused networks, $crawlers that only said they were crawlers, $names of unknown names, $visits too many of one address; most of them to $most"
    logInfo "refused: $said"
    leaveFact refused "$said"
    if ((all >= refusedMany)); then
        leaveProblem much-refused "$all requests refused in $minutes min, most of them to $most: the access.log in the folder of logs has them; REFUSED_NETWORKS in .env keeps networks out"
    else
        takeAwayProblem much-refused
    fi
}
