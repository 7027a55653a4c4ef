# shellcheck shell=bash disable=SC2034
# Redis: over a unix socket alone, with the password that .secrets/redis-password holds, or with none where
# CACHE_WITHOUT_PASSWORD says so, for all that a cache needs. Who may do anything is the user `administrator`, with a password that only this container knows (/run/redis-administrator).
SERVICE=redis
COMMAND=/usr/bin/redis-server
USE_RUNSOCK=1
# The application's user is in the group.
RUNMODE=0750
USE_VARLOG=1
LOG_FILES=/var/log/redis/redis.log
# Long enough to write the data out before it goes.
STOP_TIMEOUT=50

# shellcheck source=target-sbin/lib/problems.sh
source "$LAMPLIGHTER_SBIN/lib/problems.sh"
# shellcheck source=target-sbin/lib/local.sh
source "$LAMPLIGHTER_SBIN/lib/local.sh"
# shellcheck source=service/redis/bin/local.sh
source "$LAMPLIGHTER_BIN/local.sh"
# shellcheck source=service/redis/bin/cache.sh
source "$LAMPLIGHTER_BIN/cache.sh"

# Redis is told the password's hash, in memory only: so it is neither on a command line nor in a file that is kept,
# and any character may be in it.
writeAccessList() {
    local password asked
    if [[ ! -s /run/secrets/redis-password ]]; then
        echo 'the secret redis-password is missing or empty: bin/up makes it' >&2
        return 1
    fi
    password=$(</run/secrets/redis-password)
    asked=#$(hashOf "$password")
    if [[ ${CACHE_WITHOUT_PASSWORD:-} == 1 ]]; then asked=nopass; fi
    od --address-radix=n --format=x1 --read-bytes=32 /dev/urandom | tr --delete ' \n' | install --mode=0400 /dev/stdin /run/redis-administrator
    # Caches are emptied by their applications, which may also look what is in them.
    install --mode=0400 /dev/stdin /run/redis-users.acl <<LIST
user default on $asked ~* &* +@all -@admin -@dangerous +flushdb +flushall +info +keys +sort +sort_ro
user administrator on #$(hashOf "$(</run/redis-administrator)") ~* &* +@all
LIST
}

hashOf() { # PASSWORD
    printf '%s' "$1" | sha256sum | cut --delimiter=' ' --fields=1
}

writeAccessList
mendCache
judgeLocal /run/redis-without-local
if [[ -e /run/redis-without-local ]]; then
    OPTS=$(redisOptions)
else
    OPTS=$(redisOptions with-local)
fi
