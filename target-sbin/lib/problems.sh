# shellcheck shell=bash
# Problems that last: a callback leaves what it found wrong where `lamplighter status` and `health` show it, as degraded,
# and an alarm is raised, until a callback takes it away. Sourced by listener.sh.

: "${LAMPLIGHTER_STATE:=/var/lib/lamplighter}"
problemsFolder=$LAMPLIGHTER_STATE/problems

# ABOUT is a name as an action's is; TEXT a sentence that says what to do. It replaces the one about the same.
leaveProblem() { # ABOUT TEXT...
    local about=$1 new
    shift
    mkdir -p -- "$problemsFolder"
    # A name that is no topic: nobody reads it before it is whole.
    new=$problemsFolder/.$about.$BASHPID
    printf '%s\n' "${*//$'\n'/ }" >"$new"
    mv --force -- "$new" "$problemsFolder/$about"
}

takeAwayProblem() { # ABOUT
    if [[ -e $problemsFolder/$1 ]]; then rm -f -- "$problemsFolder/$1"; fi
}
