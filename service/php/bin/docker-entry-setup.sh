# shellcheck shell=bash disable=SC2034
# PHP-FPM: all of it is the application's user, also the master. The supervisor is root, and so out of its reach.
SERVICE=php
COMMAND=/usr/sbin/php-fpm$PHP_VERSION
OPTS='--nodaemonize --fpm-config /usr/local/conf/php-fpm.conf'
REUID=$APP_USER
LOG_FILES=/var/log/php/fpm.log
# QUIT lets the requests in progress come to their end.
STOP_SIGNAL=QUIT
STOP_TIMEOUT=25

# shellcheck source=service/php/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"
# shellcheck source=target-sbin/lib/problems.sh
source "$LAMPLIGHTER_SBIN/lib/problems.sh"
# shellcheck source=service/php/bin/local.sh
source "$LAMPLIGHTER_BIN/local.sh"

# shellcheck source=service/php/bin/loopback.sh
source "$LAMPLIGHTER_BIN/loopback.sh"

# What is left of uploads is nobody's any more. The folder is the application's alone.
setpriv --reuid="$REUID" --regid="$REUID" --init-groups -- find /var/tmp -mindepth 1 -delete

# The supervisor reads its last words: of what the application's user makes there, the group is root.
for log in fpm slow; do
    if [[ ! -e /var/log/php/$log.log ]]; then
        setpriv --reuid="$REUID" --regid="$REUID" --init-groups -- install --mode=0640 /dev/null "/var/log/php/$log.log"
    fi
done

judgeLocal "$withoutLocal"
# It goes by that.
# shellcheck source=service/php/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"

if [[ -d $loopback ]]; then beginLoopback; fi
