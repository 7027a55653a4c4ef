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

# The form around the files takes room, too.
export UPLOAD_MAX=${UPLOAD_MAX:-64M}
POST_MAX=$(($(numfmt --from=iec "$UPLOAD_MAX") + 1024 * 1024))
export POST_MAX

# Where PHP may open files: what is named, and what this stack needs besides.
export PHP_DISABLE_FUNCTIONS=${PHP_DISABLE_FUNCTIONS:-}
export OPEN_BASEDIR=''
if [[ -n ${PHP_OPEN_BASEDIR:-} ]]; then
    OPEN_BASEDIR=$PHP_OPEN_BASEDIR:$DOCUMENT_ROOT:/usr/local/conf:/var/lib/php/sessions:/var/tmp:/tmp:$REDIS_PASSWORD_FILE
fi

# Whether the site has settings of its own for PHP (guard.php).
export USER_INI=''
if [[ -e $DOCUMENT_ROOT/.user.ini ]]; then USER_INI=1; fi
