# shellcheck shell=bash
# PHP's housekeeping.
# What fails in the middle of a $(...) fails the run, too.
shopt -s inherit_errexit
# shellcheck source=service/php/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"

CB_health_check() {
    local answer
    answer=$(SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping REQUEST_METHOD=GET cgi-fcgi -bind -connect /run/php/php-fpm.sock)
    if [[ $answer != *pong* ]]; then logError "PHP-FPM answers: $answer"; fi
}

CB_rotate_logs() {
    rotateLogs
}

# The site's own jobs, if it has any. They run as the user who asks, but never as root: whoever may write the site's
# files would be root with them.
CB_task_check() { # USER
    local user=$1
    if [[ $(id --user -- "$user") == 0 ]]; then user=$APP_USER; fi
    # The site's folder may be closed to everybody else, also to root, who has no special rights here.
    # shellcheck disable=SC2016 # that shell's
    setpriv --reuid="$user" --regid="$(id --group -- "$user")" --init-groups -- \
        sh -euc 'if [ -f "$SITE/task.php" ]; then cd -- "$SITE"; exec "php$PHP_VERSION" task.php; fi'
}
