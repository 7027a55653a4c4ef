# shellcheck shell=bash disable=SC2016 # it is MariaDB, or the shell in the container, that reads it
# Databases that are not as one would have them: all of what can be kept is kept and comes back, the rest is named.

# In the problems that status shows first, and health; DESCRIBED as bash matches.
problemIs() { # SERVICE PATTERN
    local said
    said=$(inside "$1" lamplighter health)
    printf '%s\n' "$said"
    [[ $said =~ $2 ]]
}

noProblemIs() { # SERVICE PATTERN
    local said
    said=$(inside "$1" lamplighter health)
    printf '%s\n' "$said"
    [[ ! $said =~ $2 ]]
}

# Events run: what they do after the backup, or after the restore has come so far, is not in the way.
oddDatabasesComeBack() {
    local odd facts
    cp -- service/mysql/conf/mariadb.cnf "$results/mariadb.cnf"
    trap 'cat -- "$results/mariadb.cnf" >service/mysql/conf/mariadb.cnf; removeOddDatabases; inside mysql sh -c "rm -rf /var/lib/mysql/before-restore-*"' EXIT
    printf '[mariadbd]\nevent_scheduler = ON\n' >>service/mysql/conf/mariadb.cnf
    sql 'SET GLOBAL event_scheduler = ON'
    removeOddDatabases
    makeOddDatabases
    odd=$(oddFacts)
    expectOutcome succeeded mysql nightly-backup
    expectMatch 'what it says' "not in the backup: view .odd...lost.: .*1356" "$(<"$results/output")"
    expectMatch 'what it says' "not in the SQL, but in the copy of MariaDB's files: the history of the table .by transaction." "$(<"$results/output")"
    facts=$(factsIn "$(newestOf database)")
    expectEqual 'what it lacks' '["view `odd`.`lost_too`","view `odd`.`lost`"]' \
        "$(jq --compact-output --slurp 'map(.left_out // empty) | sort' <<<"$facts")"
    expectEqual 'what counts, but for the ones of `forum`' '1 2 1 2' \
        "$(jq --raw-output --argjson of_forum "$(ofForum)" 'select(.server) | "\(.views - $of_forum[0]) \(.triggers - $of_forum[1]) \(.routines - $of_forum[2]) \(.events - $of_forum[3])"' <<<"$facts")"
    problemIs mysql 'degraded: 2 in no backup: .*lost.*Mend or drop it'
    expectMatch 'what status says first' '^[0-9]+ problems?:.*  mysql: 2 in no backup: .*SERVICE' "$(inside mysql lamplighter status)"

    # Both copies that the drill restores have them: an engine or function that somebody installs is in no log, and what needs it could not
    # be made again from the one before.
    expectOutcome succeeded mysql nightly-backup
    expectOutcome succeeded backup nightly-backup
    expectOutcome succeeded backup restore-drill
    expectMatch 'what it says' 'as it was backed up' "$(<"$results/output")"

    bin/restore "$(newestOf database)" --force >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    expectMatch 'what it says' 'not in the backup: view' "$(<"$results/restore")"
    diff <(printf '%s\n' "$odd") <(oddFacts) || fail 'the odd databases are not what they were: what differs is above'
    expectEqual 'the event scheduler' ON "$(sql 'SELECT @@event_scheduler')"

    removeOddDatabases
    expectOutcome succeeded mysql nightly-backup
    noProblemIs mysql 'in no backup'
    # They had most of the rows.
    problemIs mysql 'degraded: the newest backup of the database has far less than those before: .*[0-9]+ rows, where there have been [0-9]+'
    siteIsUp
}

