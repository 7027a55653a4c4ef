# shellcheck shell=bash disable=SC2034
SERVICE=php
COMMAND=php-fpm$PHP_VERSION
OPTS='--nodaemonize --fpm-config /usr/local/conf/php-fpm.conf'
USER=www-data
USE_RUNSOCK=1
