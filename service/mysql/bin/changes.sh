# shellcheck shell=bash disable=SC2154 # mariadbSocket is the callbacks'
# Keeps what MariaDB writes into its binary logs (target-sbin/lib/changes.sh), in time for losing no more than a minute. What is read is
# on the disk and whole: up to where MariaDB says that its log is.
# shellcheck source=target-sbin/lib/changes.sh
source "$LAMPLIGHTER_SBIN/lib/changes.sh"

dataFolder=/var/lib/mysql/data
# Of the history that the folder of data has; a restore brings a folder without it.
historyFile=$dataFolder/lamplighter-history

ask() { # STATEMENT
    mariadb --socket="$mariadbSocket" --batch --skip-column-names --execute="$1"
}

# Its name; one is begun where there is none. Their order is that of their beginnings.
currentHistory() {
    local history random
    if [[ -s $historyFile ]]; then
        history=$(<"$historyFile")
    else
        read -r random </proc/sys/kernel/random/uuid
        history=$(date --utc +%Y%m%dT%H%M%SZ)-${random%%-*}
        printf '%s\n' "$history" >"$historyFile.new"
        replaceFile "$historyFile.new" "$historyFile"
    fi
    (umask 007 && mkdir --parents -- "$changesFolder/$history")
    printf '%s\n' "$history"
}

# "LOG POSITION": where MariaDB is. Nothing where it writes no log.
serverPosition() {
    ask 'SHOW BINLOG STATUS' | cut --fields=1,2 --output-delimiter=' '
}

# Not where local/mariadb.d has skip-log-bin.
writesBinlog() {
    [[ $(ask 'SELECT @@log_bin') == 1 ]]
}

# Says `broken` where a log is not what was kept before: MariaDB was told to begin anew, or a disk gave back older data.
stateOf() { # HISTORY
    local log position
    if [[ ! -e $changesFolder/$1/kept.json ]]; then return; fi
    read -r log position _ < <(keptUpTo "$1")
    if [[ ! -e $dataFolder/$log ]] || (($(stat --format=%s -- "$dataFolder/$log") < position)); then echo broken; fi
}

# A run that ends here has kept all that was committed before it began. One at a time: a backup has one of its own.
keepChanges() {
    local lock
    exec {lock}>>"$changesFolder/lock"
    flock "$lock"
    keepChangesAlone
    exec {lock}>&-
}

keepChangesAlone() {
    local history recipient log position since until
    recipient=$(recipientOfChanges)
    since=$(date --utc +%s)
    read -r log position < <(serverPosition) || true
    until=$(date --utc +%s)
    if [[ -z ${log:-} ]]; then
        logError 'MariaDB writes no binary log (log_bin in local/mariadb.d?): what changes between two backups is not kept'
    fi
    if [[ -z $recipient ]]; then
        # Without a copy to begin with they are of no use, and would only grow.
        purgeLogs "$log"
        skipRun 'there is no backup yet that changes could be added to: nightly-backup makes one'
    fi
    history=$(currentHistory)
    if [[ $(stateOf "$history") == broken ]]; then
        rm -f -- "$historyFile"
        leaveProblem changes-broken "MariaDB's binary logs are not those of before: changes since the last backup can be restored up to" \
            "$(keptAt "$history"), and those from now on after the next nightly-backup"
        history=$(currentHistory)
    fi
    keepLogs "$history" "$recipient" "$log" "$position" "$since" "$((until + 1))"
    purgeLogs "$log"
}

keptAt() { # HISTORY
    jq --raw-output '.kept | todate' "$changesFolder/$1/kept.json"
}

