# shellcheck shell=bash
# Log rotation for callbacks: `CB_rotate_logs() { rotateLogs; }`.

# Rotates by the service's own rules (conf/logrotate.conf), else by the shared ones for a service of this
# name. The rules are copied first: logrotate wants them owned by root, and a mounted folder is owned by
# whoever cloned it. The state outlives the container, or "weekly" would start anew with each one.
rotateLogs() {
    local rules="$LAMPLIGHTER_CONF/logrotate.conf" copy="$LAMPLIGHTER_STATE/logrotate.conf"
    [[ -r $rules ]] || rules="$LAMPLIGHTER_SBIN/logrotate/$LAMPLIGHTER_SERVICE.conf"
    if [[ ! -r $rules ]]; then
        logInfo "no rules for rotating the logs of $LAMPLIGHTER_SERVICE: they are left alone"
        return 0
    fi
    needHealthyService
    mendRotationState "$LAMPLIGHTER_STATE/logrotate.state"
    install -m 0600 "$rules" "$copy"
    logrotate --state "$LAMPLIGHTER_STATE/logrotate.state" "$copy"
    logInfo "logs of $LAMPLIGHTER_SERVICE rotated by $rules"
}

# A service that starts or stops would take the signal to open its logs anew for something else, or go on in the old one.
needHealthyService() {
    if declare -F CB_health_check >/dev/null && ! (CB_health_check); then
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
