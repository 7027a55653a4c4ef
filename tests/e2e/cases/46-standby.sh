# shellcheck shell=bash
# shellcheck disable=SC2016 # names in SQL, and words that are no commands
# A second machine that stands by: it gets all that the first one has, takes its place within seconds, and tells it so.

readonly secondStart=$machines/second-start

# What both machines copy are files of all users.
needRootHere() {
    if ((EUID != 0)); then skip 'a standby takes root'; fi
}

needFirst() {
    needRootHere
    startSshd
    if [[ -n $(containerOn first apache2) || -n $(containerOn second apache2) ]]; then return; fi
    makeMachine first
    makeMachine second
    printf 'STANDBY_SYNC=1\n' >>"$machines/first/.env"
    on first bin/up --as-built >"$results/first-machine" 2>&1 || fail "$(cat "$results/first-machine")"
    sqlOn first "CREATE TABLE forum.rows (id INT PRIMARY KEY AUTO_INCREMENT, writer INT, number INT) ENGINE = InnoDB;
        CREATE TABLE forum.pages (id INT PRIMARY KEY, body TEXT) ENGINE = Aria; INSERT INTO forum.pages VALUES (1, 'before');
        CREATE EVENT forum.runs ON SCHEDULE EVERY 1 DAY DO DELETE FROM forum.pages WHERE id = 99;
        CREATE TABLE forum.bulk AS SELECT seq AS id, RANDOM_BYTES(500) AS body FROM forum.seq_1_to_40000"
    echo 'before' >"$machines/first/site/note.txt"
}

wantedLine() { # < WHAT-BIN/STANDBY-SAYS
    sed --quiet --regexp-extended 's/^ *(restrict,command=.*)$/\1/p'
}

becomesStandby() {
    local said address port key
    needFirst
    address=$(addressOfThisMachine) port=$(<"$machines/sshd-port")
    said=$(on second bin/standby "root@$address:$machines/first" --port "$port" --host-key "SHA256:$(printf 'A%.0s' {1..43})" 2>&1) && fail 'a wrong host key is taken' "$said"
    expectMatch 'of a wrong host key' 'is not the one that you have named' "$said"
    said=$(standBy second first) && fail 'a machine that nobody has allowed gets in' "$said"
    expectMatch 'of a key that is not allowed yet' "does not know this machine's key yet" "$said"
    wantedLine <<<"$said" | sed 's#machines/first#machines/nowhere#' >"$machines/authorized_keys"
    said=$(standBy second first) && fail 'it takes a folder that is not there' "$said"
    expectMatch 'of a wrong folder' 'there is no bin/standby-gate in the folder' "$said"
    wantedLine <<<"$said" >/dev/null
    sed --in-place 's#machines/nowhere#machines/first#' "$machines/authorized_keys"

    # Interrupted while the database comes: nothing has begun to run, and the same command goes on.
    setsid "$BASH" -c 'cd "$1" && exec env --unset=COMPOSE_PROJECT_NAME --unset=HTTP_PORT --unset=HTTPS_PORT --unset=MEMORY_PHP --unset=BACKUP_CHECK_NIGHTS bin/standby "$2" --port "$3"' \
        bash "$machines/second" "root@$address:$machines/first" "$port" >"$secondStart" 2>&1 {lock}>&- &
    waitUntil 120 'the copy has begun' test -d "$machines/second/data/mysql/standby-base"
    kill -KILL -- "-$!"
    expectEqual 'whether there is a database on the second machine' '' "$(find "$machines/second/data/mysql" -maxdepth 1 -name data)"
    said=$(on second bin/up --as-built 2>&1) && fail 'a standby without a copy starts' "$said"
    expectMatch 'of one without a copy' 'bin/standby was interrupted' "$said"
    waitUntil 60 'what copied has ended' noCopyRuns
    said=$(standBy second first) || fail 'it does not become a standby:' "$said"
    expectEqual 'what runs on the standby' 'mysql standby ' "$(servicesOn second)"
    expectEqual "the file of the site" before "$(<"$machines/second/site/note.txt")"
    sqlOn first "CREATE EVENT forum.later ON SCHEDULE EVERY 1 DAY DO DELETE FROM forum.pages WHERE id = 98;
        CREATE EVENT forum.off ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM forum.pages WHERE id = 97"
    on second target-sbin/lamplighter run standby sync-settings
    sqlOn first "INSERT INTO forum.rows (writer, number) VALUES (0, 1); UPDATE forum.pages SET body = 'after'"
    waitUntil 10 'a row is on the standby' rowIsOn second
    waitUntil 40 'status says how far it is behind' saysHowFar
    expectMatch 'status of a standby' '^all is well: 2 services' "$(statusOn second)"
    expectMatch 'what a standby lets be written' 'read-only' "$(docker exec --user 10001 "$(containerOn second mysql)" mariadb --socket=/run/mysqld/mysqld.sock --user=forum \
        --execute="INSERT INTO forum.pages VALUES (7, '')" 2>&1 || true)"
    expectMatch 'what the primary says of it' 'ON' "$(sqlOn first "SHOW STATUS LIKE 'Rpl_semi_sync_master_status'")"
}

