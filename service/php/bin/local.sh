# shellcheck shell=bash
# What is wrong with what the stack's owner adds to PHP: settings (local/php.d), and those of the pool (local/php-fpm.d).
# shellcheck source=service/php/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"
# shellcheck source=target-sbin/lib/memory.sh
source "$LAMPLIGHTER_SBIN/lib/memory.sh"

# For php-fpm.conf.
PHP_WORKERS=$(phpWorkers "$(memoryLimit)" "$(bytesOf "$PHP_MEMORY")")
export PHP_WORKERS PHP_SPARE=$((PHP_WORKERS < 4 ? PHP_WORKERS : 4))

localFolders=(php.d:ini php-fpm.d:conf)

# PHP goes on without the rest of a file that it cannot read, and PHP-FPM does not.
daemonFault() { # [with-local]
    local said status=0 place=service/php/conf
    if [[ -n ${1:-} ]]; then place=local/php-fpm.d; fi
    said=$(
        useNoLocal
        if [[ -n ${1:-} ]]; then useLocal; fi
        setpriv --reuid="$APP_USER" --regid="$APP_USER" --init-groups -- \
            "/usr/sbin/php-fpm$PHP_VERSION" --test --fpm-config /usr/local/conf/php-fpm.conf 2>&1
    ) || status=$?
    sed --quiet --regexp-extended \
        's#^.*(syntax error.*) in (/.*) on line ([0-9]+).*$#\2:\3: \1#p; s#^\[[^]]*\] ERROR: \[(/[^]]*:[0-9]+)\] (.*)$#\1: \2#p' <<<"$said"
    if ((status)); then
        sed --quiet --regexp-extended "s#^\\[[^]]*\\] (ERROR|ALERT): (.*)#$place: \\2#p" <<<"$said"
        printf '%s: PHP-FPM would not start: %s\n' "$place" "$said"
    fi
}
