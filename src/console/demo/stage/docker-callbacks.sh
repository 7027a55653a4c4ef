# shellcheck shell=bash
# What the service can be asked for: one function for each action.

CB_trim_wick() { # USER
    logInfo "trimming the wick for $1"
    kill -USR1 "$LAMPLIGHTER_SERVICE_PID"
}

# Fails each first time: its rule has it tried again.
CB_fill_oil() {
    local can=$LAMPLIGHTER_STATE/can
    if [[ ! -e $can ]]; then
        : >"$can"
        logError 'the can is empty'
    fi
    rm -- "$can"
    logInfo 'filled up'
}

CB_health_check() {
    kill -0 "$LAMPLIGHTER_SERVICE_PID"
}
