# shellcheck shell=bash
# MariaDB's housekeeping.
# shellcheck source=target-sbin/lib/disk.sh
source "$LAMPLIGHTER_SBIN/lib/disk.sh"
# shellcheck source=target-sbin/lib/repository.sh
source "$LAMPLIGHTER_SBIN/lib/repository.sh"
# shellcheck source=target-sbin/lib/dump.sh
source "$LAMPLIGHTER_SBIN/lib/dump.sh"
# shellcheck source=service/mysql/bin/changes.sh
source "$LAMPLIGHTER_BIN/changes.sh"
# shellcheck source=service/mysql/bin/local.sh
source "$LAMPLIGHTER_BIN/local.sh"
# shellcheck source=service/mysql/bin/upgrade.sh
source "$LAMPLIGHTER_BIN/upgrade.sh"

mariadbSocket=/run/mariadb/own.sock
publicSocket=/run/mysqld/mysqld.sock

# It has connections of its own, and looks at the site's, too. A server that says it has too many of them is there.
CB_health_check() {
    local said
    mariadb-admin --socket="$mariadbSocket" --connect-timeout=5 ping >/dev/null
    if said=$(mariadb-admin --socket="$publicSocket" --connect-timeout=5 ping 2>&1); then
        takeAwayProblem connections
    elif [[ $said == *'Too many connections'* ]]; then
        leaveProblem connections 'all connections are taken: see max_connections and max_user_connections in service/mysql/conf/mariadb.cnf'
    else
        printf '%s\n' "$said" >&2
        return 1
    fi
}

# All that is in MariaDB, streamed into the repository of backups twice: its files as they are, which with the changes that are kept
# later give any moment back exactly; and as SQL, which any version reads. What fails is a snapshot that is not made.
CB_nightly_backup() { # USER
    openRepository
    refuseUnfinished database
    backUpFiles
    backUpAsSql
    # Up to where the SQL is: the drill compares the two.
    if writesBinlog; then keepChanges; fi
    forgetOldChanges
    noteSnapshots
}

CB_keep_changes() { # USER
    lookForStandby
    keepChanges
}

# With what it takes to add later changes to it: the history, and a log that all of them are in.
backUpFiles() {
    local bytes summary history log version
    local -a tags=(--tag physical)
    version=$(ask 'SELECT VERSION()')
    if writesBinlog; then
        needChangesKey
        # So that one night's changes are a log of their own, which becomes one piece.
        ask 'FLUSH BINARY LOGS'
        keepChanges
        history=$(currentHistory)
        read -r log _ < <(serverPosition)
        tags+=(--tag "history-$history" --tag "from-$log")
        takeAwayProblem changes-broken
    fi
    bytes=$(du --summarize --block-size=1 --exclude='binlog.*' -- "$dataFolder" | cut --fields=1)
    needSpaceFor physical "$bytes"
    summary=$(takeSnapshot "${tags[@]}" --tag "mariadb-$(cut --delimiter=. --fields=1,2 <<<"$version")" --stdin-filename mariadb.mbstream \
        --stdin-from-command -- "$LAMPLIGHTER_BIN/copy-server" "$mariadbSocket")
    logInfo "MariaDB's files: $(describeSnapshot "$summary")"
    rememberSize physical "$bytes"
    forgetOld physical inRepository
}

backUpAsSql() {
    local bytes summary facts
    local -a tags=(--tag database)
    if writesBinlog; then tags+=(--tag "history-$(currentHistory)"); fi
    bytes=$(databaseBytes)
    needSpaceFor database "$bytes"
    facts=$(mktemp)
    # shellcheck disable=SC2064 # this file
    trap "rm -f -- '$facts'" EXIT
    summary=$(DUMP_FACTS=$facts takeSnapshot "${tags[@]}" --stdin-filename database.sql --stdin-from-command -- \
        dump-databases "$mariadbSocket")
    logInfo "as SQL: $(describeSnapshot "$summary"): $(describeFacts "$facts")"
    reportGaps "$facts"
    rememberSize database "$bytes"
    noticeFewer database "$(factsOf "$facts" | jq --compact-output 'select(.server) | {tables, rows}')"
    forgetOld database inRepository
}

CB_rotate_logs() {
    rotateLogs
}

# Asked for at the start, after a change of MariaDB's version.
CB_upgrade_tables() {
    upgradeTables
}

# Tables that have grown take more of the disk, and of memory.
CB_check_disk() {
    growBufferPool
    checkDisks /var/lib/mysql /var/backups
}

databaseBytes() {
    mariadb --socket="$mariadbSocket" --batch --skip-column-names --execute="
        SELECT COALESCE(SUM(data_length), 0) FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
}
