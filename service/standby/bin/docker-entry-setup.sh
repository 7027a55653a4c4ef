# shellcheck shell=bash disable=SC2034
# Keeps up with the other machine: MariaDB's way to it, the site's files and the settings. On a machine that was promoted, it tells the
# other one so, until that has heard.
SERVICE=standby
COMMAND=/usr/local/bin/keep-up
