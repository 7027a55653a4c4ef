# shellcheck shell=bash
# The changes of the database since its last copy: MariaDB's binary logs, kept piece by piece in the folder of backups. Sourced by
# callbacks; needs log.sh, disk.sh, problems.sh and repository.sh.
#
#   changes/recipient                           whom pieces are encrypted for (age); the identity that reads them is in a snapshot of
#                                               the repository, which the backups' password opens
#   changes/HISTORY/LOG.FROM-TO.zst.age         these bytes of the binary log LOG, all before them being in others
#   changes/HISTORY/LOG.size                    how long LOG has become: no more comes
#   changes/HISTORY/kept.json                   up to where they are kept, and when MariaDB was there
#   changes/HISTORY/moments                     a line for each run that kept some: "BEFORE AFTER LOG POSITION"; between these seconds
#                                               (since 1970) MariaDB's log went up to there
#
# A history is that of one folder of data, and its logs are numbered without a gap. After a restore there is another one.
# To read a piece: age --decrypt --identity FILE PIECE | zstd --decompress

changesFolder=$LAMPLIGHTER_BACKUPS/changes
changesKeyTag=changes-key
changesKeyFile=changes-key.txt

recipientOfChanges() {
    cat -- "$changesFolder/recipient" 2>/dev/null || true
}

# The identities for all pieces that there are, newest first: one is made when there is none.
changesIdentities() { # RESTIC-COMMAND FILE
    local id list
    list=$(listSnapshots "$1" --tag "$changesKeyTag")
    : >"$2"
    for id in $(jq --raw-output 'sort_by(.time) | reverse | .[].id' <<<"$list"); do
        "$1" dump "$id" "/$changesKeyFile" >>"$2" || repositoryFailed "$?" 'the key of the changes cannot be read'
    done
}

# Needs the open repository. One that is not in this repository reads nothing when the disk with the folder of changes is all there is.
needChangesKey() {
    local recipient list file
    (umask 007 && mkdir --parents -- "$changesFolder")
    recipient=$(recipientOfChanges)
    if [[ -n $recipient ]]; then
        list=$(listSnapshots inRepository --tag "recipient-$recipient")
        if [[ $list != '[]' ]]; then return; fi
    fi
    file=$(mktemp --directory)
    # shellcheck disable=SC2064 # this file
    trap "rm -rf -- '$file'" EXIT
    age-keygen 2>/dev/null >"$file/$changesKeyFile"
    recipient=$(age-keygen -y "$file/$changesKeyFile")
    takeSnapshot --tag "$changesKeyTag" --tag "recipient-$recipient" --stdin-filename "$changesKeyFile" --stdin-from-command -- \
        cat -- "$file/$changesKeyFile" >/dev/null
    rm -rf -- "$file"
    trap - EXIT
    printf '%s\n' "$recipient" >"$changesFolder/recipient.new"
    replaceFile "$changesFolder/recipient.new" "$changesFolder/recipient"
    logInfo 'a new key for the changes that are kept between backups: it is in the repository'
}

