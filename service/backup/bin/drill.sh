# shellcheck shell=bash
# The restore drill: the newest backup of the database is restored into a MariaDB of its own, which nobody else can
# reach, and has to hold what was backed up. The files' part is in drill-files.sh.
# shellcheck source=service/backup/bin/files.sh
source "$LAMPLIGHTER_BIN/files.sh"
# shellcheck source=service/backup/bin/physical.sh
source "$LAMPLIGHTER_BIN/physical.sh"
# shellcheck source=service/backup/bin/drill-files.sh
source "$LAMPLIGHTER_BIN/drill-files.sh"

scratch=$LAMPLIGHTER_STATE/drill
scratchSocket=$scratch/socket
drilledSql=$LAMPLIGHTER_STATE/drilled-sql
proof=$LAMPLIGHTER_BACKUPS/last-proven.json

drill() {
    local database files
    database=$(newestOrNothing database)
    files=$(newestOrNothing files)
    trap 'endScratch; endFilesAside' EXIT
    drillDatabase "$database"
    endScratch
    drillFiles "$files"
    recordProof "$database" "$files"
}

newestOrNothing() { # TAG
    local snapshot
    snapshot=$(newestSnapshot "$1")
    if [[ -z $snapshot ]]; then logError "there is no backup of the $1 to restore"; fi
    printf '%s\n' "$snapshot"
}

# Prints a value of a snapshot's description.
ofSnapshot() { # SNAPSHOT JQ-PATH
    jq --raw-output "$2" <<<"$1"
}

# The files of MariaDB, brought to the moment of the SQL, have to hold what it says: those of this night, and those of the night before,
# so that all changes of the day are made again. In some nights, and where there are no such files, the SQL is loaded, too.
# shellcheck disable=SC2016 # jq's variable
drillDatabase() { # SNAPSHOT
    local physical all
    all=$(listSnapshots inRepository | ofSnapshots --compact-output --argjson sql "$1" 'physical_before($sql)')
    install --directory --mode=0711 "$scratch"
    readFacts inRepository "$(ofSnapshot "$1" .short_id)" "$scratch/recorded"
    while IFS= read -r physical; do
        if [[ -z $physical || $(tagOf "$physical" mariadb) != "$(ownVersion)" ]]; then continue; fi
        drillPhysical "$physical" "$1"
        provenSince=${provenSince:-$(ofSnapshots '.summary.backup_end // .time | instant | todate' <<<"$physical")}
    done <<<"$all"
    if [[ -z ${provenSince:-} ]]; then
        drillSql "$1"
        return
    fi
    if [[ $(nightOfSql) == yes ]]; then drillSql "$1"; fi
}

# Once in so many nights, by count: a clock may be wrong.
nightOfSql() {
    local night
    night=$(cat -- "$drilledSql" 2>/dev/null || true)
    if [[ ! $night =~ ^[0-9]+$ ]]; then night=0; fi
    printf '%d\n' "$(((night + 1) % ${BACKUP_CHECK_NIGHTS:-7}))" >"$drilledSql.new"
    replaceFile "$drilledSql.new" "$drilledSql"
    if ((night == 0)); then echo yes; fi
}

# What stands at the end of the SQL, which is read whole for it.
readFacts() { # RESTIC-COMMAND ID FILE
    if "$1" dump "$2" /database.sql | keepFacts "$3" >/dev/null; then return; fi
    sayWhatIsBad "$1" "$2"
}

# "LOG POSITION" of the moment that the facts are of.
positionOfFacts() { # FILE
    factsOf "$1" | jq --raw-output 'select(.position) | "\(.log) \(.position)"'
}

