# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# What changes between two backups: it is kept, any second of it comes back exactly, and the drill proves it.

keep() {
    expectOutcome succeeded mysql keep-changes
}

# A table that says of each row when it was committed, as nearly as a client can tell.
fillClock() {
    sql 'CREATE OR REPLACE TABLE forum.clock (id INT AUTO_INCREMENT PRIMARY KEY, asked DOUBLE, who VARCHAR(20)) ENGINE=InnoDB;
        CREATE OR REPLACE TABLE forum.clock_aria (id INT, asked DOUBLE) ENGINE=Aria; CREATE OR REPLACE TABLE forum.clock_memory (id INT PRIMARY KEY) ENGINE=MEMORY; INSERT INTO forum.clock_memory VALUES (1), (2);
        CREATE OR REPLACE TABLE forum.kept (id INT PRIMARY KEY); INSERT INTO forum.kept VALUES (1), (2), (3); DROP USER IF EXISTS latecomer@localhost'
}

# By the server's own sums. The site's visits go on.
checksums() {
    sql 'CHECKSUM TABLE forum.clock, forum.clock_aria, forum.kept'
    sql 'SELECT user FROM mysql.user ORDER BY user'
}

restoreTo() { # TIME [OPTION...]
    bin/restore --to "$1" --only db --force "${@:2}" >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    inside mysql sh -c 'rm -rf /var/lib/mysql/before-restore-*'
}

changesAreKept() {
    local piece
    expectOutcome succeeded mysql nightly-backup
    sql 'CREATE OR REPLACE TABLE forum.kept (id INT PRIMARY KEY); INSERT INTO forum.kept VALUES (1), (2), (3)'
    keep
    expectMatch 'what it says' 'kept: [0-9.]+.* of changes' "$(<"$results/output")"
    inside backup sh -euc 'ls /var/backups/changes/*/binlog.*.zst.age' >"$results/pieces"
    piece=$(tail --lines=1 "$results/pieces")
    # Nothing of it can be read without the password of the backups.
    expectEqual 'what a piece begins with' 'age-encryption.org/v1' "$(inside backup head --lines=1 "$piece")"
    expectNoMatch 'the folder' 'AGE-SECRET-KEY' "$(inside backup sh -c 'grep --recursive AGE-SECRET-KEY /var/backups || true')"
    # As anybody else would: restic, age and zstd.
    inside backup bash -euc 'restic --repo /var/backups/repository --password-file /run/secrets/backup-password --no-cache \
            dump --tag changes-key latest /changes-key.txt >/tmp/identity
        age --decrypt --identity /tmp/identity "$1" | zstd --decompress >/tmp/piece; rm /tmp/identity' bash "$piece"
    expectMatch 'what it has' 'kept' "$(inside backup grep --text --only-matching 'forum.kept' /tmp/piece | sort --unique)$(inside backup grep --text --count kept /tmp/piece)"
    inside backup rm /tmp/piece
    expectEqual 'the logs that MariaDB has still' 1 "$(sql 'SHOW BINARY LOGS' | wc --lines)"
}

# All that is committed until now, all that the last run kept, and what came back.
everySecondComesBack() {
    local moment before after at count
    fillClock
    sql 'USE forum; INSERT INTO clock (asked, who) SELECT 0, seq FROM seq_1_to_500'
    expectOutcome succeeded mysql nightly-backup
    sql "INSERT INTO forum.clock (asked, who) VALUES (UNIX_TIMESTAMP(NOW(6)), 'before'); INSERT INTO forum.clock_aria VALUES (1, 1);
        UPDATE forum.clock_memory SET id = 3 WHERE id = 1; DELETE FROM forum.clock_memory WHERE id = 2"
    keep
    sleep 1.1
    moment=$(sql "SELECT DATE_FORMAT(NOW(), '%Y-%m-%d %H:%i:%s')")
    before=$(checksums)
    waitUntil 5 'that second is over' secondIsOver "$moment"
    sql "SET timestamp = 2000000000; INSERT INTO forum.clock (asked, who) VALUES (1, 'from the future'); SET timestamp = 1000;
        INSERT INTO forum.clock (asked, who) VALUES (2, 'from the past')"
    sql 'DROP TABLE forum.kept; DELETE FROM forum.clock WHERE id % 2; UPDATE forum.clock_aria SET asked = 2'
    sql 'FLUSH BINARY LOGS'
    sql "INSERT INTO forum.clock (asked, who) VALUES (3, 'after the flush'); CREATE USER latecomer@localhost"
    after=$(checksums)
    keep
    restoreTo "$moment"
    expectEqual 'the database of that second' "$before" "$(checksums)"
    expectMatch 'what it says' 'database restored beside that of now, with all changes up to then' "$(<"$results/restore")"
    siteIsUp
    printf '%s\n' "$after" >"$results/after"
}

