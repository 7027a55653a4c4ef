"""The next times of a cron expression by one of four libraries, an ISO time a line.

Arguments: library, expression, zone, start (local ISO time), count. Between two questions the clock goes on in UTC, as
real clocks do.
"""

import itertools
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo


def croniter(expression, start, count):
    from croniter import croniter as library

    times = library(expression, start)
    return [times.get_next(datetime) for _ in range(count)]


def apscheduler(expression, start, count):
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(expression, timezone=start.tzinfo)
    times, last, now = [], None, start
    for _ in range(count):
        last = trigger.get_next_fire_time(last, now)
        times.append(last)
        now = (last.astimezone(timezone.utc) + timedelta(seconds=1)).astimezone(start.tzinfo)
    return times


def crontab(expression, start, count):
    from crontab import CronTab

    schedule, times, now = CronTab(expression), [], start
    for _ in range(count):
        now = schedule.next(now, default_utc=False, return_datetime=True)
        times.append(now)
    return times


def cron_converter(expression, start, count):
    from cron_converter import Cron

    schedule = Cron(expression).schedule(start)
    return [schedule.next() for _ in range(count)]


def cronsim(expression, start, count):
    from cronsim import CronSim

    return list(itertools.islice(CronSim(expression, start), count))


library, expression, zone, start, count = sys.argv[1:]
begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
for time in globals()[library](expression, begin, int(count)):
    print(time.strftime("%a %m-%d %H:%M %z"), time.astimezone(timezone.utc).strftime("= %d. %H:%MZ"))
