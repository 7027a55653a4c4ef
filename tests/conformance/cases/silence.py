"""Idle means idle."""

import time

import processes
from adapters import Service
from housekeeping import ask, status, until_warm
from lab import Lab, Run
from processes import check, until
from suite import case

GROUP = "Silence"

SECONDS = 3


def settled(run: Run) -> bool:
    """Whether nothing has moved for half a second."""
    pids = [run.pid, *run.helpers()]
    before = [processes.wakeups(pid) for pid in pids]
    time.sleep(0.5)
    return before == [processes.wakeups(pid) for pid in pids]


def idle_wakeups(run: Run) -> int:
    """How often supervisor and helpers wake up within some seconds. Silence can only be told by the clock."""
    pids = [run.pid, *run.helpers()]
    before = sum(map(processes.wakeups, pids))
    time.sleep(SECONDS)
    return sum(map(processes.wakeups, pids)) - before


@case(GROUP, f"a supervisor with nothing to do does nothing: no wake-up within {SECONDS} seconds")
def idle_is_silent(lab: Lab) -> None:
    run = lab.start(Service(["/bin/sleep", "infinity"]))
    assert run.pid
    if lab.has("housekeeping"):
        until_warm(run)
    try:
        until(lambda: settled(run), "it settles", 3)
    except processes.Failed:
        # Then it never does; how much it moves is what is told.
        pass
    moved = idle_wakeups(run)
    check(moved == 0, f"{moved} wake-ups in {SECONDS} s")


@case(GROUP, "after housekeeping it is silent again")
def silent_after_work(lab: Lab) -> None:
    lab.needs("housekeeping")
    run = lab.start(Service(["/bin/sleep", "infinity"], callbacks="CB_work() { echo done; }"))
    until_warm(run)
    ask(run, *["root work"] * 5)
    until(lambda: status(run)["running"] == 0 and status(run)["waiting"] == 0, "the work is done")
    until_warm(run)
    until(lambda: settled(run), "it settles")
    moved = idle_wakeups(run)
    check(moved == 0, f"{moved} wake-ups in {SECONDS} s")
