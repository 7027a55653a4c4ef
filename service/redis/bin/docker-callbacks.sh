# shellcheck shell=bash
# Redis' housekeeping.
# What fails in the middle of a $(...) fails the run, too.
shopt -s inherit_errexit
# shellcheck source=service/redis/bin/cache.sh
source "$LAMPLIGHTER_BIN/cache.sh"

# In the environment, not among the arguments: those are anybody's to read. With the user's name, as where no password is
# wanted Redis refuses one that comes alone.
CB_health_check() {
    local answer
    answer=$(REDISCLI_AUTH=$(</run/secrets/redis-password) redis-cli --user default -s /run/redis/redis.sock -t 5 ping)
    if [[ $answer != PONG ]]; then logError "Redis answers: $answer"; fi
    forgetBrokenCache
}

CB_rotate_logs() {
    rotateLogs
}
