# shellcheck shell=bash
# Redis' housekeeping.

# In the environment, not among the arguments: those are anybody's to read.
CB_health_check() {
    local answer
    answer=$(REDISCLI_AUTH=$(</run/secrets/redis-password) redis-cli -s /run/redis/redis.sock -t 5 ping)
    if [[ $answer != PONG ]]; then logError "Redis answers: $answer"; fi
}

CB_rotate_logs() {
    rotateLogs
}
