# shellcheck shell=bash
# MariaDB's housekeeping.

backupFolder=/var/backups/mysql
mariadbSocket=/run/mysqld/mysqld.sock

CB_health_check() {
    mariadb-admin --socket="$mariadbSocket" --connect-timeout=5 --silent ping
}

# A dump of every database that is not MariaDB's own: consistent without locking anybody out (InnoDB), and in
# place under its name only when it is complete and on the disk.
CB_nightly_backup() { # USER
    local part name list
    local -a databases
    umask 077
    rm -f -- "$backupFolder"/.part-*
    name="mysql-$(date --utc +%Y%m%dT%H%M%SZ).sql.zst"
    part="$backupFolder/.part-$name"
    list=$(userDatabases)
    if [[ -z $list ]]; then logError 'there is no database to back up'; fi
    mapfile -t databases <<<"$list"

    # shellcheck disable=SC2064 # this file; when the run is ended from outside, too
    trap "rm -f -- '$part'" EXIT
    if ! dump "${databases[@]}" | zstd --quiet -T0 -o "$part"; then
        logError 'no backup is made: the dump failed, and what it says is above'
    fi
    if [[ $(zstd --quiet --decompress --stdout "$part" | tail --lines=1) != '-- Dump completed'* ]]; then
        logError 'no backup is made: the dump is cut short'
    fi
    sync "$part"
    mv -- "$part" "$backupFolder/$name"
    sync "$backupFolder"
    logInfo "$backupFolder/$name: $(stat --format=%s "$backupFolder/$name") bytes, databases: ${databases[*]}"

    # Only after a success, so that the last good dumps outlive a series of failures.
    find "$backupFolder" -maxdepth 1 -name 'mysql-*.sql.zst' -mtime "+${BACKUP_KEEP_DAYS:-14}" -print -delete
}

dump() { # DATABASE...
    mariadb-dump --socket="$mariadbSocket" --default-character-set=utf8mb4 --single-transaction --skip-lock-tables \
        --routines --events --triggers --hex-blob --databases -- "$@"
}

userDatabases() {
    mariadb --socket="$mariadbSocket" --batch --skip-column-names --execute="
        SELECT schema_name FROM information_schema.schemata
        WHERE schema_name NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')"
}
