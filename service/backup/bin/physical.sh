# shellcheck shell=bash disable=SC2154 # what drill.sh and restore set
# The copy of MariaDB's files that nightly-backup makes, laid out in a folder, with a MariaDB of its own on it that takes the changes that
# came later: for the drill and for restores. Needs changes.sh.
# shellcheck source=target-sbin/lib/changes.sh
source "$LAMPLIGHTER_SBIN/lib/changes.sh"

physicalFile=mariadb.mbstream
relayName=lamplighter-changes
asMysql=(setpriv --reuid=mysql --regid=mysql --init-groups --)

# What a snapshot's tags say: history-…, mariadb-….
tagOf() { # SNAPSHOT PREFIX
    jq --raw-output --arg prefix "$2-" '[.tags[] | select(startswith($prefix))][0] // "" | .[($prefix | length):]' <<<"$1"
}

# mariadb-backup reads what its own version has written.
ownVersion() {
    mariadb-backup --version 2>&1 | sed --quiet --regexp-extended 's/.* server ([0-9]+\.[0-9]+)\..*/\1/p'
}

# Leaves a folder that MariaDB can run on, and sets baseLog and basePosition: where the copy's moment is in the binary logs.
layPhysical() { # RESTIC-COMMAND SNAPSHOT FOLDER [COMMAND-THAT-PASSES-IT-ON...]
    local log=$3.log
    local -a through=("${@:4}")
    if ((${#through[@]} == 0)); then through=(cat); fi
    rm -rf -- "$3"
    install --directory --owner=mysql --group=mysql --mode=0700 "$3"
    if ! "$1" dump "$2" "/$physicalFile" | "${through[@]}" | "${asMysql[@]}" mbstream --extract --directory="$3"; then
        # Which of its files are bad; elsewhere that would be to fetch all of it.
        if [[ $1 == inRepository ]]; then inRepository check --read-data >&2 || true; fi
        logError "the copy of MariaDB in snapshot $2 CANNOT BE RESTORED: what failed is above, and what is wrong with the repository"
    fi
    # Nothing has to be saved for a while here: it may take what memory there is for a MariaDB.
    if ! "${asMysql[@]}" nice mariadb-backup --prepare --use-memory=128M --target-dir="$3" >"$log" 2>&1; then
        tail --lines=20 -- "$log" >&2
        logError "the copy of MariaDB in snapshot $2 CANNOT BE RESTORED: mariadb-backup's last lines are above"
    fi
    read -r baseLog basePosition _ <"$3/mariadb_backup_binlog_info" || true
    mv -- "$3/backup-my.cnf" "$3.cnf"
    sed --quiet --regexp-extended 's/^server_version = ([0-9.]+-MariaDB).*/\1/p' "$3/mariadb_backup_info" >"$3/mariadb_upgrade_info"
    chown mysql:mysql -- "$3/mariadb_upgrade_info"
    rm -f -- "$3"/mariadb_backup_* "$3"/xtrabackup_* "$log"
}

# Without a network and without events, for us alone: as an account that is gone when it ends. What is written need not survive a power cut
# until then. Its number is none that a site's server has: what bears its own it would take for done. What a session could make by rules of
# its own, which no log has, can be made again.
startBase() { # FOLDER
    local password plugin
    local -a plugins=()
    # No log has that somebody has installed one, only the accounts that use it.
    for plugin in /usr/lib/mysql/plugin/auth_*.so; do plugins+=("--plugin-load-add=${plugin##*/}"); done
    baseFolder=$1
    baseSocket=$1.sock
    read -r password </proc/sys/kernel/random/uuid
    install --directory --mode=0700 "$1.home"
    printf '[client]\nuser=lamplighter-restore\npassword=%s\n' "$password" >"$1.home/my.cnf"
    export MARIADB_HOME=$1.home
    install --owner=mysql --group=mysql --mode=0600 /dev/stdin "$1.sql" <<<"CREATE OR REPLACE USER 'lamplighter-restore'@localhost IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO 'lamplighter-restore'@localhost WITH GRANT OPTION;"
    "${asMysql[@]}" nice mariadbd --defaults-file="$1.cnf" --datadir="$1" --socket="$baseSocket" --pid-file="$1.pid" --init-file="$1.sql" \
        "${plugins[@]}" \
        --skip-networking --skip-log-bin --event-scheduler=OFF --max-allowed-packet=1G --performance-schema=OFF \
        --server-id=4294967295 --skip-slave-start --relay-log="$relayName" --relay-log-index="$relayName.index" --relay-log-purge=OFF \
        --relay-log-recovery=OFF --max-relay-log-size=1G --innodb-strict-mode=OFF --max-heap-table-size=17179869184 \
        --innodb-buffer-pool-size=128M --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=OFF >"$1.log" 2>&1 &
    basePid=$!
    until mariadb-admin --socket="$baseSocket" --silent ping &>/dev/null; do
        if ! kill -0 "$basePid" 2>/dev/null; then
            tail --lines=20 -- "$1.log" >&2
            logError 'MariaDB does not start on its restored files: its last lines are above'
        fi
        sleep 0.1
    done
}

inBase() { # STATEMENT
    mariadb --socket="$baseSocket" --batch --skip-column-names --execute="$1"
}

# Lays the logs into the folder, as a replica has them that has fetched all and done nothing, and sets baseKilled where MariaDB was killed
# meanwhile. Before startBase.
layChanges() { # FOLDER HISTORY LOG POSITION IDENTITIES
    local log to
    baseKilled=''
    if [[ "$baseLog $basePosition" == "$3 $4" ]]; then return; fi
    if ! isNotBefore "$3 $4" "$baseLog $basePosition"; then
        logError "the copy of MariaDB is of a later moment ($baseLog $basePosition) than what is wanted ($3 $4)"
    fi
    # In a process substitution its failure would be nobody's.
    logsBetween "$2" "$baseLog" "$3" >"$1.list"
    while IFS= read -r log; do
        to=end
        if [[ $log == "$3" ]]; then to=$4; fi
        assembleLog "$2" "$log" "$to" "$5" "$1/$relayName.${log#*.}"
        if [[ $to == end ]]; then cutUnfinished "$1/$relayName.${log#*.}"; fi
        printf './%s.%s\n' "$relayName" "${log#*.}" >>"$1/$relayName.index"
    done <"$1.list"
    chown mysql:mysql -- "$1/$relayName".*
}

# Those whose rows no file has, as JSON: a line each.
tablesInMemory() {
    mariadb --socket="$baseSocket" --batch --raw --skip-column-names --execute="SELECT JSON_QUOTE(CONCAT(table_schema, '.', table_name))
        FROM information_schema.tables WHERE engine = 'MEMORY' AND table_schema NOT IN ('information_schema', 'performance_schema')"
}

# What a server that was killed had begun to write was never committed. Sets baseKilled where one was.
cutUnfinished() { # LOG
    local ending
    ending=$(perl -I "$LAMPLIGHTER_SBIN/lib" -MBinaryLog -e 'print join " ", BinaryLog::ending($ARGV[0])' "$1")
    truncate --size="${ending% *}" -- "$1"
    if ((! ${ending#* })); then baseKilled=yes; fi
}

# The tables whose last rows a kill of MariaDB leaves in its log alone, or in themselves alone: those of engines without transactions.
# A line each.
tablesThatAKillParts() {
    inBase "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables JOIN information_schema.engines USING (engine)
        WHERE table_type = 'BASE TABLE' AND transactions = 'NO'"
}

# What was changed from the copy's moment up to LOG POSITION. MariaDB does it itself, as a replica, from its own form: as text, for a client,
# names and comments in it could be taken for statements. A row that a kill has parted from its log becomes what the log says.
replayChanges() { # LOG POSITION
    local at state error why table refused=''
    local -A parted=()
    if [[ "$baseLog $basePosition" == "$1 $2" ]]; then return; fi
    # The rows that these had were in memory alone: what was changed in them is not there to be changed.
    inBase "SET GLOBAL replicate_ignore_table = (SELECT COALESCE(GROUP_CONCAT(CONCAT(table_schema, '.', table_name)), '')
        FROM information_schema.tables WHERE engine = 'MEMORY' AND table_schema NOT IN ('information_schema', 'performance_schema'))"
    inBase "CHANGE MASTER TO master_host = 'none', master_use_gtid = no, relay_log_file = '$relayName.${baseLog#*.}', relay_log_pos = $basePosition"
    replayUpTo "$1" "$2"
    while :; do
        IFS=$'\t' read -r at state error why < <(replayState)
        if [[ $at == "$relayName.${1#*.} $2" ]]; then break; fi
        if ((error)); then
            table=$(partedTable "$error" "$why")
            if [[ -z $table || $at == "$refused" ]]; then logError "the changes up to $1, byte $2, cannot be made again: $why"; fi
            parted[$table]=$((${parted[$table]:-0} + 1))
            refused=$at
            replayAnyway "$at"
            replayUpTo "$1" "$2"
        elif [[ $state == No ]]; then
            logError "the changes up to $1, byte $2, cannot be made again: MariaDB stops at ${at/ /, byte }"
        fi
        sleep 0.1
    done
    for table in "${!parted[@]}"; do
        logInfo "MariaDB was killed meanwhile, and $table has no transactions: its rows were not those of the log for ${parted[$table]} of the" \
            'changes, and became what the log says'
    done
    inBase "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL gtid_slave_pos = ''"
    rm -f -- "$baseFolder/$relayName".*
}

replayUpTo() { # LOG POSITION
    inBase "START SLAVE SQL_THREAD UNTIL relay_log_file = '$relayName.${1#*.}', relay_log_pos = $2"
}

# The transaction there alone, whatever rows it finds.
replayAnyway() { # "RELAY-LOG POSITION"
    local state
    inBase "STOP SLAVE; SET GLOBAL slave_exec_mode = 'IDEMPOTENT';
        START SLAVE SQL_THREAD UNTIL relay_log_file = '${1% *}', relay_log_pos = $((${1#* } + 1))"
    until IFS=$'\t' read -r _ state _ < <(replayState) && [[ $state == No ]]; do sleep 0.05; done
    inBase "STOP SLAVE; SET GLOBAL slave_exec_mode = 'STRICT'"
}

# Which table a change could not be made in, where a kill may be why: a row that is to be made is there, or one that is to be changed is not.
partedTable() { # ERROR WHY
    local table
    if [[ -z $baseKilled || ($1 != 1062 && $1 != 1032) ]]; then return; fi
    while IFS= read -r table; do
        if [[ $2 == *" on table $table; "* ]]; then printf '%s\n' "$table"; fi
    done < <(tablesThatAKillParts)
}

# "RELAY-LOG POSITION", whether it goes on (Yes, No), the number of what went wrong (0: nothing), and what.
replayState() {
    local status=0 said
    said=$(mariadb --socket="$baseSocket" --execute='SHOW SLAVE STATUS\G') || status=$?
    if ((status)); then
        printf 'nowhere\tNo\t1\tMariaDB has ended meanwhile\n'
        return
    fi
    awk -F': ' '{ sub(/^ +/, "") }
        $1 == "Relay_Log_File" { file = $2 }
        $1 == "Relay_Log_Pos" { position = $2 }
        $1 == "Slave_SQL_Running" { running = $2 }
        $1 == "Last_SQL_Errno" { error = $2 }
        $1 == "Last_SQL_Error" { sub(/^[^:]*: /, ""); gsub(/\t/, " "); why = $0 }
        END { printf "%s %s\t%s\t%d\t%s\n", file, position, running, error, why }' <<<"$said"
}

# "LOG POSITION": where the last transaction ends that was committed by then.
positionAt() { # FOLDER HISTORY SECONDS|end IDENTITIES
    local earliest latest low high log to
    local -a files=()
    boundsOf "$2" "$baseLog" "$basePosition" "$3"
    if [[ $earliest == "$latest" ]]; then
        printf '%s\n' "$earliest"
        return
    fi
    install --directory --mode=0700 "$1.window"
    logsBetween "$2" "${earliest% *}" "${latest% *}" >"$1.window/list"
    while IFS= read -r log; do
        to=end
        if [[ $log == "${latest% *}" ]]; then to=${latest#* }; fi
        assembleLog "$2" "$log" "$to" "$4" "$1.window/$log"
        files+=("$log")
    done <"$1.window/list"
    (cd -- "$1.window" && perl "$LAMPLIGHTER_SBIN/lib/binlog-position.pl" "$3" "$low" "$high" "${earliest#* }" "${files[@]}")
    rm -rf -- "$1.window"
}

# All of it is on the disk then.
stopBase() {
    inBase "DROP USER 'lamplighter-restore'@localhost; SHUTDOWN" || logError 'MariaDB does not end: the reason is above'
    wait "$basePid" || logError "MariaDB has ended with status $?"
    unset basePid
    sync --file-system -- "$baseFolder"
}

dropBase() {
    if [[ -n ${basePid:-} ]]; then
        kill -KILL "$basePid" 2>/dev/null || true
        wait "$basePid" 2>/dev/null || true
        unset basePid
    fi
    if [[ -n ${baseFolder:-} ]]; then rm -rf -- "$baseFolder" "$baseFolder".*; fi
}
