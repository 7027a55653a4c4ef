# shellcheck shell=bash disable=SC2034
# A service of callbacks only. It is apart from PHP and Apache so that what faces the internet never sees a backup.
SERVICE=backup
STOP_TIMEOUT=25
