# shellcheck shell=bash
# What the shared scripts say in the container log: time (UTC), level, text; one line each. All of it goes to stderr: the
# stdout of a function may be data that somebody reads, and both are in the log.

logLine() { # LEVEL TEXT...
    local level=$1 now
    shift
    TZ=UTC printf -v now '%(%Y-%m-%dT%H:%M:%SZ)T' -1
    printf '%s %-5s %s\n' "$now" "$level" "$*" >&2
}

logInfo() { # TEXT...
    logLine INFO "$@"
}

# There is nothing to do, and that is in order: say why and end the run. Its outcome is `skipped`, by this status.
skipRun() { # TEXT...
    logInfo "$@"
    exit 240
}

# The run cannot go on: say why and end it. Callbacks rely on it not returning.
logError() { # TEXT...
    logLine ERROR "$@"
    exit 1
}
