# shellcheck shell=bash
# MariaDB and Redis: whoever has taken php over is the application there, and nobody else.

mariaDbAs() { # ACCOUNT STATEMENT
    timeout 20 mariadb --no-defaults --socket=/run/mysqld/mysqld.sock --connect-timeout=5 --batch --skip-column-names --user="$1" --execute="$2" 2>&1
}

# An account that is told by its uid would let in whoever has that uid.
becomeAdministrator() {
    local account said
    for account in root mysql mariadb.sys backup health admin scheduler redis www-data ''; do
        said=$(mariaDbAs "$account" "SELECT CONCAT(CURRENT_USER(), ' reads ', COUNT(*), ' accounts') FROM mysql.global_priv") || true
        if [[ $said =~ reads\ [0-9]+\ accounts ]]; then printf 'uid %s as %s: %s\n' "$(id --user)" "${account:-nobody}" "$said"; fi
    done
}

nobodyBecomesAdministrator() { # SERVICE USERS
    expectNothing "whom $2 in $1 became" "$(attackAs "$1" "$2" becomeAdministrator)"
}

nobodyElsewhereBecomesAdministrator() {
    nobodyBecomesAdministrator apache2 www-data,0
    nobodyBecomesAdministrator redis redis,0
}

# What only an administrator may. Where something is done all the same, it is done to nothing that is there.
exceedGrants() {
    local statement said
    while IFS= read -r statement; do
        said=$(mariaDbAs "$APP_USER" "$statement") || continue
        printf 'done: %s: %s\n' "$statement" "${said:0:100}"
    done <<'SQL'
SELECT user, authentication_string FROM mysql.user
CREATE DATABASE of_the_attack
CREATE USER of_the_attack@localhost
GRANT SELECT ON mysql.* TO forum@localhost
SET GLOBAL general_log = general_log
SELECT 'marker' INTO OUTFILE '/var/lib/mysql/marker-of-the-attack'
INSTALL SONAME 'no_such_plugin_of_the_attack'
FLUSH TABLES WITH READ LOCK
BACKUP STAGE START
KILL 1
SQL
    said=$(mariaDbAs "$APP_USER" "SELECT LOAD_FILE('/etc/passwd')") || true
    if [[ $said != NULL ]]; then printf 'a file is read: %s\n' "${said:0:100}"; fi
    said=$(mariaDbAs "$APP_USER" 'SHOW DATABASES' | grep --invert-match --line-regexp --regexp=information_schema --regexp="$APP_USER") || true
    if [[ -n $said ]]; then printf 'databases are seen: %s\n' "$said"; fi
    said=$(mariaDbAs "$APP_USER" "SELECT user FROM information_schema.processlist WHERE user <> '$APP_USER'")
    if [[ -n $said ]]; then printf 'others at work are seen: %s\n' "$said"; fi
}

# The list above is what comes to mind; this is all that there is.
applicationsGrants() {
    mariaDbAs "$APP_USER" 'SHOW GRANTS' | sort
}