drillPhysical() { # PHYSICAL-SNAPSHOT SQL-SNAPSHOT
    local id bytes history position began=$SECONDS
    id=$(ofSnapshot "$1" .short_id)
    history=$(tagOf "$1" history)
    bytes=$(ofSnapshot "$1" '.summary.total_bytes_processed')
    logInfo "restoring MariaDB's files of $(ofSnapshot "$1" '.time[:19]'), snapshot $id, and what was changed after it, into a MariaDB of its own"
    needSpace "$LAMPLIGHTER_STATE" "$((2 * bytes + (256 << 20)))" 'nothing is restored'
    changesIdentities inRepository "$scratch/identities"
    install --directory --owner=mysql --group=mysql --mode=0700 "$scratch/physical"
    layPhysical inRepository "$id" "$scratch/physical/base"
    position=$(positionOfFacts "$scratch/recorded")
    layChanges "$scratch/physical/base" "$history" "${position% *}" "${position#* }" "$scratch/identities"
    startBase "$scratch/physical/base"
    replayChanges "${position% *}" "${position#* }"
    compareBase "$scratch/recorded"
    dropBase
    sayGaps "$scratch/recorded"
    logInfo "as it was at $position, $(ofSnapshot "$2" '.time[:19]'), in $((SECONDS - began)) s: $(describeFacts "$scratch/recorded")"
}

# What the MariaDB holds that runs on restored files, brought to the moment that the SQL says of itself.
compareBase() { # RECORDED
    DUMP_FACTS=$1.restored dump-databases "$baseSocket" >/dev/null
    {
        tablesInMemory | jq --compact-output '{in_memory: true, names: [.]}'
        if [[ -n $baseKilled ]]; then tablesThatAKillParts | jq --raw-input --compact-output '{parted: true, names: [.]}'; fi
    } >"$1.apart"
    compareFacts "$1" "$1.restored" "$1.apart"
}

drillSql() { # SNAPSHOT
    local id bytes began=$SECONDS
    id=$(ofSnapshot "$1" .short_id)
    bytes=$(ofSnapshot "$1" '.summary.total_bytes_processed')
    logInfo "restoring the database's SQL of $(ofSnapshot "$1" '.time[:19]'), snapshot $id, into a MariaDB of its own"
    # Tables, their indexes and what InnoDB writes before it writes them.
    needSpace "$LAMPLIGHTER_STATE" "$((3 * bytes + (256 << 20)))" 'nothing is restored'
    startScratch
    loadSnapshot "$id"
    DUMP_FACTS=$scratch/restored dump-databases "$scratchSocket" >/dev/null
    compareFacts "$scratch/recorded" "$scratch/restored"
    sayGaps "$scratch/recorded"
    logInfo "as it was backed up, in $((SECONDS - began)) s: $(describeFacts "$scratch/recorded")"
}

# Without a network, and in nobody's way: what is written there need not survive a power cut.
startScratch() {
    rm -rf -- "$scratch"
    unset MARIADB_HOME
    install --directory --owner=mysql --group=mysql --mode=0700 "$scratch"
    "${asMysql[@]}" mariadb-install-db --no-defaults --datadir="$scratch/data" --auth-root-authentication-method=socket \
        --auth-root-socket-user=root --skip-test-db >"$scratch/log" 2>&1 || scratchFailed
    "${asMysql[@]}" nice mariadbd --no-defaults --datadir="$scratch/data" --socket="$scratchSocket" --pid-file="$scratch/pid" \
        --skip-networking --skip-log-bin --event-scheduler=OFF --max-allowed-packet=1G --performance-schema=OFF \
        --innodb-buffer-pool-size=128M --innodb-log-file-size=256M --innodb-flush-log-at-trx-commit=0 \
        --innodb-doublewrite=OFF >>"$scratch/log" 2>&1 &
    scratchPid=$!
    until mariadb-admin --socket="$scratchSocket" --silent ping &>/dev/null; do
        if ! kill -0 "$scratchPid" 2>/dev/null; then scratchFailed; fi
        sleep 0.1
    done
}

scratchFailed() {
    tail --lines=20 -- "$scratch/log" >&2
    logError 'the MariaDB to restore into does not start: its last lines are above'
}

endScratch() {
    if [[ -n ${scratchPid:-} ]]; then
        kill -KILL "$scratchPid" 2>/dev/null || true
        wait "$scratchPid" 2>/dev/null || true
        unset scratchPid
    fi
    dropBase
    rm -rf -- "$scratch"
}