# Up to when the changes are kept, of the history that was kept last; nothing where none is.
changesKeptUpTo() {
    local -a kept=("$changesFolder"/*/kept.json)
    if [[ -e ${kept[0]} ]]; then jq --null-input --raw-output '[inputs.kept] | max | todate' "${kept[@]}"; fi
}

# "FROM TO PIECE" of one log, in order.
piecesOf() { # HISTORY LOG
    local piece range
    for piece in "$changesFolder/$1/$2".*.zst.age; do
        if [[ ! -e $piece ]]; then continue; fi
        range=${piece##*/}
        range=${range#"$2".}
        range=${range%.zst.age}
        printf '%d %d %s\n' "$((10#${range%-*}))" "$((10#${range#*-}))" "$piece"
    done
}

# "LOG POSITION SECONDS": up to where its changes are kept, and when MariaDB was there.
keptUpTo() { # HISTORY
    jq --raw-output '"\(.log) \(.position) \(.kept)"' "$changesFolder/$1/kept.json"
}

# The first bytes of a log, up to TO, as MariaDB wrote them: all pieces have to be there, one after the other. With `end` for TO it is
# the whole log, or, of the one that was written last, what is kept of it.
assembleLog() { # HISTORY LOG TO IDENTITIES FILE
    local from end piece next=0 size
    : >"$5"
    while read -r from end piece; do
        if [[ $3 != end ]] && ((next >= $3)); then break; fi
        if ((from > next)); then break; fi
        # What was kept twice, by a run that was killed before it could write down how far it had come.
        if ((end <= next)); then continue; fi
        if ! age --decrypt --identity "$4" "$piece" | zstd --decompress --quiet --stdout |
            dd iflag=skip_bytes,fullblock bs=1M skip="$((next - from))" status=none >>"$5"; then
            logError "a piece of the changes cannot be read: ${piece#"$LAMPLIGHTER_BACKUPS"/}"
        fi
        next=$end
        if (($(stat --format=%s -- "$5") != next)); then
            logError "a piece of the changes has not the length that its name says: ${piece#"$LAMPLIGHTER_BACKUPS"/}"
        fi
    done < <(piecesOf "$1" "$2")
    size=$3
    if [[ $3 == end ]]; then size=$(cat -- "$changesFolder/$1/$2.size" 2>/dev/null || jq .position "$changesFolder/$1/kept.json"); fi
    if ((next < size)); then logError "the changes in $2 are there up to its byte $next, and not up to $size: pieces are missing in changes/$1"; fi
    truncate --size="$size" -- "$5"
}

# The logs of a history from one to another, in order; none of them may be missing.
logsBetween() { # HISTORY FROM-LOG TO-LOG
    local number log
    for ((number = 10#${2#*.}; number <= 10#${3#*.}; number++)); do
        log=$(printf '%s.%06d' "${2%%.*}" "$number")
        if [[ -z $(piecesOf "$1" "$log") ]]; then logError "the changes in $log are missing in changes/$1"; fi
        printf '%s\n' "$log"
    done
}

# Sets earliest and latest to "LOG POSITION" between which the last transaction that was committed by SECONDS ends: nothing of what is
# later was, and all before was; and low and high to the seconds between which all in between was. `end` is all that is kept.
boundsOf() { # HISTORY LOG POSITION SECONDS|end
    local folder=$changesFolder/$1 before after log position kept
    earliest="$2 $3" latest='' low=0
    if [[ ! -s $folder/kept.json ]]; then logError "there are no changes of that time: changes/$1 is missing in the folder of backups"; fi
    read -r log position kept < <(keptUpTo "$1")
    if [[ $4 == end ]]; then earliest="$log $position" latest=$earliest high=$kept; return; fi
    if (($4 >= kept)); then
        logError "the changes are kept up to $(inTime "$kept"): there is nothing of $(inTime "$4"). All there is: --to latest"
    fi
    latest="$log $position" high=$kept
    while read -r before after log position; do
        if ((after <= $4)); then low=$before; fi
        if ! isNotBefore "$log $position" "$2 $3"; then continue; fi
        if ((after <= $4)); then earliest="$log $position"; fi
        if ((before > $4)); then
            latest="$log $position" high=$after
            break
        fi
    done < <(grep --extended-regexp '^[0-9]+ [0-9]+ [^ ]+\.[0-9]+ [0-9]+$' "$folder/moments")
}

# Of two "LOG POSITION".
isNotBefore() { # ONE OTHER
    [[ ! $(inOrder "$1") < $(inOrder "$2") ]]
}

# Such as text sorts them.
inOrder() { # "LOG POSITION"
    local log position
    read -r log position <<<"$1"
    printf '%012d %015d\n' "$((10#${log#*.}))" "$position"
}

inTime() { # SECONDS
    date --date="@$1" '+%F %T %Z'
}