# All logs from the one that was kept last to the one that is written.
keepLogs() { # HISTORY RECIPIENT LOG POSITION BEFORE AFTER
    local folder=$changesFolder/$1 last from=0 log end bytes=0
    last=$3
    if [[ -e $folder/kept.json ]]; then
        read -r last from _ < <(keptUpTo "$1")
    fi
    while IFS= read -r log; do
        if [[ ${log#*.} < ${last#*.} ]]; then continue; fi
        if [[ $log != "$last" ]]; then from=0; fi
        end=$(stat --format=%s -- "$dataFolder/$log")
        if [[ $log == "$3" ]]; then end=$4; fi
        if ((end > from)); then
            keepPiece "$folder" "$2" "$log" "$from" "$end"
            bytes=$((bytes + end - from))
        fi
        if [[ $log == "$3" ]]; then break; fi
        joinPieces "$folder" "$2" "$log" "$end"
        printf '%s\n' "$end" >"$folder/$log.size.part"
        replaceFile "$folder/$log.size.part" "$folder/$log.size"
    done < <(ask 'SHOW BINARY LOGS' | cut --fields=1)
    if ((bytes)); then
        printf '%s %s %s %s\n' "$5" "$6" "$3" "$4" >>"$folder/moments"
        sync -- "$folder/moments"
    fi
    jq --null-input --compact-output --arg log "$3" --argjson position "$4" --argjson kept "$5" '{log: $log, position: $position, kept: $kept}' \
        >"$folder/kept.json.new"
    replaceFile "$folder/kept.json.new" "$folder/kept.json"
    if ((bytes)); then logInfo "kept: $(inBytes "$bytes") of changes"; fi
}

# Of a log that is whole there is one piece, made from the log itself, in the place of one for each minute.
joinPieces() { # FOLDER RECIPIENT LOG END
    local piece whole
    whole=$(pieceName "$3" 0 "$4")
    if [[ ! -e $1/$whole ]]; then keepPiece "$1" "$2" "$3" 0 "$4"; fi
    for piece in "$1/$3".*.zst.age; do
        if [[ ${piece##*/} != "$whole" ]]; then rm -f -- "$piece"; fi
    done
}

pieceName() { # LOG FROM TO
    printf '%s.%012d-%012d.zst.age\n' "$@"
}

# On the disk before it has its name. MariaDB may not yet have brought to the disk what it has written.
keepPiece() { # FOLDER RECIPIENT LOG FROM TO
    local piece
    piece=$1/$(pieceName "$3" "$4" "$5")
    needSpace "$LAMPLIGHTER_BACKUPS" "$(($5 - $4 + spaceReserve / 2))" 'the changes are not kept'
    sync -- "$dataFolder/$3"
    rm -f -- "$1"/*.part
    dd if="$dataFolder/$3" iflag=skip_bytes,count_bytes,fullblock bs=1M skip="$4" count="$(($5 - $4))" status=none |
        zstd --quiet --stdout | age --encrypt --recipient "$2" --output "$piece.part"
    replaceFile "$piece.part" "$piece"
}

# As many days back as backups of each day are kept: then from the first log on that the oldest copy of these days needs.
# shellcheck disable=SC2016 # jq's variables
forgetOldChanges() {
    local list folder history current first log file
    list=$(listSnapshots inRepository)
    # There is none where MariaDB writes no logs.
    current=$(cat -- "$historyFile" 2>/dev/null || true)
    for folder in "$changesFolder"/*/; do
        if [[ ! -d $folder ]]; then continue; fi
        history=$(basename -- "$folder")
        first=$(ofSnapshots --arg history "$history" --argjson days "${BACKUP_KEEP_DAYS:-14}" 'changes_from($history; $days)' <<<"$list")
        if [[ -n $first ]]; then
            for file in "$folder"*.zst.age "$folder"*.size; do
                if [[ ! -e $file ]]; then continue; fi
                log=${file##*/}
                log=${log%.*-*.zst.age}
                if [[ ${log%.size} < $first ]]; then rm -f -- "$file"; fi
            done
            if [[ -s ${folder}moments ]]; then
                awk -v first="$first" '$3 >= first' "${folder}moments" >"${folder}moments.new"
                replaceFile "${folder}moments.new" "${folder}moments"
            fi
        elif [[ $history != "$current" ]]; then
            rm -rf -- "$folder"
        fi
    done
}
