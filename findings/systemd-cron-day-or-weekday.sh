#!/usr/bin/env bash
# A crontab line whose day of month and weekday are both set is due when either matches: so crontab(5), for all crons.
# systemd-cron makes a timer of it that wants both: backups of `0 3 1-7 * mon` are made once a month instead of on eleven
# days. A line with the weekdays 5-7 (7 is Sunday) is called
# garbled, and gets a timer all the same: for every day.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh

needDebian systemd-cron=1.15.19-5

# In a mount namespace of its own, whose /etc/cron.d has the one line.
# shellcheck disable=SC2016 # the inner shell expands
timers() { # LINE
    printf '%s\n' "$1" >"$folder/line"
    rm -rf -- "$folder/units"
    mkdir -- "$folder/units"
    unshare --mount bash -euc '
        mkdir -p /etc/cron.d
        mount -t tmpfs none /etc/cron.d
        cp "$1/line" /etc/cron.d/line
        python3 "$1/root/lib/systemd/system-generators/systemd-crontab-generator" "$1/units" 2>&1' sh "$folder" |
        grep line || true
    cat "$folder"/units/cron-line-*.timer 2>/dev/null | grep OnCalendar || true
}

see '0 3 1-7 * mon' 'OnCalendar=Mon *-*-1,2,3,4,5,6,7 3:0:00' "$(timers '0 3 1-7 * mon root true')"
see '0 0 13 * fri: Friday the 13th only' 'OnCalendar=Fri *-*-13 0:0:00' "$(timers '0 0 13 * fri root true')"
see '0 3 * * 5-7: every day' 'systemd-crontab-generator: garbled time in /etc/cron.d/line [0 3 * * 5-7 root true]: 5-7
OnCalendar= *-*-* 3:0:00' \
    "$(timers '0 3 * * 5-7 root true')"
see '0 3 * * 7, and 0 3 * * 5,6,0: as one would think' 'OnCalendar=Sun *-*-* 3:0:00
OnCalendar=Sun,Fri,Sat *-*-* 3:0:00' "$(timers '0 3 * * 7 root true' && timers '0 3 * * 5,6,0 root true')"
conclude
