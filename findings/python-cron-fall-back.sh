#!/usr/bin/env bash
# When the clocks go back from 03:00 to 02:00, the hour from 2 to 3 comes twice. Debian's cron runs `*/30 * * * *` in both,
# and a job at 02:30 in the first one only. Of Python's cron libraries
# - crontab (what yacron runs by) and cron-converter leave the second hour out: a job that is due every half hour
#   does not run for 90 minutes;
# - croniter and APScheduler run a daily job twice, an hour apart.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh

needPython crontab==1.0.5 cron-converter==2.0.2 croniter==7.0.0 APScheduler==3.11.3 cronsim==2.8 tzdata==2025.2

times() { # LIBRARY EXPRESSION START COUNT
    "$folder/python/bin/python" findings/lib/next_times.py "$1" "$2" Europe/Berlin "$3" "$4"
}

halfHours='Sun 10-25 02:00 +0200 = 25. 00:00Z
Sun 10-25 02:30 +0200 = 25. 00:30Z
Sun 10-25 03:00 +0100 = 25. 02:00Z
Sun 10-25 03:30 +0100 = 25. 02:30Z'
for library in crontab cron_converter; do
    see "$library, */30 * * * * from 01:40 on: nothing from 00:30Z to 02:00Z" "$halfHours" \
        "$(times "$library" '*/30 * * * *' 2026-10-25T01:40 4)"
done

twice='Sun 10-25 02:30 +0200 = 25. 00:30Z
Sun 10-25 02:30 +0100 = 25. 01:30Z
Mon 10-26 02:30 +0100 = 26. 01:30Z'
for library in croniter apscheduler; do
    see "$library, 30 2 * * * from the day before on: twice in one night" "$twice" \
        "$(times "$library" '30 2 * * *' 2026-10-24T12:00 3)"
done

see 'cronsim, which follows Debian: every half hour in both hours' 'Sun 10-25 02:00 +0200 = 25. 00:00Z
Sun 10-25 02:30 +0200 = 25. 00:30Z
Sun 10-25 02:00 +0100 = 25. 01:00Z
Sun 10-25 02:30 +0100 = 25. 01:30Z' "$(times cronsim '*/30 * * * *' 2026-10-25T01:40 4)"
see 'cronsim: once in that night' 'Sun 10-25 02:30 +0200 = 25. 00:30Z
Mon 10-26 02:30 +0100 = 26. 01:30Z' "$(times cronsim '30 2 * * *' 2026-10-24T12:00 2)"
conclude
