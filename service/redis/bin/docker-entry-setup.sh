# shellcheck shell=bash disable=SC2034
# Redis: over a unix socket alone, with the password that .secrets/redis-password holds.
SERVICE=redis
COMMAND=/usr/bin/redis-server
OPTS=/usr/local/conf/redis.conf
USER=redis
USE_RUNSOCK=1
# The application's user is in the group.
RUNMODE=0750
USE_VARLOG=1
LOG_FILES=/var/log/redis/redis.log
REUID=redis
# Long enough to write the data out before it goes.
STOP_TIMEOUT=50

# shellcheck source=target-sbin/lib/problems.sh
source "$LAMPLIGHTER_SBIN/lib/problems.sh"
# shellcheck source=service/redis/bin/cache.sh
source "$LAMPLIGHTER_BIN/cache.sh"

# Redis is told the password's hash, in memory only: so it is neither on a command line nor in a file that is kept,
# and any character may be in it.
writeAccessList() {
    local password
    if [[ ! -s /run/secrets/redis-password ]]; then
        echo 'the secret redis-password is missing or empty: bin/up makes it' >&2
        return 1
    fi
    password=$(</run/secrets/redis-password)
    install --owner=redis --group=redis --mode=0400 /dev/stdin /dev/shm/redis-users.acl \
        <<<"user default on #$(printf '%s' "$password" | sha256sum | cut --delimiter=' ' --fields=1) ~* &* +@all"
}

writeAccessList
chown redis:redis /var/lib/redis
chmod 0750 /var/lib/redis /var/log/redis
mendCache
