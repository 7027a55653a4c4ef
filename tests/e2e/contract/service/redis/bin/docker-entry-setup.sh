# shellcheck shell=bash disable=SC2034
SERVICE=redis
COMMAND=redis-server
OPTS=/usr/local/conf/redis.conf
USER=redis
USE_RUNSOCK=1
RUNMODE=750
USE_VARLOG=1
REUID=redis