secondIsOver() { # MOMENT
    [[ $(sql "SELECT DATE_FORMAT(NOW(), '%Y-%m-%d %H:%i:%s')") > $1 ]]
}

# Four that write at once, as fast as they can, each row with the time before its statement; and with the time after it in a file, when
# it was answered. One of them says that it is another time, one changes tables, one writes to a table without transactions.
beginWriters() {
    sql 'USE forum; CREATE OR REPLACE TABLE ticks (who INT, id INT, asked DOUBLE, PRIMARY KEY (who, id)) ENGINE=InnoDB;
        CREATE OR REPLACE TABLE ticks_aria (who INT, id INT, asked DOUBLE, PRIMARY KEY (who, id)) ENGINE=Aria'
    inside mysql sh -c 'rm -rf /var/lib/mysql/writers; mkdir /var/lib/mysql/writers; touch /var/lib/mysql/writers/go'
    touch "$results/writing"
    for who in 1 2 3 4; do
        # From the number on that the one before had come to, as the server may have been killed, and the container with it.
        while [[ -e $results/writing ]]; do
            inside mysql sh -c 'cd /var/lib/mysql/writers
                i=$(($(cat begun.$1 2>/dev/null || echo 0) + 100000))
                echo "$i" >begun.$1
                while [ -e go ]; do
                    i=$((i + 1)) table=ticks also=
                    if [ "$1" = 2 ]; then also="SET timestamp = $((1000000000 + i * 900000 % 900000000));"; fi
                    if [ "$1" = 3 ]; then table=ticks_aria; fi
                    if [ "$1" = 4 ] && [ $((i % 20)) = 0 ]; then also="CREATE TABLE IF NOT EXISTS ticks_$i (a INT); DROP TABLE ticks_$i;"; fi
                    echo "$also INSERT INTO $table VALUES ($1, $i, UNIX_TIMESTAMP(SYSDATE(6))); SELECT $1, $i, UNIX_TIMESTAMP(SYSDATE(6));"
                done | mariadb --unbuffered --batch --skip-column-names forum >>acknowledged.$1' sh "$who" &>/dev/null || sleep 0.2
        done &
    done
}

endWriters() {
    rm -f "$results/writing"
    inside mysql rm -f /var/lib/mysql/writers/go
    wait
}

