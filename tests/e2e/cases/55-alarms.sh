# shellcheck shell=bash
# Alarms: the notifier tells what it is given, by every way that is set.

readonly hearer=$COMPOSE_PROJECT_NAME-hearer

# Starts the scheduler as it is to be now, on a network with who hears what it tells. Python comes with the image of the
# test's authority for certificates.
startHearer() {
    needAcmeImage
    docker network create --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" "$hearer" >/dev/null
    export SCHEDULER_NETWORK=$hearer
    startScheduler
    docker run --detach --rm --name "$hearer" --network "$hearer" \
        --network-alias hearer.test --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --volume "$repo/tests/e2e/lib/hearer.py:/hearer.py:ro" "$acmeImage" /acme/bin/python -u /hearer.py >/dev/null
    waitUntil 20 'the hearer listens' inside scheduler nc -z hearer.test 80
}

startScheduler() {
    "${compose[@]}" up --detach --no-build --no-deps scheduler
    waitUntilHealthy scheduler
}

restoreScheduler() {
    local name
    docker rm --force "$hearer" &>/dev/null || true
    unset SCHEDULER_NETWORK ALARM_WEBHOOK ALARM_PINGS ALARM_MAIL ALARM_SIGN_OF_LIFE
    for name in webhook pings mail; do : >".secrets/alarm-$name"; done
    handOutSecrets
    startScheduler
    docker network rm "$hearer" >/dev/null
}

setAlarms() { # [ADDRESS-OF-THE-WEBHOOK]
    printf '%s\n' '# The webhook' "${1:-http://hearer.test/hook/T0KEN}" 'Authorization: Bearer s3cret' >.secrets/alarm-webhook
    printf '%s\n' 'mysql nightly-backup http://hearer.test/ping/1111' 'php task-check http://hearer.test/ping/2222' \
        'scheduler alive http://hearer.test/ping/3333' >.secrets/alarm-pings
    printf '%s\n' 'account default' 'host hearer.test' 'port 25' 'from stack@forum.example' >.secrets/alarm-mail
    handOutSecrets
}

# Runs the notifier as the scheduler does; its status.
notify() { # JSON
    local status=0
    inside scheduler /usr/local/bin/notify <<<"$1" >"$results/notify" 2>&1 || status=$?
    cat -- "$results/notify" >&2
    printf '%s\n' "$status"
}

hears() { # JQ-FILTER
    docker logs "$hearer" 2>&1 | jq --raw-output "select($1)"
}

readonly alarm='{"kind":"failed","service":"mysql","action":"nightly-backup","user":"forum","id":"41aa@17","at":"2026-05-01T04:05:12.346Z",
    "outcome":"failed","code":3,"output":"mariadb-dump: \"Grüße\"\n.\nlast line\n","suppressed":2,"attempt":1,
    "summary":"mysql: nightly-backup failed with status 3"}'

alarmGoesEveryWay() {
    local mail
    trap restoreScheduler EXIT
    setAlarms
    expectEqual 'the status where nobody is to be told' 0 "$(notify "$alarm")"
    expectEqual 'what it says then' '' "$(<"$results/notify")"

    export ALARM_WEBHOOK=1 ALARM_PINGS=1 ALARM_MAIL='one@forum.example,two@forum.example'
    startHearer
    expectEqual 'the status' 0 "$(notify "$alarm")"
    expectEqual 'what it says' '' "$(<"$results/notify")"
    expectEqual 'what the webhook has got' 'application/json Bearer s3cret nightly-backup mysql: nightly-backup failed with status 3' \
        "$(hears '.path == "/hook/T0KEN"' | jq --raw-output '"\(.type) \(.authorization) \(.body | fromjson | .action + " " + .text)"')"
    expectMatch 'what the ping has got' 'failed with status 3.*Grüße' "$(hears '.path == "/ping/1111/fail"' | tr '\n' ' ')"
    mail=$(hears .mail | jq --raw-output .mail)
    expectEqual 'who gets mail' '<one@forum.example> <two@forum.example>' "$(hears .mail | jq --raw-output '.recipients | join(" ")')"
    expectMatch 'the mail' $'Subject: \\[localhost\\] mysql: nightly-backup failed with status 3\r' "$mail"
    expectMatch 'the mail' 'From: .*stack@forum.example' "$mail"
    expectMatch 'what the mail says' 'code: 3.*suppressed: 2.*Grüße' "$(sed '1,/^\r$/d' <<<"$mail" | tr -d '\r' | base64 --decode | tr '\n' ' ')"
}

