# shellcheck shell=bash
# A schedule for the test, with a line that cannot be: what is wrong is said, and where.

# The third line is for the case `a schedule line fires`.
writeSchedule() {
    local file=service/scheduler/conf/schedule.cron
    printf '%s\n' '# For the end-to-end test.' '61 * * * * php task-check' '* * * * * forum php task-check' >"$file.new"
    mv -- "$file.new" "$file"
}

badLineIsReported() {
    local since
    since=$(now)
    writeSchedule
    waitForLog 10 scheduler "$since" 'schedule\.cron:2(:[0-9]+)?:'
    expectNoMatch 'the log of the scheduler' 'schedule\.cron:3' "$(logOf scheduler "$since")"
}

testCase 'a bad schedule line is reported with its number, as soon as it is written' badLineIsReported
