# shellcheck shell=bash
# The good line beside the bad one of 15-bad-schedule-line.sh.

# Of the line that says that the action starts, Docker's time has the fraction of the second.
lineFiresAtTheMinute() {
    local since started late
    since=$(now)
    if [[ $(<service/scheduler/conf/schedule.cron) != *'* * * * * forum php task-check'* ]]; then writeSchedule; fi
    waitForLog 75 php "$since" 'task-check [^ ]+ \| task\.php: run [0-9]+ as forum'
    waitForLog 10 php "$since" 'task-check [^ ]+ succeeded after'

    started=$(docker logs --timestamps --since "$since" "$(container php)" 2>&1 |
        sed --quiet --regexp-extended 's/^(\S+) .* task-check \S+ starts for forum$/\1/p' | head --lines=1)
    late=$(date --date="$started" '+%-S.%3N')
    figure 'lateness of a schedule line, as the log has it' "$late s"
    # Generous, for machines that are busy with something else.
    expectBelow 'the start after the full minute' 5 "$late"
    expectEqual 'what the page says of it' forum "$(web '/?format=json' | jq --raw-output .mariadb.task.user)"

    # From here on nothing happens but what is asked for.
    echo '# Nothing, for the rest of the test.' >service/scheduler/conf/schedule.cron
}

testCase 'a schedule line beside it fires task-check at the next minute, seen in the container log' lineFiresAtTheMinute
