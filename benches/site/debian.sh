#!/usr/bin/env bash
# What a server runs after `apt install`, by the configuration files of Debian's packages and nothing else: Apache with
# PHP-FPM (what php-fpm's package says after its installation is done: `a2enmod proxy_fcgi`, `a2enconf`), MariaDB and Redis
# on loopback. All of it in one container, whose network is the only thing between it and whoever measures.
set -Eeuo pipefail

a2enmod --quiet proxy_fcgi setenvif
a2enconf --quiet "php$PHP_VERSION-fpm"
# Of no default: the image has its package for the stack.
a2dismod --quiet --force qos

# The folders that systemd makes there.
mkdir /run/lock
install --directory --owner=mysql --group=mysql /run/mysqld
install --directory --owner=redis --group=redis /run/redis
install --directory --owner=www-data --group=www-data /run/php
chown mysql:mysql /var/lib/mysql
chown redis:redis /var/lib/redis

mariadb-install-db --user=mysql --auth-root-authentication-method=socket --skip-test-db >/dev/null
mariadbd --user=mysql &
setpriv --reuid=redis --regid=redis --init-groups redis-server /etc/redis/redis.conf --daemonize no --supervised no &
"php-fpm$PHP_VERSION" --nodaemonize &

until mariadb --execute 'SELECT 1' &>/dev/null; do sleep 0.2; done
mariadb <<'SQL'
CREATE DATABASE forum;
CREATE USER forum@localhost IDENTIFIED BY 'of-no-worth';
GRANT ALL PRIVILEGES ON forum.* TO forum@localhost;
SQL

set +u
# shellcheck source=/dev/null
source /etc/apache2/envvars
set -u
mkdir -p "$APACHE_RUN_DIR" "$APACHE_LOCK_DIR"
exec apache2 -D FOREGROUND