noCopyRuns() {
    [[ -z $(docker ps --quiet --filter "label=com.docker.compose.project=$standbyProject-second" --filter label=com.docker.compose.oneoff=True) ]]
}

rowIsOn() { # NAME
    [[ $(sqlOn "$1" "SELECT COUNT(*) FROM forum.rows WHERE writer = 0; SELECT body FROM forum.pages" | tr '\n' ' ') == '1 after ' ]]
}

saysHowFar() {
    on second target-sbin/lamplighter status mysql | grep 'a standby: 0 s behind'
}

gateServesNothingElse() {
    local word said key=$machines/second/.secrets/standby-ssh-key
    needRootHere
    for word in 'sh -c id' 'facts; id' 'files' 'files --daemon' 'files -lHogDtpAXLre.x' 'step-down 1 0-1-1' 'step-down 2 $(id)' 'rsync --server . /' ''; do
        said=$(ssh -F none -T -i "$key" -o BatchMode=yes -o UserKnownHostsFile="$machines/second/.secrets/standby-known-hosts" \
            -p "$(<"$machines/sshd-port")" "root@$(addressOfThisMachine)" "$word" 2>&1 </dev/null) && fail "the gate serves \`$word\`" "$said"
        expectNoMatch "what the gate says to \`$word\`" 'uid=' "$said"
    done
    expectEqual 'what still runs on the primary' 'apache2 backup mysql php redis scheduler ' "$(servicesOn first)"
    said=$(standBy first second) && fail 'a machine that serves a site becomes a standby' "$said"
    expectMatch 'of a machine that serves a site' 'this machine serves a site' "$said"
    said=$(docker exec "$(containerOn first mysql)" mariadb --socket=/run/mariadb/own.sock --batch --skip-column-names --execute="SHOW GRANTS FOR standby@localhost")
    expectMatch 'what the account of a standby may' '^GRANT REPLICATION SLAVE ON \*\.\* TO' "$said"
    expectEqual 'how much that is' 1 "$(wc --lines <<<"$said")"
}

# As the application: each waits for the answer to one row before it sends the next; what was answered is in a file.
write() { # NAME FILE
    local writer
    for writer in 1 2 3 4; do
        { for ((number = 1; number < 200000; number++)); do
            printf 'INSERT INTO forum.rows (writer, number) VALUES (%d, %d); SELECT "%d %d";\n' "$writer" "$number" "$writer" "$number"
        done; } | docker exec --interactive --user 10001 "$(containerOn "$1" mysql)" mariadb --socket=/run/mysqld/mysqld.sock --user=forum \
            --batch --skip-column-names --unbuffered forum >"$2.$writer" 2>/dev/null {lock}>&- &
    done
}

