# shellcheck shell=bash disable=SC2034
# PHP-FPM: its master is root and does nothing but mind the workers, which are the application's user.
SERVICE=php
COMMAND=/usr/sbin/php-fpm$PHP_VERSION
OPTS='--nodaemonize --fpm-config /usr/local/conf/php-fpm.conf'
USE_VARLOG=1
LOG_FILES=/var/log/php/fpm.log
# QUIT lets the requests in progress come to their end.
STOP_SIGNAL=QUIT
STOP_TIMEOUT=25

# shellcheck source=service/php/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"

# The secret's file is root's alone; the application gets a copy of its own, in memory.
handOverSecret() { # NAME
    install --directory --owner=root --group="$APP_USER" --mode=0750 /dev/shm/secrets
    install --owner="$APP_USER" --group="$APP_USER" --mode=0400 "/run/secrets/$1" "/dev/shm/secrets/$1"
}

# Apache is the only one to connect.
install --directory --owner=root --group=www-data --mode=0750 /run/php
install --directory --owner="$APP_USER" --group="$APP_USER" --mode=0700 /var/lib/php/sessions
install --directory --mode=0750 /var/log/php
handOverSecret redis-password
