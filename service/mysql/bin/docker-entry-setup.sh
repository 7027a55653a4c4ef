# shellcheck shell=bash disable=SC2034
# MariaDB: reached over a unix socket alone, and by users of this machine alone (no password is ever sent).
SERVICE=mysql
COMMAND=/usr/sbin/mariadbd
OPTS='--defaults-file=/usr/local/conf/mariadb.cnf --init-file=/run/mysqld/init.sql'
REUID=mysql
# A large buffer pool takes its time to be written; killed before, MariaDB would begin with a crash recovery.
STOP_TIMEOUT=110

# shellcheck source=target-sbin/lib/problems.sh
source "$LAMPLIGHTER_SBIN/lib/problems.sh"
# shellcheck source=service/mysql/bin/upgrade.sh
source "$LAMPLIGHTER_BIN/upgrade.sh"

# The data lies one level below the mount, because a mount point cannot be the target of a rename.
makeDataDirectory() {
    local mount=/var/lib/mysql new
    chown root:mysql "$mount"
    chmod 0750 "$mount"
    if [[ -d $mount/data ]]; then return; fi

    # Made aside and renamed when complete: a first start that is interrupted leaves nothing that looks like data.
    rm -rf -- "$mount"/new.*
    new=$(mktemp --directory "$mount/new.XXXXXX")
    chown mysql:mysql "$new"
    if ! setpriv --reuid=mysql --regid=mysql --init-groups -- mariadb-install-db --no-defaults \
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
# told by its uid (unix_socket); `_` in a GRANT's database would be a wildcard.
writeInitFile() {
    cat >/run/mysqld/init.sql <<SQL
CREATE DATABASE IF NOT EXISTS \`$APP_USER\`;
CREATE USER IF NOT EXISTS \`$APP_USER\`@localhost IDENTIFIED VIA unix_socket;
GRANT ALL PRIVILEGES ON \`${APP_USER//_/\\_}\`.* TO \`$APP_USER\`@localhost;
SQL
}

# Debian's place for the socket, so that every client finds it; only MariaDB's and the application's user may go in.
install --directory --owner=mysql --group="$APP_USER" --mode=0750 /run/mysqld
makeDataDirectory
writeInitFile
askForUpgrade
chmod 0700 /var/backups
