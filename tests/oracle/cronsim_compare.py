#!/usr/bin/env python3
"""Asks `lamplighter next`, our oracle and CronSim when random expressions fire.

CronSim, too, follows Debian's cron. It goes wrong around transitions of half an hour, off the full hour and over
midnight. Whatever it says, we and the oracle have to agree; where CronSim differs, such a transition has to be
within a day of the first instant that differs.

    cronsim_compare.py LAMPLIGHTER [CASES]
"""

import collections
import datetime
import random
import signal
import subprocess
import sys
import zoneinfo

import oracle
from cronsim import CronSim, CronSimError

COUNT = 12
DAY = 24 * 60 * 60
YEARS = 3 * 366 * DAY
# Seconds that CronSim may think about one case.
PATIENCE = 2
UTC = datetime.timezone.utc
TRANSITIONS = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Europe/Dublin", "2026-03-29"),
    ("Antarctica/Troll", "2026-03-29"),
    ("Antarctica/Troll", "2026-10-25"),
    ("Asia/Kolkata", "2026-03-29"),
    ("UTC", "2028-02-29"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("Africa/Cairo", "2026-04-24"),
    ("Asia/Amman", "2022-02-25"),
    ("Pacific/Chatham", "2026-09-27"),
    ("America/St_Johns", "2010-03-14"),
]


class TooLong(Exception):
    pass


def give_up(*_):
    raise TooLong


def field(dice, low, high, names, stars):
    if dice.random() < stars:
        return dice.choice(["*", "*", "*/2", "*/3"])
    if names and dice.random() < 0.33:
        return dice.choice(names)
    return ",".join(item(dice, low, high) for _ in range(dice.randint(1, 3)))


def item(dice, low, high):
    # For CronSim the range 4-4/2 goes on to the field's end; cron and we stop at 4. So no range is of one value.
    start = dice.randint(low, high - 1)
    end = dice.randint(start + 1, high)
    forms = [f"{start}-{end}", f"{start}-{end}/{dice.randint(1, 9)}", f"*/{dice.randint(1, high)}"]
    return dice.choice(forms + [str(start), str(end)] * 2)


def expression(dice):
    near = ["2", "1-3", "0", "1", "23", "3", "0-3", "2,14"]
    hour = dice.choice(near) if dice.random() < 0.5 else field(dice, 0, 23, [], 0.3)
    months = ["jan", "MAR", "mar-may", "oct,nov", "feb"]
    weekdays = ["sun", "Mon-fri", "7", "5-7", "sat,sun", "*/7"]
    minute, day = field(dice, 0, 59, [], 0.3), field(dice, 1, 31, [], 0.6)
    return f"{minute} {hour} {day} {field(dice, 1, 12, months, 0.8)} {field(dice, 0, 7, weekdays, 0.6)}"


def ours(binary, text, zone, after):
    options = ["--tz", zone, "--from", str(after), "-n", str(COUNT), "--epoch"]
    done = subprocess.run([binary, "next", "--expr", text, *options], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def cronsims(text, zone, after):
    """What CronSim says, or in a word what became of it."""
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    found = []
    try:
        for moment in CronSim(text, datetime.datetime.fromtimestamp(after, zoneinfo.ZoneInfo(zone))):
            instant = int(moment.astimezone(UTC).timestamp())
            # Several times in one gap are several for CronSim, at one instant.
            if instant not in found[-1:]:
                found.append(instant)
            if len(found) == COUNT:
                break
    except TooLong:
        return "hangs"
    except CronSimError as error:
        # Dates that no year has are an error for it.
        return [] if "day-of-month" in str(error) else "fails"
    except Exception:
        return "fails"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return found


def odd_transition(zone, start, end):
    """What is special about a transition between two instants, if there is one that is special."""
    for instant in range(start // 900 * 900, end, 900):
        before, after = oracle.offset_at(zone, instant), oracle.offset_at(zone, instant + 900)
        if before == after:
            continue
        exact = next(i for i in range(instant, instant + 901) if oracle.offset_at(zone, i) == after)
        wall = (exact + before) % DAY
        if (after - before) % 3600:
            return "half an hour"
        if wall % 3600:
            return "off the full hour"
        if after > before and (wall + after - before > DAY or wall == 0):
            return "over midnight"
    return None


def first_difference(one, other, end):
    """The first instant that is in only one of two lists, each of which may go on after its last one."""
    for mine, theirs in zip(one, other):
        if mine != theirs:
            return min(mine, theirs)
    longer = max(one, other, key=len)
    return (longer[min(len(one), len(other)):] or [end])[0]


def main():
    binary, cases = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    signal.signal(signal.SIGALRM, give_up)
    tally, wrong = collections.Counter(), 0
    for case in range(cases):
        dice = random.Random(case)
        zone, date = TRANSITIONS[case % len(TRANSITIONS)]
        day = int(datetime.datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp())
        near = dice.random() < 0.7
        after = day + dice.randrange(-2 * DAY, DAY) if near else dice.randrange(day - YEARS, day + YEARS)
        text, end = expression(dice), after + YEARS
        expected = oracle.instants(zone, after, end, COUNT, text)
        we = [instant for instant in ours(binary, text, zone, after) if instant <= end]
        it = cronsims(text, zone, after)
        if isinstance(it, list):
            it = [instant for instant in it if instant <= end]
        described = f"case {case}: `{text}` in {zone} after {after}"
        if we != expected:
            wrong += 1
            print(f"{described}:\n  we      {we}\n  oracle  {expected}", file=sys.stderr)
        if it == expected:
            tally["agrees"] += 1
            continue
        # Who hangs or fails goes wrong at any of the instants that were to be found.
        first = first_difference(expected, it, end) if isinstance(it, list) else after
        last = first if isinstance(it, list) else (expected or [end])[-1]
        why = odd_transition(zone, first - DAY, last + DAY)
        if why:
            tally[f"{it if isinstance(it, str) else 'differs'}, {why}"] += 1
        else:
            wrong += 1
            print(f"{described}:\n  CronSim {it}\n  oracle  {expected}", file=sys.stderr)
    print(f"{cases} cases; CronSim:", "; ".join(f"{what}: {count}" for what, count in tally.most_common()))
    sys.exit(f"{wrong} differences that nothing explains" if wrong else 0)


if __name__ == "__main__":
    main()
