# shellcheck shell=bash disable=SC2016 # it is MariaDB, or the shell in the container, that reads it
# Moving in: somebody's dump fills the application's database, somebody's archive its folder; and what is there stays until
# all of that is there. Each case leaves the database as it found it.

# What there is is put by, and comes back however the case ends. Until then nobody makes a table: the site's task would.
lendDatabase() {
    if [[ -e site/task.php ]]; then mv -- site/task.php "$results/task.php"; fi
    inside mysql mariadb-dump --routines --events --triggers --hex-blob forum >"$results/lent.sql"
    trap 'giveDatabaseBack' EXIT
    emptyDatabase
}

emptyDatabase() {
    sql 'DROP DATABASE IF EXISTS forum; CREATE DATABASE forum'
}

giveDatabaseBack() {
    emptyDatabase
    mv -- "$results/task.php" site/task.php
    inside mysql mariadb --binary-mode --comments forum <"$results/lent.sql"
}

factsNow() {
    if [[ $(inside mysql import-database is-empty) == yes ]]; then echo empty; else databaseFacts sql; fi
}

# All is as it was, and nothing is left of an import.
expectAsBefore() { # WHAT
    expectEqual "$1: what is in the database" "$facts" "$(factsNow)"
    expectEqual "$1: what is left of it" '0 0' "$(sql "SELECT (SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'lamplighter%'),
        (SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'lamplighter%')" | tr '\t' ' ')"
    inside mysql sh -c '! ls /run/mariadb/import.cnf 2>/dev/null'
}

expectImport() { # FILE|- [ARGUMENT...]
    bin/import "$@" >"$results/import" 2>&1 || fail "bin/import $* failed:" "$(<"$results/import")"
}

# The reason, as bash matches; and nothing has happened.
expectRefusal() { # PATTERN FILE|- [ARGUMENT...]
    local pattern=$1 status=0
    shift
    bin/import "$@" >"$results/import" 2>&1 || status=$?
    expectEqual "the status of bin/import $*, which says $(<"$results/import")" 1 "$status"
    expectMatch "what bin/import $* says" "$pattern" "$(<"$results/import")"
}

mysql8Fills() {
    local posts
    lendDatabase
    mysql8Dump >"$results/dump.sql"
    expectImport "$results/dump.sql"
    expectMatch 'what it says' 'imported: 2 tables, 2 views, 1 trigger, 2 routines, 1 event' "$(<"$results/import")"
    expectMatch 'what it says' "Views, triggers, routines and events are forum's now" "$(<"$results/import")"
    posts=$(sql 'SELECT HEX(body), HEX(raw), title, HEX(note) FROM forum.posts ORDER BY id')
    expectEqual 'what was posted' "$(mysql8Posts)" "$posts"
    expectEqual 'the views, by way of a function' $'GRÜßE 🏮\\\nLOCK TABLES `POSTS` WRITE;\\' "$(inside mysql mariadb --batch --raw --skip-column-names --default-character-set=utf8mb4 --execute='SELECT title FROM forum.all_titles ORDER BY 1')"
    expectEqual 'who defined all of it' 'forum@localhost 6' "$(sql "SELECT CONCAT(definer, ' ', COUNT(*)) FROM (
        SELECT definer FROM information_schema.views WHERE table_schema = 'forum' UNION ALL SELECT definer FROM information_schema.triggers WHERE trigger_schema = 'forum'
        UNION ALL SELECT definer FROM information_schema.routines WHERE routine_schema = 'forum' UNION ALL SELECT definer FROM information_schema.events WHERE event_schema = 'forum') all_of_them GROUP BY definer")"
    # As the application, whose rights they all have.
    asApplication "CALL rename_user(2, 'y'); INSERT INTO posts (author, title) VALUES (1, 'third')"
    expectEqual 'what a routine and a trigger have done' $'Zoë\t2\tZOË\ny\t1\tY' "$(asApplication 'SELECT name, posts, upper_name FROM users ORDER BY id')"
    expectEqual 'what a foreign key does' 2 "$(asApplication 'DELETE FROM users WHERE id = 2; SELECT COUNT(*) FROM posts')"
    expectEqual 'the default of a column' 'utf8mb4_0900_ai_ci' "$(sql "SELECT TRIM('\'' FROM column_default) FROM information_schema.columns WHERE table_schema = 'forum' AND table_name = 'posts' AND column_name = 'title'")"
}

