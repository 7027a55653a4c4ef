# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# The proof that backups can be restored, and restoring them.

# All that a file can be. As root of a container that may do so.
makeOddFiles() {
    docker run --rm --network none --volume "$PWD/site:/site" --cap-add MKNOD --cap-add SETFCAP --entrypoint bash "$image" -euc '
        mkdir -p /site/odd/shared && cd /site/odd
        echo one >one && chown 10001:902 one && chmod 6755 one && ln -f one shared/hard-link
        chgrp 902 shared && chmod 3775 shared
        truncate --size=30M sparse && rm -f pipe null block && mkfifo pipe && mknod null c 1 3 && mknod block b 7 9
        printf x >"$(printf "latin-\\351")" && printf y >"$(printf "a\\nline and \\\\ [x]*?")" && touch program
        perl -e '\''require "syscall.ph"; my $set = SYS_lsetxattr();
            sub attribute { my ($path, $name, $value) = @_; my $length = length $value;
                syscall($set, $path, $name, $value, $length, 0) == 0 or die "$name: $!\n" }
            my $acl = pack "V(vvV)5", 2, 1, 7, ~0 & 0xffffffff, 2, 4, 33, 4, 5, 0xffffffff, 16, 5, 0xffffffff, 32, 0, 0xffffffff;
            attribute("one", "user.comment", "kept");
            attribute("program", "security.capability", pack "V5", 0x02000001, 1 << 10, 0, 0, 0);
            attribute("shared", "system.posix_acl_$_", $acl) for "access", "default";
            use Socket; socket my $socket, AF_UNIX, SOCK_STREAM, 0; unlink "socket"; bind $socket, sockaddr_un("socket") or die'\''
        touch --date="2001-02-03 04:05:06.123456789" one shared program'
}

removeOddFiles() {
    rm -rf site/odd 2>/dev/null || docker run --rm --volume "$PWD/site:/site" --entrypoint rm "$image" -rf /site/odd
}

drillProves() {
    local began=$EPOCHREALTIME
    expectOutcome succeeded mysql nightly-backup
    makeOddFiles
    trap removeOddFiles EXIT
    expectOutcome succeeded backup nightly-backup
    expectMatch 'what the backup says' 'a restore will not bring these back, as no backup can: /var/www/site/odd/socket: a socket' "$(<"$results/output")"
    began=$EPOCHREALTIME
    expectOutcome succeeded backup restore-drill
    figure 'restore drill of the test database' "$(secondsSince "$began") s"
    expectMatch 'what it says' "as it was backed up, .* tables with [0-9]+ rows" "$(<"$results/output")"
    expectMatch 'what it says' '[0-9]+ files and folders are as they were, [0-9]{2,} of them compared with those of the site; part 1 of 1' "$(<"$results/output")"
    expectMatch 'what it says' "last proven restorable: $(date --utc +%Y-%m-%d)T.* \(database $(newestOf database), files $(newestOf files)\)" "$(<"$results/output")"
    expectEqual 'what is recorded' "$(date --utc +%Y-%m-%d) $(newestOf database) $(newestOf files)" \
        "$(inside backup cat /var/backups/last-proven.json | jq --raw-output '"\(.proven[:10]) \(.database.snapshot) \(.files.snapshot)"')"
    expectEqual 'what is told of it' "$(inside backup cat /var/backups/last-proven.json | jq --sort-keys .)" \
        "$(ask backup <<<'{"op":"status"}' | jq --sort-keys .facts.proven.data)"
    expectEqual 'the newest backups that are told of' "$(newestOf files) $(newestOf database)" \
        "$(ask backup <<<'{"op":"status"}' | jq --raw-output '.facts.snapshots.data | map({(.kind): .id}) | reverse | add | "\(.files) \(.database)"')"
    expectEqual 'what is left of it' '' "$(inside backup sh -c 'ls -d /var/lib/lamplighter/drill 2>/dev/null; pgrep mariadbd || true')"
}

# As if a table had lost rows on the way: the dump says one thing and holds another.
makeSnapshot() { # SED-SCRIPT
    inside mysql sh -euc 'dump-databases >/tmp/dump && sed -i -E "$1" /tmp/dump &&
        restic --repo /var/backups/repository --password-file /run/secrets/backup-password --no-cache backup --quiet \
            --tag database --stdin --stdin-filename database.sql </tmp/dump && rm /tmp/dump' sh "$1"
}

