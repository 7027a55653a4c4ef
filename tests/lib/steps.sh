# shellcheck shell=bash
# Steps of a test run: each with a title and its time, and a summary of all at the end.
# Needs bin/lib/output.sh.

# A step ends with this status to say that it could not be done here, which is no failure.
readonly SKIPPED=77

stepsBeganAt=$EPOCHREALTIME
stepSummary=()
failedSteps=()
skippedSteps=()

# In a subshell of its own, so that a step's failing command ends that step and nothing else.
runStep() { # NAME TITLE COMMAND...
    local name=$1 began=$EPOCHREALTIME status verdict
    printf '\n%s── %s%s\n' "$soft" "$2" "$plain"
    shift 2
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    case $status in
    0) verdict="${good}passed$plain " ;;
    "$SKIPPED") verdict='skipped' && skippedSteps+=("$name") ;;
    *) verdict="${bad}FAILED$plain " && failedSteps+=("$name") ;;
    esac
    stepSummary+=("$(printf '%-9s %s %7s s' "$name" "$verdict" "$(secondsSince "$began")")")
}

# Fails when a step did.
summarizeSteps() {
    printf '\n%s── summary%s\n' "$soft" "$plain"
    printf '%s\n' "${stepSummary[@]}"
    if ((${#failedSteps[@]})); then
        printf '%sFAILED: %s%s\n' "$bad" "${failedSteps[*]}" "$plain"
        return 1
    fi
    if ((${#skippedSteps[@]})); then
        printf 'Passed in %s s, but NOT tested: %s\n' "$(secondsSince "$stepsBeganAt")" "${skippedSteps[*]}"
    else
        printf 'All tests passed in %s s.\n' "$(secondsSince "$stepsBeganAt")"
    fi
}