# By hand, as the dump has it in its strings.
mysql8Posts() {
    printf '%s\t%s\t%s\t%s\n' "$(printf '%s' 'a '\''quote'\'', a \, a
line;
USE `elsewhere`;
-- Dump completed on 2026-01-01
DELIMITER ;;
CREATE DEFINER=`x`@`y` VIEW v AS SELECT 1; /* utf8mb4_0900_ai_ci' | hexOf)" "$(printf '\0\047"\\\n\032\357\277\275' | hexOf)" 'Grüße 🏮' NULL
    printf '%s\t%s\t%s\t%s\n' "$(printf '%s' "SET @@GLOBAL.GTID_PURGED='x';" | hexOf)" NULL 'LOCK TABLES `posts` WRITE;' "$(printf '%s' '{"a": "*/ # --"}' | hexOf)"
}

hexOf() {
    od --address-radix=n --format=x1 | tr --delete ' \n' | tr '[:lower:]' '[:upper:]'
}

asApplication() { # STATEMENT
    inside php sh -c 'setpriv --reuid="$APP_USER" --regid="$APP_USER" --init-groups -- mariadb --socket=/run/mysqld/mysqld.sock --default-character-set=utf8mb4 --batch --skip-column-names --execute="$1" "$APP_USER"' sh "$1"
}

everyPackingIsUnpacked() {
    local program expected
    lendDatabase
    mysql57Dump >"$results/dump.sql"
    for program in cat gzip zstd xz; do
        emptyDatabase
        # What a file is called says nothing.
        "$program" <"$results/dump.sql" >"$results/dump.txt"
        expectImport "$results/dump.txt"
        expected=$'Größe\tGröße'
        expectEqual "what $program has packed" "$expected" "$(asApplication 'SELECT a.word, b.word FROM words a JOIN view_of_words b')"
        expectMatch 'the progress' 'importing: 100 % of [0-9.]+ MB, [0-9.]+ MB/s' "$(<"$results/import")"
    done
    emptyDatabase
    gzip <"$results/dump.sql" | bin/import - >"$results/import" 2>&1 || fail "$(<"$results/import")"
    expectEqual 'what came over standard input' 1 "$(sql 'SELECT COUNT(*) FROM forum.words')"
}

# With all that a MariaDB can hold, lines in bodies that look like those of a dump among it.
ownDumpComesInAgain() {
    local facts before newest
    lendDatabase
    fillDatabase
    facts=$(factsNow)
    inside mysql mariadb-dump --routines --events --triggers --databases forum | zstd --quiet >"$results/dump.zst"
    before=$(newestOf database 2>/dev/null || true)
    sql 'CREATE OR REPLACE TABLE forum.later (id INT); CREATE OR REPLACE VIEW forum.later_too AS SELECT 1 one; DELETE FROM forum.posts WHERE id > 10;
        CREATE TRIGGER forum.later BEFORE INSERT ON forum.later FOR EACH ROW SET NEW.id = 1'
    expectRefusal 'there is something in the database forum already' "$results/dump.zst"
    expectEqual 'the rows' 10 "$(sql 'SELECT COUNT(*) FROM forum.posts')"

    inside redis sh -c 'REDISCLI_AUTH=$(cat /run/redis-administrator) redis-cli -s /run/redis/redis.sock --user administrator set stale 1'
    expectImport "$results/dump.zst" --force
    expectAsBefore 'after the import'
    expectEqual 'what Redis knew of the database before' '' "$(inside redis sh -c 'REDISCLI_AUTH=$(cat /run/redis-administrator) redis-cli -s /run/redis/redis.sock --user administrator get stale')"
    newest=$(newestOf database)
    if [[ $newest == "$before" ]]; then fail 'no backup was made before'; fi
    expectEqual 'the table of the backup before' 'forum.later' "$(factsIn "$newest" | jq --raw-output 'select(.table == "forum.later") | .table')"
    waitUntil 20 'the site is up' siteIsUp
}