# Of every row it is known when it was not yet there, and when it was. What counts for MariaDB is when its statement began, a little before
# it asked what time it is: at the second's end it may be either.
expectRowsOf() { # SECONDS
    local wrong
    wrong=$(inside mysql sh -c 'cat /var/lib/mysql/writers/acknowledged.*' | awk -v end="$(($1 + 1))" '
        NR == FNR { there[$1 " " $2] = $3; next }
        NF == 3 { known[$1 " " $2] = 1; if ($3 < end && !(($1 " " $2) in there)) { print "missing: row " $2 " of " $1 ", answered at " $3; wrong++ } }
        wrong > 5 { exit }
        END { for (row in there) if (there[row] >= end + 0.5) { print "too many: row " row ", asked for at " there[row]; if (++many > 5) exit } }' \
        <(sql 'SELECT who, id, asked FROM forum.ticks UNION ALL SELECT who, id, asked FROM forum.ticks_aria') -)
    expectEqual "the rows that are wrong at $1" '' "$wrong"
}

# What a kill does now and then to the last rows of tables without transactions: they are in the log, and not in the table, or the other
# way round. The application goes on with the table.
killPartsTablesFromTheirLog() {
    sql 'CREATE OR REPLACE TABLE forum.clock_aria (id INT PRIMARY KEY, asked DOUBLE) ENGINE=Aria; CREATE OR REPLACE TABLE forum.kept (id INT PRIMARY KEY)'
    expectOutcome succeeded mysql nightly-backup
    sql 'INSERT INTO forum.clock_aria VALUES (1, 1), (2, 1), (3, 1), (4, 1); INSERT INTO forum.kept VALUES (1), (2)'
    keep
    killMariaDb
    sql 'SET sql_log_bin = 0; DELETE FROM forum.clock_aria WHERE id IN (3, 4); INSERT INTO forum.clock_aria VALUES (5, 1)'
    sql 'INSERT INTO forum.clock_aria VALUES (3, 2); UPDATE forum.clock_aria SET asked = 2 WHERE id = 5; DELETE FROM forum.clock_aria WHERE id = 5;
        INSERT INTO forum.kept VALUES (3)'
    expectOutcome succeeded mysql nightly-backup
    expectOutcome succeeded backup restore-drill
    expectMatch 'what it says' 'MariaDB was killed meanwhile, and forum.clock_aria has no transactions: .* for 3 of the changes' "$(<"$results/output")"
    expectMatch 'what it says' 'in its log alone, or in the table alone: forum.clock_aria has 4 rows, not 3' "$(<"$results/output")"
    # Not so where there are transactions, which a kill does not part from their log.
    killMariaDb
    sql 'SET sql_log_bin = 0; DELETE FROM forum.kept WHERE id = 1'
    expectOutcome succeeded mysql nightly-backup
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' 'forum.kept has 3 rows, not 2' "$(<"$results/output")"
    killMariaDb
    sql 'SET sql_log_bin = 0; DELETE FROM forum.kept WHERE id = 2; SET sql_log_bin = 1; INSERT INTO forum.kept VALUES (2)'
    expectOutcome succeeded mysql nightly-backup
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' 'cannot be made again: Could not execute Write_rows.* forum.kept' "$(<"$results/output")"
    sql 'DROP TABLE forum.clock_aria, forum.kept'
    # Twice: the files of the night before have the changes of this one, too.
    expectOutcome succeeded mysql nightly-backup
    expectOutcome succeeded mysql nightly-backup
    expectOutcome succeeded backup restore-drill
}

randomSecondsComeBack() { # HOW-MANY
    local began ended second round folder
    expectOutcome succeeded mysql nightly-backup
    beginWriters
    trap endWriters EXIT
    began=$(($(date +%s) + 2))
    for round in 1 2 3; do
        sleep 3
        keep
        # Nobody is asked, and nobody is told.
        if ((round == 2)); then killMariaDb; fi
    done
    # A backup in the middle of it, whose SQL is of one moment with its files.
    expectOutcome succeeded mysql nightly-backup
    sleep 3
    endWriters
    trap - EXIT
    ended=$(($(date +%s) - 1))
    keep
    expectOutcome succeeded backup restore-drill
    figure 'rows written, the server killed meanwhile' "$(inside mysql sh -c 'cat /var/lib/mysql/writers/acknowledged.*' | wc --lines) in $((ended - began)) s"
    for ((round = 0; round < $1; round++)); do
        second=$((began + RANDOM % (ended - began)))
        note "round $round: $second, of $began to $ended"
        restoreTo "$(date --utc --date="@$second" '+%F %TZ')"
        expectRowsOf "$second"
    done
    inside mysql rm -rf /var/lib/mysql/writers
    siteIsUp
}

# One table of a second, or a whole database, while the site goes on and keeps what it has.
partsAreCopied() {
    local before moment name
    trap dropCopies EXIT
    sql 'CREATE OR REPLACE TABLE forum.kept (id INT PRIMARY KEY, f FLOAT, day DATE); SET sql_mode = "ALLOW_INVALID_DATES";
        INSERT INTO forum.kept VALUES (1, 1.5, "2020-02-31"), (2, 2, NULL), (3, 13.404954, NULL)'
    expectOutcome succeeded mysql nightly-backup
    sql 'DELETE FROM forum.kept WHERE id = 2'
    keep
    sleep 1.1
    moment=$(sql "SELECT DATE_FORMAT(NOW(), '%Y-%m-%d %H:%i:%s')")
    waitUntil 5 'that second is over' secondIsOver "$moment"
    sql 'DROP TABLE forum.kept; CREATE TABLE forum.kept (id INT)'
    keep
    before=$(container mysql)
    bin/restore --to "$moment" --copy forum.kept >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    expectMatch 'what it says' 'with FLOAT values rounded to six digits, as SQL has no more: kept' "$(<"$results/restore")"
    expectMatch 'what it says' 'INSERT INTO .forum.\..kept. SELECT \* FROM .restored_[0-9TZ]*.\..kept. WHERE' "$(<"$results/restore")"
    name=$(sql "SHOW DATABASES LIKE 'restored%'")
    expectEqual 'the rows of then' $'1\t2020-02-31\n3\tNULL' "$(sql "SELECT id, day FROM $name.kept ORDER BY id")"
    expectEqual 'the rows of now' 0 "$(sql 'SELECT COUNT(*) FROM forum.kept')"
    sql "DROP DATABASE $name"

    # Of the newest night, with all that belongs to it.
    bin/restore --copy forum >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    name=$(sql "SHOW DATABASES LIKE 'restored%'")
    expectEqual 'the rows of the night' 3 "$(sql "SELECT COUNT(*) FROM $name.kept")"
    expectEqual 'the routines and triggers' "$(programsOf forum)" "$(programsOf "$name")"
    sql "DROP DATABASE $name"

    bin/restore --copy forum.nothing >"$results/restore" 2>&1 && fail 'a table that was not there is copied'
    expectMatch 'what it says' 'there is no table nothing in a database forum in its files of' "$(<"$results/restore")"
    bin/restore --copy 'forum.`kept' >"$results/restore" 2>&1 && fail 'a name with quotes is taken'
    expectMatch 'what it says' '--copy takes a database, or a table' "$(<"$results/restore")"
    expectEqual 'what is left of it' '' "$(sql "SHOW DATABASES LIKE 'restored%'"; inside mysql sh -c 'ls -d /var/lib/mysql/restored* 2>/dev/null || true')"
    expectEqual 'the container of mysql' "$before running" "$(container mysql) $(inspect mysql '{{.State.Status}}')"
    # When it was, nobody knows any more.
    bin/restore --before-drop forum.kept --copy forum.kept >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    expectMatch 'what it says' 'forum.kept was thrown away at 20[0-9: -]* UTC' "$(<"$results/restore")"
    name=$(sql "SHOW DATABASES LIKE 'restored%'")
    expectEqual 'the rows of then' $'1\n3' "$(sql "SELECT id FROM $name.kept ORDER BY id")"
    sql "DROP DATABASE $name"
    bin/restore --before-drop forum.nothing --copy forum.nothing >"$results/restore" 2>&1 && fail 'what nobody has dropped is found'
    expectMatch 'what it says' 'nobody has thrown away the table nothing of the database forum' "$(<"$results/restore")"
    sql 'DROP TABLE forum.kept'
    keep
    bin/restore --before-drop forum.kept --only db --force >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    inside mysql sh -c 'rm -rf /var/lib/mysql/before-restore-*'
    expectEqual 'the table that was there then' 'id' "$(sql "SELECT GROUP_CONCAT(column_name) FROM information_schema.columns WHERE table_schema = 'forum' AND table_name = 'kept'")"
    sql 'DROP TABLE forum.kept'
    expectOutcome succeeded mysql nightly-backup
    siteIsUp
}

dropCopies() {
    sql "SELECT CONCAT('DROP DATABASE ', schema_name, ';') FROM information_schema.schemata WHERE schema_name LIKE 'restored%'" | inside mysql mariadb
}

programsOf() { # DATABASE
    sql "SELECT (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = '$1'), (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = '$1')"
}

# The files of two nights, each with the changes up to the SQL of the second one.
drillProvesTheDay() {
    local folder
    expectOutcome succeeded mysql nightly-backup
    sql "INSERT INTO forum.clock (asked, who) VALUES (4, 'of the day')"
    keep
    expectOutcome succeeded mysql nightly-backup
    expectOutcome succeeded backup restore-drill
    expectEqual 'the copies that were restored' 2 "$(grep --count 'as it was at binlog' "$results/output")"
    expectMatch 'what it says' 'proven restorable to any second since 20[0-9T:-]*Z' "$(<"$results/output")"
    expectMatch 'what is recorded' '^20[0-9T:-]*Z$' "$(inside backup jq --raw-output .anySecondSince /var/backups/last-proven.json)"
    # A day's changes that are not there, or are others.
    folder=$(inside mysql cat /var/lib/mysql/data/lamplighter-history)
    inside backup sh -euc 'cd "/var/backups/changes/$1"; mkdir ../away; for piece in *.age; do mv "$piece" ../away/; done' sh "$folder"
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' 'the changes in binlog[.0-9]* are missing in changes/' "$(<"$results/output")"
    inside backup sh -euc 'cd "/var/backups/changes/$1"; mv ../away/* .; rmdir ../away
        for piece in *.age; do cp -p "$piece" "/tmp/$piece"; printf x | dd of="$piece" bs=1 seek=300 conv=notrunc status=none; done' sh "$folder"
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' 'a piece of the changes cannot be read: changes/' "$(<"$results/output")"
    inside backup sh -euc 'cd "/var/backups/changes/$1"; for piece in *.age; do cp -p "/tmp/$piece" "$piece"; done' sh "$folder"
    expectOutcome succeeded backup restore-drill
}

# Before anything is touched.
badMomentsAreRefused() {
    local said before
    before=$(container mysql)
    refuses "'2026-13-40 00:00:00' is|there is no such time|no time that is understood" '2026-13-40 00:00:00'
    refuses 'no time that is understood' yesterday
    refuses 'is in the future' "$(date --utc --date='1 hour' '+%F %TZ')"
    refuses "no copy of MariaDB's files from before" '2001-02-03 04:05:06'
    refuses 'there is no such time in Europe/Berlin: 2026-03-29 02:30:00' '2026-03-29 02:30:00' TZ=Europe/Berlin
    refuses "2026-10-25 02:30:00 is twice in Europe/Berlin.*'2026-10-25 02:30:00\+02:00' or '2026-10-25 02:30:00\+01:00'" '2026-10-25 02:30:00' TZ=Europe/Berlin
    refuses 'two different moments' latest '' latest
    expectEqual 'the container of mysql' "$before running" "$(container mysql) $(inspect mysql '{{.State.Status}}')"
}

refuses() { # PATTERN TIME [NAME=VALUE] [ARGUMENT...]
    local said status=0
    said=$(env ${3:+"$3"} bin/restore --to "$2" --only db --force "${@:4}" 2>&1) || status=$?
    expectEqual "the status of --to $2" 1 "$status"
    expectMatch 'what it says' "$1" "$(tr '\n' ' ' <<<"$said")"
    expectNoMatch 'what it says' 'is stopped' "$said"
}

# Logs that do not go on where they were kept begin a history of their own, and that is a problem until there is a backup to add them to.
brokenLogsAreSaid() {
    local before
    keep
    before=$(inside mysql cat /var/lib/mysql/data/lamplighter-history)
    sql 'RESET MASTER'
    expectOutcome succeeded mysql keep-changes
    expectNoMatch 'the history' "$before" "$(inside mysql cat /var/lib/mysql/data/lamplighter-history)"
    expectMatch 'the problems' "binary logs are not those of before: changes since the last backup can be restored up to 20" \
        "$(ask mysql <<<'{"op":"status"}' | jq --raw-output '.problems["changes-broken"]')"
    expectOutcome succeeded mysql nightly-backup
    expectEqual 'the problem' null "$(ask mysql <<<'{"op":"status"}' | jq '.problems["changes-broken"]')"
}

testCase 'what changes between two backups is kept, encrypted, and MariaDB keeps no more of it than it needs' changesAreKept
testCase 'bin/restore --to brings back the database of a second, with sessions that set the time and logs that were changed' everySecondComesBack
testCase 'bin/restore --copy brings back a table of a second, or of before it was dropped, beside what there is, and the site goes on' partsAreCopied
testCase 'what a kill has parted from the log of its tables without transactions is made what the log says, and said' killPartsTablesFromTheirLog
slowCase 'seconds come back with every row of theirs and no other, after a kill in the middle of four who write' randomSecondsComeBack 2
rareCase 'twenty random seconds come back with every row of theirs and no other' randomSecondsComeBack 20
testCase 'the drill makes the changes of a day again, and finds those that are missing or changed' drillProvesTheDay
testCase 'a moment that there is not, is twice, or is out of reach is refused before anything is touched' badMomentsAreRefused
testCase 'binary logs that do not go on are said, and the next backup begins anew' brokenLogsAreSaid