# What the SQL cannot bring back is named by the backup.
everythingComesBackExactly() {
    trap 'removeFidelity; inside mysql sh -c "rm -rf /var/lib/mysql/before-restore-*"' EXIT
    removeFidelity
    "$repo/tests/fidelity/make.sh" | inside mysql mariadb --default-character-set=utf8mb4 >/dev/null
    expectOutcome succeeded mysql nightly-backup
    for lost in 'the history of the table .transactions.' 'the exact values of FLOAT columns .1., such as .fidelity.\..numbers.\..single.' 'table .mysql.\..of_ours.'; do
        expectMatch 'what it says' "not in the SQL, but in the copy of MariaDB's files: $lost: " "$(<"$results/output")"
    done
    # Numbers of a sequence that were handed out for nothing are gone at each start of MariaDB.
    "${compose[@]}" restart mysql
    waitUntilHealthy mysql
    fidelityFacts all >"$results/fidelity"
    fidelityFacts sql >"$results/fidelity-as-sql"
    sql "DROP DATABASE fidelity; DROP USER locked@localhost; REVOKE SELECT ON fidelity.* FROM PUBLIC; DROP SERVER elsewhere; DROP TABLE mysql.of_ours;
        ALTER USER expired@localhost ACCOUNT LOCK; DELETE FROM mysql.time_zone_name WHERE Time_zone_id = 77; UNINSTALL SONAME 'ha_archive'"

    bin/restore --only db --force >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    expectMatch 'what it says' 'database restored beside that of now, and equal to what was backed up' "$(<"$results/restore")"
    diff "$results/fidelity" <(fidelityFacts all) || fail 'the database is not what it was: what differs is above'

    # As another version would have to.
    bin/restore "$(newestOf database)" --force >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    expectMatch 'what it says' 'database restored, and equal to what was backed up' "$(<"$results/restore")"
    diff "$results/fidelity-as-sql" <(fidelityFacts sql) || fail 'the SQL has not what it is to have: what differs is above'
    siteIsUp
}

fidelityFacts() { # all|sql
    "$repo/tests/fidelity/facts.sh" "$1" docker exec --interactive "$(container mysql)" mariadb --batch --skip-column-names --execute
}

removeFidelity() {
    "$repo/tests/fidelity/make.sh" remove | inside mysql mariadb --force
}

# Views, triggers, routines, events: as a JSON list.
ofForum() {
    sql "SELECT CONCAT('[', (SELECT COUNT(*) FROM information_schema.views WHERE table_schema = 'forum'), ',',
        (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = 'forum'), ',',
        (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = 'forum'), ',',
        (SELECT COUNT(*) FROM information_schema.events WHERE event_schema = 'forum'), ']')"
}