backupHasToSucceed() {
    local facts
    lendDatabase
    sql 'USE forum; CREATE TABLE kept AS SELECT seq FROM seq_1_to_5'
    facts=$(factsNow)
    mysql57Dump >"$results/dump.sql"
    inside backup touch /var/backups/unfinished-restore-database
    trap 'inside backup rm /var/backups/unfinished-restore-database; giveDatabaseBack' EXIT
    expectRefusal 'nothing is imported: the backup before it failed' "$results/dump.sql" --force
    expectAsBefore 'after a backup that failed'
}

# Each ends elsewhere: within a row, behind a statement, within what is packed.
cutDumpsLeaveAll() {
    local facts size
    lendDatabase
    sql "USE forum; CREATE TABLE kept AS SELECT seq FROM seq_1_to_5; CREATE VIEW forum.v AS SELECT * FROM forum.kept;
        CREATE TRIGGER forum.t BEFORE INSERT ON forum.kept FOR EACH ROW SET NEW.seq = 7"
    facts=$(factsNow)
    mysql8Dump >"$results/dump.sql"
    size=$(stat --format=%s "$results/dump.sql")
    head --bytes=$((size / 2)) "$results/dump.sql" >"$results/cut.sql"
    expectRefusal 'the dump is cut short: it ends in the middle of the statement that begins in line [0-9]+.*NOT imported' "$results/cut.sql" --force
    head --lines=-2 "$results/dump.sql" >"$results/cut.sql"
    expectRefusal 'the dump is cut short: it ends without its last line' "$results/cut.sql" --force
    sed '/^INSERT INTO `posts`/q; /^-- MySQL dump/d' "$results/dump.sql" | gzip >"$results/cut.sql"
    expectRefusal 'the dump is cut short' "$results/cut.sql" --force
    gzip <"$results/dump.sql" | head --bytes=-20 >"$results/cut.sql"
    expectRefusal 'cut short or damaged .gzip says why, above.*NOT imported' "$results/cut.sql" --force
    expectAsBefore 'after dumps that were cut short'

}

# There is no sign in it that more was to come.
senderGoes() {
    local facts importing
    lendDatabase
    facts=$(factsNow)
    { printf 'CREATE TABLE a (id INT);\n' && sleep 20; } | bin/import - >"$results/import" 2>&1 &
    importing=$!
    waitUntil 20 'the import is on its way' importRuns
    expectRefusal 'another import is on its way' - <<<'CREATE TABLE a (id INT);'
    pkill --parent "$importing"
    waitUntil 20 'the import is over' noImportRuns
    expectAsBefore 'after a sender that went'
    siteIsUp
}

importRuns() {
    inside mysql pgrep --full '[i]mport-database load'
}

noImportRuns() {
    inside mysql sh -c '! pgrep --full "[i]mport-database load"'
}

faultsAreFound() {
    local facts
    lendDatabase
    sql 'USE forum; CREATE TABLE kept AS SELECT seq FROM seq_1_to_5'
    facts=$(factsNow)
    { seq --format='CREATE TABLE t%.0f (id INT);' 300; printf '\n\nINSERT INTO t7 VALUES\n(1),\n(2);\nINSERT INTO missing VALUES (1);\n'; } >"$results/dump.sql"
    expectRefusal 'line 306 of the dump, which begins with: INSERT INTO missing VALUES.*MariaDB says: Table .*missing.* doesn.t exist .1146..*What it refers to is not there' "$results/dump.sql" --force
    printf 'CREATE TABLE a (id INT);\nCREATE TABLE b (\n  id INTT\n);\n' >"$results/dump.sql"
    expectRefusal 'line 2 of the dump, which begins with: CREATE TABLE b .*Unknown data type: .INTT.*MariaDB does not understand it' "$results/dump.sql" --force
    # What only shows when all of it is there.
    printf 'CREATE TABLE a (id INT);\nCREATE FUNCTION f() RETURNS INT RETURN 1;\nCREATE VIEW v AS SELECT f() x;\nDROP FUNCTION f;\n' >"$results/dump.sql"
    expectRefusal 'view `v`: FUNCTION forum.f does not exist.*NOT imported' "$results/dump.sql" --force
    printf 'SET x;' | gzip >"$results/dump.sql"
    expectRefusal 'line 1 of the dump, which begins with: SET x' "$results/dump.sql" --force
    printf '\n-- nothing\nSET NAMES utf8;\n' >"$results/dump.sql"
    expectRefusal 'there is no table in the dump' "$results/dump.sql" --force
    expectAsBefore 'after dumps with faults'
}