# Starts and successes are for those who watch from outside only; what is unknown is nobody's.
othersAreToldLess() {
    trap restoreScheduler EXIT
    setAlarms
    export ALARM_WEBHOOK=1 ALARM_PINGS=1 ALARM_MAIL='one@forum.example'
    startHearer
    expectEqual 'the status for a start' 0 "$(notify '{"kind":"started","service":"php","action":"task-check","summary":"s"}')"
    expectEqual 'the status for a success' 0 "$(notify '{"kind":"succeeded","service":"php","action":"task-check","summary":"s"}')"
    expectEqual 'the status for a sign of life' 0 "$(notify '{"kind":"alive","summary":"s"}')"
    expectEqual 'the status for another kind' 0 "$(notify '{"kind":"of-tomorrow","service":"php","action":"task-check","summary":"s"}')"
    expectEqual 'what was heard' '/ping/2222/start /ping/2222 /ping/3333' "$(hears true | jq --raw-output .path | tr '\n' ' ' | sed 's/ $//')"
    expectEqual 'the status for a recovery' 0 "$(notify "$(jq '.kind = "recovered"' <<<"$alarm")")"
    expectMatch 'what was heard' '/hook/T0KEN' "$(hears .path | jq --raw-output .path)"
}

# By hand: without an end of the last line, with an address that does not answer before one that does, with nothing.
everyPingIsSent() {
    local -r success='{"kind":"succeeded","service":"php","action":"task-check","summary":"s"}'
    trap restoreScheduler EXIT
    export ALARM_PINGS=1
    startHearer
    printf 'php task-check http://hearer.test/ping/last' | setSecret alarm-pings
    expectEqual 'the status' 0 "$(notify "$success")"
    expectEqual 'what was heard' /ping/last "$(hears .path | jq --raw-output .path)"

    printf '%s\n' 'php task-check http://hearer.test/broken/T0KEN' 'php task-check http://hearer.test/ping/next' | setSecret alarm-pings
    expectEqual 'the status where one of two is told' 0 "$(notify "$success")"
    expectMatch 'what it says' 'a line of .secrets/alarm-pings for php task-check could not be told' "$(<"$results/notify")"
    expectNoMatch 'what it says' T0KEN "$(<"$results/notify")"
    expectEqual 'what was heard' '/ping/last /broken/T0KEN /ping/next' "$(hears .path | jq --raw-output .path | tr '\n' ' ' | sed 's/ $//')"
    echo 'php task-check http://hearer.test/broken/T0KEN' | setSecret alarm-pings
    expectEqual 'the status where none is told' 1 "$(notify "$success")"

    echo '# Nothing yet' | setSecret alarm-pings
    expectEqual 'the status where there is no address' 1 "$(notify "$success")"
    expectMatch 'what it says' '.secrets/alarm-pings has no line SERVICE ACTION ADDRESS' "$(<"$results/notify")"
}

failureIsSaidWithoutSecrets() {
    trap restoreScheduler EXIT
    setAlarms http://hearer.test/broken/T0KEN
    export ALARM_WEBHOOK=1
    startHearer
    expectEqual 'the status' 1 "$(notify "$alarm")"
    expectMatch 'what it says' 'failed could not be told by Webhook: mysql: nightly-backup failed' "$(<"$results/notify")"
    expectNoMatch 'what it says' 'T0KEN|s3cret' "$(<"$results/notify")"
    # Told by one way is told.
    export ALARM_MAIL='one@forum.example'
    startScheduler
    expectEqual 'the status' 0 "$(notify "$alarm")"
    expectMatch 'what it says' 'could not be told by Webhook' "$(<"$results/notify")"
}

# The clock asks for a backup each minute; MariaDB is away at one of them, and there again at a later one.
missedBackupRaisesAlarm() {
    cp -- service/scheduler/conf/schedule.cron "$results/schedule.cron"
    trap 'cat -- "$results/schedule.cron" >service/scheduler/conf/schedule.cron; "${compose[@]}" start mysql; restoreScheduler' EXIT
    setAlarms
    startHearer
    export ALARM_WEBHOOK=1 ALARM_PINGS=1 ALARM_SIGN_OF_LIFE=1
    startScheduler
    waitUntil 90 'the sign of life is heard' hearsPing /ping/3333
    "${compose[@]}" stop mysql
    printf '%s\n' 'DEADLINE=1s' '* * * * * mysql nightly-backup' >service/scheduler/conf/schedule.cron
    waitUntil 90 'the alarm is heard' hearsAlarm missed
    waitUntil 20 'the watcher of the backups is told' hearsPing /ping/1111/fail
    "${compose[@]}" start mysql
    waitUntil 150 'the recovery is heard' hearsAlarm recovered
}

hearsPing() { # PATH
    docker logs "$hearer" 2>&1
    hears .path | jq --raw-output .path | grep --line-regexp --fixed-strings "$1"
}

hearsAlarm() { # KIND
    docker logs "$hearer" 2>&1
    hears '.path == "/hook/T0KEN"' | jq --raw-output '.body | fromjson | "\(.kind) \(.service) \(.action)"' | grep "^$1 mysql nightly-backup$"
}

testCase 'an alarm goes to webhook, watcher and mail, where they are set' alarmGoesEveryWay
testCase 'starts, successes and signs of life go to those who watch from outside alone' othersAreToldLess
testCase 'every ping is sent, or it is said why not' everyPingIsSent
testCase 'an alarm that cannot be told is said, without a secret' failureIsSaidWithoutSecrets
slowCase 'a missed backup raises an alarm, and the recovery is told' missedBackupRaisesAlarm
