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

    # A subshell of its own, so that its EXIT trap is nobody else's.
    (
        trap 'rm -f -- "$part"' EXIT
        mariadb-dump --socket="$mariadbSocket" --default-character-set=utf8mb4 --single-transaction --skip-lock-tables \
            --routines --events --triggers --hex-blob --databases -- "${databases[@]}" |
            zstd --quiet -T0 -o "$part"
        [[ $(zstd --quiet --decompress --stdout "$part" | tail -n 1) == '-- Dump completed'* ]] ||
            logError "the dump is cut short: $part is thrown away"
        sync "$part"
        mv -- "$part" "$backupFolder/$name"
        sync "$backupFolder"
    )
    logInfo "$backupFolder/$name: $(stat --format=%s "$backupFolder/$name") bytes, databases: ${databases[*]}"

    # Only after a success, so that the last good dumps outlive a series of failures.
    find "$backupFolder" -maxdepth 1 -name 'mysql-*.sql.zst' -mtime "+${BACKUP_KEEP_DAYS:-14}" -print -delete
}

userDatabases() {
    mariadb --socket="$mariadbSocket" --batch --skip-column-names --execute="
        SELECT schema_name FROM information_schema.schemata
        WHERE schema_name NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')"
}
