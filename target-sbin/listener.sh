#!/bin/bash
# Carries out one request: reads the service's callbacks, waits on stdin for "user action id", calls
# CB_<action> with the user, and exits with its status. The supervisor always keeps one waiting.
#
# While it waits it bears its own name, with bash as its direct interpreter; once it carries out a callback it is called
# `bash`. So `ps -C bash` in a callback counts who works, itself too, and nobody who waits.
set -Eeo pipefail

: "${LAMPLIGHTER_SBIN:=/usr/local/sbin}" "${LAMPLIGHTER_BIN:=/usr/local/bin}" "${LAMPLIGHTER_CONF:=/usr/local/conf}"
: "${LAMPLIGHTER_STATE:=/var/lib/lamplighter}" "${LAMPLIGHTER_SERVICE:=$HOSTNAME}"
: "${LAMPLIGHTER_CALLBACKS:=$LAMPLIGHTER_BIN/docker-callbacks.sh}"
export LAMPLIGHTER_SBIN LAMPLIGHTER_BIN LAMPLIGHTER_CONF LAMPLIGHTER_STATE LAMPLIGHTER_SERVICE
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
    if [[ $- != *e* ]]; then return 0; fi
    if [[ $3 == "${BASH_SOURCE[0]}" ]]; then
        logLine ERROR "CB_${LAMPLIGHTER_ACTION//-/_} ended with status $1" >&2
    else
        logLine ERROR "${3##*/} line $4: \`$2\` failed with status $1" >&2
    fi
}

# Tells the supervisor which callbacks there are; the closed descriptor says that this listener is ready.
announceCallbacks() {
    [[ -n ${LAMPLIGHTER_READY_FD:-} ]] || return 0
    { compgen -A function CB_ || true; echo ready; } >&"$LAMPLIGHTER_READY_FD"
    exec {LAMPLIGHTER_READY_FD}>&-
    unset LAMPLIGHTER_READY_FD
}

# Where the name cannot be set (no /proc), a callback is carried out all the same. A newline would be a part of it.
bearTheNameOfWork() {
    if [[ $LAMPLIGHTER_ACTION != health-check ]]; then
        { printf bash >/proc/self/comm; } 2>/dev/null || true
    fi
}

# One compound command, read whole before it runs: a callback's `set -v` then has nothing to show.
{
    if [[ ! -r $LAMPLIGHTER_CALLBACKS ]]; then
        logError "there are no callbacks $LAMPLIGHTER_CALLBACKS that can be read"
    fi
    # Tracing that callbacks switch on goes nowhere: it would show the secrets that they read.
    exec {BASH_XTRACEFD}>/dev/null
    trap 'reportFailure "$?" "$BASH_COMMAND" "${BASH_SOURCE[0]}" "$LINENO"' ERR
    # shellcheck source=/dev/null
    source "$LAMPLIGHTER_CALLBACKS" </dev/null
    set +axv
    set -Eeo pipefail
    announceCallbacks

    # End of input before a request: nothing is asked of this listener any more.
    IFS=' ' read -r LAMPLIGHTER_USER LAMPLIGHTER_ACTION LAMPLIGHTER_REQUEST || exit 0
    export LAMPLIGHTER_USER LAMPLIGHTER_ACTION LAMPLIGHTER_REQUEST
    exec </dev/null
    bearTheNameOfWork
    "CB_${LAMPLIGHTER_ACTION//-/_}" "$LAMPLIGHTER_USER"
    exit
}
