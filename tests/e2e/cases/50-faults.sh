# shellcheck shell=bash
# What goes wrong goes wrong in one place.

statusWith() { # PATH
    web --write-out '\n%{http_code}' "$1"
}

pageSaysRedisIsDown() {
    local page json
    "${compose[@]}" stop redis
    page=$(statusWith /)
    json=$(web '/?format=json')
    "${compose[@]}" start redis
    expectEqual 'the status' 503 "${page##*$'\n'}"
    expectMatch 'the page' 'Redis is down' "$page"
    expectMatch 'the rest of the page' 'Read back from MariaDB' "$page"
    expectEqual 'in JSON' '["redis"] true' "$(jq --raw-output '"\(.down) \(.mariadb.ok)"' <<<"$json")"
    waitUntil 30 'the site is back' siteIsUp
    waitUntilHealthy redis
}

pageSaysMariaDbIsDown() {
    local page json
    "${compose[@]}" stop mysql
    page=$(statusWith /)
    json=$(web '/?format=json')
    "${compose[@]}" start mysql
    expectEqual 'the status' 503 "${page##*$'\n'}"
    expectMatch 'the page' 'MariaDB is down' "$page"
    expectMatch 'the rest of the page' 'page views counted' "$page"
    expectEqual 'in JSON' '["mariadb"] true' "$(jq --raw-output '"\(.down) \(.redis.ok)"' <<<"$json")"
    waitUntil 30 'the site is back' siteIsUp
    waitUntilHealthy mysql
}

# The pattern is the one that the log of a killed MariaDB does match, in the case after the next.
readonly crashRecovery='[Cc]rash recovery'

mariaDbStopsInOrder() {
    local since began rows log
    rows=$(web '/?format=json' | jq .mariadb.row)
    since=$(now)
    began=$EPOCHREALTIME
    "${compose[@]}" stop mysql
    figure 'stopping mysql' "$(secondsSince "$began") s"
    expectEqual 'the exit status' 0 "$(inspect mysql '{{.State.ExitCode}}')"
    "${compose[@]}" start mysql
    waitUntilHealthy mysql
    log=$(logOf mysql "$since")
    expectMatch 'its log' 'mariadbd: Shutdown complete' "$log"
    expectMatch 'its log' 'ready for connections' "$log"
    expectNoMatch 'its log' "$crashRecovery" "$log"
    expectEqual 'the next row' "$((rows + 1))" "$(web '/?format=json' | jq .mariadb.row)"
}

deathsOf() { # SERVICE SINCE
    docker events --since "$2" --until "$(now)" --filter "container=$(container "$1")" --filter event=die \
        --format '{{.Actor.Attributes.exitCode}}'
}

killedMariaDbComesBack() {
    local since restarts row began
    row=$(web '/?format=json' | jq .mariadb.row)
    restarts=$(inspect mysql '{{.RestartCount}}')
    since=$(now)
    began=$EPOCHREALTIME
    inside mysql pkill -KILL -x mariadbd || true
    waitUntil 30 'Docker has started it again' hasRestarted mysql "$restarts"
    expectEqual 'the exit status of the container' 137 "$(deathsOf mysql "$since")"
    waitUntil 60 'the site is back' siteIsUp
    figure 'from a killed mariadbd to the site being back' "$(secondsSince "$began") s"
    waitUntilHealthy mysql
    expectMatch 'its log' "$crashRecovery" "$(logOf mysql "$since")"
    expectEqual 'the last row from before' 1 "$(sql "SELECT COUNT(*) FROM forum.visits WHERE id = $row")"
}

