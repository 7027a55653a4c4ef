# shellcheck shell=bash
# MariaDB's housekeeping.
# shellcheck source=target-sbin/lib/disk.sh
source "$LAMPLIGHTER_SBIN/lib/disk.sh"
# shellcheck source=target-sbin/lib/repository.sh
source "$LAMPLIGHTER_SBIN/lib/repository.sh"
# shellcheck source=target-sbin/lib/dump.sh
source "$LAMPLIGHTER_SBIN/lib/dump.sh"
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

# All that is in MariaDB, streamed into the repository of backups: a dump that fails is a snapshot that is not made.
CB_nightly_backup() { # USER
    local bytes summary facts
    openRepository
    refuseUnfinished database
    bytes=$(databaseBytes)
    needSpaceFor database "$bytes"
    facts=$(mktemp)
    # shellcheck disable=SC2064 # this file
    trap "rm -f -- '$facts'" EXIT
    summary=$(DUMP_FACTS=$facts takeSnapshot --tag database --stdin-filename database.sql --stdin-from-command -- \
        dump-databases "$mariadbSocket")
    logInfo "$(describeSnapshot "$summary"): $(describeFacts "$facts")"
    reportGaps "$facts"
    rememberSize database "$bytes"
    noticeFewer database "$(factsOf "$facts" | jq --compact-output 'select(.server) | {tables, rows}')"
    forgetOld database inRepository
}

# Asked for at the start, after a change of MariaDB's version.
CB_upgrade_tables() {
    upgradeTables
}

CB_check_disk() {
    checkDisks /var/lib/mysql /var/backups
}

databaseBytes() {
    mariadb --socket="$mariadbSocket" --batch --skip-column-names --execute="
        SELECT COALESCE(SUM(data_length), 0) FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
}
