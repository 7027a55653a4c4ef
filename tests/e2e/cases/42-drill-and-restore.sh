# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# The proof that backups can be restored, and restoring them.

drillProves() {
    local began=$EPOCHREALTIME
    expectOutcome succeeded mysql nightly-backup
    expectOutcome succeeded backup nightly-backup
    began=$EPOCHREALTIME
    expectOutcome succeeded backup restore-drill
    figure 'restore drill of the test database' "$(secondsSince "$began") s"
    expectMatch 'what it says' "as it was backed up, .* tables with [0-9]+ rows" "$(<"$results/output")"
    expectMatch 'what it says' "last proven restorable: $(date --utc +%Y-%m-%d)T.* \(database $(newestOf database), files $(newestOf files)\)" "$(<"$results/output")"
    expectEqual 'what is recorded' "$(date --utc +%Y-%m-%d) $(newestOf database) $(newestOf files)" \
        "$(inside backup cat /var/backups/last-proven.json | jq --raw-output '"\(.proven[:10]) \(.database.snapshot) \(.files.snapshot)"')"
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

siteFacts() {
    inside backup sh -euc 'cd /var/www/site && find . -printf "%p %y %m %U %G %s %T@ %l\n" | sort; find . -type f -exec sha256sum {} + | sort'
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
    mkdir -p site/kept/deep
    head --bytes=300000 /dev/urandom >site/kept/deep/picture
    ln -sfn picture site/kept/deep/link
    expectOutcome succeeded mysql nightly-backup
    expectOutcome succeeded backup nightly-backup
    database=$(lastingFacts; sql 'SHOW GRANTS FOR reader@localhost')
    files=$(siteFacts)

    inRedis set later 'than the backup'
    sql 'DROP TABLE forum.posts; UPDATE forum.archive SET body = 0 WHERE id % 2; CREATE TABLE forum.later (id INT); DROP USER reader@localhost'
    rm -rf site/kept
    echo 'later' >site/later
    echo 'broken' >site/index.php
    expectEqual 'the rows of the broken database' '' "$(sql 'SELECT COUNT(*) FROM forum.posts' 2>/dev/null || true)"

    began=$EPOCHREALTIME
    # As the README has it.
    command=$(commandsOf Backups | grep '^bin/restore')
    expectEqual 'the command' 'bin/restore --force' "$command"
    $command >"$results/restore" 2>&1 || fail "$(cat "$results/restore")"
    figure 'bin/restore of a damaged site' "$(secondsSince "$began") s"
    expectEqual 'what is in the database' "$database" "$(lastingFacts; sql 'SHOW GRANTS FOR reader@localhost')"
    expectEqual "the site's files" "$files" "$(siteFacts)"
    expectEqual 'what Redis has' '' "$(inRedis get later)"
    expectMatch 'what it says' 'restoring the database: 100 %' "$(<"$results/restore")"
    expectMatch 'what it says' 'The database before is in [^ ]*/before-restore-' "$(<"$results/restore")"
    siteIsUp
    inside mysql sh -c 'rm -rf /var/lib/mysql/before-restore-*'
}

inRedis() { # COMMAND...
    inside redis sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis-password) redis-cli -s /run/redis/redis.sock "$@"' sh "$@"
}

# MariaDB does not start, as one that finds no memory, say: the stack is left with an empty database.
brokenRestoreIsNoBackup() {
    local database before status=0
    database=$(lastingFacts)
    before=$(snapshotsOf database)
    cp -- service/mysql/conf/mariadb.cnf "$results/mariadb.cnf"
    trap 'cat -- "$results/mariadb.cnf" >service/mysql/conf/mariadb.cnf' EXIT
    printf '[mariadbd]\nno-such-setting = 1\n' >>service/mysql/conf/mariadb.cnf
    UP_TIMEOUT=5 bin/restore --only db --force >"$results/restore" 2>&1 || status=$?
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
}

testCase 'the restore drill proves the newest backups and says when' drillProves
testCase 'a backup with a row or a table less than it says fails the drill' drillFindsLess
testCase 'a backup with fewer files than it says fails the drill' drillFindsFewerFiles
testCase 'a backup with another value in a row fails the drill' drillFindsOtherValues
testCase 'what looks like the facts of a backup, in a routine or a name, is not taken for them' factsAreNobodysText
testCase 'a corrupted file of the repository fails the drill, which says which it is' corruptPackIsNamed
testCase 'bin/restore does not touch a site that is there already' restoreRefusesLiveSite
testCase 'bin/restore says before it begins that there is no room' missingRoomIsSaid
testCase 'damage is undone by bin/restore --force, to the last checksum' damageIsUndone
testCase 'what a failed restore leaves is not backed up, and it says where the database before is' brokenRestoreIsNoBackup
testCase 'bin/restore brings back what one snapshot holds, or a day, or one of both, and nothing else' onlyOneOfBoth
testCase 'a new clone with the backups, or their copy, and their password is the site again, by one command' bareHostIsRestored
