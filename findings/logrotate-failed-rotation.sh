#!/usr/bin/env bash
# After a rotation whose `postrotate` failed, logrotate's next run does nothing, says nothing and succeeds: its state says
# "rotated", and there is no log to rotate. The daemon, which has not been told, writes on into the renamed file, which is
# compressed and thrown away beneath it in time. Debian 12's version does the same after a failed `prerotate`, where nothing
# has been renamed; Debian 13's (3.22.0) leaves such a log due.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh

needDebian logrotate=3.21.0-1
logrotate=$folder/root/usr/sbin/logrotate
chmod 0755 "$folder"

# The statuses of two runs with a script that fails, and what there is then.
rotateTwice() { # SCRIPT
    local -a statuses=()
    rm -rf -- "$folder/logs"
    mkdir -- "$folder/logs"
    echo line >"$folder/logs/web.log"
    install --mode=0600 /dev/stdin "$folder/state" <<END
logrotate state -- version 2
"$folder/logs/web.log" 2020-1-1-0:0:0
END
    install --mode=0644 /dev/stdin "$folder/rules" <<END
$folder/logs/web.log {
    weekly
    missingok
    $1
        exit 3
    endscript
}
END
    for _ in 1 2; do
        set +e
        "$logrotate" --state "$folder/state" "$folder/rules" 2>/dev/null
        statuses+=("$?")
        set -e
    done
    printf 'status %s, then %s; logs: %s; ' "${statuses[@]}" "$(cd -- "$folder/logs" && echo *)"
    if grep --quiet ' 2020-1-1-' "$folder/state"; then echo 'still due'; else echo 'rotated today'; fi
}

see 'a failing postrotate, two runs' 'status 1, then 0; logs: web.log.1; rotated today' "$(rotateTwice postrotate)"
see 'a failing prerotate, two runs' 'status 1, then 0; logs: web.log; rotated today' "$(rotateTwice prerotate)"
conclude
