"""How late an occurrence is when the supervisor has it on disk."""

import argparse
import json
import statistics
import time
from datetime import datetime
from pathlib import Path

import page
from before import Build, build
from processes import until
from stack import Stack

MINUTE = 60
# Of one entry due, and of many in the same second.
GOALS = {"alone": 20, "together": 40}


def section(folder: Path, arguments: argparse.Namespace) -> str:
    """What came out, as text."""
    builds = {"": Build(arguments.binary)}
    if arguments.before:
        builds[", before"] = build(arguments.before)
    rows = []
    for count, what in [(1, "one a second, each alone"), (arguments.together, "all in the same second")]:
        for name, one in builds.items():
            with Stack(folder / f"{count}{name}", one.binary, one.sbin) as stack:
                late = one_a_second(stack, arguments) if count == 1 else together(stack, arguments)
            late.sort()
            figures = [statistics.median(late), percentile(late, 99), late[-1]]
            rows.append([f"{count:,} due: {what}{name}", f"{len(late):,}", *(f"{figure:.0f}" for figure in figures)])
    before = f" *Before* is the\nbuild of revision {arguments.before[:12]}." if arguments.before else ""
    return f"""\
### Lateness

The scheduler and one supervisor, both as shipped, over their socket; {arguments.minutes} minutes each. An occurrence is as late as its
`accepted` record in the supervisor's journal is after the second for which it is due, which is on disk twice by then:
due at the scheduler, accepted at the supervisor. Milliseconds. Reach: {GOALS["alone"]} ms for the 99th percentile of one entry due, {GOALS["together"]} ms
for that of many.{before}

{page.table(["entries", "occurrences", "median, ms", "p99, ms", "greatest, ms"], rows)}
"""


def percentile(ordered: list[float], percent: float) -> float:
    """The least value that so many percent do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]


def one_a_second(stack: Stack, arguments: argparse.Namespace) -> list[float]:
    """One entry for each second of a minute, by its delay, which differs from entry to entry."""
    candidates = [f"action-{number}" for number in range(600)]
    start(stack, "RANDOM_DELAY=60s\n", candidates)
    chosen = {}
    for coming in stack.ask("scheduler", {"op": "next", "count": len(candidates)})["next"]:
        chosen.setdefault(coming["due"] % MINUTE, coming["action"])
    assert len(chosen) == MINUTE, f"only {len(chosen)} seconds have an entry"
    write(stack, "RANDOM_DELAY=60s\n", list(chosen.values()))
    return watch(stack, arguments.minutes, len(chosen))


def together(stack: Stack, arguments: argparse.Namespace) -> list[float]:
    """All in the first second of each minute."""
    start(stack, "", [f"action-{number}" for number in range(arguments.together)])
    return watch(stack, arguments.minutes, arguments.together)


def start(stack: Stack, options: str, actions: list[str]) -> None:
    """A supervisor of callbacks only, and a scheduler that asks it."""
    folder = stack.folder("web", "bin")
    (folder / "docker-entry-setup.sh").write_text("SERVICE=web\n")
    names = (action.replace("-", "_") for action in actions)
    (folder / "docker-callbacks.sh").write_text("".join(f"CB_{name}() {{ :; }}\n" for name in names))
    stack.start("web", "supervise")
    until(lambda: stack.ask("web", {"op": "actions"})["actions"] if stack.answers("web") else [], "web has actions", 60)
    write(stack, options, actions)
    stack.start("scheduler", "schedule")
    stack.until_answers("scheduler")


def write(stack: Stack, options: str, actions: list[str]) -> None:
    """Writes the schedule; a scheduler that runs reads it at once."""
    text = options + "".join(f"* * * * * web {action}\n" for action in actions)
    file = stack.folder("scheduler", "conf") / "schedule.cron"
    file.with_suffix(".new").write_text(text)
    file.with_suffix(".new").rename(file)


def watch(stack: Stack, minutes: int, each: int) -> list[float]:
    """Waits for so many minutes; how late each occurrence of the full ones was, in milliseconds."""
    until(lambda: stack.ask("scheduler", {"op": "status"})["entries"] == each, "the schedule is in force")
    first = (int(time.time()) // MINUTE + 1) * MINUTE
    last = first + minutes * MINUTE
    time.sleep(last - time.time() + 5)
    journal = stack.folder("web", "state") / "journal.jsonl"
    late = []
    for line in journal.read_text().splitlines():
        entry = json.loads(line)
        if entry["event"] == "accepted" and "@" in entry["id"]:
            at = datetime.fromisoformat(entry["at"]).timestamp()
            instant = int(entry["id"].partition("@")[2])
            if first <= instant < last:
                late.append((at, instant, entry["action"]))
    dues = delays(stack)
    return [(at - instant - dues[action]) * 1000 for at, instant, action in late]


def delays(stack: Stack) -> dict[str, int]:
    """By how many seconds each action's entry is put off."""
    coming = stack.ask("scheduler", {"op": "next", "count": 1000})["next"]
    return {each["action"]: each["due"] - each["at"] for each in coming}
