# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# Logs: they rotate, and the daemon goes on in the new one.

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
        'REDISCLI_AUTH=$(cat /run/redis-administrator) redis-cli --user administrator -s /run/redis/redis.sock bgrewriteaof'
}

# As long as the arguments of a query in an error message may be.
longLinesAreWhole() {
    echo '<?php error_log("begin " . str_repeat("x", 100000) . " end");' >site/long-line.php
    expectEqual 'the status' 200 "$(httpStatus /long-line.php)"
    rm -f -- site/long-line.php
    waitUntil 10 'all of the line is in the log' inside php grep --quiet 'begin xx*xxx end$' /var/log/php/fpm.log
}

# Each request has a number, and is answered on a connection of its own.
requestNumbers() { # FROM TO FILE-WITH-THE-NUMBERS-ANSWERED
    local number
    for ((number = $1; number <= $2; number++)); do
        if [[ $(httpStatus "/task.php?number=$number") == 403 ]]; then printf '%s\n' "$number" >>"$3"; fi
    done
}

# Rotated as if it were the day after, again and again, while requests come in.
noLineIsLostUnderLoad() {
    local rotation
    rm -f -- "$results"/answered.*
    requestNumbers 10001 10300 "$results/answered.1" &
    requestNumbers 20001 20300 "$results/answered.2" &
    for rotation in 1 2 3; do
        waitUntil 60 'some requests have been answered' moreAnswers "$((rotation * 60))"
        inside apache2 sh -c "umask 077; printf 'logrotate state -- version 2\n\"%s\" 2020-1-1-0:0:0\n' /var/log/apache2/access.log >/var/lib/lamplighter/logrotate.state"
        expectOutcome succeeded apache2 rotate-logs
    done
    wait
    sort "$results"/answered.* >"$results/answered"
    expectEqual 'the requests that were answered' 600 "$(wc --lines <"$results/answered")"
    expectEqual 'the files that the log was rotated to' 3 "$(inside apache2 sh -c 'ls /var/log/apache2/access.log.[0-9]* | tail -n 3 | wc -l')"
    # The first waits until Apache has let go of it, the others are compressed.
    inside apache2 sh -euc 'cd /var/log/apache2 && test -e access.log.1 && gzip --test access.log.2.gz access.log.3.gz'
    waitUntil 10 'all lines are written' allLinesAreThere
    figure 'requests, and their lines over three rotations' "$(wc --lines <"$results/answered"), $(wc --lines <"$results/logged")"
}

moreAnswers() { # NUMBER
    (($(cat "$results"/answered.* 2>/dev/null | wc --lines) >= $1))
}

allLinesAreThere() {
    inside apache2 sh -c 'for log in /var/log/apache2/access.log*; do case $log in *.gz) zcat "$log" ;; *) cat "$log" ;; esac; done' |
        sed --quiet --regexp-extended 's/.*number=([0-9]+) HTTP.*/\1/p' | sort >"$results/logged"
    diff "$results/answered" "$results/logged"
}

brokenStateIsBegunAnew() {
    inside redis sh -c 'printf "\0\0\0\0" >/var/lib/lamplighter/logrotate.state'
    expectOutcome succeeded redis rotate-logs
    expectMatch 'what it says' 'the state of log rotation was broken, and is begun anew' "$(<"$results/output")"
    expectMatch 'the state' '^logrotate state' "$(inside redis cat /var/lib/lamplighter/logrotate.state)"
}

# As the schedule asks right after a stop and a start, at the full hour.
rotationWaitsForItsService() {
    docker stop "$(container redis)" >/dev/null
    docker start "$(container redis)" >/dev/null
    waitUntil 20 'Redis takes requests' answersRotation
    expectEqual 'how it ended' succeeded "$(jq --raw-output 'select(.event == "ended") | .outcome' "$results/rotation")"
    waitUntilHealthy redis
}

answersRotation() {
    ask redis 60 <<<'{"op":"run","user":"root","action":"rotate-logs","tell":"outcome"}' >"$results/rotation"
}

slowStatement() {
    sql 'SELECT SLEEP(1.3) AS slept_for_the_log' >/dev/null
}

slowRequest() {
    httpStatus /slow.php >/dev/null
}

# MariaDB and PHP-FPM with another setting are other containers.
restartWithSlowSeconds() { # SECONDS
    local -x SLOW_SECONDS=$1
    "${compose[@]}" up --detach --no-build --no-deps mysql php
    waitUntilHealthy mysql php
}

# While it is off nothing is.
slowIsLogged() {
    printf '<?php\nfunction dawdle() { usleep(2600000); }\ndawdle();\n' >site/slow.php
    trap 'rm -f -- site/slow.php; restartWithSlowSeconds 0' EXIT
    inside mysql sh -c 'rm -f /var/log/mysql/slow.log*'
    slowStatement
    inside mysql sh -c '! test -s /var/log/mysql/slow.log' || fail 'slow statements are logged by themselves'
    restartWithSlowSeconds 1
    sql 'SELECT 1 AS quick_as_can_be' >/dev/null
    logsRotate mysql slow.log slowStatement
    expectMatch 'the log of slow statements' 'Query_time: 1\.[0-9].*SLEEP\(1\.3\) AS slept_for_the_log' "$(inside mysql cat /var/log/mysql/slow.log.1)"
    expectNoMatch 'the log of slow statements' 'quick_as_can_be' "$(inside mysql cat /var/log/mysql/slow.log.1 /var/log/mysql/slow.log)"
    logsRotate php slow.log slowRequest
    expectMatch 'the log of slow requests' 'dawdle\(\) /var/www/site/slow.php:3' "$(inside php cat /var/log/php/slow.log.1)"
    expectMatch 'who may read the log of slow statements' '0$' "$(inside mysql stat --format=%a /var/log/mysql/slow.log)"
}

testCase "Apache's logs rotate, and it goes on in the new one" apacheLogs
testCase "PHP's logs rotate, and it goes on in the new one" phpLogs
testCase "Redis' logs rotate, and it goes on in the new one" redisLogs
testCase 'a long line that PHP logs is logged whole' longLinesAreWhole
testCase 'no line of a log is lost or doubled when it is rotated under load' noLineIsLostUnderLoad
testCase 'a broken state of log rotation does not end it for ever' brokenStateIsBegunAnew
testCase 'logs that are to be rotated while their service is starting are rotated when it is up' rotationWaitsForItsService
slowCase 'with SLOW_SECONDS slow statements and slow requests are logged, in logs that rotate' slowIsLogged