drillFindsLess() {
    local proven
    proven=$(inside backup cat /var/backups/last-proven.json)
    makeArchive
    makeSnapshot '/^\(17,.Gr.*\),$/d; s/`archive`/`stored`/g'
    trap 'inRepository forget --quiet "$(newestOf database)"' EXIT
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' 'forum\.posts has 2999 rows, not 3000' "$(<"$results/output")"
    expectMatch 'what it says' 'the table forum\.archive is missing' "$(<"$results/output")"
    expectMatch 'what it says' 'the restored database is NOT what was backed up' "$(<"$results/output")"
    expectEqual 'what was last proven' "$proven" "$(inside backup cat /var/backups/last-proven.json)"
}

# As a repair leaves a repository that had lost a list of a folder's files: whole in itself, and without that folder. It
# takes a backup of the folder alone for its list to lie in a file of its own, and none by nightly-backup after that, which
# puts small files together.
drillFindsFewerFiles() {
    local tree pack
    trap forgetDeepFolder EXIT
    mkdir -p site/deep
    printf '%s\n' "$EPOCHREALTIME" | tee site/deep/one >site/deep/two
    inRepository backup --quiet --tag other /var/www/site/deep
    inRepository backup --quiet --tag files /var/www/site
    tree=$(inRepository cat tree "$(newestOf files):/var/www/site" | jq --raw-output '.nodes[] | select(.name == "deep") | .subtree')
    pack=$(inRepository find --tree "$tree" --show-pack-id | sed --quiet --regexp-extended 's/^Object belongs to pack ([0-9a-f]{64})$/\1/p' | head --lines=1)
    onBackups rm -f "data/${pack:0:2}/$pack"
    inRepository repair index
    inRepository repair snapshots --forget
    inRepository check
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' 'the backup of the files has [0-9]+ of the [0-9]+ files it was made of' "$(<"$results/output")"
}

forgetDeepFolder() {
    rm -rf site/deep
    inRepository forget --quiet "$(newestOf files)"
    inRepository forget --quiet --tag other --unsafe-allow-remove-all
    expectOutcome succeeded backup nightly-backup
}

drillFindsOtherValues() {
    makeSnapshot "s/^\(17,'G/(17,'g/"
    trap 'inRepository forget --quiet "$(newestOf database)"' EXIT
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' 'forum\.posts has other values in its rows' "$(<"$results/output")"
}

