# shellcheck shell=bash
# What Apache refuses visitors: limits.conf logs it, a line each with second, status and address.

# So many in an hour are told as a problem that lasts until they are fewer.
refusedMany=5000

# Since the last time, also what has been rotated away meanwhile.
countRefused() { # LOG
    local counted=$LAMPLIGHTER_STATE/refused-counted since=0 now names visits most
    printf -v now '%(%s)T' -1
    if [[ -e $counted ]]; then read -r since <"$counted" || true; fi
    if [[ ! $since =~ ^[0-9]{1,12}$ ]] || ((since > now || since < now - 7200)); then since=$((now - 3600)); fi
    read -r names visits most < <(
        # The second that goes on is left for the next time.
        { cat -- "$1.1" "$1" 2>/dev/null || true; } | awk -v since="$since" -v now="$now" '
            $1 < since || $1 >= now { next }
            $2 == 421 { names++ }
            $2 == 429 { visits++ }
            ++of[$3] > of[most] { most = $3 }
            END { print names + 0, visits + 0, most ? most " (" of[most] ")" : "-" }'
    )
    printf '%s\n' "$now" >"$counted"
    logInfo "refused in $(((now - since + 30) / 60)) min: $names of unknown names, $visits too many of one address; most of them to $most"
    if ((names + visits >= refusedMany)); then
        leaveProblem much-refused "$((names + visits)) requests refused in $(((now - since + 30) / 60)) min, most of them to $most: the access.log in the folder of logs has them; REFUSED_NETWORKS in .env keeps networks out"
    else
        takeAwayProblem much-refused
    fi
}
