# shellcheck shell=bash
# Dumps of MariaDB (target-sbin/dump-databases): how they are loaded, and what becomes of what they say about themselves.
# Sourced by callbacks; needs log.sh, problems.sh and repository.sh.

# What a dump of ours sets for itself, older ones do not: rows that could be stored once may be against today's rules.
lenientSession='SET innodb_strict_mode = 0, check_constraint_checks = 0, max_heap_table_size = 17179869184'
# For so many seconds writers may wait without its being a problem.
briefly=10

# Loads the dump on stdin. Remarks in the bodies of routines are a part of them. A dump has all accounts; how its root shows
# that he is root is his own affair: here it stays HOW ("IDENTIFIED VIA ..."), from the end of this connection on.
loadDump() { # SOCKET HOW
    { cat && printf '\nALTER USER root@localhost %s;\n' "$2"; } |
        mariadb --socket="$1" --default-character-set=utf8mb4 --max-allowed-packet=1G \
            --init-command="$lenientSession" --comments --batch --skip-print-query-on-error
}

# What the dump has not, or not of the same moment: a line each.
describeGaps() { # FILE
    factsOf "$1" | jq --raw-output '
        if .left_out then "not in the backup: \(.left_out): \(.why)"
        elif .in_files_alone then "not in the SQL, but in the copy of MariaDB\u0027s files: \(.in_files_alone): \(.why)"
        elif .later then "of a later moment than the rest: \(.later): \(.why)"
        elif .moments then "not of one moment: \(.moments) tables of engines without transactions: \(.why)"
        elif .held then "dumped while nobody could write to them, for \(.seconds) s: \(.held) tables of engines without transactions"
        else empty end'
}

sayGaps() { # FILE
    local gaps gap
    gaps=$(describeGaps "$1")
    if [[ -z $gaps ]]; then return; fi
    while IFS= read -r gap; do logInfo "$gap"; done <<<"$gaps"
}

# Says them in the log, and leaves those that somebody has to mend as problems, or takes the problems away.
reportGaps() { # FILE
    local missing moments
    sayGaps "$1"
    missing=$(factsOf "$1" | jq --raw-output --slurp 'map(select(.left_out)) |
        if length == 0 then empty else
            "\(length) in no backup: \(.[:3] | map("\(.left_out) (\(.why))") | join("; "))\(if length > 3 then "; …" else "" end)"
            + ". Mend or drop it; the output of nightly-backup has all of them" end')
    moments=$(factsOf "$1" | jq --raw-output --argjson briefly "$briefly" '
        (if .moments then "\(.moments) tables of engines without transactions, such as \(.example), are backed up at different moments: \(.why)"
        elif .held and .seconds > $briefly then
            "while the backup read \(.held) tables of engines without transactions, such as \(.example), nobody could write to them for \(.seconds) s"
        else empty end) + ". To convert one: ALTER TABLE \(.example) ENGINE=InnoDB"')
    setProblem left-out-of-backup "$missing"
    setProblem not-one-moment "$moments"
}

# There is one as long as there is something to say.
setProblem() { # ABOUT TEXT
    if [[ -n $2 ]]; then leaveProblem "$1" "$2"; else takeAwayProblem "$1"; fi
}
