# shellcheck shell=bash
# Log rotation for callbacks: `CB_rotate_logs() { rotateLogs; }`.

# Rotates by the service's own rules (conf/logrotate.conf), else by the shared ones for a service of this
# name. The rules are copied first: logrotate wants them owned by root or whoever runs it, and a mounted folder is owned by
# whoever cloned it; $APP_USER in them is the application's user. The state outlives the container, or "weekly" would start
# anew with each one.
rotateLogs() {
    local rules="$LAMPLIGHTER_CONF/logrotate.conf" copy="$LAMPLIGHTER_STATE/logrotate.conf"
    local state="$LAMPLIGHTER_STATE/logrotate.state"
    [[ -r $rules ]] || rules="$LAMPLIGHTER_SBIN/logrotate/$LAMPLIGHTER_SERVICE.conf"
    if [[ ! -r $rules ]]; then
        logInfo "no rules for rotating the logs of $LAMPLIGHTER_SERVICE: they are left alone"
        return 0
    fi
    needHealthyService
    mendRotationState "$state"
    sed "s/\$APP_USER/${APP_USER:-root}/g" -- "$rules" | install -m 0600 /dev/stdin "$copy"
    finishRotation "$copy" "$state"
    beginRotation "$copy" "$state"
    if ! logrotate --state "$state" "$copy"; then
        putBackRotationState "$state"
        logError "logs of $LAMPLIGHTER_SERVICE not rotated by $rules: logrotate's reason is above. What it has not renamed is due again"
    fi
    rm -f -- "$state.begun" "$state.before"
    # logrotate lets its group read it.
    if [[ -e $state ]]; then chmod 0600 -- "$state"; fi
    logInfo "logs of $LAMPLIGHTER_SERVICE rotated by $rules"
}

# A service that starts or stops would take the signal to open its logs anew for something else, or go on in the old one.
needHealthyService() {
    local status
    if ! declare -F CB_health_check >/dev/null; then return 0; fi
    # Not as a condition: bash would go on after a command that fails in its middle.
    set +e
    (
        set -e
        CB_health_check
    )
    status=$?
    set -e
    if ((status)); then
        logError "logs of $LAMPLIGHTER_SERVICE not rotated: it is not healthy, and would not take the new ones"
    fi
}

# logrotate refuses to work with a state that it cannot read, such as one that a power cut has emptied: for ever.
mendRotationState() { # FILE
    local first=''
    [[ -e $1 ]] || return 0
    IFS= read -r first <"$1" || true
    if [[ $first != 'logrotate state -- version '* ]]; then
        mv -- "$1" "$1.broken"
        logInfo "the state of log rotation was broken, and is begun anew: what it was is in ${1##*/}.broken"
    fi
}

# logrotate's state says "rotated" of each log that was due, also where that failed: the next run would do nothing and
# succeed. So the state before is kept until all is done, and which file each log was.
beginRotation() { # RULES STATE
    local log
    install --mode=0600 /dev/null "$2.begun"
    install --mode=0600 /dev/null "$2.before"
    # What is wrong with the rules is told by the rotation itself.
    { logrotate --debug --state "$2" "$1" 2>&1 || true; } | sed --quiet 's/^considering log //p' |
        while IFS= read -r log; do
            if [[ -f $log ]]; then stat --format='%i %s %n' -- "$log"; fi
        done >"$2.begun"
    if [[ -e $2 ]]; then cat -- "$2" >"$2.before"; fi
}

# Whether this is no more the file that it was; an empty one was copied and truncated.
isRotated() { # INODE SIZE LOG
    local now
    now=$(stat --format='%i %s' -- "$3" 2>/dev/null) || return 0
    [[ ${now% *} != "$1" ]] || ((${now#* } < $2))
}

# Logs that are still what they were are as due as before. Those that have been rotated are not rotated twice, also where
# logrotate did not come to write that down.
putBackRotationState() { # STATE
    local inode size log line rest now
    local -A before=() right=()
    [[ -e $1.begun && -e $1.before ]] || return 0
    now=$(date +%Y-%-m-%-d-%-H:%-M:%-S)
    while IFS= read -r line; do
        if [[ $line =~ ^\"(.*)\"\ [0-9:-]+$ ]]; then before[${BASH_REMATCH[1]}]=$line; fi
    done <"$1.before"
    while read -r inode size log; do
        if isRotated "$inode" "$size" "$log"; then right[$log]="\"$log\" $now"; else right[$log]=${before[$log]:-}; fi
    done <"$1.begun"
    {
        echo 'logrotate state -- version 2'
        while IFS= read -r line; do
            log=''
            if [[ $line =~ ^\"(.*)\"\ [0-9:-]+$ ]]; then log=${BASH_REMATCH[1]}; fi
            if [[ -z $log ]]; then continue; fi
            printf '%s\n' "${right[$log]:-$line}"
            unset "right[\$log]"
        done < <(if [[ -e $1 ]]; then cat -- "$1"; fi)
        for rest in "${right[@]}"; do if [[ -n $rest ]]; then printf '%s\n' "$rest"; fi; done
    } >"$1.new"
    chmod 0600 "$1.new"
    replaceFile "$1.new" "$1"
}

# A rotation that failed or was ended: the daemon may still write into a file that has been renamed since, and logrotate
# would tell it at the next rotation of that log, in a week. So the scripts that tell it are run now.
finishRotation() { # RULES STATE
    local inode size log
    local -a rotated=()
    [[ -e $2.begun ]] || return 0
    putBackRotationState "$2"
    while read -r inode size log; do
        if isRotated "$inode" "$size" "$log"; then rotated+=("$log"); fi
    done <"$2.begun"
    if ((${#rotated[@]})); then
        logInfo "an earlier rotation was not finished after it had renamed ${rotated[*]}: what is to be done then is done now"
        runScriptsOf "$1" "${rotated[@]}"
    fi
    rm -f -- "$2.begun" "$2.before"
}

# The scripts `postrotate` in the rules for these logs, once for each block: as logrotate does for shared ones.
runScriptsOf() { # RULES LOG...
    local rules=$1 line word header='' script='' part=outside
    shift
    while IFS= read -r line; do
        read -r word _ <<<"$line" || true
        case $part:$word in
        *:'#'*) [[ $part == postrotate ]] && script+=$line$'\n' ;;
        outside:[/\"\']* | outside:'{')
            header+=" ${line%%\{*}"
            if [[ $line == *\{* ]]; then part=block; fi
            ;;
        block:postrotate) part=postrotate ;;
        block:prerotate | block:preremove | block:firstaction | block:lastaction) part=other ;;
        block:'}'*)
            if isOfOne "$header" "$@"; then sh -c "$script" logrotate_script "${header# }" </dev/null; fi
            header='' script='' part=outside
            ;;
        postrotate:endscript | other:endscript) part=block ;;
        postrotate:*) script+=$line$'\n' ;;
        esac
    done <"$rules"
}

# Whether one of the logs is one of those that this header of a block names.
isOfOne() { # HEADER LOG...
    local pattern log
    local -a patterns
    read -ra patterns <<<"${1//[\"\']/}"
    shift
    for pattern in "${patterns[@]}"; do
        for log; do
            # shellcheck disable=SC2053 # it is a pattern
            if [[ $log == $pattern ]]; then return 0; fi
        done
    done
    return 1
}