# Each is an error; none of them has done what it wanted to.
othersAreOutOfReach() {
    local facts statement
    lendDatabase
    sql 'CREATE OR REPLACE DATABASE other; CREATE TABLE other.t (id INT)'
    trap 'sql "DROP DATABASE other"; giveDatabaseBack' EXIT
    facts=$(factsNow)
    for statement in 'INSERT INTO mysql.global_priv (Host, User) VALUES ("%", "x")' 'INSERT INTO `other`.`t` VALUES (1)' 'CREATE TABLE other.t2 (id INT)' \
        'DROP TABLE other.t' 'CREATE USER x' 'GRANT ALL ON *.* TO x IDENTIFIED BY "x"' 'SET GLOBAL max_connections = 1' \
        'SELECT 1 INTO OUTFILE "/var/lib/mysql/tmp/outfile"' 'LOAD DATA INFILE "/etc/passwd" INTO TABLE a' 'LOAD DATA LOCAL INFILE "/etc/passwd" INTO TABLE a' \
        'SHUTDOWN' 'SELECT * FROM forum.visits' 'CREATE DEFINER/**/=root@localhost VIEW v AS SELECT 1' 'EXECUTE IMMEDIATE "DROP TABLE other.t"' \
        '/*!40101 INSERT INTO other.t VALUES (1) */' 'source /run/mariadb/my.cnf' 'CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST "x")'; do
        printf 'CREATE TABLE a (id INT);\n%s;\n' "$statement" >"$results/dump.sql"
        expectRefusal 'line 2 of the dump.*NOT imported' "$results/dump.sql"
    done
    for statement in '\! touch /tmp/was-here' '\. /run/mariadb/my.cnf' '\T /tmp/was-here' '\C gbk' 'SELECT 1 \! touch /tmp/was-here' $'DELIMITER \\\n\\! touch /tmp/was-here'; do
        printf 'CREATE TABLE a (id INT);\n%s\n' "$statement" >"$results/dump.sql"
        expectRefusal 'line 2 of the dump|line 3 of the dump' "$results/dump.sql"
    done
    expectEqual 'what there is in the other database' 't 0' "$(sql "SELECT CONCAT((SELECT GROUP_CONCAT(table_name) FROM information_schema.tables WHERE table_schema = 'other'), ' ', (SELECT COUNT(*) FROM other.t))")"
    inside mysql sh -c '! ls /tmp/was-here /var/lib/mysql/tmp/outfile 2>/dev/null'
    expectAsBefore 'after dumps that wanted more'
}

oneOfSeveralIsChosen() {
    local facts
    lendDatabase
    facts=$(factsNow)
    { mysql8Dump first; mysql8Dump second | sed 's/Zoë/Noë/'; printf 'USE `mysql`;\nINSERT INTO user VALUES (1);\n'; } >"$results/dump.sql"
    expectRefusal 'the dump has several databases: first, second, mysql.*Choose one: --database NAME' "$results/dump.sql"
    expectRefusal 'the dump has no database `third`, but: first, second, mysql' "$results/dump.sql" --database third
    expectAsBefore 'before one was chosen'
    expectImport "$results/dump.sql" --database second
    expectEqual 'the user' 'Noë' "$(asApplication 'SELECT name FROM users WHERE id = 1')"
}

# The end of all the cases above: files. A folder of the test's own is the site's.
lendFolder() {
    export SITE_PATH=$results/moved-in
    mkdir -p -- "$SITE_PATH"
    trap 'removeFolder "$results/moved-in"; removeFolder "$results/old-site"' EXIT
    mkdir -p -- "$results/old-site/uploads/a b" "$results/old-site/lib"
    printf '<?php\n' >"$results/old-site/index.php"
    printf 'picture' >"$results/old-site/uploads/a b/ü.png"
    printf 'Require all denied\n' >"$results/old-site/lib/.htaccess"
    ln --symbolic --force index.php "$results/old-site/start.php"
    chmod 0640 "$results/old-site/lib/.htaccess"
    chmod 6777 "$results/old-site/index.php"
    chmod 0770 "$results/old-site/uploads"
}

