# shellcheck shell=bash disable=SC2034
# MariaDB: reached over unix sockets alone, one for the site and one for what is done in here. The application is told by
# its user; the administrator, whom no other container may become, by a password.
SERVICE=mysql
COMMAND=/usr/local/bin/listening.pl
OPTS='/run/mysqld/mysqld.sock /run/mariadb/own.sock /usr/sbin/mariadbd
    --defaults-file=/run/mariadb/server.cnf --init-file=/run/mariadb/init.sql'
# SLOW_SECONDS has slow statements logged.
if [[ ${SLOW_SECONDS:-0} != 0 ]]; then
    OPTS+=" --slow-query-log=ON --slow-query-log-file=/var/log/mysql/slow.log --long-query-time=$SLOW_SECONDS"
fi
# A large buffer pool takes its time to be written; killed before, MariaDB would begin with a crash recovery.
STOP_TIMEOUT=110

# shellcheck source=target-sbin/lib/problems.sh
source "$LAMPLIGHTER_SBIN/lib/problems.sh"
# shellcheck source=target-sbin/lib/local.sh
source "$LAMPLIGHTER_SBIN/lib/local.sh"
# shellcheck source=service/mysql/bin/local.sh
source "$LAMPLIGHTER_BIN/local.sh"
# shellcheck source=service/mysql/bin/upgrade.sh
source "$LAMPLIGHTER_BIN/upgrade.sh"
# shellcheck source=service/mysql/bin/replica.sh
source "$LAMPLIGHTER_BIN/replica.sh"

# The data lies one level below the mount, because a mount point cannot be the target of a rename.
makeDataDirectory() {
    local mount=/var/lib/mysql new
    if [[ -d $mount/data ]]; then return; fi

    # Made aside and renamed when complete: a first start that is interrupted leaves nothing that looks like data.
    rm -rf -- "$mount"/new.*
    new=$(mktemp --directory "$mount/new.XXXXXX")
    if ! mariadb-install-db --no-defaults \
        --datadir="$new" --auth-root-authentication-method=socket --auth-root-socket-user=root --skip-test-db \
        >"$new.log" 2>&1; then
        cat -- "$new.log" >&2
        echo "MariaDB's data directory could not be made: the reason is above" >&2
        return 1
    fi
    rm -f -- "$new.log"
    sync --file-system "$new"
    mv --no-target-directory -- "$new" "$mount/data"
    sync "$mount"
}

# Run at every start, so that it also mends what an interrupted first start left undone. The application's user is
# told by its uid (unix_socket), and root is not: uid 0 of another container is nobody here. `_` in a GRANT's database
# would be a wildcard.
writeInitFile() {
    local password
    password=$(</run/secrets/mariadb-password)
    if [[ ! $password =~ ^[0-9a-f]{32,}$ ]]; then
        echo 'the secret mariadb-password is not one that bin/up has made (hexadecimal digits): remove it, and bin/up makes another' >&2
        return 1
    fi
    umask 077
    mkdir -p /run/mariadb
    printf '[client]\nuser=root\npassword=%s\nsocket=/run/mariadb/own.sock\n' "$password" >/run/mariadb/my.cnf
    # What a standby writes of its own accord is not to be taken for a change.
    if isReplica; then echo 'SET SESSION sql_log_bin = 0;' >/run/mariadb/init.sql; else : >/run/mariadb/init.sql; fi
    cat >>/run/mariadb/init.sql <<SQL
CREATE DATABASE IF NOT EXISTS \`$APP_USER\`;
CREATE USER IF NOT EXISTS root@localhost;
GRANT ALL PRIVILEGES ON *.* TO root@localhost WITH GRANT OPTION;
ALTER USER root@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('$password');
CREATE USER IF NOT EXISTS \`$APP_USER\`@localhost IDENTIFIED VIA unix_socket;
ALTER USER \`$APP_USER\`@localhost WITH MAX_USER_CONNECTIONS 60;
GRANT ALL PRIVILEGES ON \`${APP_USER//_/\\_}\`.* TO \`$APP_USER\`@localhost;
SQL
}

refuseSteppedDown
# What MariaDB sorts may be more than memory holds.
mkdir -p /var/lib/mysql/tmp
makeDataDirectory
writeInitFile
judgeLocal /run/mariadb-without-local
if [[ -e /run/mariadb-without-local ]]; then
    writeConfiguration /run/mariadb/server.cnf
else
    writeConfiguration /run/mariadb/server.cnf with-local
fi
askForUpgrade
if isReplica; then beginReplica; else forgetReplica; fi
