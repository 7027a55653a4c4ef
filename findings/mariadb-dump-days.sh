#!/usr/bin/env bash
# A day that there is not, such as 2020-02-31, can be stored (sql_mode ALLOW_INVALID_DATES), and mariadb-dump prints it as it is. But its
# dump sets an sql_mode of its own for loading it, without that mode and without a strict one: loaded, also into a server whose own mode
# allows it, the day is 0000-00-00. The exit status of both programs is 0, and nothing is said.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh
source findings/lib/mariadb.sh

startMariaDb --sql-mode=ALLOW_INVALID_DATES,STRICT_ALL_TABLES
sql "CREATE DATABASE d; CREATE DATABASE loaded; CREATE TABLE d.t (day DATE); INSERT INTO d.t VALUES ('2020-02-31')"

status=0
"$root/usr/bin/mariadb-dump" --no-defaults --socket="$folder/socket" d >"$folder/dump" 2>"$folder/said" || status=$?
see 'dumped' "INSERT INTO \`t\` VALUES ('2020-02-31'); status 0, 0 lines said" \
    "$(grep --after-context=1 '^INSERT' "$folder/dump" | paste --serial --delimiters=' ' | tr --squeeze-repeats ' ') status $status, $(wc --lines <"$folder/said") lines said"
status=0
"$root/usr/bin/mariadb" --no-defaults --socket="$folder/socket" loaded <"$folder/dump" >"$folder/said" 2>&1 || status=$?
see 'loaded' '0000-00-00; status 0, 0 lines said' "$(sql 'SELECT day FROM loaded.t'); status $status, $(wc --lines <"$folder/said") lines said"
conclude
