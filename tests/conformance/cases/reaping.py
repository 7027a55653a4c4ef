"""Orphans are taken in and buried, wherever the supervisor runs."""

import processes
from adapters import Service
from lab import Lab, Run
from processes import check, until
from suite import case

GROUP = "Reaping"

MANY = 1000


def orphans_leave_no_zombie(run: Run, top: int) -> None:
    probe = run.probe().ready()
    probe.tell(f"orphans {MANY}")
    until(lambda: probe.said("orphans", str(MANY)), "the orphans come and go", 60)
    until(lambda: not processes.zombies_below(top), "zombies go away")
    check(not run.has_left(), "the supervisor left")


@case(GROUP, "1,000 orphans leave no zombie when the supervisor is PID 1")
def orphans_of_pid_1(lab: Lab) -> None:
    lab.needs("orphans")
    run = lab.start()
    orphans_leave_no_zombie(run, run.process.pid)


@case(GROUP, "1,000 orphans leave no zombie when the supervisor runs below `tini`")
def orphans_below_tini(lab: Lab) -> None:
    run = lab.start(placement="below tini")
    orphans_leave_no_zombie(run, run.process.pid)


@case(GROUP, "as a subreaper the supervisor takes orphans in, and 1,000 of them leave no zombie")
def orphans_of_a_subreaper(lab: Lab) -> None:
    lab.needs("subreaper")
    run = lab.start(Service(lab.probe("kid=kid+orphan+setsid")), placement="child")
    kid = run.probe("kid").ready()
    pid = kid.pid()
    until(lambda: processes.status_field(pid, "PPid") == [str(run.pid)], "an orphan becomes its child")
    kid.tell("exit 0")
    until(lambda: processes.stat(pid) is None, "that orphan is buried when it ends")
    orphans_leave_no_zombie(run, run.pid)
