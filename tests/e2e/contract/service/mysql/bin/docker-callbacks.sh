# shellcheck shell=bash

# One at a time: this shell and the one of the substitution are two.
CB_nightly_backup() {
    local n keep=$2
    n=$(ps --no-headers -C bash -o pid | wc -l)
    if [ "$n" -gt 2 ]; then
        logInfo "skipped: $n shells work already"
        return
    fi
    mariadb-dump --all-databases --single-transaction >"/var/backups/$1.sql" || logError 'the dump failed'
    logInfo "dumped for $1, keeping ${keep:-all}, counted $n"
    echo "$1 save" | nc -U -N /run/redis-request.sock
}

CB_wait_here() {
    echo waiting
    read -r <"/var/backups/$1.fifo"
}
