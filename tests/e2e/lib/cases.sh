# shellcheck shell=bash
# Cases: each is a sentence that has to be true and the function that shows it. And what such a function needs to say
# what it found. Needs bin/lib/output.sh, the folder
# `results`, and the descriptor `lock`, which nothing that a case leaves behind may hold.

casesPassed=0
casesFailed=0
casesSkipped=0

# In a subshell with every failing command fatal, so that nothing of a case outlives it but what it did to the stack.
testCase() { # SENTENCE FUNCTION [ARGUMENT...]
    local sentence=$1 began=$EPOCHREALTIME output=$results/case.log status
    shift
    if [[ -n $only && ! $sentence =~ $only ]]; then return; fi
    set +e
    (
        set -Eeuo pipefail
        trap 'echo "${BASH_SOURCE[0]##*/} line $LINENO: \`$BASH_COMMAND\` gave status $?" >&2' ERR
        "$@"
    ) >"$output" 2>&1 </dev/null {lock}>&-
    status=$?
    set -e
    if [[ $status == "$SKIPPED" && ${CI:-} == true ]]; then
        echo 'in CI every case has to be shown' >>"$output"
        status=1
    fi
    case $status in
    0)
        casesPassed=$((casesPassed + 1))
        printf '%sok%s   %6s s  %s\n' "$good" "$plain" "$(secondsSince "$began")" "$sentence"
        ;;
    "$SKIPPED")
        casesSkipped=$((casesSkipped + 1))
        printf 'skip %6s s  %s: %s\n' "$(secondsSince "$began")" "$sentence" "$(tail --lines=1 "$output")"
        ;;
    *)
        casesFailed=$((casesFailed + 1))
        printf '%sFAIL%s %6s s  %s\n' "$bad" "$plain" "$(secondsSince "$began")" "$sentence"
        tail --lines=40 -- "$output" | cut --characters=1-400 | sed 's/^/     | /'
        {
            printf '%s\n' "$sentence"
            tail --lines=12 -- "$output" | cut --characters=1-400 | sed 's/^/     | /'
        } >>"$results/failures"
        saveLogs "$results/logs"
        ;;
    esac
}

# One that takes its time: in CI, with --all, and when it is asked for by its sentence.
slowCase() { # SENTENCE FUNCTION [ARGUMENT...]
    if [[ -n $all || -n $only || ${CI:-} == true ]]; then testCase "$@"; fi
}

# One that is slow and finds something seldom: with --all alone.
rareCase() { # SENTENCE FUNCTION [ARGUMENT...]
    if [[ -n $all ]]; then testCase "$@"; fi
}

# The case cannot be shown here, for this reason. In CI that is a failure.
skip() { # REASON
    printf '%s\n' "$*"
    exit "$SKIPPED"
}

fail() { # WHAT...
    printf '%s\n' "$@" >&2
    trap - ERR
    exit 1
}

expectEqual() { # WHAT EXPECTED ACTUAL
    if [[ $2 != "$3" ]]; then fail "$1: expected" "$2" 'but found' "$3"; fi
}

# A regular expression as bash has them.
expectMatch() { # WHAT PATTERN TEXT
    if [[ ! $3 =~ $2 ]]; then fail "$1: nothing matches" "$2" in "$3"; fi
}

expectNoMatch() { # WHAT PATTERN TEXT
    if [[ $3 =~ $2 ]]; then fail "$1: \"${BASH_REMATCH[0]}\" matches" "$2" in "$3"; fi
}

# Below, in seconds with a fraction.
expectBelow() { # WHAT LIMIT SECONDS
    if [[ $(jq --null-input "$3 < $2") != true ]]; then fail "$1: took $3 s, the limit is $2 s"; fi
}

# Asks again and again until the command succeeds; what it said last is told when it never does.
waitUntil() { # SECONDS WHAT COMMAND...
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000)) what=$2 said
    shift 2
    until said=$("$@" 2>&1); do
        if ((${EPOCHREALTIME/[.,]/} > deadline)); then fail "waited in vain until $what; last:" "$said"; fi
        sleep 0.1
    done
}

# A figure that was measured on the way, for the summary.
figure() { # WHAT VALUE
    printf '%-52s %s\n' "$1" "$2" >>"$results/figures"
}
