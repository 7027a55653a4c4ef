# shellcheck shell=bash
# What else is seen to: room on the disks, and the site's own periodic task.

fillingDiskIsSaid() {
    local site=$results/small-site
    mkdir -p -- "$site"
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 100m --env DISK_FULL_PERCENT=70 --tmpfs /var/lib/lamplighter:size=50m
    docker exec "$lonely" sh -c 'head --bytes=60M /dev/zero >/var/backups/large'
    lonelyOutcome check-disk >/dev/null
    expectMatch 'what it says' 'the disk of /var/backups is 60 % full: 40.0MiB of 100.0MiB are free' "$(<"$results/output")"
    expectNoMatch 'what is too full' 'ERROR.*/var/backups' "$(<"$results/output")"
    docker exec "$lonely" sh -c 'head --bytes=15M /dev/zero >/var/backups/more'
    expectEqual 'the outcome at 75 %' failed "$(lonelyOutcome check-disk)"
    expectMatch 'what it says' 'make room \(the limit is 70 %, .*the disk of /var/backups is 75 % full' "$(<"$results/output")"
}

# Asked for three times at once, by the clock and by others.
taskRunsAloneAndAsTheApplication() {
    local since
    since=$(now)
    cp -- site/task.php "$results/task.php"
    trap 'cat -- "$results/task.php" >site/task.php' EXIT
    # It fails where another one is on.
    cat >site/task.php <<'PHP'
<?php
$lock = fopen('/dev/shm/task-alone', 'c');
if (!flock($lock, LOCK_EX | LOCK_NB)) {
    echo "NOT ALONE\n";
    exit(1);
}
usleep(700000);
echo 'task of ', posix_getpwuid(posix_geteuid())['name'], ' with ', implode(' ', $argv), ' knows ', count(getenv()) > 0 ? 'its environment' : 'nothing', "\n";
PHP
    request php forum task-check
    request php root task-check
    runAction php forum task-check
    waitForLog 20 php "$since" 'task of forum.*task of forum'
    expectNoMatch 'the log' 'NOT ALONE|task-check [0-9a-f]{8} failed|task of root' "$(logOf php "$since")"
    expectMatch 'the log' 'task of forum with task.php knows its environment' "$(logOf php "$since")"
}

testCase 'a disk that fills up is said before it is full' fillingDiskIsSaid
testCase "the site's task is run as the application's user, and never twice at once" taskRunsAloneAndAsTheApplication
