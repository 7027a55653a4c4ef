# shellcheck shell=bash disable=SC2034 # read by entrypoint.sh
# What the service is, and how it starts.
SERVICE=lamp
COMMAND=$LAMPLIGHTER_BIN/lamp
STOP_TIMEOUT=5
