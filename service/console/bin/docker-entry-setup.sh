# shellcheck shell=bash disable=SC2034
# The web console. It listens to whoever reaches its container: Compose publishes its port at CONSOLE_ADDRESS, and beyond this
# machine it speaks TLS alone, for which it has a name.
SERVICE=console
COMMAND=/usr/local/sbin/lamplighter-console
OPTS="serve --listen 0.0.0.0:8090 --published ${CONSOLE_ADDRESS:-127.0.0.1} --only-scheduled"
if [[ -n ${CONSOLE_NAME:-} ]]; then OPTS+=" --name $CONSOLE_NAME --tls"; fi
STOP_TIMEOUT=10