haveWritten() { # FILE ROWS
    local rows
    rows=$(cat -- "$1".* | wc --lines)
    echo "$rows rows"
    ((rows >= $2))
}

# Rows that were answered, and are not there.
missingOn() { # NAME FILE
    comm -23 <(cat -- "$2".* | sort) <(sqlOn "$1" "SELECT CONCAT(writer, ' ', number) FROM forum.rows" | sort) | wc --lines
}

killAll() { # NAME
    docker ps --quiet --filter "label=com.docker.compose.project=$standbyProject-$1" | xargs docker kill >/dev/null
}

# A machine that has gone: its sshd, too.
takesOver() {
    local began said seconds
    needRootHere
    write first "$machines/answered"
    waitUntil 60 'some rows are answered' haveWritten "$machines/answered" 2000
    killAll first
    mv -- "$machines/authorized_keys" "$machines/authorized_keys.away"
    : >"$machines/authorized_keys"
    said=$(on second bin/restore --force 2>&1) && fail 'a standby lets a backup be restored' "$said"
    expectMatch 'what bin/restore says on a standby' 'this machine is standby' "$said"
    began=$EPOCHREALTIME
    said=$(on second bin/promote 2>&1) || fail 'bin/promote has failed:' "$said"
    waitUntil 30 'the site answers on the second machine' answersOn second
    seconds=$(secondsSince "$began")
    echo "$said"
    figure 'promotion, until the site answers' "$seconds s"
    expectBelow 'the promotion' 30 "$seconds"
    expectMatch 'what it says' 'has all changes up to 0-1-[0-9]+, and was up to date at' "$said"
    expectEqual 'rows that were answered and are lost, with STANDBY_SYNC' 0 "$(missingOn second "$machines/answered")"
    figure 'rows answered before the primary was killed' "$(cat "$machines"/answered.* | wc --lines), lost: 0"
    sqlOn second "INSERT INTO forum.rows (writer, number) VALUES (0, 2)"
    expectEqual 'which events are switched on' 'later ENABLED off DISABLED runs ENABLED' \
        "$(sqlOn second "SELECT CONCAT(event_name, ' ', status) FROM information_schema.events ORDER BY 1" | tr '\n' ' ' | sed 's/ $//')"
    waitUntil 40 'status says that the old one does not know' saysOldIsUntold
}

saysOldIsUntold() {
    statusOn second | grep 'has not been told yet'
}

# It comes back, serves for a while, and is reached then.
oldOneStepsDown() {
    local said
    needRootHere
    on first bin/up --as-built >"$results/first-again" 2>&1 || fail "$(cat "$results/first-again")"
    sqlOn first "INSERT INTO forum.rows (writer, number) VALUES (9, 1), (9, 2); DELETE FROM forum.pages"
    mv -- "$machines/authorized_keys.away" "$machines/authorized_keys"
    waitUntil 60 'the old primary runs no more' runsNothing first
    waitUntil 60 'what only it has is named' saysOnlyThere
    said=$(statusOn second)
    expectMatch 'the rows' '`forum`.`rows`: [2-6] rows, insert' "$said"
    expectMatch 'the row that was deleted' '`forum`.`pages`: 1 rows, delete' "$said"
    said=$(on first bin/up --as-built 2>&1) && fail 'the old primary starts again' "$said"
    expectMatch 'what bin/up says there' 'this machine has stepped down: .* is the primary of term 2' "$said"
    expectMatch 'what bin/standby --only-here says' '`forum`.`rows`: [2-6] rows, insert' "$(on first bin/standby --only-here)"
    on second bin/promote --seen
    waitUntil 30 'nothing is said of it any more' saysNothingOfOld
}

runsNothing() { # NAME
    local running
    running=$(servicesOn "$1")
    echo "$running"
    [[ -z $running ]]
}

saysOnlyThere() {
    statusOn second | tr -d '\n' | grep 'are on this machine alone'
}

