# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# Backups: what one holds, and what becomes of it when something goes wrong.

snapshotSaysWhatItHolds() {
    local facts table rows
    fillDatabase
    runAction mysql forum nightly-backup
    facts=$(factsIn "$(newestOf database)")
    expectMatch 'what the snapshot says' '"rows":3000,"sum":"[0-9a-f]{16}","table":"forum.posts"' "$facts"
    expectEqual 'what there is beside tables' '1 2 4 2' \
        "$(jq --raw-output 'select(.server) | "\(.views) \(.triggers) \(.routines) \(.events)"' <<<"$facts")"
    expectEqual 'the server' "$(sql 'SELECT VERSION()' | cut --delimiter=' ' --fields=1)" "$(jq --raw-output 'select(.server) | .server' <<<"$facts")"
    while IFS=$'\t' read -r table rows; do
        expectEqual "the rows of $table" "$(sql "SELECT COUNT(*) FROM forum.\`${table//\`/\`\`}\`")" "$rows"
    done < <(jq --raw-output 'select(.table) | "\(.table | sub("^forum[.]"; ""))\t\(.rows)"' <<<"$facts")
    expectMatch 'what the snapshot says' '"rows":4,"sum":"[0-9a-f]{16}","table":"forum.all `kinds`, ü"' "$facts"
    expectMatch 'its log' 'snapshot [0-9a-f]{8}, .*, of it new: .* tables with [0-9]+ rows' "$(logOf mysql)"
}

siteFilesAreBackedUp() {
    expectOutcome succeeded backup nightly-backup
    inRepository restore "$(newestOf files):/var/www/site" --target /tmp/restored
    inside backup diff --recursive --no-dereference /var/www/site /tmp/restored || fail 'the backup is not what the site is'
    inside backup rm -rf /tmp/restored
}

# As caches do, in the middle of being looked at. It takes a moment that fits, so it is tried until one does.
filesThatGoAreNoFailure() {
    local site=$results/busy-site folder
    rm -rf -- "$site" "$results/backed-up" "$results/away"
    for folder in {1..100}; do
        mkdir -p -- "$site/cache/$folder"
        touch -- "$site/cache/$folder"/{1..20}
    done
    # shellcheck disable=SC2064 # this file
    trap "touch '$results/backed-up'; endLonelyBackup" EXIT
    startLonelyBackup "$site" 120m
    until [[ -e $results/backed-up ]]; do
        mv -- "$site/cache" "$results/away"
        mv -- "$results/away" "$site/cache"
    done &
    waitUntil 120 'files have gone while they were backed up' backsUpWhileFilesGo
    touch "$results/backed-up"
    wait
}

backsUpWhileFilesGo() {
    expectEqual 'the outcome' succeeded "$(lonelyOutcome nightly-backup)" && grep 'files went while they were backed up' "$results/output"
}

# Whoever breaks into the site finds no backup of it, and no password for one.
backupsAreOutOfReach() {
    local service
    for service in apache2 php redis scheduler; do
        expectNoMatch "the mounts of $service" /var/backups "$(inspect "$service" '{{range .Mounts}}{{.Destination}} {{end}}')"
        expectEqual "the backups that $service sees" '' "$(inside "$service" sh -c '{ find /var/backups -mindepth 1; ls /run/secrets/backup-*; } 2>/dev/null || true')"
    done
    # Of the group are MariaDB and root.
    expectEqual 'the modes of the folders' '2750 2770' "$(inside backup stat --format=%a /var/backups /var/backups/repository | tr '\n' ' ' | sed 's/ $//')"
}

added() { # SNAPSHOT
    inRepository snapshots --json "$1" | jq '.[0].summary.data_added_packed'
}

# First all rows are new; then the first one becomes longer, and one in the middle.
whatStaysIsNotStoredAgain() {
    local whole later
    makeArchive
    expectOutcome succeeded mysql nightly-backup
    whole=$(added "$(newestOf database)")
    sql 'UPDATE forum.archive SET body = CONCAT(body, RANDOM_BYTES(77)) WHERE id IN (1, 15000)'
    expectOutcome succeeded mysql nightly-backup
    later=$(added "$(newestOf database)")
    figure 'added by a backup of 30,000 new rows, and of 2 changed' "$((whole / 1000)) kB, $((later / 1000)) kB"
    if ((whole < 15000000)); then fail "the rows took only $whole bytes: they are not backed up, or compress"; fi
    if ((later > whole / 3)); then fail "two changed rows have $later bytes stored anew, of $whole"; fi
}

# Each of both: the copy of MariaDB's files, which a table that somebody has locked keeps waiting, and the dump, as soon as there is one.
killedBackupLeavesNoSnapshot() {
    local before id since
    before=$(snapshotsOf database; snapshotsOf physical)
    sql 'CREATE TABLE forum.zz_last (id INT PRIMARY KEY); INSERT INTO forum.zz_last VALUES (1)'
    sql 'LOCK TABLES forum.zz_last WRITE; DO SLEEP(61)' &
    trap 'sql "DROP TABLE IF EXISTS forum.zz_last"' EXIT
    waitUntil 20 'the table is locked' backupWaits 'SLEEP(61)'
    since=$(now)
    id=$(request mysql root nightly-backup)
    waitUntil 60 'the copy waits for the locked table' backupWaits 'BACKUP STAGE START'
    inside mysql pkill -KILL -x mariadb-backup
    waitForLog 60 mysql "$since" "nightly-backup ${id:0:8} failed"
    sql "SELECT CONCAT('KILL ', id) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP(61)' AND id <> CONNECTION_ID()" |
        inside mysql mariadb --force
    wait || true
    expectMatch 'its log' 'no backup is made' "$(logOf mysql "$since")"
    expectEqual 'the snapshots' "$before" "$(snapshotsOf database; snapshotsOf physical)"

    since=$(now)
    before=$(snapshotsOf database)
    id=$(request mysql root nightly-backup)
    inside mysql timeout 60 sh -c 'until pkill -STOP -x mariadb-dump; do sleep 0.02; done; pkill -KILL -x mariadb-dump'
    waitForLog 60 mysql "$since" "nightly-backup ${id:0:8} failed"
    expectMatch 'its log' 'no backup is made' "$(logOf mysql "$since")"
    expectEqual 'the snapshots' "$before" "$(snapshotsOf database)"
}

backupWaits() { # WHAT-THE-LIST-OF-PROCESSES-HAS
    sql 'SHOW FULL PROCESSLIST' | grep --fixed-strings "$1"
}

neverTwoAtOnce() {
    local since holder
    exec {holder}> >(inside backup flock /var/backups/lock sh -c 'echo held >/var/backups/.held; cat')
    waitUntil 20 'the lock is held' inside backup rm /var/backups/.held
    since=$(now)
    request mysql root nightly-backup
    request backup root nightly-backup
    waitForLog 20 mysql "$since" 'waiting: somebody else is at work on the backups'
    waitForLog 20 backup "$since" 'waiting: somebody else is at work on the backups'
    expectNoMatch 'the log of mysql' 'succeeded' "$(logOf mysql "$since")"
    exec {holder}>&-
    waitForLog 60 mysql "$since" 'nightly-backup [0-9a-f]{8} succeeded'
    waitForLog 60 backup "$since" 'nightly-backup [0-9a-f]{8} succeeded'
}

# As a killed restic leaves it: in the name of a machine that is not there any more.
staleLockIsRemoved() {
    inside mysql sh -euc '
        cd /tmp && mkfifo never-ending
        restic --repo /var/backups/repository --password-file /run/secrets/backup-password --no-cache backup --stdin <never-ending &
        exec 3>never-ending
        until ls /var/backups/repository/locks | grep .; do sleep 0.1; done
        kill -KILL $!
        rm never-ending'
    expectMatch 'the locks' '[0-9a-f]{64}' "$(onBackups ls locks)"
    expectOutcome succeeded backup nightly-backup
    expectEqual 'the locks' '' "$(onBackups ls locks)"
}

wrongPasswordIsSaid() {
    local before
    before=$(snapshotsOf)
    cp -- .secrets/backup-password .secrets/good
    trap 'setSecret backup-password <.secrets/good; rm .secrets/good' EXIT
    echo 'not the password' | setSecret backup-password
    expectOutcome failed mysql nightly-backup
    expectMatch 'what it says' 'the password is not the one that the repository was made with' "$(<"$results/output")"
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' 'the password is not the one that the repository was made with' "$(<"$results/output")"
    setSecret backup-password <.secrets/good
    expectEqual 'the snapshots' "$before" "$(snapshotsOf)"
    expectOutcome succeeded mysql nightly-backup
}

missingDiskIsSaid() {
    trap 'inside backup mv /var/backups/elsewhere /var/backups/repository' EXIT
    inside backup mv /var/backups/repository /var/backups/elsewhere
    expectOutcome failed mysql nightly-backup
    expectMatch 'what it says' 'the repository of backups is gone from /var/backups' "$(<"$results/output")"
    inside backup test ! -e /var/backups/repository || fail 'a new repository has been begun'
}

# As of another time, which restic reads in the container's zone: UTC.
lonelySnapshot() { # TIME
    docker exec "$lonely" repository backup --quiet --tag files --time "$1" /var/www/site
}

lonelyTimes() { # [LENGTH]
    docker exec "$lonely" repository snapshots --json | jq --raw-output ".[].time[:${1:-16}]" | sort
}

lonelySite() {
    mkdir -p -- "$results/kept-site"
    echo one >"$results/kept-site/one"
    printf '%s\n' "$results/kept-site"
}

# The night's backup is good; then somebody makes one of what is broken by now, "to be safe".
laterBackupCostsNoEarlierOne() {
    local site before hours
    local -a expected=()
    site=$(lonelySite)
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 120m --env BACKUP_KEEP_DAYS=1 --env BACKUP_KEEP_WEEKS=1 --env BACKUP_KEEP_MONTHS=1
    for hours in 72 49 47 46 1; do
        before=$(date --utc --date="-$hours hours" '+%F %T')
        if ((hours < 48)); then expected+=("${before/ /T}"); fi
        lonelySnapshot "$before"
    done
    expectEqual 'the outcome' succeeded "$(lonelyOutcome nightly-backup)"
    expectEqual 'the outcome of another one on that day' succeeded "$(lonelyOutcome nightly-backup)"
    expectEqual 'what is kept of the time before' "${expected[*]}" "$(lonelyTimes 19 | head --lines=-2 | tr '\n' ' ' | sed 's/ $//')"
    expectEqual 'what is kept in all' 5 "$(lonelyTimes | wc --lines)"
}

# Today's is the first of four days, three weeks and three months. 2020-06-14 is a Sunday.
daysWeeksAndMonthsAreKept() {
    local site time
    site=$(lonelySite)
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 120m --env BACKUP_KEEP_DAYS=4 --env BACKUP_KEEP_WEEKS=3 --env BACKUP_KEEP_MONTHS=3
    for time in 2020-04-30T20:00 2020-05-30T20:00 2020-05-31T20:00 2020-06-07T20:00 2020-06-13T20:00 2020-06-14T20:00 \
        2020-06-15T20:00 2020-06-16T20:00 2020-06-17T04:05 2020-06-17T20:00; do
        lonelySnapshot "${time/T/ }:00"
    done
    expectEqual 'the outcome' succeeded "$(lonelyOutcome nightly-backup)"
    expectEqual 'what is kept of the time before' \
        '2020-05-31T20:00 2020-06-14T20:00 2020-06-15T20:00 2020-06-16T20:00 2020-06-17T20:00' \
        "$(lonelyTimes | head --lines=-1 | tr '\n' ' ' | sed 's/ $//')"
    expectEqual 'what is kept in all' 6 "$(lonelyTimes | wc --lines)"
}

lonelyFree() { # in MB
    docker exec "$lonely" df --output=avail --block-size=1M /var/backups | tail --lines=1
}

lonelyIds() {
    docker exec "$lonely" repository snapshots --json | jq --raw-output '.[].id'
}

# Once by what happens on the way, once by what is asked before. Nobody has to make room by hand afterwards.
fullDiskHarmsNoOlderBackup() {
    local site=$results/small-site before free
    mkdir -p -- "$site"
    # It takes next to nothing; what comes in its place is as long and takes more than there is.
    head --bytes=150M /dev/zero >"$site/large"
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 120m
    expectMatch 'the outcome of the first, which may need more than there is' failed "$(lonelyOutcome nightly-backup)"
    docker exec "$lonely" repository backup --quiet --tag files /var/www/site
    expectEqual 'the outcome of the second' succeeded "$(lonelyOutcome nightly-backup)"
    before=$(lonelyIds)
    free=$(lonelyFree)

    head --bytes=150M /dev/urandom >"$site/large"
    expectEqual 'the outcome when the disk becomes full' failed "$(lonelyOutcome nightly-backup)"
    expectMatch 'what it says' 'no backup is made: there is no room for it in /var/backups' "$(<"$results/output")"
    expectMatch 'what it says' 'what no snapshot needs is thrown away: .* are free in /var/backups' "$(<"$results/output")"
    if (($(lonelyFree) < free - 2)); then fail "there were $free MB free, and now there are $(lonelyFree)"; fi

    # Of this it is known before.
    head --bytes=200M /dev/urandom >"$site/larger"
    expectEqual 'the outcome when more has come than there is room for' failed "$(lonelyOutcome nightly-backup)"
    expectMatch 'what it says' 'no backup is made: .* are free in /var/backups, and it takes 2[0-9]{2}\.[0-9]MiB' "$(<"$results/output")"
    expectNoMatch 'what it says' 'no space left|is no room for it' "$(<"$results/output")"

    expectEqual 'the snapshots' "$before" "$(lonelyIds)"
    docker exec "$lonely" repository check --read-data
    rm -f -- "$site/large" "$site/larger"
    echo two >"$site/two"
    expectEqual 'the outcome once it fits' succeeded "$(lonelyOutcome nightly-backup)"
}

# As a backup leaves it that was killed: packs that are in no snapshot.
remainsMakeRoom() {
    local site
    site=$(lonelySite)
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 120m
    expectEqual 'the outcome of the first' succeeded "$(lonelyOutcome nightly-backup)"
    head --bytes=80M /dev/urandom >"$site/large"
    docker exec "$lonely" repository backup --quiet --tag other /var/www/site
    docker exec "$lonely" sh -c 'restic --repo /var/backups/repository --password-file /run/secrets/backup-password --no-cache forget --quiet --tag other --unsafe-allow-remove-all'
    rm -f -- "$site/large"
    if (($(lonelyFree) > 60)); then fail "there are $(lonelyFree) MB free all the same"; fi
    expectEqual 'the outcome' succeeded "$(lonelyOutcome nightly-backup)"
    expectMatch 'what it says' 'what no snapshot needs is thrown away' "$(<"$results/output")"
}

copyGoesElsewhere() {
    local site=$results/copied-site
    mkdir -p -- "$site" "$results/elsewhere"
    echo one >"$site/one"
    printf '# a comment\nRESTIC_PROGRESS_FPS=1\n' >"$results/offsite"
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 120m --env BACKUP_OFFSITE=/elsewhere/repository \
        --volume "$results/offsite:/run/secrets/backup-offsite:ro" --volume "$results/elsewhere:/elsewhere"
    expectEqual 'the outcome of the backup' succeeded "$(lonelyOutcome nightly-backup)"
    expectEqual 'the outcome of the copy' succeeded "$(lonelyOutcome offsite-copy)"
    expectMatch 'what it says' 'copied to /elsewhere/repository, which has 1 snapshots' "$(<"$results/output")"
    expectEqual 'the backup that it tells of' "$(docker exec "$lonely" repository newest files) files true true" \
        "$(lonelyFact snapshots | jq --raw-output '.data[0] | "\(.id) \(.kind) \(.bytes > 0) \(.added > 0)"')"
    docker exec "$lonely" repository --offsite restore latest:/var/www/site --target /tmp/copy
    expectEqual 'what the copy has' one "$(docker exec "$lonely" cat /tmp/copy/one)"
    # The changes since, whoever is at work on the backups here.
    docker exec "$lonely" sh -c 'mkdir -p /var/backups/changes/h && echo one >/var/backups/changes/h/binlog.000001.000000000000-000000000004.zst.age
        echo "{\"kept\":1795838700}" >/var/backups/changes/h/kept.json'
    docker exec --detach "$lonely" flock /var/backups/lock sleep 120
    expectEqual 'the outcome of the copy of changes' succeeded "$(lonelyOutcome offsite-changes)"
    expectMatch 'what it says' 'the changes up to now are at /elsewhere/repository' "$(<"$results/output")"
    expectEqual 'up to when they are there' '"2026-11-28T04:05:00.000Z"' "$(lonelyFact offsite-changes | jq .instant)"
    expectEqual 'the outcome of the next one' succeeded "$(lonelyOutcome offsite-changes)"
    expectMatch 'what it says' 'nothing has changed since the last copy' "$(<"$results/output")"
    docker exec "$lonely" pkill sleep
    docker exec "$lonely" repository --offsite restore --tag changes latest:/var/backups/changes/h --target /tmp/changes
    expectEqual 'what the copy has' one "$(docker exec "$lonely" sh -c 'cat /tmp/changes/*.age')"
    printf 'BASH_ENV=/elsewhere/program\n' >>"$results/offsite"
    expectEqual 'the outcome of the copy' failed "$(lonelyOutcome offsite-copy)"
    expectMatch 'what it says' "sets nothing that restic's stores ask for: BASH_ENV" "$(<"$results/output")"
    docker exec "$lonely" sh -c 'find /elsewhere -mindepth 1 -delete'
}

# Snapshots of long ago, which a copy with rules of its own would forget at once; the other way round to see that.
appendOnlyCopyForgetsNothing() {
    local site
    site=$(lonelySite)
    trap 'docker exec "$lonely" sh -c "find /elsewhere -mindepth 1 -delete"; endLonelyBackup' EXIT
    mkdir -p -- "$results/elsewhere"
    : >"$results/offsite"
    startLonelyBackup "$site" 120m --env BACKUP_OFFSITE=/elsewhere/repository --env BACKUP_OFFSITE_APPEND_ONLY=1 \
        --env BACKUP_KEEP_DAYS=1 --env BACKUP_KEEP_WEEKS=1 --env BACKUP_KEEP_MONTHS=1 \
        --volume "$results/offsite:/run/secrets/backup-offsite:ro" --volume "$results/elsewhere:/elsewhere"
    lonelySnapshot '2020-06-16 20:00:00'
    lonelySnapshot '2020-06-17 20:00:00'
    expectEqual 'the outcome of the copy' succeeded "$(lonelyOutcome offsite-copy)"
    expectMatch 'what it says' 'copied to /elsewhere/repository, which has 2 snapshots' "$(<"$results/output")"
    # Here they go with the next backup, and there they stay.
    expectEqual 'the outcome of the backup' succeeded "$(lonelyOutcome nightly-backup)"
    expectEqual 'the snapshots here' 1 "$(lonelyIds | wc --lines)"
    expectEqual 'the outcome of the copy' succeeded "$(lonelyOutcome offsite-copy)"
    expectMatch 'what it says' 'copied to /elsewhere/repository, which has 3 snapshots' "$(<"$results/output")"
    expectEqual 'the newest of the copy' "$(docker exec "$lonely" repository snapshots --json | jq --raw-output '.[].tags | sort[0]')" \
        "$(docker exec "$lonely" sh -c 'repository --offsite snapshots --json "$(repository --offsite newest files)"' | jq --raw-output '.[].tags | sort[0]')"
}

# On one night the clock was ten years ahead.
futureBackupIsNotTheNewest() {
    local site problem
    site=$(lonelySite)
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 120m
    lonelySnapshot "$(date --utc --date=yesterday '+%F %T')"
    lonelySnapshot '2036-01-01 04:05:00'
    expectEqual 'the outcome' succeeded "$(lonelyOutcome nightly-backup)"
    expectMatch 'what it says' 'the clock was wrong when these backups were made: [0-9a-f]{8} of the files bears 2036-01-01T04:05:00' "$(<"$results/output")"
    expectEqual 'what is newest' "$(date --utc +%Y-%m-%d)" \
        "$(docker exec "$lonely" sh -c 'repository snapshots --json "$(repository newest files)"' | jq --raw-output '.[].time[:10]')"
    expectEqual 'what is kept' 3 "$(lonelyIds | wc --lines)"
    expectEqual 'the outcome of the next' succeeded "$(lonelyOutcome nightly-backup)"
    expectEqual 'what is kept' 4 "$(lonelyIds | wc --lines)"
    problem=$(docker exec "$lonely" lamplighter status --json)
    expectMatch 'the status' '2036-01-01T04:05:00' "$problem"
    docker exec "$lonely" sh -c 'repository forget --quiet "$(repository snapshots --json | jq --raw-output ".[] | select(.time > \"2036\").short_id")"'
    expectEqual 'the outcome without it' succeeded "$(lonelyOutcome nightly-backup)"
    expectNoMatch 'the status' '2036-01-01T04:05:00' "$(docker exec "$lonely" lamplighter status --json)"
}

# Where root is not ours, nothing can be mounted; nor where Docker has another view of the mounts.
hiddenDiskIsSaid() {
    local site
    if [[ $EUID -ne 0 ]]; then skip 'only root can mount a disk'; fi
    site=$(lonelySite)
    mkdir -p -- "$site/uploads"
    # shellcheck disable=SC2064 # this folder
    trap "endLonelyBackup; umount -q '$site/uploads' || true" EXIT
    startLonelyBackup "$site" 120m
    mount -t tmpfs none "$site/uploads" || skip 'no disk can be mounted here'
    echo picture >"$site/uploads/one"
    expectEqual 'the outcome with a disk that came later' failed "$(lonelyOutcome nightly-backup)"
    expectMatch 'what it says' "does not see what has come since its start: [^ ]*/kept-site/uploads\..*restart backup" "$(<"$results/output")"
    endLonelyBackup
    startLonelyBackup "$site" 120m
    expectEqual 'the outcome after a restart' succeeded "$(lonelyOutcome nightly-backup)"
    expectMatch 'what it says' ' 2 files' "$(<"$results/output")"
}

laterDiskIsBackedUpWhereMountsAreShared() {
    local site
    if [[ $EUID -ne 0 ]]; then skip 'only root can mount a disk'; fi
    site=$(lonelySite)
    mkdir -p -- "$site/uploads"
    # shellcheck disable=SC2064 # this folder
    trap "endLonelyBackup; umount -q '$site/uploads' || true; umount -q '$site' || true; bin/up --prepare" EXIT
    mount --bind "$site" "$site" || skip 'nothing can be mounted here'
    mount --make-shared "$site"
    SITE_PATH=$site bin/up --prepare
    expectMatch '.env' $'\nSITE_PROPAGATION=rslave\n' "$(<.env)"
    expectMatch 'the mounts' "$site:/var/www/site:ro,rslave" "$(SITE_PATH=$site "${compose[@]}" config)"
    lonelyMode=ro,rslave startLonelyBackup "$site" 120m
    mount -t tmpfs none "$site/uploads"
    echo picture >"$site/uploads/one"
    expectEqual 'the outcome' succeeded "$(lonelyOutcome nightly-backup)"
    expectMatch 'what it says' ' 2 files' "$(<"$results/output")"

    endLonelyBackup
    umount "$site/uploads"
    mount --make-private "$site"
    SITE_PATH=$site bin/up --prepare
    expectMatch '.env' $'\nSITE_PROPAGATION=rprivate\n' "$(<.env)"
}

# The backup is made; but somebody should look.
farFewerFilesAreSaid() {
    local site=$results/shrinking-site
    mkdir -p -- "$site"
    touch -- "$site"/{1..20}
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 120m --env BACKUP_FEWER_PERCENT=40
    expectEqual 'the outcome of the first' succeeded "$(lonelyOutcome nightly-backup)"
    rm -f -- "$site"/{1..9}
    expectEqual 'the outcome of the second' succeeded "$(lonelyOutcome nightly-backup)"
    expectMatch 'the status' 'far less than those before: 11 files, where there have been 20' "$(docker exec "$lonely" lamplighter status --json)"
    expectEqual 'the backups' 2 "$(lonelyIds | wc --lines)"
    touch -- "$site"/{1..9}
    expectEqual 'the outcome of the third' succeeded "$(lonelyOutcome nightly-backup)"
    expectNoMatch 'the status' 'far less' "$(docker exec "$lonely" lamplighter status --json)"
}

unreachableCopyIsSaid() {
    local site=$results/copied-site before
    mkdir -p -- "$site"
    echo one >"$site/one"
    printf 'RESTIC_REST_USERNAME=somebody\nRESTIC_REST_PASSWORD=not-to-be-seen\n' >"$results/offsite"
    trap endLonelyBackup EXIT
    startLonelyBackup "$site" 120m --env BACKUP_OFFSITE=rest:http://127.0.0.1:9/ --env BACKUP_OFFSITE_PATIENCE=5 \
        --volume "$results/offsite:/run/secrets/backup-offsite:ro"
    expectEqual 'the outcome of the backup' succeeded "$(lonelyOutcome nightly-backup)"
    before=$(docker exec "$lonely" repository snapshots --json | jq --raw-output '.[].id')
    expectEqual 'the outcome of the copy' failed "$(lonelyOutcome offsite-copy)"
    expectMatch 'what it says' 'nothing is copied to rest:http://127.0.0.1:9/: .*The backups on this machine are as they were' "$(<"$results/output")"
    expectNoMatch 'what it says' 'not-to-be-seen' "$(<"$results/output")"
    expectEqual 'the snapshots' "$before" "$(docker exec "$lonely" repository snapshots --json | jq --raw-output '.[].id')"
    docker exec "$lonely" repository check --read-data
}

testCase 'forum nightly-backup, sent as a plain line, makes a snapshot that says what it holds' snapshotSaysWhatItHolds
testCase "the backup of the site's files has them all" siteFilesAreBackedUp
rareCase 'files that go while they are backed up are no failure' filesThatGoAreNoFailure
testCase 'what faces the internet sees no backup' backupsAreOutOfReach
rareCase 'what has not changed is not stored again, also behind a row that grew' whatStaysIsNotStoredAgain
testCase 'what is killed in the middle is a failed backup, and no snapshot' killedBackupLeavesNoSnapshot
testCase 'two backups never run at once' neverTwoAtOnce
testCase 'a lock that a killed backup left behind is removed' staleLockIsRemoved
testCase 'a wrong password is said, and the backups stay as they are' wrongPasswordIsSaid
testCase 'where the repository is gone, no other is begun' missingDiskIsSaid
rareCase 'a second backup on one day costs none of the last two days' laterBackupCostsNoEarlierOne
rareCase 'the last backup of so many days, weeks and months stays, and no other' daysWeeksAndMonthsAreKept
slowCase 'a full disk is said, before and on the way, has room again, and the backups stay as they are' fullDiskHarmsNoOlderBackup
rareCase 'what a killed backup left behind makes room for the next one' remainsMakeRoom
testCase 'the copy elsewhere has what is here' copyGoesElsewhere
rareCase 'a copy that lets nothing be removed is only added to' appendOnlyCopyForgetsNothing
slowCase 'a backup from the future is told, is not the newest, and costs none' futureBackupIsNotTheNewest
testCase 'a disk below the site that the container does not see fails the backup' hiddenDiskIsSaid
testCase 'where mounts are shared, bin/up has them propagate, and a disk that comes later is backed up' laterDiskIsBackedUpWhereMountsAreShared
slowCase 'a backup with far fewer files than before is kept, and said' farFewerFilesAreSaid
rareCase 'a place for the copy that cannot be reached is said, and the backups stay as they are' unreachableCopyIsSaid
