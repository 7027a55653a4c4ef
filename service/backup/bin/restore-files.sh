# shellcheck shell=bash
# Restoring the site's files. They are restored beside those of now, while the site still runs, and compared; what fails
# until then has touched nothing. Then the ones are moved out of the way and the others into their place, which goes back
# as a whole when any part of it fails. Files cannot be moved to another disk, so that each disk that is mounted below the
# site has its own: in hidden folders in its uppermost one. Sourced by restore and import-files.

staged=.lamplighter-restore
replaced=.lamplighter-before

markUnfinished() { # database|files
    local mark
    mark=$(unfinishedRestore "$1")
    date --utc +%Y-%m-%dT%H:%M:%SZ >"$mark"
    # Its backups are made by MariaDB's user, by its group.
    chmod 0640 "$mark"
    sync "$mark" "$LAMPLIGHTER_BACKUPS"
}

# Where a file system begins: the site's folder, and what is mounted below it.
findMounts() {
    local path
    mounts=("$site")
    while IFS= read -r path; do
        printf -v path '%b' "${path//\\/\\0}"
        if [[ -d $path ]]; then
            mounts+=("$path")
        else
            logInfo "$path stays as it is: a file that is mounted by itself cannot be replaced"
        fi
        mountPoints[$path]=1
    done < <(awk -v below="$site/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort --unique)
}

# What of a snapshot goes to this file system, as restoreAside and compare-files.pl want it.
meantFor() { # MOUNT
    local path
    meant=("+$1")
    for path in "${!mountPoints[@]}"; do
        if [[ $path == "$1"/* ]]; then meant+=("-$path"); fi
    done
}

# Leaves no trace when not all of it can be restored.
stageFiles() { # SNAPSHOT
    local list mount compared
    local -a mounts meant
    local -A mountPoints=()
    findMounts
    dropStaged
    trap dropStaged EXIT
    trap 'exit 143' TERM INT
    list=$(mktemp)
    listFiles "$from" "$1" >"$list"
    if [[ -z $(awk -F'\t' -v site="$site" '$1 == site && $2 == "dir"' "$list") ]]; then
        logError "snapshot $1 does not have the folder $site: it is no backup of the site's files"
    fi
    for mount in "${mounts[@]}"; do
        meantFor "$mount"
        needRoomOn "$mount" "${mount/#"$site"/"the site's folder"}" "$(($(bytesOf "$list" "${meant[@]}") + spaceReserve))"
        keepTime "$mount" mkdir --mode=0700 -- "$mount/$staged"
        restoreAside "$from" "$1" "$mount/$staged" "${meant[@]}"
        compared=$("$LAMPLIGHTER_BIN/compare-files.pl" "$mount/$staged" "${meant[@]}" <"$list")
        logInfo "restored beside those of now: $compared"
    done
    trap - EXIT TERM INT
}

# Blocks, not bytes, are what files take; how large those are, nobody knows better than that.
bytesOf() { # LIST +PATH|-PATH...
    printf '%s\n' "${@:2}" | awk -F'\t' '
        NR == FNR { if (/^\+/) meant = substr($0, 2); else not[substr($0, 2)]; next }
        $1 != meant && index($1, meant "/") != 1 { next }
        { for (path in not) if ($1 == path || index($1, path "/") == 1) next; bytes += $9 + 4096 }
        END { printf "%d\n", bytes }' - "$1"
}

# What is done in it does not change the folder's time.
keepTime() { # FOLDER COMMAND...
    local time
    time=$(stat --format=%y -- "$1")
    "${@:2}"
    touch --no-create --date="$time" -- "$1"
}

dropStaged() {
    local mount
    local -a mounts
    local -A mountPoints=()
    findMounts 2>/dev/null
    for mount in "${mounts[@]}"; do keepTime "$mount" rm -rf -- "${mount:?}/$staged"; done
}

# What was staged becomes the site. What undoMoves has to know is known to the whole program, as it runs at its end.
placeFiles() {
    local aside mount
    moves=() attributes=() times=()
    declare -gA mountPoints=()
    findMounts
    if [[ ! -d $site/$staged$site ]]; then logError "nothing is staged in $site/$staged"; fi
    markUnfinished files
    trap undoMoves EXIT
    trap 'exit 143' TERM INT
    for mount in "${mounts[@]}"; do
        rememberAttributes "$mount"
        aside=$(mktemp --directory "$mount/$replaced.XXXXXX")
        replaceFolder "$mount/$staged$mount" "$mount" "$aside"
        times+=("$(stat --format=%y -- "$mount")")
    done
    trap - EXIT TERM INT
    throwAwayReplaced
    sync --file-system "${mounts[@]}"
    rm -f -- "$(unfinishedRestore files)"
    logInfo "in their place: $(find "$site" -type f | wc --lines) files"
}

# All that is in it but what has a disk mounted at or below it; then the folders above disks, and its own attributes.
replaceFolder() { # STAGED FOLDER ASIDE
    local name time
    local -a stay=()
    rememberAttributes "$2"
    while IFS= read -r -d '' name; do
        if [[ $name == "$staged" || $name == "$replaced".* || -n ${mountPoints[$2/$name]:-} ]]; then continue; fi
        if hasMountBelow "$2/$name"; then stay+=("$name"); else move "$2/$name" "$3/$name"; fi
    done < <(find "$2" -mindepth 1 -maxdepth 1 -printf '%f\0')
    if [[ -d $1 ]]; then
        time=$(stat --format=%y -- "$1")
        while IFS= read -r -d '' name; do
            if ! hasMountBelow "$2/$name"; then
                move "$1/$name" "$2/$name"
            elif [[ -L $1/$name || ! -d $1/$name ]]; then
                logError "$2/$name is no folder in the backup, and cannot go, as there is a disk mounted below it"
            fi
        done < <(find "$1" -mindepth 1 -maxdepth 1 -printf '%f\0')
    fi
    for name in "${stay[@]}"; do
        mkdir -- "$3/$name"
        replaceFolder "$1/$name" "$2/$name" "$3/$name"
        if [[ -d $1/$name ]]; then move "$1/$name" "$3/$name/$staged"; fi
    done
    # By now it is empty: `cp` would copy all that is in it.
    if [[ -d $1 ]]; then
        "$LAMPLIGHTER_BIN/strip-attributes.pl" "$2"
        cp --archive --attributes-only --no-target-directory -- "$1" "$2"
        touch --no-create --date="$time" -- "$2"
    fi
}

# It has to stay where it is, then.
hasMountBelow() { # FOLDER
    [[ " ${!mountPoints[*]} " == *" $1/"* ]]
}

move() { # FROM TO
    mv --no-target-directory -- "$1" "$2"
    moves+=("$1" "$2")
}

# At the end of a run that has failed.
# shellcheck disable=SC2317,SC2329
undoMoves() {
    local number mount failed=''
    trap - EXIT
    set +eu
    for ((number = ${#moves[@]} - 2; number >= 0; number -= 2)); do
        mv --no-target-directory -- "${moves[number + 1]}" "${moves[number]}" || failed=1
    done
    if [[ -n $failed ]]; then
        logLine ERROR "the files before could not all be put back: what is missing is in folders $replaced.* of ${mounts[*]}"
        exit 1
    fi
    for mount in "${mounts[@]}"; do
        find "$mount" -maxdepth 1 '(' -name "$replaced.*" -o -name "$staged" ')' -exec rm -rf -- {} +
    done
    for ((number = ${#attributes[@]} - 2; number >= 0; number -= 2)); do
        applyAttributes "${attributes[number]}" "${attributes[number + 1]}"
    done
    rm -f -- "$(unfinishedRestore files)"
    logLine ERROR 'the files could not be put into their place: they are as they were before'
    exit 1
}

rememberAttributes() { # FOLDER
    attributes+=("$1" "$(stat --format='%u:%g %a %y' -- "$1")")
}

applyAttributes() { # FOLDER "OWNER:GROUP MODE TIME"
    local owner mode time
    read -r owner mode time <<<"$2"
    chown "$owner" -- "$1"
    chmod "$mode" -- "$1"
    touch --no-create --date="$time" -- "$1"
}

# Also what a run before has left that came to no end.
throwAwayReplaced() {
    local number mount
    for number in "${!mounts[@]}"; do
        mount=${mounts[number]}
        if ! find "$mount" -maxdepth 1 '(' -name "$replaced.*" -o -name "$staged" ')' -exec rm -rf -- {} +; then
            logInfo "what was replaced could not all be removed: it is in $mount/$replaced.*"
        fi
        touch --no-create --date="${times[number]}" -- "$mount"
    done
}
