# shellcheck shell=bash
# The web console has no housekeeping: its log is the container's, and it keeps nothing.

CB_health_check() {
    local answer
    answer=$(curl --silent --show-error --fail --max-time 5 http://127.0.0.1:8090/health)
    if [[ $answer != healthy ]]; then logError "the console answers: $answer"; fi
}
