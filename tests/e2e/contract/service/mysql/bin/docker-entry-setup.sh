# shellcheck shell=bash disable=SC2034
# The folders are called as the daemon is, not as the service.
SERVICE=mysqld
COMMAND=/usr/sbin/mariadbd
OPTS="--defaults-file=/usr/local/conf/my.cnf $MYSQL_EXTRA_OPTS"
USER=mysql
GROUP=adm
USE_RUNSOCK=1
RUNMODE=755
USE_VARLOG=1
REUID=mysql
REGID=mysql

# The volume is new.
if [ -z "$(ls -A /var/lib/mysql)" ]; then
    setpriv --reuid=mysql --regid=mysql --init-groups mariadb-install-db --no-defaults --datadir=/var/lib/mysql \
        --auth-root-authentication-method=socket --skip-test-db >/dev/null
fi
