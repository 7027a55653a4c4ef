#!/usr/bin/env bash
# `BACKUP STAGE BLOCK_DDL` keeps everybody from writing to tables without transactions, its documentation says, and that by transactional
# tables it means InnoDB's and the like. Aria's, which know neither ROLLBACK nor a consistent snapshot, are written to all the same, unless
# they are made with TRANSACTIONAL=0: who dumps them under that lock dumps them of another moment than the rest. MariaDB's own engine list
# says that Aria has no transactions.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh
source findings/lib/mariadb.sh

startMariaDb --skip-log-bin
sql 'CREATE DATABASE d; USE d; CREATE TABLE my (id INT) ENGINE=MyISAM; CREATE TABLE unsafe (id INT) ENGINE=Aria TRANSACTIONAL=0; CREATE TABLE aria (id INT) ENGINE=Aria'

# Holds the lock until its input ends.
coproc holder { "$root/usr/bin/mariadb" --no-defaults --socket="$folder/socket" --batch --skip-column-names --unbuffered; }
echo "BACKUP STAGE START; BACKUP STAGE FLUSH; BACKUP STAGE BLOCK_DDL; SELECT 'held';" >&"${holder[1]}"
read -r held <&"${holder[0]}"

write() { # TABLE
    if sql "SET lock_wait_timeout = 1; INSERT INTO d.$1 VALUES (1)" 2>/dev/null; then echo written; else echo kept out; fi
}

see 'the lock' held "$held"
see 'a table of MyISAM' 'kept out' "$(write my)"
see 'one of Aria with TRANSACTIONAL=0' 'kept out' "$(write unsafe)"
see 'one of Aria' written "$(write aria)"
see 'whether Aria has transactions, and savepoints' 'NO NO' \
    "$(sql "SELECT transactions, savepoints FROM information_schema.engines WHERE engine = 'Aria'" | tr '\t' ' ')"
conclude
