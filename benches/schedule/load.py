"""A long schedule: how long it takes to load, what it costs in memory, and whether it sleeps."""

import argparse
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import measure
import page
import processes
from processes import until
from stack import Stack

# Connections that were closed are looked after for so many seconds.
SETTLING = 7
KIB, MIB = 1024, 1024 * 1024
GOALS = {"milliseconds": 100, "MiB": 16}


def section(folder: Path, arguments: argparse.Namespace) -> str:
    """What came out, as text."""
    with Stack(folder / "stack", arguments.binary) as stack:
        ours, times = our_rows(stack, arguments)
    rows = [["lamplighter", *ours]]
    if cron := crons_row(folder / "cron", arguments):
        rows.append(cron)
    head = ["", "first start, ms", "start, ms", "resident, MiB", "anonymous, MiB", f"wake-ups in {arguments.idle:g} s"]
    return f"""\
### A schedule of {arguments.entries:,} entries

Every entry has a time of day of its own, a day of the year on which nobody measures, and one of 20 services and 500
actions. A start is from the scheduler's exec until its socket answers, all entries in force; the first one also writes
them to its memory. A reload is from asking for it until the answer, median and greatest of {arguments.reloads}: of a file that says
the same, and of one in which every second entry is another. Reach: {GOALS["milliseconds"]} ms and {GOALS["MiB"]} MiB resident. Debian's cron, where it
could be measured, has the same lines in one crontab; when it has loaded them cannot be asked.

{page.table(["reload", "median, ms", "greatest, ms"], times)}
{page.table(head, rows)}
"""


def schedule(count: int, change: int = 0) -> str:
    """So many entries; with a change every second one is another."""
    lines = []
    for number in range(count):
        minute, hour = number % 60, number // 60 % 24
        shift = change if number % 2 else 0
        lines.append(f"{minute} {hour} {1 + (number // 1440 + shift) % 28} {far_month()} * s{number % 20} action-{number % 500}")
    return "\n".join(lines) + "\n"


def far_month() -> int:
    """A month in which this is not measured."""
    return (time.gmtime().tm_mon + 5) % 12 + 1


def our_rows(stack: Stack, arguments: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    """Times of starting, memory and wake-ups; and times of reloads."""
    file = stack.folder("scheduler", "conf") / "schedule.cron"
    file.write_text(schedule(arguments.entries))
    first, again = [], []
    for _ in range(5):
        stack.forget("scheduler")
        first.append(start_time(stack))
        stack.stop(stack.running[0])
        again.append(start_time(stack))
        stack.stop(stack.running[0])
    process = stack.start("scheduler", "schedule")
    stack.until_answers("scheduler")
    same = [reload_time(stack) for _ in range(arguments.reloads)]
    changed = []
    # No event tells of a file that is open for writing, so that the reload asked for is the one that reads it.
    with file.open("w") as open_file:
        for change in range(arguments.reloads):
            open_file.seek(0)
            open_file.write(schedule(arguments.entries, change + 1))
            open_file.truncate()
            open_file.flush()
            changed.append(reload_time(stack))
    before = stack.ask("scheduler", {"op": "status"})
    assert before["entries"] == arguments.entries and not before["degraded"], before
    memory, wakeups = rest(process.pid, arguments.idle)
    times = [["the same", *median_and_most(same)], ["every second entry another", *median_and_most(changed)]]
    return [f"{statistics.median(first):.1f}", f"{statistics.median(again):.1f}", *memory, wakeups], times


def start_time(stack: Stack) -> float:
    """Milliseconds from the exec to an answer with all entries in force."""
    began = time.monotonic()
    stack.start("scheduler", "schedule")
    until(lambda: stack.answers("scheduler"), "the scheduler answers", 60)
    return (time.monotonic() - began) * 1000


def reload_time(stack: Stack) -> float:
    """Milliseconds from asking for a reload to its answer."""
    began = time.monotonic()
    answer = stack.ask("scheduler", {"op": "reload"})
    assert answer == {"ok": True, "degraded": []}, answer
    return (time.monotonic() - began) * 1000


def median_and_most(times: list[float]) -> list[str]:
    return [f"{statistics.median(times):.1f}", f"{max(times):.1f}"]


def rest(pid: int, seconds: float) -> tuple[list[str], str]:
    """Memory, and wake-ups while nothing is due, once what was done before has come to rest."""
    time.sleep(SETTLING)
    before = processes.wakeups(pid)
    time.sleep(seconds)
    wakeups = processes.wakeups(pid) - before
    memory = measure.memory(pid)
    return [f"{memory.resident / MIB:.2f}", f"{memory.anonymous / MIB:.2f}"], str(wakeups)


def crons_row(folder: Path, arguments: argparse.Namespace) -> list[str] | None:
    """The same of Debian's cron, in mounts of its own; None where there is none."""
    program = shutil.which("cron", path="/usr/sbin:/sbin:/usr/bin")
    if not program or os.geteuid() != 0:
        return None
    for name in ("spool", "cron.d", "run"):
        (folder / name).mkdir(parents=True)
    tab = folder / "spool/root"
    lines = (line.split(" ") for line in schedule(arguments.entries).splitlines())
    tab.write_text("".join(f"{' '.join(line[:5])} {line[5]} {line[6]}\n" for line in lines))
    tab.chmod(0o600)
    mounts = f"mount --bind {folder}/spool /var/spool/cron/crontabs; mount --bind {folder}/cron.d /etc/cron.d; "
    mounts += f"mount --bind /dev/null /etc/crontab; mount --bind {folder}/run /run; "
    command = ["unshare", "--mount", "sh", "-ec", f"{mounts}exec {program} -f"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: processes.command_line(process.pid)[:1] == [program], "cron runs")
        # It has read the crontab once it sleeps until the next minute.
        until(lambda: has_read(process.pid), "cron has read its crontab", 60)
        memory, wakeups = rest(process.pid, arguments.idle)
        return ["Debian's cron", "", "", *memory, wakeups]
    finally:
        process.kill()
        process.wait()


def has_read(pid: int) -> bool:
    """Whether cron sleeps."""
    fields = processes.stat(pid)
    return fields is not None and fields[0] == "S" and measure.memory(pid).anonymous > 256 * KIB
