# shellcheck shell=bash
# What a callback leaves where people see it, until a callback takes it away. Sourced by listener.sh.
# - Problems that last: `lamplighter status` and `health` show them as degraded, and an alarm is raised.
# - Facts, which are nothing wrong: `lamplighter status SERVICE` shows them, with their age. The first line of a file is
#   the sentence, a second one the instant that it is about, a third one data for programs, as JSON.

# shellcheck source=target-sbin/lib/replace.sh
source "$LAMPLIGHTER_SBIN/lib/replace.sh"
: "${LAMPLIGHTER_STATE:=/var/lib/lamplighter}"
problemsFolder=$LAMPLIGHTER_STATE/problems
factsFolder=$LAMPLIGHTER_STATE/facts

# ABOUT is a name as an action's is; TEXT a sentence that says what to do. It replaces the one about the same.
leaveProblem() { # ABOUT TEXT...
    leaveSentence "$problemsFolder" "$@"
}

takeAwayProblem() { # ABOUT
    takeAwaySentence "$problemsFolder" "$1"
}

leaveFact() { # ABOUT TEXT...
    leaveSentence "$factsFolder" "$@"
}

# A fact about an instant, in UTC and as RFC 3339 has it (2026-11-23T04:05:00Z), which programs read: metrics do.
leaveInstant() { # ABOUT INSTANT TEXT...
    needInstant "$1" "$2"
    leaveLines "$factsFolder" "$1" "$(inALine "${@:3}")" "$2"
}

# The same with what else programs may read of it, as JSON in one line, of 15 KiB at most: the web console does.
leaveData() { # ABOUT INSTANT JSON TEXT...
    needInstant "$1" "$2"
    leaveLines "$factsFolder" "$1" "$(inALine "${@:4}")" "$2" "$3"
}

needInstant() { # ABOUT INSTANT
    if [[ ! $2 =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$ ]]; then
        logError "no instant to tell of $1: $2"
    fi
}

inALine() { # TEXT...
    printf '%s\n' "${*//$'\n'/ }"
}

takeAwayFact() { # ABOUT
    takeAwaySentence "$factsFolder" "$1"
}

leaveSentence() { # FOLDER ABOUT TEXT...
    local folder=$1 about=$2
    shift 2
    leaveLines "$folder" "$about" "$(inALine "$@")"
}

leaveLines() { # FOLDER ABOUT LINE...
    local folder=$1 about=$2 new
    shift 2
    # A name that is no topic: nobody reads it before it is whole.
    new=$folder/.$about.$BASHPID
    (umask 077 && mkdir -p -- "$folder" && printf '%s\n' "$@" >"$new")
    replaceFile "$new" "$folder/$about"
}

takeAwaySentence() { # FOLDER ABOUT
    if [[ -e $1/$2 ]]; then rm -f -- "$1/$2"; fi
}