killedDaemonsComeBack() {
    local service daemon restarts since
    for daemon in redis:redis-server php:php-fpm apache2:apache2; do
        service=${daemon%%:*}
        daemon=${daemon#*:}
        restarts=$(inspect "$service" '{{.RestartCount}}')
        since=$(now)
        inside "$service" pkill -KILL "$daemon" || true
        waitUntil 30 "Docker has started $service again" hasRestarted "$service" "$restarts"
        expectEqual "the exit status of the container of $service" 137 "$(deathsOf "$service" "$since")"
        waitUntilHealthy "$service"
        waitUntil 30 'the site is back' siteIsUp
    done
}

# It ends with 0: nothing is wrong with it, and all is wrong with the site.
stoppedDaemonComesBack() {
    local restarts since
    restarts=$(inspect mysql '{{.RestartCount}}')
    since=$(now)
    sql SHUTDOWN
    waitUntil 60 'Docker has started MariaDB again' hasRestarted mysql "$restarts"
    expectEqual 'the exit status of the container' 0 "$(deathsOf mysql "$since")"
    waitUntilHealthy mysql
    waitUntil 30 'the site is back' siteIsUp
}

# As after a power cut: Docker starts all at once, in no order, and nothing prepares their folders.
stackComesBack() {
    local row service began
    local -a ids=()
    row=$(web '/?format=json' | jq .mariadb.row)
    for service in "${services[@]}"; do ids+=("$(container "$service")"); done
    docker kill "${ids[@]}" >/dev/null
    began=$EPOCHREALTIME
    docker start "${ids[@]}" >/dev/null
    waitUntil 120 'the site is back' siteIsUp
    figure 'from a start of all containers at once to the site' "$(secondsSince "$began") s"
    waitUntilHealthy "${services[@]}"
    expectEqual 'the last row from before' 1 "$(sql "SELECT COUNT(*) FROM forum.visits WHERE id = $row")"
    for service in "${services[@]}"; do expectEqual "how often $service had to be started again" 0 "$(inspect "$service" '{{.RestartCount}}')"; done
}

# Each in the file where its daemon logs.
lastWordsAreShown() {
    local service daemon words since restarts
    while read -ru 3 service daemon words; do
        restarts=$(inspect "$service" '{{.RestartCount}}')
        since=$(now)
        inside "$service" pkill -TERM --oldest "$daemon"
        waitForLog 30 "$service" "$since" "$words"
        waitUntil 30 "Docker has started $service again" hasRestarted "$service" "$restarts"
        waitUntilHealthy "$service"
    done 3<<'END'
redis redis-server redis\.log \| .*ready to exit, bye bye
php php-fpm fpm\.log \| .*exiting, bye-bye!
apache2 apache2 error\.log \| .*caught SIGTERM, shutting down
END
    waitUntil 30 'the site is back' siteIsUp
}

answersActions() { # SERVICE USER ACTION
    local answer
    answer=$(ask "$1" <<<"$2 $3")
    echo "$answer"
    [[ $answer == 'accepted '* ]]
}

readonly callbacks=service/redis/bin/docker-callbacks.sh

mendCallbacks() {
    cat -- "$results/good-callbacks" >"$callbacks"
}

# While it runs, and at its start.
brokenCallbacksHarmNothing() {
    local since before health
    cp -- "$callbacks" "$results/good-callbacks"
    trap mendCallbacks EXIT

    before=$(inspect redis '{{.State.StartedAt}} {{.State.Pid}}')
    since=$(now)
    printf '\nCB_broken() { if then (\n' >>"$callbacks"
    ask redis <<<'root rotate-logs'
    waitForLog 20 redis "$since" 'docker-callbacks\.sh: line [0-9]+: syntax error'
    expectEqual 'when the container started, and its process' "$before" "$(inspect redis '{{.State.StartedAt}} {{.State.Pid}}')"
    siteIsUp

    since=$(now)
    "${compose[@]}" restart redis
    waitForLog 20 redis "$since" 'docker-callbacks\.sh: line [0-9]+: syntax error'
    waitUntil 30 'the site is back' siteIsUp
    # The last good ones go on.
    expectMatch 'the answer to a request' '^accepted ' "$(ask redis <<<'root rotate-logs')"
    health=$(inside redis lamplighter health)
    expectMatch 'its health' 'degraded: ' "$health"

    mendCallbacks
    waitUntil 75 'it answers again, once they are mended' answersActions redis root rotate-logs
    expectEqual 'its health' healthy "$(inside redis lamplighter health)"
}

# A container of the image with this personality, and these callbacks, or without.
runService() { # PERSONALITY CALLBACKS
    local folder
    folder=$(mktemp --directory "$results/bin.XXXXXX")
    if [[ -n $1 ]]; then printf '%s\n' "$1" >"$folder/docker-entry-setup.sh"; fi
    if [[ -n $2 ]]; then printf '%s\n' "$2" >"$folder/docker-callbacks.sh"; fi
    docker run --rm --network none --hostname scratch --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --volume "$PWD/target-sbin:/usr/local/sbin:ro" --volume "$folder:/usr/local/bin:ro" "$image" 2>&1
}

endsWith() { # STATUS MESSAGE PERSONALITY CALLBACKS
    local output status=0
    output=$(runService "$3" "$4") || status=$?
    echo "$output"
    expectEqual 'the exit status' "$1" "$status"
    # Whatever is tried again, and said again, is said in the same words.
    expectEqual 'the different lines that say it' 1 "$(grep --only-matching -- "ERROR.*$2.*" <<<"$output" | sort --unique | wc --lines)"
}

readonly someCallbacks='CB_nothing() { :; }'

missingPersonality() {
    endsWith 127 'there is no personality /usr/local/bin/docker-entry-setup.sh' '' "$someCallbacks"
}

missingCommand() {
    endsWith 127 'its COMMAND /no/such/daemon is not found' 'COMMAND=/no/such/daemon' "$someCallbacks"
}

commandThatIsNone() {
    endsWith 126 'its COMMAND /etc/passwd is not a program' 'COMMAND=/etc/passwd' "$someCallbacks"
}

# What the listener says is shown as its own line, too.
missingCallbacks() {
    endsWith 3 'degraded: .*there are no callbacks /usr/local/bin/docker-callbacks.sh' \
        $'COMMAND=bash\nOPTS=/run/daemon\nprintf "sleep 0.4\\nexit 3\\n" >/run/daemon' ''
}

testCase 'with Redis stopped the page says so with 503, and shows the rest' pageSaysRedisIsDown
testCase 'with MariaDB stopped the page says so with 503, and shows the rest' pageSaysMariaDbIsDown
testCase 'MariaDB is stopped and started without a crash recovery' mariaDbStopsInOrder
testCase 'a killed mariadbd ends its container with 137, Docker restarts it, and the site is back' killedMariaDbComesBack
testCase 'so do the other daemons when they are killed' killedDaemonsComeBack
testCase 'a daemon that a client has told to stop comes back' stoppedDaemonComesBack
testCase 'killed all together and started at once, in no order, all services are healthy again' stackComesBack
testCase "a daemon's last words are in the container's log, wherever it logs" lastWordsAreShown
testCase 'a syntax error in callbacks leaves the daemon running, with the error in the log' brokenCallbacksHarmNothing
testCase 'a missing personality gives one clear message' missingPersonality
testCase 'a COMMAND that is not there gives one clear message' missingCommand
testCase 'a COMMAND that cannot be executed gives one clear message' commandThatIsNone
testCase 'missing callbacks give one clear message, and the service runs' missingCallbacks