# A task of the site's may have met a MariaDB that was about to end.
saysNothingOfOld() {
    local said
    said=$(statusOn second)
    echo "$said"
    ! grep --extended-regexp '^  (standby|mysql): ' <<<"$said"
}

# The other way round: the second one's key for the first.
oldOneBecomesStandby() {
    local said
    needRootHere
    said=$(standBy first second) && fail 'a machine that nobody has allowed gets in' "$said"
    wantedLine <<<"$said" >>"$machines/authorized_keys"
    said=$(standBy first second) || fail 'it does not become a standby:' "$said"
    expectMatch 'what it says' 'The database before is in .*before-standby' "$said"
    expectEqual 'what runs there' 'mysql standby ' "$(servicesOn first)"
    sqlOn second "INSERT INTO forum.rows (writer, number) VALUES (0, 3)"
    waitUntil 10 'a row of the new primary is on the new standby' hasRow first 3
    expectEqual 'the rows that only it had' 0 "$(sqlOn first 'SELECT COUNT(*) FROM forum.rows WHERE writer = 9')"
}

hasRow() { # NAME NUMBER
    [[ $(sqlOn "$1" "SELECT COUNT(*) FROM forum.rows WHERE writer = 0 AND number = $2") == 1 ]]
}

# Away for a while, it misses nothing: keep-changes leaves it what it needs, and says that it is away.
findsWhatItMissed() {
    local since
    needRootHere
    docker stop "$(containerOn first standby)" "$(containerOn first mysql)" >/dev/null
    sqlOn second "INSERT INTO forum.rows (writer, number) VALUES (0, 5); FLUSH BINARY LOGS; INSERT INTO forum.rows (writer, number) VALUES (0, 6); FLUSH BINARY LOGS"
    since=$(sqlOn second 'SHOW BINARY LOGS' | wc --lines)
    waitUntil 30 'the primary says that the standby is away' saysStandbyIsAway
    (($(sqlOn second 'SHOW BINARY LOGS' | wc --lines) >= since)) || fail 'keep-changes has removed logs that the standby needs'
    echo 'later' >"$machines/second/site/note.txt"
    echo 'more' >"$machines/second/site/more.txt"
    on first bin/up --as-built >"$results/first-standby" 2>&1 || fail "$(cat "$results/first-standby")"
    waitUntil 30 'the row is there' hasRow first 6
    on first target-sbin/lamplighter run standby sync-files
    expectEqual 'the files of the site' 'later more' "$(cat -- "$machines"/first/site/{note,more}.txt | tr '\n' ' ' | sed 's/ $//')"
    rm -- "$machines/second/site/more.txt"
    on first target-sbin/lamplighter run standby sync-files
    expectEqual 'a file that was removed' '' "$(find "$machines/first/site" -name more.txt)"
}

saysStandbyIsAway() {
    local said
    # Where there is no backup yet, it is skipped.
    said=$(on second target-sbin/lamplighter run mysql keep-changes 2>&1 || true)
    echo "$said"
    statusOn second | tr -d '\n' | grep 'the standby is not connected'
}

# What the standby needs has gone from the primary meanwhile.
logsAreGone() {
    local said
    needRootHere
    docker stop "$(containerOn first standby)" "$(containerOn first mysql)" >/dev/null
    sqlOn second "INSERT INTO forum.rows (writer, number) VALUES (0, 4); FLUSH BINARY LOGS"
    waitUntil 30 'the logs are gone' purgesAll second
    on first bin/up --as-built >"$results/first-standby" 2>&1 || fail "$(cat "$results/first-standby")"
    waitUntil 60 'status says what to do' saysRunItAgain
    said=$(standBy first second) || fail 'it is not copied anew:' "$said"
    waitUntil 10 'the row is there' hasRow first 4
}