# An order is written before its item, and that before its line in the ledger, to one engine or another: at any one moment
# there is at most one of each that the next has not. Meanwhile a cache is emptied and made anew, again and again, and is
# never at the dump's moment any more when its turn comes. The large table keeps the dump busy between the others.
allIsOfOneMoment() {
    local facts orders items ledger signs signed
    sql "CREATE DATABASE shop; USE shop; CREATE TABLE filler (id INT PRIMARY KEY, text VARCHAR(250)) ENGINE = MyISAM;
        INSERT INTO filler SELECT seq, REPEAT('x', 240) FROM seq_1_to_100000;
        CREATE TABLE items (id INT PRIMARY KEY) ENGINE = Aria; CREATE TABLE orders (id INT PRIMARY KEY) ENGINE = MyISAM;
        CREATE TABLE ledger (id INT PRIMARY KEY); CREATE TABLE signs (id INT PRIMARY KEY) ENGINE = Aria; CREATE TABLE signed (id INT PRIMARY KEY); CREATE TABLE cache (id INT); CREATE TABLE zz_filler AS SELECT * FROM filler"
    rm -f -- "$results/backed-up"
    trap 'touch "$results/backed-up"; wait; sql "DROP DATABASE shop"' EXIT
    { for ((order = 1; ; order++)); do
        [[ ! -e $results/backed-up ]] || break
        printf 'INSERT INTO orders VALUES (%d); INSERT INTO items VALUES (%d); INSERT INTO ledger VALUES (%d);\n' "$order" "$order" "$order"
    done; } | inside mysql mariadb shop &
    # MariaDB takes Aria's tables for some with transactions, which nobody who writes to others holds up.
    { for ((order = 1; ; order++)); do
        [[ ! -e $results/backed-up ]] || break
        printf 'INSERT INTO signs VALUES (%d); INSERT INTO signed VALUES (%d);\n' "$order" "$order"
    done; } | inside mysql mariadb shop &
    { until [[ -e $results/backed-up ]]; do
        printf 'TRUNCATE cache; DROP TABLE IF EXISTS made_anew; CREATE TABLE made_anew (id INT); INSERT INTO cache VALUES (1);\n'
    done; } | inside mysql mariadb shop &
    waitUntil 20 'orders come in' hasRows shop.ledger
    waitUntil 20 'signs come in' hasRows shop.signed
    expectOutcome succeeded mysql nightly-backup
    touch "$results/backed-up"
    facts=$(factsIn "$(newestOf database)")
    expectMatch 'what it says of the cache' 'of a later moment than the rest: table .shop.\..cache.: .*(1412|has not said why)' "$(<"$results/output")"
    orders=$(rowsOf shop.orders "$facts") items=$(rowsOf shop.items "$facts") ledger=$(rowsOf shop.ledger "$facts")
    if ((orders < 100 || items > orders || ledger > items || ledger < orders - 1)); then
        fail "these are of different moments: $orders orders, $items items, $ledger lines in the ledger"
    fi
    signs=$(rowsOf shop.signs "$facts") signed=$(rowsOf shop.signed "$facts")
    if ((signs < 100 || signed > signs || signed < signs - 1)); then fail "these are of different moments: $signs signs, $signed signed"; fi
    expectEqual 'the tables that nobody could write to' 4 "$(jq 'select(.held) | .held' <<<"$facts")"
    expectEqual 'what it lacks' '' "$(jq --compact-output 'select(.left_out)' <<<"$facts")"
    noProblemIs mysql 'in no backup|different moments'
    figure 'nobody could write to 4 MyISAM and Aria tables for' "$(jq --raw-output 'select(.held) | .seconds' <<<"$facts") s"
}

rowsOf() { # TABLE FACTS
    jq --raw-output --arg table "$1" 'select(.table == $table) | .rows' <<<"$2"
}

hasRows() { # TABLE
    (($(sql "SELECT COUNT(*) FROM $1") > 100))
}

