# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# Housekeeping that is worth something: backups that can be restored, logs that rotate.

# All that a dump has to bring back, as lines that can be compared.
databaseFacts() { # CLIENT...
    local table
    local -a tables
    mapfile -t tables < <("$@" "SELECT table_name FROM information_schema.tables
        WHERE table_schema = 'forum' AND table_type = 'BASE TABLE' ORDER BY 1")
    for table in "${tables[@]}"; do
        "$@" "SELECT '$table', COUNT(*) FROM forum.$table; CHECKSUM TABLE forum.$table"
    done
    "$@" "SELECT table_type, table_name FROM information_schema.tables WHERE table_schema = 'forum' AND table_type = 'VIEW'
        UNION SELECT 'TRIGGER', trigger_name FROM information_schema.triggers WHERE trigger_schema = 'forum'
        UNION SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = 'forum'
        UNION SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = 'forum'
        ORDER BY 1, 2"
}

# Text beyond the basic plane, bytes of every value, NULLs, and everything that is stored beside tables.
fillDatabase() {
    inside mysql mariadb --default-character-set=utf8mb4 forum <<'SQL'
CREATE OR REPLACE TABLE posts (
    id INT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(200) NOT NULL, body MEDIUMBLOB, note TEXT NULL
) ENGINE = InnoDB;
INSERT INTO posts (title, body, note)
    SELECT CONCAT('Grüße 🏮 ''"\\ ', seq), UNHEX(REPEAT(LPAD(HEX(seq % 256), 2, '0'), 300)), IF(seq % 3, NULL, 'n')
    FROM seq_1_to_3000;
CREATE OR REPLACE VIEW newest AS SELECT id, title FROM posts ORDER BY id DESC LIMIT 10;
CREATE OR REPLACE TRIGGER trimmed BEFORE INSERT ON posts FOR EACH ROW SET NEW.title = TRIM(NEW.title);
CREATE OR REPLACE PROCEDURE tidy() DELETE FROM posts WHERE note = 'gone';
CREATE OR REPLACE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO CALL tidy();
SQL
}

readonly second=$COMPOSE_PROJECT_NAME-second

# A second MariaDB of the same image: no network, no data, not even a volume.
startSecondMariaDb() {
    docker run --detach --rm --name "$second" --network none --tmpfs /tmp --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --entrypoint bash "$image" -euc '
            mariadb-install-db --no-defaults --user=root --datadir=/tmp/data --skip-test-db >/dev/null
            exec mariadbd --no-defaults --user=root --datadir=/tmp/data --socket=/tmp/socket --skip-networking' >/dev/null
    waitUntil 60 'the second MariaDB answers' docker exec "$second" mariadb-admin --socket=/tmp/socket ping
}

dumpRestores() {
    local dump here there
    local -r client=(docker exec "$second" mariadb --socket=/tmp/socket --batch --skip-column-names --execute)
    fillDatabase
    runAction mysql forum nightly-backup
    dump=$(inside mysql sh -c 'ls -t /var/backups/mysql' | head --lines=1)
    expectMatch 'the newest dump' '^mysql-[0-9TZ]+\.sql\.zst$' "$dump"
    expectEqual 'its mode and owner' '600 root' "$(inside mysql stat --format='%a %U' "/var/backups/mysql/$dump")"
    expectEqual 'what is left half done' '' "$(inside mysql find /var/backups/mysql -name '.part-*')"

    trap 'docker rm --force "$second" &>/dev/null' EXIT
    startSecondMariaDb
    expectEqual 'the databases of the second' 'information_schema mysql performance_schema sys ' \
        "$("${client[@]}" 'SHOW DATABASES' | sort | tr '\n' ' ')"
    inside mysql cat "/var/backups/mysql/$dump" |
        docker exec --interactive "$second" sh -c 'zstd --decompress --stdout | mariadb --socket=/tmp/socket'

    here=$(databaseFacts sql)
    there=$(databaseFacts "${client[@]}")
    expectMatch 'what there is to restore' $'posts\t3000' "$here"
    expectMatch 'what there is to restore' $'EVENT\tnightly' "$here"
    expectEqual 'what is in the second' "$here" "$there"
    figure 'rows restored into an empty MariaDB' "$(awk '$2 ~ /^[0-9]+$/ && $1 !~ /\./ { rows += $2 } END { print rows }' <<<"$there")"
}

siteFilesAreBackedUp() {
    local archive
    runAction backup root nightly-backup
    archive=$(inside backup sh -c 'ls -t /var/backups/site' | head --lines=1)
    expectMatch 'the newest archive' '^site-[0-9TZ]+\.tar\.zst$' "$archive"
    inside backup sh -euc 'mkdir /tmp/restored && zstd -dc "/var/backups/site/$0" | tar -x -C /tmp/restored' "$archive"
    inside backup diff --recursive --no-dereference /var/www/site /tmp/restored || fail 'the archive is not what the site is'
    inside backup rm -rf /tmp/restored
}

# Whoever breaks into the site finds no backup of it.
backupsAreOutOfReach() {
    local service found
    for service in apache2 php; do
        found=$(inside "$service" find / -xdev '(' -name '*.sql.zst' -o -name '*.tar.zst' ')' 2>/dev/null || true)
        expectEqual "the backups that $service sees" '' "$found"
        expectNoMatch "the mounts of $service" backup "$(inspect "$service" '{{json .Mounts}}')"
        inside "$service" sh -c '! ls -A /var/backups/mysql /var/backups/site 2>/dev/null | grep .'
    done
}

# By logrotate's own account the last time was long ago, so that the week is over. The daemon goes on in a new file:
# what happens next is in there.
logsRotate() { # SERVICE LOG COMMAND-THAT-LOGS...
    local service=$1 log=/var/log/$1/$2
    shift 2
    "$@"
    waitUntil 10 "there is something in $log" inside "$service" test -s "$log"
    inside "$service" sh -c "umask 077; printf 'logrotate state -- version 2\n\"%s\" 2020-1-1-0:0:0\n' $log >/var/lib/lamplighter/logrotate.state"
    runAction "$service" root rotate-logs
    inside "$service" test -s "$log.1" || fail "$log has not been rotated" "$(inside "$service" ls -l "${log%/*}")"
    "$@"
    waitUntil 10 "there is something in the new $log" inside "$service" test -s "$log"
    inside "$service" grep --quiet '"/var' /var/lib/lamplighter/logrotate.state
}

apacheLogs() {
    logsRotate apache2 access.log web --output /dev/null /task.php
}

# php-fpm says in its log when it opens it anew, and when a worker cannot be had.
phpLogs() {
    logsRotate php fpm.log inside php sh -c 'kill -USR1 "$(pgrep --oldest php-fpm)"'
}

redisLogs() {
    logsRotate redis redis.log inside redis sh -c \
        'REDISCLI_AUTH=$(cat /run/secrets/redis-password) redis-cli -s /run/redis/redis.sock bgrewriteaof'
}

testCase 'forum nightly-backup, sent as a plain line, gives a dump that a second, empty MariaDB restores with equal rows' dumpRestores
testCase "the backup of the site's files has them all" siteFilesAreBackedUp
testCase 'what faces the internet sees no backup' backupsAreOutOfReach
testCase "Apache's logs rotate, and it goes on in the new one" apacheLogs
testCase "PHP's logs rotate, and it goes on in the new one" phpLogs
testCase "Redis' logs rotate, and it goes on in the new one" redisLogs
