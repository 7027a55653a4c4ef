#!/usr/bin/env python3
"""An oracle for the calendar: day by day, from the rules as docs/SCHEDULE.md states them in words.

It shares no code with the engine, nor its language, nor its reading of time zones. It is slow and plain, so
that it can be read and believed. Each line of its input is a case, with tabs between

    ZONE  AFTER  END  COUNT  EXPRESSION

and each line of its output the instants after AFTER and up to END, at most COUNT, all in seconds since
1970-01-01 00:00 UTC.
"""

import datetime
import functools
import sys
import zoneinfo

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime.date(1970, 1, 1)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()
WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def number(text, names, first):
    text = text.lower()
    return names.index(text) + first if text in names else int(text)


def field(text, low, high, names=(), first=0):
    """The values that a field names."""
    values = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span in ("*", ""):
            start, end = low, high
        else:
            start, _, end = span.partition("-")
            start = number(start, names, first)
            end = number(end, names, first) if end else start
        values.update(range(start, end + 1, int(step or 1)))
    return values


class Expression:
    def __init__(self, text):
        minute, hour, day, month, weekday = WORDS.get(text.lower(), text).split()
        minutes, hours = field(minute, 0, 59), field(hour, 0, 23)
        self.times = sorted(h * 60 + m for h in hours for m in minutes)
        self.days = field(day, 1, 31)
        self.months = field(month, 1, 12, MONTHS, 1)
        self.weekdays = {value % 7 for value in field(weekday, 0, 7, WEEKDAYS)}
        star = lambda text: text[0] in "*/"
        self.both_days = star(day) or star(weekday)
        self.is_pattern = star(minute) or star(hour)

    def has_day(self, date):
        if date.month not in self.months:
            return False
        day, weekday = date.day in self.days, date.isoweekday() % 7 in self.weekdays
        return day and weekday if self.both_days else day or weekday


@functools.lru_cache(maxsize=None)
def offset_at(zone, instant):
    """Seconds that the wall clock is ahead of UTC."""
    moment = datetime.datetime.fromtimestamp(instant, zoneinfo.ZoneInfo(zone))
    return int(moment.utcoffset().total_seconds())


@functools.lru_cache(maxsize=None)
def offsets_around(zone, midnight):
    """Every offset that a day's wall clock may have, since no zone is more than 16 hours away from UTC."""
    return {offset_at(zone, midnight + hours * HOUR) for hours in range(-17, 24 + 18)}


def instants_of(zone, wall, offsets, is_pattern):
    """When the minute `wall`, counted in seconds as if the wall clock were UTC, makes an expression fire."""
    if len(offsets) == 1:
        return [wall - offset for offset in offsets]
    shown = sorted(wall - offset for offset in offsets if offset_at(zone, wall - offset) == offset)
    if is_pattern:
        return shown
    if shown:
        # It comes twice: the first time counts, unless the clock was corrected rather than changed.
        return shown if shown[-1] - shown[0] > 3 * HOUR else shown[:1]
    # It does not come at all: the first instant at which the wall clock is past it.
    instant = wall - max(offsets)
    while instant + offset_at(zone, instant) <= wall:
        instant += MINUTE
    # A jump may have been within a minute.
    while instant - 1 + offset_at(zone, instant - 1) > wall:
        instant -= 1
    jump = offset_at(zone, instant) - offset_at(zone, instant - 1)
    return [instant] if jump < 3 * HOUR else []


def instants(zone, after, end, count, text):
    expression = Expression(text)
    found = set()
    date = EPOCH + datetime.timedelta(days=after // DAY - 2)
    while True:
        midnight = (date - EPOCH).days * DAY
        # What the days from here on bring is later than what is asked for, whatever the offset.
        settled = sorted(found)[:count]
        if midnight - DAY > (settled[-1] if len(settled) == count else end):
            return settled
        if date.month not in expression.months:
            date = (date.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
            continue
        if expression.has_day(date):
            offsets = offsets_around(zone, midnight)
            for time in expression.times:
                wall = midnight + time * MINUTE
                for instant in instants_of(zone, wall, offsets, expression.is_pattern):
                    if after < instant <= end:
                        found.add(instant)
        date += datetime.timedelta(days=1)


def main():
    for line in sys.stdin:
        zone, after, end, count, text = line.rstrip("\n").split("\t")
        found = instants(zone, int(after), int(end), int(count), text)
        print(*found)


if __name__ == "__main__":
    main()
