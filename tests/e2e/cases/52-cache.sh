# shellcheck shell=bash disable=SC2016 # it is the shell in the container that expands
# Redis is a cache: what it cannot read any more does not keep the site down.

redisCli() { # COMMAND...
    inside redis sh -c 'REDISCLI_AUTH=$(cat /run/redis-administrator) exec redis-cli --user administrator -s /run/redis/redis.sock "$@"' sh "$@"
}

# Redis is stopped, what it has kept is changed, and it starts again; when that was is in $results/since.
restartRedisAfter() { # SCRIPT (in Redis' folder)
    redisCli set kept word >/dev/null
    "${compose[@]}" stop redis
    docker run --rm --network none --volume "$data/redis:/d" --entrypoint sh "$image" -euc "cd /d/appendonlydir; $1"
    now >"$results/since"
    "${compose[@]}" start redis
    waitUntilHealthy redis
    waitUntil 30 'the site is back' siteIsUp
}

damagedCacheIsPutAside() {
    local since
    restartRedisAfter 'printf garbage >>"$(ls *.incr.aof)"; printf more >>"$(ls *.incr.aof)"'
    since=$(<"$results/since")
    expectMatch 'the log of redis' 'Redis cannot read what it has kept \(Bad file format reading the append only file.*begins with nothing' "$(logOf redis "$since")"
    expectMatch 'its health' 'degraded: .*Redis began with nothing on .*data/redis/broken' "$(inside redis lamplighter health)"
    inside redis sh -euc 'test -s /var/lib/redis/broken/appendonly.aof.manifest'
    expectEqual 'the key' '' "$(redisCli get kept)"
    inside redis rm -rf /var/lib/redis/broken
    expectEqual 'its health' healthy "$(inside redis lamplighter health | tail --lines=1)"
}

# The twins: what the log of commands begins with, and the list of the files.
damagedSnapshotIsPutAside() {
    restartRedisAfter 'printf garbage | dd of="$(ls *.base.rdb)" bs=1 seek=20 conv=notrunc status=none'
    expectMatch 'the log of redis' 'Redis cannot read what it has kept \(.*begins with nothing' "$(logOf redis "$(<"$results/since")")"
    restartRedisAfter ': >appendonly.aof.manifest'
    expectMatch 'the log of redis' 'Redis cannot read what it has kept \(Found an empty AOF manifest\).*begins with nothing' "$(logOf redis "$(<"$results/since")")"
    # There is one, whatever happens.
    expectEqual 'what Redis has on its disk' 'appendonlydir broken' "$(inside redis sh -c 'cd /var/lib/redis && ls -d a* b* | xargs')"
    inside redis rm -rf /var/lib/redis/broken
    expectEqual 'its health' healthy "$(inside redis lamplighter health | tail --lines=1)"
}

# The last command, and no more.
tornCacheIsKept() {
    redisCli set torn word >/dev/null
    restartRedisAfter 'truncate --size=-3 "$(ls *.incr.aof)"'
    expectNoMatch 'the log of redis' 'begins with nothing' "$(logOf redis "$(<"$results/since")")"
    expectEqual 'the key' word "$(redisCli get torn)"
    inside redis sh -euc 'test ! -e /var/lib/redis/broken'
}

# What Redis says to PHP, as who calls so: nobody, somebody with a password alone, and the user default with one.
cacheSaysToPhp() { # COMMAND [ARGUMENT...]
    inside php setpriv --reuid=forum --regid=forum --init-groups -- sh -euc 'password=$(cat /run/secrets/redis-password)
        ask() { redis-cli -s /run/redis/redis.sock "$@" 2>&1 | tr "\n" " "; }
        printf "without: %s\n" "$(ask "$@")"
        printf "password: %s\n" "$(REDISCLI_AUTH=$password ask "$@")"
        printf "user: %s\n" "$(REDISCLI_AUTH=$password ask --user default "$@")"' sh "$@"
}

restartRedisWith() { # NAME=VALUE...
    local -x "$@"
    "${compose[@]}" up --detach --no-build --no-deps redis
    waitUntilHealthy redis
}

cacheNeedsNoPassword() {
    local said
    said=$(cacheSaysToPhp ping)
    expectMatch 'who sends none where one is wanted' 'without: NOAUTH' "$said"
    expectMatch 'who sends the password, alone or with its user' $'password: PONG \nuser: PONG' "$said"
    trap 'restartRedisWith CACHE_WITHOUT_PASSWORD=' EXIT
    restartRedisWith CACHE_WITHOUT_PASSWORD=1
    said=$(cacheSaysToPhp ping)
    expectMatch 'who sends none' 'without: PONG' "$said"
    expectMatch 'who sends the password alone' 'password: .*AUTH <password> called without any password configured' "$said"
    expectMatch 'who sends the user with it' 'user: PONG' "$said"
    # As limited as before, and the administrator is somebody else.
    said=$(cacheSaysToPhp config get dir)
    expectMatch 'who sends none' 'without: NOPERM' "$said"
    expectMatch 'who sends the user' 'user: NOPERM' "$said"
    expectMatch 'who says to be the administrator' 'WRONGPASS|NOAUTH' "$(cacheSaysToPhp auth administrator wrong)"
    expectEqual 'what the administrator gets' dir "$(redisCli config get dir | head --lines=1)"
    siteIsUp
}

testCase 'a damaged cache is put aside, which is shown, and the site goes on' damagedCacheIsPutAside
rareCase 'so it is whichever of its files is damaged, and one is kept until somebody removes it' damagedSnapshotIsPutAside
testCase 'a cache that was torn by a power cut is kept' tornCacheIsKept
testCase 'with CACHE_WITHOUT_PASSWORD the application needs no password, and may no more than with one' cacheNeedsNoPassword
