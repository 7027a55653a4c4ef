#!/usr/bin/env bash
# `mariadb-binlog --stop-datetime` ends at the first transaction that bears a later time, and a session may have its transactions bear any
# (SET timestamp, as programs do that import or test). All that others committed after it, in time, is left out; the exit status is 0, and
# nothing is said. A time that is beyond all that the log has is no failure either: a warning, and 0.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh
source findings/lib/mariadb.sh

startMariaDb --log-bin=log --server-id=1 --binlog-format=ROW

sql 'CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)'
sql 'INSERT INTO d.t VALUES (1)'
sql 'SET timestamp = 2000000000; INSERT INTO d.t VALUES (2)'
sql 'INSERT INTO d.t VALUES (3)'
sql 'FLUSH BINARY LOGS'

# How many rows are in what is printed, the exit status, and how many lines are said.
untilTime() { # TIME
    local status=0
    "$root/usr/bin/mariadb-binlog" --no-defaults --stop-datetime="$1" --base64-output=decode-rows --verbose "$folder/data/log.000001" \
        >"$folder/out" 2>"$folder/said" || status=$?
    printf '%d rows, status %d, %d lines of warning' "$(grep --count '^### INSERT' "$folder/out" || true)" "$status" "$(wc --lines <"$folder/said")"
}

see 'until an hour from now, of three rows that were committed by now' '1 rows, status 0, 0 lines of warning' \
    "$(untilTime "$(date --date='1 hour' '+%F %T')")"
see 'until a time beyond all' '3 rows, status 0, 1 lines of warning' "$(untilTime '2037-01-01 00:00:00')"
conclude