applicationKeepsToItsDatabase() {
    expectEqual 'all that the application may' "GRANT ALL PRIVILEGES ON \`$application\`.* TO \`$application\`@\`localhost\`
GRANT USAGE ON *.* TO \`$application\`@\`localhost\` IDENTIFIED VIA unix_socket WITH MAX_USER_CONNECTIONS 60" \
        "$(attack php "$application" applicationsGrants)"
    expectEqual 'who the application is' "$application@localhost" "$(attack php "$application" mariaDbAs "$application" 'SELECT CURRENT_USER()')"
    expectNothing 'what the application may' "$(attack php "$application" exceedGrants)"
}

# By whatever account lets anybody in, in the order of what does less harm.
shutDownMariaDb() {
    local account
    for account in "$APP_USER" root mysql mariadb.sys; do
        if mariaDbAs "$account" SHUTDOWN; then printf 'uid %s as %s: shut down\n' "$(id --user)" "$account"; fi
    done
}

startAgain() { # SERVICE
    docker start "$(container "$1")"
    waitUntilHealthy "$1"
}

nobodyShutsMariaDbDown() { # USERS
    local before said
    before=$(startsOf mysql)
    trap 'startAgain mysql' EXIT
    said=$(attackAs php "$1" shutDownMariaDb)
    expectMatch 'what MariaDB said' 'Access denied' "$said"
    expectNoMatch 'what MariaDB did' 'shut down' "$said"
    expectEqual 'when it was started' "$before" "$(startsOf mysql)"
}

# A daemon that ends well because somebody has told it to is missed all the same.
daemonToldToStopComesBack() {
    local restarts
    restarts=$(inspect mysql '{{.RestartCount}}')
    trap 'startAgain mysql' EXIT
    sql SHUTDOWN
    waitUntil 30 'Docker has started it again' hasRestarted mysql "$restarts"
    waitUntilHealthy mysql
}

# Open and silent, as many as there is room for; in the place of those that the server closes others are opened.
holdConnections() { # NUMBER SECONDS
    perl -MIO::Socket::UNIX -MTime::HiRes=time,sleep -e '
        my ($number, $seconds) = @ARGV;
        my @open;
        my $end = time + $seconds;
        $SIG{ALRM} = sub { die };
        while (time < $end) {
            # What the server says at first is read; nothing more comes until it closes.
            @open = grep { my $said = sysread $_, my $greeting, 4096; !defined $said || $said } @open;
            while (@open < $number) {
                my $socket = eval { alarm 1; IO::Socket::UNIX->new(Peer => "/run/mysqld/mysqld.sock") };
                alarm 0;
                last if !$socket;
                $socket->blocking(0);
                push @open, $socket;
            }
            sleep 0.05;
        }' "$1" "$2" &>/dev/null &
}

isCrowded() {
    local said
    said=$(attack php "$application" mariaDbAs "$application" 'SELECT 1')
    echo "$said"
    [[ $said == *'Too many connections'* || $said == *timeout* ]]
}

backupsHaveAReserve() {
    attack php "$application" holdConnections 120 40
    waitUntil 10 'no connection is left for others' isCrowded
    expectOutcome succeeded mysql nightly-backup
    expectMatch 'the health of MariaDB' '^healthy' "$(inside mysql lamplighter health)"
}

redisAs() { # USER PASSWORD COMMAND...
    REDISCLI_AUTH=$2 timeout 10 redis-cli -s /run/redis/redis.sock ${1:+--user "$1"} "${@:3}" 2>&1
}

# From the first place of it that one may read.
applicationsPassword() {
    local file
    for file in /dev/shm/secrets/redis-password /run/secrets/redis-password; do
        if [[ -r $file ]]; then
            cat -- "$file"
            return
        fi
    done
}

# What an administrator does, as far as it harms nobody: settings are set to what they are.
administerRedis() {
    local user command said password
    password=$(applicationsPassword)
    for user in '' "$APP_USER" admin administrator root lamplighter health; do
        while IFS= read -r command; do
            # shellcheck disable=SC2086 # words
            said=$(redisAs "$user" "$password" $command)
            if [[ ! $said =~ NOPERM|NOAUTH|WRONGPASS|'not allowed'|'Could not connect' ]]; then
                printf 'uid %s as %s: %s: %s\n' "$(id --user)" "${user:-default}" "$command" "${said:0:80}"
            fi
        done <<'COMMANDS'
CONFIG GET dir
CONFIG SET slowlog-max-len 128
ACL LIST
ACL SETUSER of-the-attack off
MODULE LIST
DEBUG OBJECT marker-of-the-attack
CLIENT LIST
REPLICAOF NO ONE
SAVE
BGREWRITEAOF
LATENCY RESET
SLOWLOG RESET
COMMANDS
    done
}

nobodyAdministersRedis() { # USERS
    expectEqual 'what the application may' PONG "$(attack php "$application" pingRedis)"
    expectNothing 'commands of an administrator' "$(attackAs php "$1" administerRedis)"
}

# The users, and all that they may, by Redis' own words. Passwords are hashes.
onlyOneAdministersRedis() {
    expectEqual 'who may what' "user administrator on sanitize-payload #... ~* &* +@all
user default on sanitize-payload #... ~* &* +@all -@admin -@dangerous +flushdb +flushall +info +keys +sort +sort_ro" \
        "$(inRedis acl list | sed --regexp-extended 's/#[0-9a-f]{64}/#.../' | sort)"
}

pingRedis() {
    redisAs '' "$(applicationsPassword)" PING
}

shutDownRedis() {
    redisAs '' "$(applicationsPassword)" SHUTDOWN NOSAVE
}

nobodyShutsRedisDown() { # USERS
    local before said
    before=$(startsOf redis)
    trap 'startAgain redis' EXIT
    said=$(attackAs php "$1" shutDownRedis)
    expectMatch 'what Redis said' 'NOPERM|NOAUTH|WRONGPASS|Permission denied|Could not connect' "$said"
    expectEqual 'when it was started' "$before" "$(startsOf redis)"
}

testCase 'attack: root of php is no administrator of MariaDB, whoever it becomes' nobodyBecomesAdministrator php anybody
testCase 'attack: the application is no administrator of MariaDB' nobodyBecomesAdministrator php "$application"
testCase 'attack: who has taken apache2 or redis over is no administrator of MariaDB' nobodyElsewhereBecomesAdministrator
testCase 'attack: the application may nothing in MariaDB beyond its own database' applicationKeepsToItsDatabase
testCase 'attack: the application cannot shut MariaDB down' nobodyShutsMariaDbDown "$application"
testCase 'attack: root of php cannot shut MariaDB down, whoever it becomes' nobodyShutsMariaDbDown anybody
testCase 'attack: a MariaDB that was told to shut down comes back' daemonToldToStopComesBack
testCase 'attack: connections that say nothing do not keep the backup from MariaDB' backupsHaveAReserve
testCase 'attack: the application gives Redis no command of an administrator' nobodyAdministersRedis "$application"
testCase 'attack: root of php gives Redis no command of an administrator, whoever it becomes' nobodyAdministersRedis anybody
testCase 'Redis knows the application and an administrator, and nobody else' onlyOneAdministersRedis
testCase 'attack: the application cannot shut Redis down' nobodyShutsRedisDown "$application"
testCase 'attack: root of php cannot shut Redis down, whoever it becomes' nobodyShutsRedisDown anybody
