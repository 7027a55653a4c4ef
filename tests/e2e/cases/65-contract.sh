# shellcheck shell=bash
# Service folders that know nothing of Lamplighter and keep to the contract alone, on one shared /run and new named volumes:
# see contract/docker-compose.yaml, also for what they are not.

readonly contract=$COMPOSE_PROJECT_NAME-contract

contractCompose() { # ARGUMENT...
    CONTRACT_IMAGE=$image CONTRACT_SBIN=$PWD/target-sbin "${compose[@]}" --project-name "$contract" \
        --file tests/e2e/contract/docker-compose.yaml "$@"
}

contractContainer() { # SERVICE
    docker ps --all --quiet --filter "label=com.docker.compose.project=$contract" --filter "label=com.docker.compose.service=$1"
}

# No bash of ours among those that are counted.
inContract() { # SERVICE COMMAND...
    docker exec --interactive "$(contractContainer "$1")" "${@:2}"
}

contractAsk() { # SERVICE [SECONDS-OF-SILENCE] < LINES
    inContract "$1" nc -U -N -w "${2:-20}" "/run/$1-request.sock"
}

# What it printed is in $results/output.
contractOutcome() { # SERVICE USER ACTION
    local lines id
    lines=$(contractAsk "$1" 60 <<<"{\"op\":\"run\",\"user\":\"$2\",\"action\":\"$3\",\"tell\":\"outcome\"}")
    id=$(jq --raw-output 'select(.ok) | .id' <<<"$lines")
    contractAsk "$1" <<<"{\"op\":\"show\",\"id\":\"$id\"}" >"$results/shown"
    jq --raw-output .output "$results/shown" >"$results/output"
    jq --raw-output 'select(.event == "ended") | .outcome' <<<"$lines"
}

expectContract() { # OUTCOME SERVICE USER ACTION
    expectEqual "the outcome of $4 in $2" "$1" "$(contractOutcome "${@:2}")"
}

contractLogHas() { # SERVICE PATTERN
    local log
    log=$(docker logs "$(contractContainer "$1")" 2>&1)
    tail --lines=5 <<<"$log"
    [[ $log =~ $2 ]]
}

foldersComeUpAsTheyAre() {
    local service
    contractCompose up --detach --no-build
    for service in mysql redis php; do
        waitUntil 60 "the daemon of $service runs" contractLogHas "$service" 'the service runs, pid'
    done
    expectEqual 'who owns a new volume of MariaDB' mysql "$(inContract mysql stat --format=%U /var/lib/mysql)"
    expectEqual 'who owns a new volume of Redis' redis "$(inContract redis stat --format=%U /var/lib/redis)"
    waitUntil 60 'MariaDB answers' inContract mysql mariadb-admin --no-defaults --socket=/run/mysqld/mysqld.sock ping
    waitUntil 20 'Redis answers' inContract redis redis-cli -s /run/redis/redis.sock ping
    # By `@reboot`, at the scheduler's word.
    waitUntil 20 "the schedule's first entry is run" contractLogHas php 'task-check [0-9a-f]{8} \| checked by forum'
    expectMatch 'what the scheduler knows of /5' 'php +task-check' "$(inContract scheduler lamplighter next)"
}

# Without any shell in the container but those of the callbacks.
callbackCountsShells() {
    local answer
    answer=$(inContract mysql ps --no-headers -C bash -o pid) || expectEqual 'the shells before' '' "$answer"
    # Their listeners are no bash, nor is who waits.
    inContract mysql lamplighter health
    expectContract succeeded mysql forum nightly-backup
    expectMatch 'what it says' 'dumped for forum, keeping all, counted 2' "$(<"$results/output")"
    expectMatch 'what it was told by Redis' 'accepted ' "$(<"$results/output")"
    waitUntil 20 'Redis has saved' contractLogHas redis 'save [0-9a-f]{8} succeeded'
    expectEqual 'for whom' forum "$(inContract redis redis-cli -s /run/redis/redis.sock get saved-for)"

    inContract mysql mkfifo /var/backups/root.fifo
    contractAsk mysql <<<'root wait-here'
    waitUntil 20 'another one is on' contractLogHas mysql '\| waiting'
    expectContract succeeded mysql forum nightly-backup
    expectMatch 'what it says beside another one' 'skipped: 3 shells work already' "$(<"$results/output")"
    inContract mysql sh -c 'echo go >/var/backups/root.fifo'
}

helpersOfTheContract() {
    expectContract succeeded redis root rotate-logs
    inContract redis ls /var/log/redis/redis.log.1
    expectContract failed redis root fail
    expectNoMatch 'what it printed' never "$(<"$results/output")"
}

# Root here may not read another user's environment.
leftBehindIsEnded() {
    local pid
    expectContract succeeded php forum start-helper
    pid=$(sed --quiet 's/^helper //p' "$results/output")
    expectMatch 'what is noted' "left behind and ended: sleep \(pid $pid\)" "$(<"$results/shown")"
    waitUntil 10 'the helper is gone' inContract php sh -c "[ ! -e /proc/$pid ]"
}

stopsAndKeepsItsData() {
    local service
    inContract redis redis-cli -s /run/redis/redis.sock set kept 42
    contractCompose stop
    for service in mysql redis php scheduler; do
        expectEqual "the exit status of $service" 0 "$(docker inspect --format '{{.State.ExitCode}}' "$(contractContainer "$service")")"
        expectNoMatch "the log of $service" 'had to be killed|could not be ended' \
            "$(docker logs "$(contractContainer "$service")" 2>&1 | tail --lines=5)"
    done
    contractCompose start
    waitUntil 20 'Redis answers' inContract redis redis-cli -s /run/redis/redis.sock ping
    expectEqual 'what was kept' 42 "$(inContract redis redis-cli -s /run/redis/redis.sock get kept)"
    removeStack "$contract"
}

testCase 'service folders that keep to the contract alone come up as they are, on a shared /run and new volumes' foldersComeUpAsTheyAre
testCase 'a callback that counts shells counts its own and those that work, from zero' callbackCountsShells
testCase "the contract's helpers do as they always did" helpersOfTheContract
testCase 'what a callback leaves behind as another user is ended, with the rights that containers have' leftBehindIsEnded
testCase 'such services stop by themselves and find their data again' stopsAndKeepsItsData
