# shellcheck shell=bash disable=SC2034
# The web console. It listens to whoever reaches its container, which is this machine alone: Compose publishes its port
# there (CONSOLE_PORT).
SERVICE=console
COMMAND=/usr/local/sbin/lamplighter-console
OPTS='serve --listen 0.0.0.0:8090 --only-scheduled'
STOP_TIMEOUT=10
