# shellcheck shell=bash
# PHP's housekeeping.
# What fails in the middle of a $(...) fails the run, too.
shopt -s inherit_errexit
# shellcheck source=service/php/bin/environment.sh
source "$LAMPLIGHTER_BIN/environment.sh"

# shellcheck source=service/php/bin/loopback.sh
source "$LAMPLIGHTER_BIN/loopback.sh"

CB_health_check() {
    local answer
    answer=$(SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping REQUEST_METHOD=GET cgi-fcgi -bind -connect /run/php/php-fpm.sock)
    if [[ $answer != *pong* ]]; then logError "PHP-FPM answers: $answer"; fi
    if [[ -d $loopback ]]; then checkLoopback; fi
}

CB_rotate_logs() {
    rotateLogs
}

# The site's own jobs, if it has any. They run as the user who asks, but never as root: whoever may write the site's
# files would be root with them.
CB_task_check() { # USER
    local user=$1 script task=${TASK:-task.php}
    # This listener may have begun to wait before it was known whether what is in local is used.
    # shellcheck source=service/php/bin/environment.sh
    source "$LAMPLIGHTER_BIN/environment.sh"
    if [[ $(id --user -- "$user") == 0 ]]; then user=$APP_USER; fi
    # The site's folder may be closed to everybody else, also to root, who has no special rights here.
    # shellcheck disable=SC2016 # that shell's
    script=$(as "$user" sh -c 'if [ -f "$1" ]; then realpath -- "$1"; fi' sh "$SITE/$task")
    if [[ -z $script && -n ${TASK:-} ]]; then
        logError "the site has no $task, which TASK in .env names: its path below SITE_PATH is wanted"
    elif [[ -z $script ]]; then
        skipRun "the site has no $task: where it has another periodic task, name that in .env, TASK=cron.php for example"
    elif [[ $script != "$SITE"/* ]]; then
        logError "$task leads out of the site, to $script: it is not run"
    fi
    # shellcheck disable=SC2016 # that shell's
    as "$user" sh -euc 'cd -- "$SITE"; exec "php$PHP_VERSION" "$1"' sh "$task"
}

as() { # USER COMMAND...
    setpriv --reuid="$1" --regid="$(id --group -- "$1")" --init-groups -- "${@:2}"
}
