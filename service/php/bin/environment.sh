# shellcheck shell=bash
# What the site's PHP code may rely on, in the web server's requests and in task.php alike.
export SITE=/var/www/site
export DOCUMENT_ROOT="$SITE${SITE_PUBLIC:+/$SITE_PUBLIC}"
export DB_SOCKET=/run/mysqld/mysqld.sock
export DB_NAME="$APP_USER"
export DB_USER="$APP_USER"
export REDIS_SOCKET=/run/redis/redis.sock
export REDIS_PASSWORD_FILE=/run/secrets/redis-password

# Debian's settings, then ours.
export PHP_INI_SCAN_DIR=:/usr/local/conf/php.d