# One that is still read stays.
purgesAll() { # NAME
    sqlOn "$1" "PURGE BINARY LOGS TO '$(sqlOn "$1" 'SHOW BINLOG STATUS' | cut --fields=1)'"
    [[ $(sqlOn "$1" 'SHOW BINARY LOGS' | wc --lines) == 1 ]]
}

saysRunItAgain() {
    statusOn first | tr -d '\n' | grep 'run bin/standby again'
}

# Without waiting for it, a commit may be answered and lost.
losesLittleWithout() {
    local said missing
    needRootHere
    sed --in-place '/^STANDBY_SYNC/d' "$machines/second/.env"
    on second bin/up --as-built >"$results/second-again" 2>&1 || fail "$(cat "$results/second-again")"
    waitUntil 60 'the standby follows again' saysFirstFollows
    on first target-sbin/lamplighter run standby sync-settings
    write second "$machines/unsynced"
    waitUntil 60 'some rows are answered' haveWritten "$machines/unsynced" 2000
    killAll second
    mv -- "$machines/authorized_keys" "$machines/authorized_keys.away"
    : >"$machines/authorized_keys"
    said=$(on first bin/promote 2>&1) || fail 'bin/promote has failed:' "$said"
    waitUntil 30 'the site answers on the first machine' answersOn first
    missing=$(missingOn first "$machines/unsynced")
    figure 'rows answered and lost without STANDBY_SYNC' "$missing of $(cat "$machines"/unsynced.* | wc --lines)"
    ((missing < 1000)) || fail "$missing rows are lost"
    expectMatch 'what it says' 'could not send is missing here' "$said"
}

saysFirstFollows() {
    on first target-sbin/lamplighter status mysql | grep 'a standby: 0 s behind'
}

# With both there, nothing is lost even without STANDBY_SYNC: the one that is to step down serves no more before the other does.
handsOver() {
    local said
    needRootHere
    mv -- "$machines/authorized_keys.away" "$machines/authorized_keys"
    # Told to step down while it starts, it may or may not come to its end.
    said=$(on second bin/up --as-built 2>&1 || true)
    echo "$said"
    waitUntil 60 'the old primary runs no more' runsNothing second
    said=$(standBy second first) || fail 'it does not become a standby:' "$said"
    rm -f -- "$machines"/unsynced.*
    sqlOn first 'TRUNCATE forum.rows'
    write first "$machines/handed"
    waitUntil 60 'some rows are answered' haveWritten "$machines/handed" 1000
    said=$(on second bin/promote 2>&1) || fail 'bin/promote has failed:' "$said"
    expectMatch 'what it says' 'serves no more, and has handed over at' "$said"
    waitUntil 30 'the site answers on the second machine' answersOn second
    waitUntil 60 'the old primary runs no more' runsNothing first
    figure 'rows answered and lost when one hands over' "$(missingOn second "$machines/handed") of $(cat "$machines"/handed.* | wc --lines)"
    expectEqual 'rows that were answered and are lost' 0 "$(missingOn second "$machines/handed")"
    waitUntil 40 'status is in order' saysNothingOfOld
}

slowCase 'standby: a second machine becomes a standby by one command, which goes on where it was interrupted' becomesStandby
slowCase 'standby: its key may have what a standby needs, and nothing else' gateServesNothingElse
slowCase 'standby: it takes the place of a primary that is killed under load, and no row that was answered is lost' takesOver
slowCase 'standby: the old primary steps down as soon as it is reached, says what only it has, and does not start again' oldOneStepsDown
slowCase 'standby: the old primary becomes the standby of the new one, and its database is put aside' oldOneBecomesStandby
slowCase 'standby: one that was away finds what it missed, and the primary says meanwhile that it is away' findsWhatItMissed
slowCase 'standby: one that the primary has no longer the changes for says so, and is copied anew by the same command' logsAreGone
slowCase 'standby: without STANDBY_SYNC, what was lost is counted' losesLittleWithout
slowCase 'standby: a primary that can be reached hands over, and nothing is lost' handsOver
slowCase 'standby: nothing of both machines is left' removeMachines
