#!/usr/bin/env bash
# When the clocks go forward from 02:00 to 03:00, there is no time between. The libraries crontab (what yacron runs by) and
# cron-converter name such times all the same, with the offset of before; as instants they come after those that follow
# them in the list. Whoever sleeps until each in turn runs a job twice, or runs it late.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source findings/lib/finding.sh

needPython crontab==1.0.5 cron-converter==2.0.2 tzdata==2025.2

for library in crontab cron_converter; do
    see "$library, */30 * * * * from 01:10 on: 01:00Z and 01:30Z are there twice" \
        'Sun 03-29 01:30 +0100 = 29. 00:30Z
Sun 03-29 02:00 +0100 = 29. 01:00Z
Sun 03-29 02:30 +0100 = 29. 01:30Z
Sun 03-29 03:00 +0200 = 29. 01:00Z
Sun 03-29 03:30 +0200 = 29. 01:30Z' \
        "$("$folder/python/bin/python" findings/lib/next_times.py "$library" '*/30 * * * *' Europe/Berlin 2026-03-29T01:10 5)"
done
conclude
