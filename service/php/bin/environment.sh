# shellcheck shell=bash
# What the site's PHP code may rely on, in the web server's requests and in task.php alike.
export SITE=/var/www/site
export DOCUMENT_ROOT="$SITE${SITE_PUBLIC:+/$SITE_PUBLIC}"
export DB_SOCKET=/run/mysqld/mysqld.sock
export DB_NAME="$APP_USER"
export DB_USER="$APP_USER"
export REDIS_SOCKET=/run/redis/redis.sock
export REDIS_PASSWORD_FILE=/run/secrets/redis-password

# Debian's settings, then ours, then those of the stack's owner (local/php.d, local/php-fpm.d), unless they were wrong at
# the start (bin/local.sh).
# shellcheck source=target-sbin/lib/local.sh
source "${LAMPLIGHTER_SBIN:-/usr/local/sbin}/lib/local.sh"
withoutLocal=/run/php-without-local
useLocal() {
    PHP_INI_SCAN_DIR+=:$LAMPLIGHTER_LOCAL/php.d
    if hasLocal php-fpm.d conf; then POOL_LOCAL="$LAMPLIGHTER_LOCAL/php-fpm.d/*.conf"; fi
}
useNoLocal() {
    export PHP_INI_SCAN_DIR=:/usr/local/conf/php.d
    # PHP-FPM wants a file that there is.
    export POOL_LOCAL=/dev/null
}
useNoLocal
if [[ ! -e $withoutLocal ]]; then useLocal; fi

# What a request may take: memory, and time. PHP's own end of it comes first, which says where it was.
export PHP_MEMORY=${PHP_MEMORY:-128M} PHP_TIMEOUT=${PHP_TIMEOUT:-300}
export PHP_TERMINATE=$((PHP_TIMEOUT + 5))

# Whether mail() has a relay (send-mail).
export SITE_MAIL=${SITE_MAIL:-0}

# What takes as long is logged with where it is in its code; 0: nothing is.
export SLOW_SECONDS=${SLOW_SECONDS:-0}

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

# Whom PHP trusts over TLS: also the site's own certificate, which Apache adds.
export AUTHORITIES=/etc/ssl/certs/ca-certificates.crt
if [[ -d /run/loopback ]]; then AUTHORITIES=/run/loopback/authorities.pem; fi

# Whether the site has settings of its own for PHP (guard.php).
export USER_INI=''
if [[ -e $DOCUMENT_ROOT/.user.ini ]]; then USER_INI=1; fi
