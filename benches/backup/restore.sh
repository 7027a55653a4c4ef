#!/bin/bash
# Restores the newest backup of the database twice, in the container of backups: the SQL as one loads it, and MariaDB's files. Prints the
# seconds that each takes until a MariaDB answers that has all of it.
set -Eeuo pipefail
: "${LAMPLIGHTER_SBIN:=/usr/local/sbin}" "${LAMPLIGHTER_BIN:=/usr/local/bin}" "${LAMPLIGHTER_SERVICE:=backup}"
export LAMPLIGHTER_STATE=/var/lib/lamplighter
# shellcheck source=target-sbin/lib/log.sh
source "$LAMPLIGHTER_SBIN/lib/log.sh"
# shellcheck source=target-sbin/lib/disk.sh
source "$LAMPLIGHTER_SBIN/lib/disk.sh"
# shellcheck source=target-sbin/lib/repository.sh
source "$LAMPLIGHTER_SBIN/lib/repository.sh"
# shellcheck source=target-sbin/lib/dump.sh
source "$LAMPLIGHTER_SBIN/lib/dump.sh"
# shellcheck source=service/backup/bin/drill.sh
source "$LAMPLIGHTER_BIN/drill.sh"

since() { # EPOCHREALTIME
    awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f\n", to - from }'
}

openRepository >&2
sql=$(newestSnapshot database)
files=$(newestSnapshot physical)
trap endScratch EXIT

began=$EPOCHREALTIME
startScratch
inRepository dump "$(ofSnapshot "$sql" .short_id)" /database.sql |
    mariadb --socket="$scratchSocket" --default-character-set=utf8mb4 --max-allowed-packet=1G --init-command="$lenientSession"
echo "sql $(since "$began")"
endScratch

install --directory --mode=0711 "$scratch"
install --directory --owner=mysql --group=mysql --mode=0700 "$scratch/physical"
began=$EPOCHREALTIME
layPhysical inRepository "$(ofSnapshot "$files" .short_id)" "$scratch/physical/base"
startBase "$scratch/physical/base"
mariadb --socket="$baseSocket" --batch --skip-column-names --execute='SELECT COUNT(*) FROM forum.posts' >&2
echo "files $(since "$began")"
