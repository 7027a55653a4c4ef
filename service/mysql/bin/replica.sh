# shellcheck shell=bash
# What makes this MariaDB a standby's, or one that may not run: files beside the folder of data, which bin/standby, bin/promote and
# bin/standby-gate leave there.
#
#   server-id          its number among those whose changes meet; without one it is 1
#   replica            it is a standby's: what it has comes from another machine
#   standby-enrolled   it has a standby, for which logs are kept
#   stepped-down       another machine has taken its place

mysqlMount=/var/lib/mysql
replicaFile=$mysqlMount/replica
standbyEnrolled=$mysqlMount/standby-enrolled
# In this container alone: the way to the other machine's MariaDB, by way of the service `standby`.
replicaPort=3307
# "SECONDS GTID": when it last had all that the primary had, and where that was.
replicaSeen=${LAMPLIGHTER_STATE:-/var/lib/lamplighter}/replica-seen

isReplica() {
    [[ -e $replicaFile ]]
}

# Before a daemon that would take what nobody else gets to know.
refuseSteppedDown() {
    if [[ ! -e $mysqlMount/stepped-down ]]; then return; fi
    echo "this machine has stepped down: $(<"$mysqlMount/stepped-down"). To make it the standby of that one: bin/standby" >&2
    return 1
}

# Goes before what the stack's owner has set (local/mariadb.d), by coming last.
replicaConfiguration() {
    printf '[mariadbd]\n'
    if [[ -s $mysqlMount/server-id ]]; then printf 'server_id = %d\n' "$(<"$mysqlMount/server-id")"; fi
    if isReplica; then
        printf '%s\n' 'read_only = ON' 'event_scheduler = OFF' 'relay_log = relay' 'relay_log_recovery = ON' 'slave_net_timeout = 15' \
            'rpl_semi_sync_slave_enabled = ON' 'slave_connections_needed_for_purge = 0'
        # Nothing keeps those of its own, which nobody needs before it is promoted.
        printf 'binlog_expire_logs_seconds = %d\n' "$((${STANDBY_KEEP_HOURS:-24} * 3600))"
    elif [[ ${STANDBY_SYNC:-} == 1 ]]; then
        # A commit is answered when the standby has it, and is seen by others then. Where there is none, nobody waits.
        printf '%s\n' 'rpl_semi_sync_master_enabled = ON' 'rpl_semi_sync_master_wait_point = AFTER_SYNC' \
            'rpl_semi_sync_master_timeout = 5000' 'rpl_semi_sync_master_wait_no_slave = OFF'
    fi
}

# It ends with MariaDB, whose child it becomes. What was said of it as a primary is over.
beginReplica() {
    takeAwayProblem standby
    setpriv --pdeathsig=TERM -- "$LAMPLIGHTER_SBIN/forward" "TCP4-LISTEN:$replicaPort,bind=127.0.0.1,reuseaddr,fork,max-children=4" \
        UNIX-CONNECT:/run/standby/primary.sock </dev/null &
    setpriv --pdeathsig=TERM -- "$LAMPLIGHTER_BIN/watch-replica" </dev/null &
}

# What a promoted one has said before.
forgetReplica() {
    takeAwayProblem replica
    takeAwayFact replica
}

# The logs that a standby may ask for: of so many hours, and of a tenth of the disk at most. Prints the first that stays.
firstLogToKeep() { # CURRENT-LOG
    local log most total=0 first=$1 oldest size changed
    most=$(($(stat --file-system --format='%b * %S' -- "$dataFolder") / 10))
    oldest=$((EPOCHSECONDS - ${STANDBY_KEEP_HOURS:-24} * 3600))
    while IFS= read -r log; do
        if [[ $log == "$1" ]]; then continue; fi
        read -r size changed < <(stat --format='%s %Y' -- "$dataFolder/$log")
        total=$((total + size))
        if ((changed < oldest || total > most)); then break; fi
        first=$log
    done < <(ask 'SHOW BINARY LOGS' | cut --fields=1 | sort --reverse)
    printf '%s\n' "$first"
}

purgeLogs() { # CURRENT-LOG
    local first=$1
    if [[ -e $standbyEnrolled ]]; then first=$(firstLogToKeep "$1"); fi
    ask "PURGE BINARY LOGS TO '$first'"
}

# On the machine that has one.
lookForStandby() {
    local connected status
    if [[ ! -e $standbyEnrolled ]]; then
        takeAwayProblem standby
        return
    fi
    connected=$(ask "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Binlog Dump' AND user = 'standby'")
    status=$(ask "SHOW STATUS LIKE 'Rpl_semi_sync_master_status'" | cut --fields=2)
    if ((connected == 0)); then
        leaveProblem standby 'the standby is not connected: what is committed now is on this machine alone' \
            '(lamplighter status on the standby says why; where there is to be none any more: bin/standby --none)'
    elif [[ ${STANDBY_SYNC:-} == 1 && $status != ON ]]; then
        leaveProblem standby 'the standby is too slow: commits do not wait for it (STANDBY_SYNC)'
    else
        takeAwayProblem standby
    fi
}
