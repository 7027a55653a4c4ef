# shellcheck shell=bash

# As the user on whose behalf it is asked for.
CB_task_check() {
    setpriv --reuid="$1" --regid="$1" --init-groups "php$PHP_VERSION" -r 'echo "checked by ", posix_getpwuid(posix_geteuid())["name"], "\n";'
}

# A helper that outlives its callback, as another user and in a session of its own.
CB_start_helper() {
    setpriv --reuid="$1" setsid sleep 333 &
    until [[ $(ps --no-headers -o comm,sid -p $!) =~ ^sleep[[:space:]]+$!$ ]]; do :; done
    echo "helper $!"
}