# What is in the folder: modes, owners, names, and where links lead.
folderFacts() {
    docker run --rm --network none --volume "$SITE_PATH:/site:ro" --entrypoint find "$image" /site -printf '%m %U %G %P %l\n' | sort --key=4
}

expectMovedIn() { # WHAT
    expectEqual "$1" "$(printf '%s\n' '755 10001 10001  ' '755 10001 10001 index.php ' '755 10001 10001 lib ' '640 10001 10001 lib/.htaccess ' \
        '777 10001 10001 start.php index.php' '750 10001 10001 uploads ' '755 10001 10001 uploads/a b ' '644 10001 10001 uploads/a b/ü.png ' | sort --key=4)" "$(folderFacts)"
}

filesMoveIn() {
    local archive
    lendFolder
    expectImport --files "$results/old-site"
    expectMovedIn 'a folder'
    expectRefusal "there is something in $SITE_PATH, which is SITE_PATH already" --files "$results/old-site"
    for archive in '--gzip' '--zstd' '--xz' '--no-auto-compress'; do
        removeFolder "$SITE_PATH"
        mkdir -- "$SITE_PATH"
        tar --create "$archive" --file="$results/archive" --directory="$results" old-site
        expectImport --files "$results/archive"
        expectMovedIn "an archive of tar with $archive"
        expectMatch 'what it says' 'all of it is in a folder old-site, which is taken for the site itself' "$(<"$results/import")"
    done
    # With all else that there was.
    docker run --rm --network none --volume "$SITE_PATH:/site" --entrypoint sh "$image" -c 'echo older >/site/older.php; ln -s / /site/out; echo changed >/site/index.php'
    tar --create --directory="$results/old-site" . | bin/import --files - --force >"$results/import" 2>&1 || fail "$(<"$results/import")"
    expectMovedIn 'what came over standard input, in the place of others'
    expectMatch 'what it says' 'a backup of what there is' "$(<"$results/import")"
    expectNoMatch 'what it says' 'cannot read' "$(<"$results/import")"
    chmod 0700 "$results/old-site/uploads"
    chmod 0600 "$results/old-site/index.php"
    expectImport --force --files "$results/old-site"
    expectMatch 'what it says' 'Apache, which is in the group of forum, cannot read uploads .1 in all.: .*chmod --recursive g.rX' "$(<"$results/import")"
    chmod 0770 "$results/old-site/uploads"
}

zipMovesIn() {
    if ! type -P zip >/dev/null; then skip 'there is no zip here'; fi
    lendFolder
    rm -- "$results/old-site/start.php"
    rm -f -- "$results/archive.zip"
    (cd -- "$results" && zip --quiet --recurse-paths archive.zip old-site)
    expectImport --files "$results/archive.zip"
    expectEqual 'the files' "$(cd -- "$results/old-site" && find . -type f | sort)" "$(cd -- "$SITE_PATH" && find . -type f | sort)"
    expectEqual 'one of them' picture "$(<"$SITE_PATH/uploads/a b/ü.png")"
    head --bytes=-30 "$results/archive.zip" >"$results/cut.zip"
    expectRefusal 'the archive cannot be read: it is cut short or damaged' --files "$results/cut.zip" --force
}

