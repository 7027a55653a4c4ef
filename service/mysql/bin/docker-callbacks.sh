# shellcheck shell=bash
# MariaDB's housekeeping.
# shellcheck source=target-sbin/lib/disk.sh
source "$LAMPLIGHTER_SBIN/lib/disk.sh"
# shellcheck source=target-sbin/lib/repository.sh
source "$LAMPLIGHTER_SBIN/lib/repository.sh"

mariadbSocket=/run/mysqld/mysqld.sock

CB_health_check() {
    mariadb-admin --socket="$mariadbSocket" --connect-timeout=5 --silent ping
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
    rememberSize database "$bytes"
    forgetOld database inRepository
}

CB_check_disk() {
    checkDisks /var/lib/mysql /var/backups
}

databaseBytes() {
    mariadb --socket="$mariadbSocket" --batch --skip-column-names --execute="
        SELECT COALESCE(SUM(data_length), 0) FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
}
