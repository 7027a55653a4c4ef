# shellcheck shell=bash
# How the commands in bin/ talk: one line a step with the time it took, plain text when nobody watches, and errors that
# say what to do.

if [[ -t 1 && ${TERM:-dumb} != dumb && -z ${NO_COLOR:-} ]]; then
    good=$'\e[32m' bad=$'\e[31m' soft=$'\e[2m' plain=$'\e[0m'
else
    good='' bad='' soft='' plain=''
fi

secondsSince() { # EPOCHREALTIME
    local now=$EPOCHREALTIME
    local tenths=$(((${now/[.,]/} - ${1/[.,]/}) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# What is going on, on a terminal only: the line that stepDone writes takes its place.
stepBegins() { # TEXT
    stepStartedAt=$EPOCHREALTIME
    if [[ -t 1 ]]; then printf '\r\e[K%s· %s ...%s' "$soft" "$1" "$plain"; fi
}

stepDone() { # TEXT
    if [[ -t 1 ]]; then printf '\r\e[K'; fi
    printf '%s✓%s %-58s %6s s\n' "$good" "$plain" "$1" "$(secondsSince "$stepStartedAt")"
}

note() { # TEXT...
    if [[ -t 1 ]]; then printf '\r\e[K'; fi
    printf '  %s\n' "$@"
}

# The first line says what is wrong, the others what to do about it.
giveUp() { # TEXT...
    if [[ -t 1 ]]; then printf '\r\e[K'; fi
    printf '%s✗ %s%s\n' "$bad" "$1" "$plain" >&2
    shift
    if (($#)); then printf '  %s\n' "$@" >&2; fi
    exit 1
}

# Runs a command with its output put by; only when it fails are the last lines shown.
quietly() { # WHAT COMMAND...
    local what=$1 log
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/lamplighter.XXXXXX")
    if "$@" >"$log" 2>&1; then
        rm -f -- "$log"
        return
    fi
    giveUpWithLog "$what" "$log"
}

giveUpWithLog() { # WHAT LOG
    if [[ -t 1 ]]; then printf '\r\e[K'; fi
    tail --lines=30 -- "$2" | sed 's/^/  | /' >&2
    giveUp "$1 failed: its last lines are above, all of them in $2"
}
