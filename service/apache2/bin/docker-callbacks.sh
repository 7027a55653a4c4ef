# shellcheck shell=bash
# Apache's housekeeping.

# On an address that only this container has, so that it works whatever the site does.
CB_health_check() {
    curl --fail --silent --show-error --max-time 5 --output /dev/null http://127.0.0.1:8081/server-status?auto
}

CB_rotate_logs() {
    rotateLogs
}
