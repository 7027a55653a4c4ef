# shellcheck shell=bash
# The web console has no housekeeping: its log is the container's, and it keeps nothing. Its certificate is looked at with its health.

CB_health_check() {
    local answer scheme=http
    if [[ -n ${CONSOLE_NAME:-} ]]; then scheme=https; fi
    # Whom the certificate is for, and who vouches for it, is nothing to its health.
    answer=$(curl --silent --show-error --fail --insecure --max-time 5 "$scheme://127.0.0.1:8090/health")
    if [[ $answer != healthy ]]; then logError "the console answers: $answer"; fi
    tellOfCertificate
}

# Until when it is good; and what is wrong with it, or will be.
tellOfCertificate() {
    local said ends wrong=''
    if [[ -z ${CONSOLE_NAME:-} ]]; then
        takeAwayFact certificate
        takeAwayProblem certificate
        return
    fi
    said=$(lamplighter-console console certificate --name "$CONSOLE_NAME" 2>&1) ||
        wrong=$(sed --quiet 's/^\(warning\|error\|hint\): //p' <<<"$said")
    ends=$(sed --quiet 's/^good until //p' <<<"$said")
    if [[ -n $ends ]]; then leaveInstant certificate "$ends" "the console's certificate is good until $ends"; else takeAwayFact certificate; fi
    if [[ -n $wrong ]]; then leaveProblem certificate "${wrong//$'\n'/: }"; else takeAwayProblem certificate; fi
}
