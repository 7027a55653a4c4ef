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
    install -m 0600 "$rules" "$copy"
    logrotate --state "$LAMPLIGHTER_STATE/logrotate.state" "$copy"
    logInfo "logs of $LAMPLIGHTER_SERVICE rotated by $rules"
}
