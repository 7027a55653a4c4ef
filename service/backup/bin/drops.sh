# shellcheck shell=bash disable=SC2154 # LAMPLIGHTER_STATE is the caller's
# The moment before somebody has thrown a table or a database away: nobody knows when that was, and the changes do. Needs changes.sh.

# "HISTORY LOG POSITION SECONDS" of the last time; fails where there was none.
findDrop() { # RESTIC-COMMAND DATABASE TABLE
    local history log found
    local -r identities=$LAMPLIGHTER_STATE/identities whole=$LAMPLIGHTER_STATE/searched
    changesIdentities "$1" "$identities"
    while IFS= read -r history; do
        while IFS= read -r log; do
            assembleLog "$history" "$log" end "$identities" "$whole"
            found=$(perl "$LAMPLIGHTER_SBIN/lib/binlog-drops.pl" "$2" "$3" "$whole")
            rm -f -- "$whole"
            if [[ -n $found ]]; then
                printf '%s %s %s\n' "$history" "$log" "$found"
                return
            fi
        done < <(logsOf "$history" | sort --reverse)
    done < <(historiesOf | sort --reverse)
    logError "in all changes that are kept nobody has thrown away ${3:+the table $3 of }the database $2"
}

historiesOf() {
    find "$changesFolder" -mindepth 1 -maxdepth 1 -type d -printf '%f\n'
}

# Those that something is kept of.
logsOf() { # HISTORY
    find "$changesFolder/$1" -name '*.zst.age' -printf '%f\n' | sed 's/\.[0-9]*-[0-9]*\.zst\.age$//' | sort --unique
}
