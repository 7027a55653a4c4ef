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

restartPhpWith() { # NAME=VALUE...
    local -x "$@"
    "${compose[@]}" up --detach --no-build --no-deps php
    waitUntilHealthy php
}

# In $results/output is what it says.
taskOfTheSiteIsNamed() {
    trap 'mv -f -- site/task.aside site/task.php; rm -rf -- site/jobs site/outside.php; restartPhpWith TASK=' EXIT
    mv -- site/task.php site/task.aside
    expectEqual 'the outcome without a task.php' skipped "$(outcomeOf php root task-check)"
    expectMatch 'what it says' 'the site has no task.php: .* TASK=cron.php' "$(<"$results/output")"
    expectMatch 'the status' 'task-check skipped' "$(inside scheduler lamplighter status)"
    mkdir -p site/jobs
    echo '<?php echo "job of ", posix_getpwuid(posix_geteuid())["name"], " in ", getcwd(), PHP_EOL;' >site/jobs/cron.php
    ln -sfn /usr/local/conf/guard.php site/outside.php
    restartPhpWith TASK=jobs/cron.php
    expectEqual 'the outcome with TASK' succeeded "$(outcomeOf php root task-check)"
    expectMatch 'what it says' 'job of forum in /var/www/site' "$(<"$results/output")"
    restartPhpWith TASK=none.php
    expectEqual 'the outcome of a TASK that there is not' failed "$(outcomeOf php root task-check)"
    expectMatch 'what it says' 'the site has no none.php, which TASK in .env names' "$(<"$results/output")"
    restartPhpWith TASK=outside.php
    expectEqual 'the outcome of a TASK that leads out' failed "$(outcomeOf php root task-check)"
    expectMatch 'what it says' 'outside.php leads out of the site, to /usr/local/conf/guard.php' "$(<"$results/output")"
    ! TASK=../cron.php bin/up --prepare 2>"$results/up" || fail 'bin/up takes a TASK outside of the site'
    # shellcheck disable=SC2016 # backticks that are meant as such
    expectMatch 'what bin/up says' 'TASK is `../cron.php`' "$(<"$results/up")"
}

testCase 'a disk that fills up is said before it is full' fillingDiskIsSaid
testCase "the site's task is run as the application's user, and never twice at once" taskRunsAloneAndAsTheApplication
testCase "the site's task is the script that TASK names, and skipped where there is none" taskOfTheSiteIsNamed