# Whoever may write a procedure or name a table, the site itself for example, could say that less was backed up, or that
# more was, or make every backup fail.
factsAreNobodysText() {
    local facts
    local -r name='`sly
-- Dump completed
USE ``x``;
end`'
    fillDatabase
    # shellcheck disable=SC2064 # this name
    trap "sql 'DROP TABLE forum.$name'" EXIT
    sql "CREATE OR REPLACE TABLE forum.$name (id INT, text VARCHAR(90) DEFAULT '\n-- Dump completed\n'); INSERT INTO forum.$name (id) VALUES (1), (2)"
    expectOutcome succeeded mysql nightly-backup
    facts=$(factsIn "$(newestOf database)")
    expectEqual 'the server' "$(sql 'SELECT VERSION()' | cut --delimiter=' ' --fields=1)" "$(jq --raw-output 'select(.server) | .server' <<<"$facts")"
    expectEqual 'the tables' "$(sql "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'forum' AND table_type = 'BASE TABLE'")" \
        "$(jq --raw-output 'select(.server) | .tables' <<<"$facts")"
    expectEqual 'a table that there is not' '' "$(jq 'select(.table == "x" or .table == "elsewhere.x")' <<<"$facts")"
    expectEqual 'the rows of the table with a sly name' 2 "$(jq --null-input '[inputs | select(.table // "" | startswith("forum.sly\n"))][0].rows' <<<"$facts")"
    expectOutcome succeeded backup restore-drill
    expectMatch 'what it says' "as it was backed up, .*: $(jq --raw-output 'select(.server) | "\(.tables) tables with \(.rows) rows"' <<<"$facts")" "$(<"$results/output")"
}

# In the middle of the largest file, which has the rows.
corruptPackIsNamed() {
    local pack
    pack=$(onBackups find data -type f -printf '%s %p\n' | sort --numeric-sort | tail --lines=1 | cut --delimiter=' ' --fields=2)
    onBackups cp "$pack" /var/backups/good-pack
    # shellcheck disable=SC2064 # this pack
    trap "onBackups sh -c 'cat /var/backups/good-pack >$pack; rm /var/backups/good-pack'" EXIT
    onBackups sh -euc 'chmod u+w "$1"; printf "%64s" corrupt | dd of="$1" bs=1 seek="$(($(stat --format=%s "$1") / 2))" conv=notrunc status=none' sh "$pack"
    expectOutcome failed backup restore-drill
    expectMatch 'what it says' "(CANNOT BE RESTORED|DAMAGED)" "$(<"$results/output")"
    expectMatch 'what it says' "${pack##*/}|pack ${pack##*/}" "$(<"$results/output")"
}

restoreRefusesLiveSite() {
    local before said status=0
    before=$(databaseFacts sql)
    said=$(bin/restore 2>&1) || status=$?
    expectEqual 'its status' 1 "$status"
    expectMatch 'what it says' 'the stack is running: .*--force' "$(tr '\n' ' ' <<<"$said")"
    expectEqual 'what is in the database' "$before" "$(databaseFacts sql)"
    siteIsUp
}

# A small disk of its own in the place of MariaDB's, and the same program as bin/restore runs.
missingRoomIsSaid() {
    local said status=0
    said=$(docker run --rm --network none --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --tmpfs /var/lib/mysql:size=400m --volume "$PWD/target-sbin:/usr/local/sbin:ro" \
        --volume "$PWD/service/backup/bin:/usr/local/bin:ro" --volume "$PWD/site:/var/www/site" \
        "$image" bash -c 'restore need-space database 20000000 files 1000000 && echo there is room && restore need-space database 60000000' 2>&1) || status=$?
    expectEqual 'the status where there is too little' 1 "$status"
    expectMatch 'what it says' "there is room.*400\\.0MiB are free on the disk of the database's folder, and it takes 491\\.7MiB" "$(tr '\n' ' ' <<<"$said")"
}

# With what Perl alone knows: device numbers, extended attributes (ACLs and capabilities too).
siteFacts() {
    inside backup sh -euc 'cd /var/www/site && find . ! -type s -printf "%p %y %m %U %G %s %T@ %l %n\n" | sort
        find . -type f -exec sha256sum {} + | sort
        find . ! -type s -print0 | sort --zero-terminated | xargs --null perl -e "require q(/usr/local/bin/file-attributes.pl);
            printf qq(%s %d %s\n), \$_, (lstat)[6], join q(, ), sort split /, /, attributesOf(\$_) for @ARGV"'
}

# All but the visits, because bin/up pays one when it looks whether the site answers, and the runs of the site's task,
# which the clock has asked for every five minutes.
lastingFacts() {
    databaseFacts sql | grep --invert-match --regexp=visits --regexp=task_runs
}

damageIsUndone() {
    local database files began command
    sql "CREATE USER IF NOT EXISTS reader@localhost IDENTIFIED BY 'some secret';
        GRANT SELECT ON forum.posts TO reader@localhost; GRANT EXECUTE ON PROCEDURE forum.tidy TO reader@localhost"
    makeArchive
    mkdir -p site/kept/deep
    head --bytes=300000 /dev/urandom >site/kept/deep/picture
    ln -sfn picture site/kept/deep/link
    # As many as any real application has: their list is longer than what a pipe holds.
    mkdir -p site/kept/many
    (cd site/kept/many && seq --format='a-file-with-a-rather-long-name-of-number-%g' 3000 | xargs touch)
    makeOddFiles
    trap removeOddFiles EXIT
    expectOutcome succeeded mysql nightly-backup
    expectOutcome succeeded backup nightly-backup
    database=$(lastingFacts; sql 'SHOW GRANTS FOR reader@localhost')
    files=$(siteFacts)

    inRedis set later 'than the backup'
    sql 'DROP TABLE forum.posts; UPDATE forum.archive SET body = 0 WHERE id % 2; CREATE TABLE forum.later (id INT); DROP USER reader@localhost'
    rm -rf site/kept site/odd/program site/odd/null
    chmod 0700 site/odd/shared
    echo 'later' >site/later
    echo 'broken' >site/index.php
    expectEqual 'the rows of the broken database' '' "$(sql 'SELECT COUNT(*) FROM forum.posts' 2>/dev/null || true)"

    began=$EPOCHREALTIME
    # As the README has it.
    command=$(commandsOf Backups | grep '^bin/restore --force')
    expectEqual 'the command' 'bin/restore --force' "$command"
    $command >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    figure 'bin/restore of a damaged site' "$(secondsSince "$began") s"
    expectEqual 'what is in the database' "$database" "$(lastingFacts; sql 'SHOW GRANTS FOR reader@localhost')"
    expectEqual "the site's files" "$files" "$(siteFacts)"
    expectEqual 'the room that a sparse file takes' 0 "$(inside backup stat --format=%b /var/www/site/odd/sparse)"
    expectEqual 'what is left beside the files' '' "$(inside backup find /var/www/site -name '.lamplighter-*')"
    expectEqual 'what Redis has' '' "$(inRedis get later)"
    expectMatch 'what it says' "restoring MariaDB's files: 100 %" "$(<"$results/restore")"
    expectMatch 'what it says' 'database restored beside that of now, and equal to what was backed up' "$(<"$results/restore")"
    expectMatch 'what it says' 'The database before is in [^ ]*/before-restore-' "$(<"$results/restore")"
    siteIsUp
    inside mysql sh -c 'rm -rf /var/lib/mysql/before-restore-*'
}

inRedis() { # COMMAND...
    inside redis sh -c 'REDISCLI_AUTH=$(cat /run/redis-administrator) redis-cli --user administrator -s /run/redis/redis.sock "$@"' sh "$@"
}

# As from somebody who is at work on the backups just then; and what is no answer is none.
waitingIsNoAnswer() {
    local before said running status=0 holder
    before=$(container mysql)
    exec {holder}> >(inside backup flock /var/backups/lock sh -c 'echo held >/var/backups/.held; cat')
    waitUntil 20 'the lock is held' inside backup rm /var/backups/.held
    bin/restore deadbeef --force >"$results/restore" 2>&1 {holder}>&- &
    running=$!
    waitUntil 60 'it waits' grep 'waiting: somebody else is at work on the backups' "$results/restore"
    exec {holder}>&-
    wait "$running" || status=$?
    expectEqual 'its status' 1 "$status"
    said=$(<"$results/restore")
    expectMatch 'what it says' 'there is no such backup: deadbeef' "$said"
    expectNoMatch 'what it says' 'stopping|is stopped|Up in' "$said"
    expectEqual 'the container of mysql' "$before running" "$(container mysql) $(inspect mysql '{{.State.Status}}')"

    printf '#!/bin/sh\necho "files deadbeef and more"\n' >"$results/answers"
    chmod 755 "$results/answers"
    cp -p -- service/backup/bin/restore "$results/restore.good"
    trap 'cp -p -- "$results/restore.good" service/backup/bin/restore' EXIT
    cp -p -- "$results/answers" service/backup/bin/restore
    said=$(bin/restore --force 2>&1) && fail 'an answer that nobody knows is taken for one'
    expectMatch 'what it says' 'says what nobody knows: files deadbeef and more' "$said"
    expectEqual 'the container of mysql' running "$(inspect mysql '{{.State.Status}}')"
}

# What is damaged is found before anything is touched; what cannot be put into its place leaves what there was, and running.
failedFilesLeaveTheSite() {
    local files status=0
    echo 'of now' >site/now
    trap undoFailedFiles EXIT
    files=$(siteFacts)
    onBackups sh -euc 'mkdir /var/backups/away; mv data/* /var/backups/away'
    bin/restore --only files --force >"$results/restore" 2>&1 || status=$?
    onBackups sh -euc 'rm -rf data; mkdir data; mv /var/backups/away/* data/; rmdir /var/backups/away'
    expectEqual 'the status of a damaged one' 1 "$status"
    expectMatch 'what it says' 'the files cannot be restored, and all is as it was' "$(<"$results/restore")"
    expectNoMatch 'what it says' 'the stack is stopped' "$(<"$results/restore")"
    expectEqual "the site's files" "$files" "$(siteFacts)"
    siteIsUp

    # A file that nobody may move, in the folder itself.
    if ! chattr +i site/now 2>/dev/null; then skip 'no file can be kept from being moved here (chattr +i)'; fi
    status=0
    bin/restore --only files --force >"$results/restore" 2>&1 || status=$?
    expectEqual 'the status where a file cannot be moved' 1 "$status"
    expectMatch 'what it says' 'they are as they were before' "$(<"$results/restore")"
    expectMatch 'what it says' 'The stack is started with the files that there were' "$(<"$results/restore")"
    expectEqual "the site's files" "$files" "$(siteFacts)"
    siteIsUp
    expectOutcome succeeded backup nightly-backup
}

undoFailedFiles() {
    chattr -i site/now 2>/dev/null || true
    rm -f site/now
}

# MariaDB does not start, as one that finds no memory, say: the stack is left with an empty database.
brokenRestoreIsNoBackup() {
    local database before status=0
    database=$(lastingFacts)
    before=$(snapshotsOf database)
    cp -- service/mysql/conf/mariadb.cnf "$results/mariadb.cnf"
    trap 'cat -- "$results/mariadb.cnf" >service/mysql/conf/mariadb.cnf' EXIT
    printf '[mariadbd]\nno-such-setting = 1\n' >>service/mysql/conf/mariadb.cnf
    UP_TIMEOUT=5 bin/restore "$(newestOf database)" --force >"$results/restore" 2>&1 || status=$?
    expectEqual 'the status of the restore' 1 "$status"
    expectMatch 'what it says' 'MariaDB does not become healthy' "$(<"$results/restore")"
    expectMatch 'what it says' 'The database before is in [^ ]*/data/mysql/before-restore-[0-9TZ]*\. To have it back' "$(<"$results/restore")"

    cat -- "$results/mariadb.cnf" >service/mysql/conf/mariadb.cnf
    "${compose[@]}" up --detach --no-build --no-deps mysql backup
    waitUntilHealthy mysql backup
    expectEqual 'the tables that are left' 0 "$(sql "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'forum'")"
    expectOutcome failed mysql nightly-backup
    expectMatch 'what it says' 'no backup is made: a restore of the database is at work or came to no good end.* remove unfinished-restore-database' "$(<"$results/output")"
    expectEqual 'the snapshots' "$before" "$(snapshotsOf database)"

    bin/restore --only db --force >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    expectEqual 'what is in the database' "$database" "$(lastingFacts)"
    expectOutcome succeeded mysql nightly-backup
    inside mysql sh -c 'rm -rf /var/lib/mysql/before-restore-*'
    siteIsUp
}

# Only what was asked for.
onlyOneOfBoth() {
    local said status=0
    local -r later="INSERT INTO forum.posts (title) VALUES ('after the backup')"
    local -r rows="SELECT COUNT(*) FROM forum.posts WHERE title = 'after the backup'"
    sql "$later"
    echo 'later' >site/later
    # Of the day that the backups are of.
    bin/restore "$(date --utc +%F)" --only db --force >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    expectMatch 'what it says' "database: snapshot $(newestOf database) of" "$(<"$results/restore")"
    expectNoMatch 'what it says' 'files: snapshot|restoring the files' "$(<"$results/restore")"
    expectEqual 'the row' 0 "$(sql "$rows")"
    expectEqual 'what came to the site meanwhile' later "$(cat site/later)"
    inside mysql sh -c 'rm -rf /var/lib/mysql/before-restore-*'

    sql "$later"
    bin/restore "$(newestOf files)" --force >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    expectEqual 'the row' 1 "$(sql "$rows")"
    [[ ! -e site/later ]] || fail 'site/later is still there'
    said=$(bin/restore 2001-02-03 --only db --force 2>&1) || status=$?
    expectEqual 'the status for a day without a backup' 1 "$status"
    expectMatch 'what it says' 'there is no such backup: 2001-02-03' "$said"
    sql "DELETE FROM forum.posts WHERE title = 'after the backup'"
    siteIsUp
}

# A clone on another machine, as far as one machine can show it: another folder, name, network, and no data.
bareHostIsRestored() {
    local database files began said status=0
    database=$(lastingFacts)
    files=$(siteFacts)
    expectOutcome succeeded mysql keep-changes
    # shellcheck disable=SC2064 # the stack's name as it is now
    trap "removeStack '$COMPOSE_PROJECT_NAME-bare' '$bare'" EXIT
    copyTree "$repo" "$bare"
    mkdir -p -- "$bare/data/backups"
    inside backup tar --create --directory=/var/backups . | tar --extract --directory="$bare/data/backups"

    cd -- "$bare" || return
    git init --quiet
    git add --all
    git -c user.name=e2e -c user.email=e2e@localhost commit --quiet --message=clone
    mkdir -m 0700 .secrets
    cp -- "$stack/.secrets/backup-password" .secrets/
    HTTP_PORT=$(freePort "$((HTTPS_PORT + 1))")
    HTTPS_PORT=$(freePort "$((HTTP_PORT + 1))")
    export COMPOSE_PROJECT_NAME=$COMPOSE_PROJECT_NAME-bare

    began=$EPOCHREALTIME
    bin/restore >"$results/bare" 2>&1 || fail "$(cat "$results/bare")"
    figure 'bin/restore in a new clone' "$(secondsSince "$began") s"
    expectEqual 'what is in the database' "$database" "$(lastingFacts)"
    expectEqual "the site's files" "$files" "$(siteFacts)"
    siteIsUp

    # By now there is something to lose here, too, whether it runs or not.
    "${compose[@]}" stop
    said=$(bin/restore 2>&1) || status=$?
    expectEqual 'the status where there is a database' 1 "$status"
    expectMatch 'what it says' "there is a database in $bare/data/mysql.*--force" "$(tr '\n' ' ' <<<"$said")"
    status=0
    said=$(bin/restore --only files 2>&1) || status=$?
    expectEqual 'the status where there is a site' 1 "$status"
    expectMatch 'what it says' "there is a site in $bare/site.*--force" "$(tr '\n' ' ' <<<"$said")"

    # As where only the copy is left.
    docker run --rm --network none --volume "$bare/data/backups:/backups" "$image" \
        bash -c 'mv /backups/repository /backups/copy && rm /backups/lock'
    BACKUP_OFFSITE=/var/backups/copy bin/restore --force >"$results/bare" 2>&1 || fail "$(cat "$results/bare")"
    expectMatch 'what it says' 'there is no repository on this machine: restoring from /var/backups/copy' "$(<"$results/bare")"
    expectEqual 'what is in the database' "$database" "$(lastingFacts)"
    expectEqual "the site's files" "$files" "$(siteFacts)"
    siteIsUp

    # With the changes since, as offsite-changes copies them.
    docker run --rm --network none --volume "$bare/data/backups:/var/backups" --volume "$bare/.secrets/backup-password:/password:ro" "$image" \
        bash -euc 'restic --repo /var/backups/copy --password-file /password --no-cache --quiet backup --tag changes /var/backups/changes
            rm -rf /var/backups/changes /var/backups/repository /var/backups/lock'
    BACKUP_OFFSITE=/var/backups/copy bin/restore --to latest --force >"$results/bare" 2>&1 || fail "$(cat "$results/bare")"
    expectMatch 'what it says' 'restored beside the database of now: its files of .*, and all changes up to binlog' "$(<"$results/bare")"
    expectEqual 'what is in the database' "$database" "$(lastingFacts)"
    siteIsUp
}

testCase 'the restore drill restores the newest backups, files with all that they have, and says when it did' drillProves
testCase 'a backup with a row or a table less than it says fails the drill' drillFindsLess
rareCase 'a backup with fewer files than it says fails the drill' drillFindsFewerFiles
rareCase 'a backup with another value in a row fails the drill' drillFindsOtherValues
slowCase 'what looks like the facts of a backup, in a routine or a name, is not taken for them' factsAreNobodysText
testCase 'a corrupted file of the repository fails the drill, which says which it is' corruptPackIsNamed
testCase 'bin/restore does not touch a site that is there already' restoreRefusesLiveSite
testCase 'bin/restore says before it begins that there is no room' missingRoomIsSaid
testCase 'damage is undone by bin/restore --force, to the last checksum' damageIsUndone
testCase 'bin/restore waits for who is at work on the backups, and takes nothing else for an answer' waitingIsNoAnswer
slowCase 'files that cannot be restored leave the site as it was, and running' failedFilesLeaveTheSite
slowCase 'what a failed restore leaves is not backed up, and it says where the database before is' brokenRestoreIsNoBackup
slowCase 'bin/restore brings back what one snapshot holds, or a day, or one of both, and nothing else' onlyOneOfBoth
slowCase 'a new clone with the backups, or their copy, and their password is the site again, by one command' bareHostIsRestored