# Names and links that lead out, what is no file, and what is cut short: the folder stays as it is, and so does all around it.
wickedArchivesAreRefused() {
    local before
    lendFolder
    expectImport --files "$results/old-site"
    before=$(folderFacts)
    rm -rf -- "$results/wicked" && mkdir -p -- "$results/wicked/inner"
    echo out >"$results/wicked/out-of-it"
    tar --create --file="$results/a.tar" --absolute-names --directory="$results/wicked/inner" ../out-of-it
    expectRefusal 'names in the archive that lead out of the site' --files "$results/a.tar" --force
    tar --create --file="$results/a.tar" --absolute-names "$results/wicked/out-of-it"
    expectRefusal 'names in the archive that lead out of the site' --files "$results/a.tar" --force
    ln --symbolic /etc "$results/wicked/inner/etc"
    ln --symbolic ../../out-of-it "$results/wicked/inner/up"
    tar --create --file="$results/a.tar" --directory="$results/wicked" inner
    expectRefusal 'etc leads to /etc.*2 links lead out of the site' --files "$results/a.tar" --force
    # A link, and then a file that is to go through it.
    rm -- "$results/wicked/inner/up"
    tar --create --file="$results/a.tar" --directory="$results/wicked" inner
    mkdir "$results/wicked/more" && mkdir -p "$results/wicked/more/inner/etc" && echo out >"$results/wicked/more/inner/etc/was-here"
    tar --append --file="$results/a.tar" --directory="$results/wicked/more" inner/etc/was-here
    expectRefusal 'NOT imported' --files "$results/a.tar" --force
    rm -rf -- "$results/wicked/inner" && mkdir -- "$results/wicked/inner" && mkfifo "$results/wicked/inner/pipe"
    tar --create --file="$results/a.tar" --directory="$results/wicked" inner
    expectRefusal 'something in it that is no file, folder or link: (inner/)?pipe' --files "$results/a.tar" --force
    tar --create --gzip --file="$results/a.tar" --directory="$results" old-site
    head --bytes=-20 "$results/a.tar" >"$results/cut.tar"
    expectRefusal 'cut short or damaged .gzip says why, above' --files "$results/cut.tar" --force
    echo 'no archive' >"$results/a.tar"
    expectRefusal 'it is none of tar or zip' --files "$results/a.tar" --force
    expectRefusal 'lie within each other' --files "$SITE_PATH/uploads" --force
    expectEqual 'what is in the folder' "$before" "$(folderFacts)"
    expectEqual 'what is around it' '' "$(find "$results" -maxdepth 1 -name 'out-of-it' -o -maxdepth 1 -name was-here)"
}

wickedZipsAreRefused() {
    local name
    lendFolder
    for name in '../out' '/out' 'a/../../out' 'c:out' 'a\out'; do
        docker run --rm --network none --volume "$results:/results" --env NAME="$name" --entrypoint sh "$image" -c '
            php$PHP_VERSION -r "\$zip = new ZipArchive; \$zip->open(\"/results/wicked.zip\", ZipArchive::CREATE | ZipArchive::OVERWRITE); \$zip->addFromString(getenv(\"NAME\"), \"out\"); \$zip->close();"'
        expectRefusal 'names in the archive that lead out of the site: ' --files "$results/wicked.zip"
    done
    expectEqual 'what is in the folder' "$SITE_PATH" "$(find "$SITE_PATH")"
}

usageIsTold() {
    expectRefusal "there is no $PWD/there-is-none" there-is-none
    expectRefusal 'is a folder, and no dump' site
    expectMatch 'its help' 'usage: bin/import DUMP' "$(bin/import --help)"
    if bin/import --files >/dev/null 2>&1; then fail 'no file is a file'; fi
}

testCase "a dump of MySQL 8 fills an empty database, and what is in it is the application's" mysql8Fills
testCase 'a dump of MySQL 5.7 comes in, packed in every way, whatever its file is called' everyPackingIsUnpacked
testCase "MariaDB's own dump comes in again as it was, in the place of what there is, with a backup before" ownDumpComesInAgain
testCase 'nothing is imported in the place of what cannot be backed up' backupHasToSucceed
testCase 'a dump that is cut short is refused, and the database stays as it was' cutDumpsLeaveAll
testCase 'a dump whose sender goes in its middle is refused, and the database stays as it was' senderGoes
slowCase 'an error in a dump names its line, and the database stays as it was' faultsAreFound
slowCase "a dump that wants more than the application's database is refused, and gets none of it" othersAreOutOfReach
testCase 'of a dump of several databases one is chosen, and no other comes in' oneOfSeveralIsChosen
testCase 'files move in from a folder and from archives of tar, as those of the application' filesMoveIn
testCase 'files move in from an archive of zip' zipMovesIn
slowCase 'an archive with what leads out of the site is refused, and nothing of it stays' wickedArchivesAreRefused
testCase 'an archive of zip with names that lead out of the site is refused' wickedZipsAreRefused
testCase 'bin/import says how it is used' usageIsTold
