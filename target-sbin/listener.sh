#!/bin/bash
# Carries requests out: reads the service's callbacks and what the stack's owner adds to them, waits on stdin for "user action
# id", calls CB_<action> with the user, and exits with its status. The supervisor always keeps one waiting.
#
# Where the callbacks allow it, the one that has read them waits for no request itself: it forks those who do, as often as
# it is asked, so that they are read once. A fork is a child of the supervisor's and has a stdin of its own.
#
# While it waits it bears its own name, with bash as its direct interpreter; once it carries out a callback it is called
# `bash`. So `ps -C bash` in a callback counts who works, itself too, and nobody who waits.
set -Eeo pipefail

: "${LAMPLIGHTER_SBIN:=/usr/local/sbin}" "${LAMPLIGHTER_BIN:=/usr/local/bin}" "${LAMPLIGHTER_CONF:=/usr/local/conf}"
: "${LAMPLIGHTER_STATE:=/var/lib/lamplighter}" "${LAMPLIGHTER_SERVICE:=$HOSTNAME}"
: "${LAMPLIGHTER_LOCAL:=/usr/local/local}" "${LAMPLIGHTER_CALLBACKS:=$LAMPLIGHTER_BIN/docker-callbacks.sh}"
: "${LAMPLIGHTER_LOCAL_CALLBACKS:=$LAMPLIGHTER_LOCAL/service/docker-callbacks.sh}"
export LAMPLIGHTER_SBIN LAMPLIGHTER_BIN LAMPLIGHTER_CONF LAMPLIGHTER_STATE LAMPLIGHTER_SERVICE
# What only this script needs is no callback's.
: "${LAMPLIGHTER_READY_FD:=}" "${LAMPLIGHTER_FORKS:=}"
export -n LAMPLIGHTER_READY_FD LAMPLIGHTER_FORKS
if [[ -n $LAMPLIGHTER_FORKS ]]; then
    # Which files are read: noted before each command, of which one may source another file, by a path that is expanded here
    # as it will be there. (What RETURN knows at the end of a file is only who has sourced it.)
    declare -A LAMPLIGHTER_SOURCED=(["$0"]='')
    LAMPLIGHTER_UNKNOWN=
    trap 'LAMPLIGHTER_LAST=$_ LAMPLIGHTER_SOURCED["${BASH_SOURCE[0]}"]=
        case ${BASH_COMMAND% < /dev/null} in
        source\ *[\`\(\)\<\>]* | .\ *[\`\(\)\<\>]*) LAMPLIGHTER_UNKNOWN=$BASH_COMMAND ;;
        source\ * | .\ *)
            LAMPLIGHTER_PATH=${BASH_COMMAND#* }
            eval "LAMPLIGHTER_PATH=(${LAMPLIGHTER_PATH% < /dev/null})"
            LAMPLIGHTER_SOURCED["${LAMPLIGHTER_PATH[0]:-$0}"]=
            unset LAMPLIGHTER_PATH
            ;;
        esac
        : "$LAMPLIGHTER_LAST"' DEBUG
    set -T
fi
# shellcheck source=target-sbin/lib/log.sh
source "$LAMPLIGHTER_SBIN/lib/log.sh"
# shellcheck source=target-sbin/lib/problems.sh
source "$LAMPLIGHTER_SBIN/lib/problems.sh"
# shellcheck source=target-sbin/lib/rotate-logs.sh
source "$LAMPLIGHTER_SBIN/lib/rotate-logs.sh"

# Runs on any failing command, which then ends the run (`set -e`); where that is off, as in `$(...)`, a failure
# ends nothing and is nothing to report.
# shellcheck disable=SC2317,SC2329
reportFailure() { # STATUS COMMAND FILE LINE
    local file=${3##*/}
    if [[ $- != *e* ]]; then return 0; fi
    # As its owner knows it.
    if [[ $3 == "$LAMPLIGHTER_LOCAL"/service/* ]]; then file=local/service/$LAMPLIGHTER_SERVICE/${3#"$LAMPLIGHTER_LOCAL/service/"}; fi
    if [[ $3 == "${BASH_SOURCE[0]}" ]]; then
        logLine ERROR "CB_${LAMPLIGHTER_ACTION//-/_} ended with status $1" >&2
    else
        logLine ERROR "$file line $4: \`$2\` failed with status $1" >&2
    fi
}

# Notes what forks of this process would share, or would not have: descriptors, a job in the background, and whether children
# of it have ended, by their page faults (proc_pid_stat(5)), without which there is no process.
noteShared() {
    local - IFS=' '
    local -a words descriptors
    set +fu
    descriptors=(/proc/self/fd/*)
    read -r -a words </proc/self/stat
    sharedDescriptors=${descriptors[*]} sharedChildren=${words[10]} sharedJob=$!
}

# Tells what forks depend on: the files whose change is to be seen, and what the callbacks have done while they were read
# that has to be done anew for each run. Whoever must have that gets a bash of its own.
# shellcheck disable=SC2016 # as it is written
announceForks() { # DESCRIPTORS CHILDREN
    printf 'read %s\n' "${!LAMPLIGHTER_SOURCED[@]}"
    # The supervisor's end of our own stdin: so a fork takes its own.
    if [[ ! -e /proc/$PPID/fd/$LAMPLIGHTER_FORKS ]]; then
        echo 'alone are read where the descriptors of the supervisor cannot be opened, from which a fork takes its own'
    elif [[ -n $LAMPLIGHTER_UNKNOWN ]]; then
        printf 'alone source what cannot be told from `%s`, so that a change of it would not be seen\n' "${LAMPLIGHTER_UNKNOWN//$'\n'/ }"
    elif [[ $(trap -p) != "$sharedTraps" ]]; then
        echo 'alone set a trap while they are read, which no fork has'
    elif [[ -n $sharedJob ]]; then
        echo 'alone start a process in the background while they are read, which is no child of a fork'
    elif [[ $sharedDescriptors != "$1" ]]; then
        echo 'alone open a file while they are read, whose lock and place all forks would share'
    elif [[ $sharedChildren != "$2" ]]; then
        echo 'alone start programs or `$(...)` while they are read, and each run is to have what those find then'
    fi
}

# Tells the supervisor which callbacks there are. After the last word nothing more is said by who forks nobody, and a supervisor
# of before, which runs on while this file is replaced beneath it, waits for the end.
announceCallbacks() {
    local opened=${sharedDescriptors:-} children=${sharedChildren:-}
    [[ -n $LAMPLIGHTER_READY_FD ]] || return 0
    # What follows opens something itself.
    if [[ -n $LAMPLIGHTER_FORKS ]]; then noteShared; fi
    {
        compgen -A function CB_ || true
        if [[ -n $LAMPLIGHTER_FORKS ]]; then announceForks "$opened" "$children"; fi
        echo ready
    } >&"$LAMPLIGHTER_READY_FD"
    if [[ -z $LAMPLIGHTER_FORKS ]]; then
        exec {LAMPLIGHTER_READY_FD}>&-
        LAMPLIGHTER_READY_FD=
    fi
}

# Where the name cannot be set (no /proc), a callback is carried out all the same. A newline would be a part of it.
bearTheNameOfWork() {
    if [[ $LAMPLIGHTER_ACTION != health-check ]]; then
        printf bash 2>/dev/null >/proc/self/comm || true
    fi
}

# Carries out what was asked for, as the last thing that this process does.
carryOut() {
    export LAMPLIGHTER_USER=${LAMPLIGHTER_ASKED[0]} LAMPLIGHTER_ACTION=${LAMPLIGHTER_ASKED[1]} \
        LAMPLIGHTER_REQUEST=${LAMPLIGHTER_ASKED[2]}
    exec </dev/null
    # Since the run's beginning, not since somebody began to wait for it.
    SECONDS=0
    bearTheNameOfWork
    "CB_${LAMPLIGHTER_ACTION//-/_}" "$LAMPLIGHTER_USER"
    exit
}

# One compound command, read whole before it runs: a callback's `set -v` then has nothing to show.
{
    if [[ ! -r $LAMPLIGHTER_CALLBACKS ]]; then
        logError "there are no callbacks $LAMPLIGHTER_CALLBACKS that can be read"
    fi
    # Tracing that callbacks switch on goes nowhere: it would show the secrets that they read.
    exec {BASH_XTRACEFD}>/dev/null
    trap 'reportFailure "$?" "$BASH_COMMAND" "${BASH_SOURCE[0]}" "$LINENO"' ERR
    if [[ -n $LAMPLIGHTER_FORKS ]]; then
        sharedTraps=$(trap -p)
        noteShared
    fi
    # shellcheck source=/dev/null
    source "$LAMPLIGHTER_CALLBACKS" </dev/null
    if [[ -e $LAMPLIGHTER_LOCAL_CALLBACKS || -L $LAMPLIGHTER_LOCAL_CALLBACKS ]]; then
        set +axv
        set -Eeo pipefail
        if [[ ! -r $LAMPLIGHTER_LOCAL_CALLBACKS ]]; then logError "$LAMPLIGHTER_LOCAL_CALLBACKS cannot be read"; fi
        # shellcheck source=/dev/null
        source "$LAMPLIGHTER_LOCAL_CALLBACKS" </dev/null
    fi
    set +axv
    set -Eeo pipefail
    announceCallbacks
    if [[ -n $LAMPLIGHTER_FORKS ]]; then
        set +T
        if [[ $(trap -p DEBUG) == *LAMPLIGHTER_SOURCED* ]]; then trap - DEBUG; fi
    fi

    # Nothing is to end this one but the end of its input. Words are numbers and names here: none is split or expanded.
    while IFS=' ' read -r -a LAMPLIGHTER_ASKED || exit 0; [[ ${LAMPLIGHTER_ASKED[0]:-} == + ]]; do
        # Waited for: when it has ended, those whom it has forked are the supervisor's children.
        set +e
        (
            # Each fork has a group of its own then, and does not ignore INT and QUIT.
            set -m
            LAMPLIGHTER_FORKED=
            for ((LAMPLIGHTER_NEXT = 1; LAMPLIGHTER_NEXT < ${#LAMPLIGHTER_ASKED[@]}; LAMPLIGHTER_NEXT += 3)); do
                # Before it is forked: they are open when it is told of. Its stdin is what bash puts in place of ours.
                exec {LAMPLIGHTER_STDIN}<"/proc/$PPID/fd/${LAMPLIGHTER_ASKED[LAMPLIGHTER_NEXT]}" \
                    >>"/proc/$PPID/fd/${LAMPLIGHTER_ASKED[LAMPLIGHTER_NEXT + 1]}" || exit
                {
                    exec <&"$LAMPLIGHTER_STDIN" 2>&1 {LAMPLIGHTER_STDIN}<&- {LAMPLIGHTER_READY_FD}>&-
                    ulimit -S -x "${LAMPLIGHTER_ASKED[LAMPLIGHTER_NEXT + 2]}" || exit
                    # shellcheck disable=SC2034 # it is in the environment already, as that of who forks
                    printf -v LAMPLIGHTER_TOKEN '%016x' "${LAMPLIGHTER_ASKED[LAMPLIGHTER_NEXT + 2]}"
                    BASH_SUBSHELL=0
                    set -e +m
                    IFS=' ' read -r -a LAMPLIGHTER_ASKED || exit 0
                    carryOut
                } &
                exec {LAMPLIGHTER_STDIN}<&-
                LAMPLIGHTER_FORKED+="$! "
            done
            printf '%s' "$LAMPLIGHTER_FORKED" >&"$LAMPLIGHTER_READY_FD"
        )
        echo >&"$LAMPLIGHTER_READY_FD"
        set -e
    done
    if [[ -n $LAMPLIGHTER_READY_FD ]]; then exec {LAMPLIGHTER_READY_FD}>&-; fi
    carryOut
}