# Where somebody writes on and on, or there is too much, it is said, with what to do about it.
otherMomentsAreTold() {
    local said
    sql 'CREATE DATABASE shop; USE shop; CREATE TABLE orders (id INT PRIMARY KEY) ENGINE = MyISAM; INSERT INTO orders SELECT seq FROM seq_1_to_50000'
    trap 'sql "DROP DATABASE shop"; expectOutcome succeeded mysql nightly-backup' EXIT
    said=$(inside mysql bash -euo pipefail -c 'export LAMPLIGHTER_SBIN=/usr/local/sbin LAMPLIGHTER_SERVICE=mysql LAMPLIGHTER_STATE=$(mktemp --directory)
        for file in log disk problems repository dump; do source "/usr/local/sbin/lib/$file.sh"; done
        DUMP_HOLD_SECONDS=1 DUMP_FACTS=$LAMPLIGHTER_STATE/facts dump-databases | { read -r _; sleep 3; cat >/dev/null; }
        reportGaps "$LAMPLIGHTER_STATE/facts"
        cat "$LAMPLIGHTER_STATE/problems/not-one-moment"')
    expectMatch 'what it says' '1 tables of engines without transactions, such as .shop...orders., are backed up at different moments: .* To convert one: ALTER TABLE .shop...orders. ENGINE=InnoDB' "$said"
}

# The application's user may have so many, another one as many again, and an operator the one that is root's.
connectionsAreUsedUp() {
    local -r users=(app another)
    sql "SET GLOBAL max_user_connections = 5, max_connections = 12"
    trap 'killSleepers; wait; sql "SET GLOBAL max_user_connections = 60, max_connections = 70; DROP USER app@localhost, another@localhost"' EXIT
    for user in "${users[@]}"; do sql "CREATE OR REPLACE USER $user@localhost"; done
    for _ in {1..7}; do inside mysql mariadb --socket=/run/mysqld/mysqld.sock --user=app --password= --execute='DO SLEEP(120)' & done
    waitUntil 20 'the application has all of its connections' haveConnections 5
    inside mysql lamplighter health
    expectOutcome succeeded mysql nightly-backup

    for _ in {1..7}; do inside mysql mariadb --socket=/run/mysqld/mysqld.sock --user=another --password= --execute='DO SLEEP(120)' & done
    waitUntil 20 'another user has all of his' haveConnections 10
    for _ in {1..11}; do inside mysql mariadb --socket=/run/mysqld/mysqld.sock --execute='DO SLEEP(15)' & done
    waitUntil 20 'health finds all connections taken' problemIs mysql 'degraded: all connections are taken'
    expectEqual 'its status' healthy "$(inside mysql lamplighter health | head --lines=1)"
    waitUntil 40 'there are some again' noProblemIs mysql 'connections are taken'
}

haveConnections() { # NUMBER
    (($(sql "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP(120)%'") == $1))
}

killSleepers() {
    sql "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%' AND id <> CONNECTION_ID()" |
        inside mysql mariadb --force
}

ownTablesAreUpgraded() {
    local since
    local -r info=/var/lib/mysql/data/mariadb_upgrade_info
    noProblemIs mysql 'own tables'
    inside mysql sh -c "printf 10.11.4-MariaDB >$info"
    since=$(now)
    "${compose[@]}" restart mysql
    waitForLog 90 mysql "$since" 'mariadb-upgrade: from 10.11.4-MariaDB to '
    # In the middle of it, or nearly so.
    docker kill "$(container mysql)" >/dev/null
    expectMatch 'the problem that it has left' 'own tables are of 10\.11\.4-MariaDB: upgrade-tables has not succeeded yet' \
        "$(docker run --rm --network none --volume "$data/lamplighter/mysql:/state:ro" --entrypoint cat "$image" /state/problems/upgrade-tables)"
    since=$(now)
    "${compose[@]}" up --detach --no-build --no-deps mysql
    waitForLog 120 mysql "$since" "MariaDB's own tables are of $(mariadbVersion)"
    waitUntil 20 'the problem is over' noProblemIs mysql 'own tables'
    expectEqual 'the version of its tables' "$(mariadbVersion)" "$(inside mysql sh -c "tr -d '\n\0' <$info")"

    inside mysql sh -c "printf 99.1.1-MariaDB >$info"
    since=$(now)
    "${compose[@]}" restart mysql
    waitForLog 90 mysql "$since" 'upgrade-tables [0-9a-f]{8} failed'
    problemIs mysql "healthy.*degraded: mariadb-upgrade to $(mariadbVersion) has failed: "
    inside mysql sh -c "printf 10.11.4-MariaDB >$info"
    expectOutcome succeeded mysql upgrade-tables
    noProblemIs mysql 'upgrade'
    waitUntilHealthy mysql
}

mariadbVersion() {
    inside mysql mariadbd --version 2>/dev/null | sed --regexp-extended 's/.* Ver ([0-9.]+-MariaDB).*/\1/'
}

slowCase 'a database with odd objects is backed up, proven and restored, and what is in no backup is a problem' oddDatabasesComeBack
slowCase 'bin/restore brings back exactly what no SQL does (numbers, histories, accounts, engines, what MariaDB keeps for itself), and the SQL all that it can' everythingComesBackExactly
slowCase 'tables of all engines are backed up as they were at one moment, while caches are emptied and made anew' allIsOfOneMoment
rareCase 'tables that cannot be backed up at one moment are a problem, with the line that converts them' otherMomentsAreTold
slowCase 'health and backups need none of the connections that the application has used up' connectionsAreUsedUp
testCase "MariaDB's own tables are upgraded after a change of version, also when that is killed, and a failure is a problem" ownTablesAreUpgraded