# The facts that stand at the dump's end are kept aside. Where a piece cannot be read, all are, to say which are bad.
loadSnapshot() { # ID
    if inRepository dump "$1" /database.sql |
        keepFacts "$scratch/recorded" |
        loadDump "$scratchSocket" 'IDENTIFIED VIA unix_socket'; then
        return
    fi
    sayWhatIsBad inRepository "$1"
}

# Which of its files are bad; elsewhere that would be to fetch all of it.
sayWhatIsBad() { # RESTIC-COMMAND ID
    if [[ $1 == inRepository ]]; then inRepository check --read-data >&2 || true; fi
    logError "the database of snapshot $2 CANNOT BE RESTORED: what failed is above, and what is wrong with the repository"
}

# Nothing that was recorded may be missing or other than it was. The server may be a newer one, and has users of its own. What was
# recorded of another moment than all the rest is left out where it was not restored from there, and so is what was kept in memory; what a
# kill has parted from its log is said.
compareFacts() { # RECORDED RESTORED [FACTS-OF-TABLES-APART]
    local differences parted
    if [[ ! -s $1 ]]; then logError 'the backup does not say what it holds: it is none that nightly-backup made'; fi
    differences=$(jq --null-input --raw-output --arg moment "${3:-}" --slurpfile apart "${3:-/dev/null}" --slurpfile recorded <(factsOf "$1") --slurpfile restored <(factsOf "$2") '
        def tables(facts): facts | map(select(.table)) | INDEX(.table);
        def rest(facts): facts | map(select(.server)) | .[0] // {};
        (if $moment == "" then {} else
            [($recorded + $apart)[] | select(.later or .moments or .in_memory) | .names[]? | {key: ., value: true}] | from_entries end) as $left |
        ([$apart[] | select(.parted) | .names[] | {key: ., value: "parted"}] | from_entries) as $parted |
        tables($restored) as $there | rest($restored) as $has |
        (tables($recorded)[] | select($left[.table] | not) | . as $was | $there[.table] as $is |
            if $is == null then "differs: the table \(.table) is missing"
            elif $is.rows != .rows then "\($parted[.table] // "differs"): \(.table) has \($is.rows) rows, not \(.rows)"
            elif $is.sum != .sum then "\($parted[.table] // "differs"): \(.table) has other values in its rows (sum \($is.sum), not \(.sum))"
            else empty end),
        # Their rows are among the sum of all.
        (rest($recorded) | if $moment == "" then . else del(.rows) end | to_entries[] | select(.value | type == "number") |
            select(($has[.key] // 0) < .value) | "differs: \($has[.key] // 0) \(.key), not \(.value)")')
    parted=$(sed --quiet 's/^parted: //p' <<<"$differences")
    if [[ -n $parted ]]; then
        logInfo "MariaDB was killed meanwhile, and what it did last in tables without transactions is in its log alone, or in the table" \
            "alone: ${parted//$'\n'/; }"
    fi
    differences=$(sed '/^parted: /d; s/^differs: //' <<<"$differences")
    if [[ -n $differences ]]; then
        printf '%s\n' "$differences" >&2
        logError 'the restored database is NOT what was backed up: what differs is above'
    fi
}

# Beside the backups, so that it goes where they go.
recordProof() { # DATABASE-SNAPSHOT FILES-SNAPSHOT
    local now
    now=$(date --utc +%Y-%m-%dT%H:%M:%SZ)
    jq --null-input --compact-output --arg proven "$now" --arg since "${provenSince:-}" --argjson database "$1" --argjson files "$2" \
        '{proven: $proven} + (if $since == "" then {} else {anySecondSince: $since} end) + ({database: $database, files: $files} | map_values({snapshot: .short_id, time}))' >"$proof.new"
    replaceFile "$proof.new" "$proof"
    leaveData proven "$now" "$(<"$proof")" "last proven restorable: $now${provenSince:+, to any second since $provenSince}"
    if [[ -n ${provenSince:-} ]]; then logInfo "proven restorable to any second since $provenSince"; fi
    logInfo "last proven restorable: $now (database $(ofSnapshot "$1" .short_id), files $(ofSnapshot "$2" .short_id))"
}
