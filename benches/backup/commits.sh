#!/bin/bash
# How many transactions of one row MariaDB commits a second with binary logs and without, in a container of the image's with the stack's
# mariadb.cnf: two servers side by side, asked in turns. Prints a line for each number of connections: CONNECTIONS WITH WITHOUT.
set -Eeuo pipefail
readonly rounds=5 seconds=3

begin() { # NAME OPTION...
    local folder=/var/lib/mysql/$1
    mkdir -p "$folder"
    mariadb-install-db --no-defaults --datadir="$folder/data" --auth-root-authentication-method=socket --auth-root-socket-user=mysql \
        --skip-test-db >/dev/null
    mariadbd --defaults-file=/usr/local/conf/mariadb.cnf --datadir="$folder/data" --tmpdir="$folder" --socket="$folder/socket" \
        --pid-file="$folder/pid" "${@:2}" &>"$folder/log" &
    until mariadb-admin --socket="$folder/socket" --silent ping &>/dev/null; do
        if ! kill -0 "$!" 2>/dev/null; then
            cat "$folder/log" >&2
            exit 1
        fi
        sleep 0.1
    done
    mariadb --socket="$folder/socket" --execute='CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(200))'
}

# Each waits for the answer to one before it sends the next.
commits() { # NAME CONNECTIONS
    local socket=/var/lib/mysql/$1/socket before after n
    before=$(count "$socket")
    for ((n = 0; n < $2; n++)); do
        (yes "INSERT INTO t (body) VALUES (REPEAT('x', 150));" | timeout "$seconds" mariadb --socket="$socket" d || true) &
    done
    waitForClients
    after=$(count "$socket")
    printf '%d\n' "$(((after - before) / seconds))"
}

count() { mariadb --socket="$1" --batch --skip-column-names --execute='SELECT COALESCE(MAX(id), 0) FROM d.t'; }

waitForClients() {
    while pgrep -x mariadb >/dev/null; do sleep 0.05; done
}

begin with
begin without --skip-log-bin
for connections in 1 8; do
    with=() without=()
    for ((round = 0; round < rounds; round++)); do
        with+=("$(commits with "$connections")")
        without+=("$(commits without "$connections")")
    done
    median() { printf '%s\n' "$@" | sort --numeric-sort | sed --quiet "$((rounds / 2 + 1))p"; }
    printf '%d %d %d\n' "$connections" "$(median "${with[@]}")" "$(median "${without[@]}")"
done
