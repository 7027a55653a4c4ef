#!/bin/bash
# Starts the service: reads its personality (docker-entry-setup.sh), makes its folders, becomes it.
# The supervisor runs this; STOP_SIGNAL, STOP_TIMEOUT and LOG_FILES go back to it over LAMPLIGHTER_SETTINGS_FD.
set -e

# The personality comes before any name of this script, so that neither can disturb the other.
# Tracing that it switches on goes nowhere: it would show the secrets that it reads.
unset SERVICE COMMAND OPTS USER GROUP USE_RUNSOCK RUNMODE USE_VARLOG REUID REGID STOP_SIGNAL STOP_TIMEOUT LOG_FILES
: "${LAMPLIGHTER_SBIN:=/usr/local/sbin}" "${LAMPLIGHTER_BIN:=/usr/local/bin}" "${LAMPLIGHTER_RUN:=/run}"
: "${LAMPLIGHTER_LOG:=/var/log}" "${LAMPLIGHTER_SERVICE:=$HOSTNAME}"
# shellcheck source=target-sbin/lib/log.sh
source "$LAMPLIGHTER_SBIN/lib/log.sh"

cannotStart() { # STATUS TEXT...
    local status=$1
    shift
    logLine ERROR "cannot start $LAMPLIGHTER_SERVICE: $*" >&2
    exit "$status"
}

if [[ ! -r $LAMPLIGHTER_BIN/docker-entry-setup.sh ]]; then
    cannotStart 127 "there is no personality $LAMPLIGHTER_BIN/docker-entry-setup.sh that can be read"
fi

exec {BASH_XTRACEFD}>/dev/null
trap 'cannotStart "$?" "line $LINENO of ${BASH_SOURCE[0]##*/} failed with status $?"' ERR
# Without our pipe, by its number (`{NAME}>&-` would close it for good): a personality that executes the daemon itself closes
# it with that, which tells the supervisor.
# shellcheck source=/dev/null
eval 'source "$LAMPLIGHTER_BIN/docker-entry-setup.sh"' "${LAMPLIGHTER_SETTINGS_FD:+$LAMPLIGHTER_SETTINGS_FD>&-}"
set +axvu +o pipefail
set -e
trap - ERR
unset BASH_XTRACEFD IFS

SERVICE=${SERVICE:-$LAMPLIGHTER_SERVICE}
GROUP=${GROUP:-${USER:-}}
REGID=${REGID:-${REUID:-}}

# Only root can give a folder away; whoever else runs this owns what it makes, which is what it needs.
ownFolder() { # PATH [MODE]
    mkdir -p -- "$1"
    if [[ -n ${2:-} ]]; then chmod -- "$2" "$1"; fi
    if [[ -n ${USER:-} && $EUID -eq 0 ]]; then chown -- "$USER:$GROUP" "$1"; fi
}

if [[ -n ${USE_RUNSOCK:-} ]]; then ownFolder "$LAMPLIGHTER_RUN/$SERVICE" "${RUNMODE:-}"; fi
if [[ -n ${USE_VARLOG:-} ]]; then ownFolder "$LAMPLIGHTER_LOG/$SERVICE"; fi

# Lines for the supervisor: what the personality says of itself, the last one that all is prepared.
tellSupervisor() { # LINE...
    [[ -n ${LAMPLIGHTER_SETTINGS_FD:-} ]] || return 0
    printf '%s\n' "$@" >&"$LAMPLIGHTER_SETTINGS_FD"
    exec {LAMPLIGHTER_SETTINGS_FD}>&-
    unset LAMPLIGHTER_SETTINGS_FD
}

# COMMAND and OPTS are words, not patterns: a `*` in them is the service's to understand.
set -f
# shellcheck disable=SC2206
command=(${COMMAND:-} ${OPTS:-})
settings=("stop-signal=${STOP_SIGNAL:-TERM}" "stop-timeout=${STOP_TIMEOUT:-8}")
# Which file each is now, and how long: what is in there already is not the word of the daemon that starts.
for file in ${LOG_FILES:-}; do
    settings+=("log-file=$(stat --format='%i %s' -- "$file" 2>/dev/null || echo 0 0) $file")
done
set +f

if [[ -z ${COMMAND:-} ]]; then
    tellSupervisor "${settings[@]}" callbacks-only prepared
    exit 0
fi

if ! type -P -- "${command[0]}" >/dev/null; then
    if [[ ${command[0]} == */* && -e ${command[0]} ]]; then
        cannotStart 126 "its COMMAND ${command[0]} is not a program that can be executed"
    fi
    cannotStart 127 "its COMMAND ${command[0]} is not found"
fi

if [[ -n ${REUID:-} && $(id -u) != "$REUID" && $(id -un 2>/dev/null) != "$REUID" ]]; then
    command=(setpriv --reuid="$REUID" --regid="$REGID" --init-groups -- "${command[@]}")
fi

tellSupervisor "${settings[@]}" prepared
# With `set -e` the status of an exec that fails would be 1, not 126 or 127.
set +e
exec "${command[@]}"
