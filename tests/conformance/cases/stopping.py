"""A stop ends everything, gives what it ends its time, and takes no longer than that."""

import os
import re
import signal
import time

import processes
from adapters import Service
from housekeeping import ask, until_warm
from lab import Lab, nothing_is_left
from processes import check, until
from suite import case

GROUP = "Stopping"

TERM = 15


@case(GROUP, "what the service leaves behind is asked to end and waited for, before the supervisor leaves")
def waits_for_everything(lab: Lab) -> None:
    run = lab.start(Service(lab.probe("leave=7", "kid=cleaner"), stop_timeout=60 if lab.has("stop-timeout") else None))
    service, cleaner = run.probe().ready(), run.probe("cleaner").ready()
    run.stop()
    until(lambda: service.said("leaving"), "the service is asked to stop")
    cleaner.until_signalled(TERM)
    until(lambda: not service.is_alive(), "the service ends")
    check(not run.has_left(), "the supervisor left while a process was still cleaning up")
    cleaner.tell("exit 0")
    status = run.wait()
    if lab.has("status"):
        check(status == 7, f"status {status}")


@case(GROUP, "a process group in which everybody ignores TERM is killed at the stop's time limit")
def stubborn_group(lab: Lab) -> None:
    lab.needs("stop-timeout")
    run = lab.start(Service(lab.probe("kid=kid"), stop_timeout=1), placement="child")
    service, _ = run.probe().ready(), run.probe("kid").ready()
    began = time.monotonic()
    run.stop()
    service.until_signalled(TERM)
    status = run.wait()
    took = time.monotonic() - began
    check(took >= 0.99, f"KILL after {took:.2f} s, not 1 s")
    nothing_is_left(run)
    if lab.has("status"):
        check(status == 137, f"status {status}")


def grandchild_is_ended(lab: Lab, traits: str) -> None:
    timeout = 1 if lab.has("stop-timeout") else None
    run = lab.start(Service(lab.probe("leave=0", f"kid=kid+{traits}"), stop_timeout=timeout), placement="child")
    run.probe("kid").ready()
    run.probe().ready()
    run.stop()
    run.wait()
    nothing_is_left(run)


@case(GROUP, "a grandchild in the service's group that ignores TERM does not outlive the supervisor (not PID 1)")
def stubborn_grandchild(lab: Lab) -> None:
    grandchild_is_ended(lab, "orphan")


@case(GROUP, "a grandchild with a process group of its own does not outlive the supervisor (not PID 1)")
def grandchild_with_a_group(lab: Lab) -> None:
    grandchild_is_ended(lab, "orphan+group")


@case(GROUP, "a grandchild with a session of its own does not outlive the supervisor (not PID 1)")
def grandchild_with_a_session(lab: Lab) -> None:
    grandchild_is_ended(lab, "orphan+setsid")


def odd_grandchild_is_ended(lab: Lab, oddity: str) -> None:
    """Like the grandchild with a session of its own, but one that is hard to see: told by its group, which is its own."""
    timeout = 1 if lab.has("stop-timeout") else None
    service = Service(lab.probe("leave=0", f"kid=kid+orphan+setsid+{oddity}"), stop_timeout=timeout)
    run = lab.start(service, placement="child")
    # Not in a PID namespace, so this is the group's number here too.
    group = int(run.probe("kid").ready().ready_lines()[0][3])
    run.probe().ready()
    try:
        run.stop()
        run.wait()
        check(not group_exists(group), "left behind: kid")
    finally:
        if group_exists(group):
            os.killpg(group, signal.SIGKILL)


def group_exists(group: int) -> bool:
    """Whether there is a process in the group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@case(GROUP, "a process that hands over to a child of its own again and again is caught (not PID 1)")
def runner(lab: Lab) -> None:
    odd_grandchild_is_ended(lab, "runner")


@case(GROUP, "a process whose first thread has ended, so that it looks like a zombie, is ended too (not PID 1)")
def leaderless_process(lab: Lab) -> None:
    odd_grandchild_is_ended(lab, "leaderless")


@case(GROUP, "500 processes that ignore TERM, each with a session of its own, are all killed at the limit (not PID 1)")
def many_stubborn(lab: Lab) -> None:
    lab.needs("stop-timeout")
    run = lab.start(Service(lab.probe("crowd=500"), stop_timeout=1), placement="child")
    service = run.probe().ready()
    run.stop()
    service.until_signalled(TERM)
    run.wait(60)
    nothing_is_left(run)


@case(GROUP, "a suspended service (STOP) is stopped all the same: CONT lets it take the signal")
def suspended_service(lab: Lab) -> None:
    run = lab.start(Service(lab.probe("leave=7"), stop_timeout=600 if lab.has("stop-timeout") else None))
    service = run.probe().ready()
    os.kill(service.pid(), signal.SIGSTOP)
    run.stop()
    service.until_signalled(TERM)
    status = run.wait()
    if lab.has("status"):
        check(status == 7, f"status {status}")


@case(GROUP, "TERM while the service is still being prepared ends the preparation, and all is over")
def term_during_start(lab: Lab) -> None:
    here = lab.folder / "said/here"
    prepare = f"sleep infinity & echo >{here}; wait"
    run = lab.start(Service(lab.probe(), prepare=prepare), placement="child")
    until(here.exists, "the preparation begins")
    run.stop()
    status = run.wait()
    nothing_is_left(run)
    if lab.has("status"):
        check(status == 143, f"status {status}")


@case(GROUP, "TERM at any moment of the supervisor's own start ends it, and all is over")
def term_at_once(lab: Lab) -> None:
    for step in range(20):
        run = lab.start(Service(lab.probe("leave=0")), placement="child")
        until(lambda: processes.command_line(run.process.pid)[-1:] == run.arguments[-1:], "the supervisor is executed")
        # Spread over the first milliseconds; which moment it hits, chance decides.
        time.sleep(step / 1000)
        run.process.terminate()
        run.wait()
        nothing_is_left(run)


@case(GROUP, "TERM while a failing listener waits to be started again is a stop like any other")
def term_during_back_off(lab: Lab) -> None:
    lab.needs("housekeeping")
    run = lab.start(Service(lab.probe("leave=7"), callbacks="exit 1"), placement="child")
    run.probe().ready()
    until(lambda: "degraded" in run.log(), "the listener's failure is said")
    run.stop()
    status = run.wait()
    check(status == 7, f"status {status}")
    nothing_is_left(run)


@case(GROUP, "a second TERM kills at once what is left")
def term_twice(lab: Lab) -> None:
    lab.needs("second-term")
    run = lab.start(Service(lab.probe("kid=kid+orphan+setsid"), stop_timeout=600), placement="child")
    service, _ = run.probe().ready(), run.probe("kid").ready()
    run.stop()
    service.until_signalled(TERM)
    run.stop()
    status = run.wait()
    check(status == 137, f"status {status}")
    nothing_is_left(run)


@case(GROUP, "the supervisor leaves within 0.1 s of the last process's end")
def leaves_at_once(lab: Lab) -> None:
    took = []
    for name in ("one", "two", "three", "four", "five"):
        run = lab.start(Service(lab.probe("leave=0", name=name)), placement="child")
        service = run.probe(name).ready()
        if lab.has("housekeeping"):
            until_warm(run)
        run.until_not_young()
        run.stop()
        # Not `run.wait()`, which looks only now and then.
        run.process.wait(processes.PATIENCE)
        left = time.monotonic_ns()
        ended = [at for at, words in service.lines() if words == ["leaving"]]
        check(ended, "the service was not asked to stop")
        took.append((left - ended[-1]) / 1e9)
    # The best of five: others use this machine too.
    check(min(took) < 0.1, f"{min(took):.3f} s")


@case(GROUP, "the service's own end is the supervisor's, and what else runs is ended with it")
def the_services_end(lab: Lab) -> None:
    lab.needs("status")
    timeout = 1 if lab.has("stop-timeout") else None
    run = lab.start(Service(lab.probe("kid=kid+orphan+setsid"), stop_timeout=timeout), placement="child")
    run.probe("kid").ready()
    run.probe().ready().tell("exit 3")
    status = run.wait()
    check(status == 3, f"status {status}")
    nothing_is_left(run)


@case(GROUP, "a stop asks running housekeeping to end, and waits for it")
def housekeeping_is_ended(lab: Lab) -> None:
    lab.needs("housekeeping")
    callback = " ".join(lab.probe(name="callback"))
    callbacks = f"CB_stay() {{ exec {callback}; }}"
    run = lab.start(Service(lab.probe("leave=7"), callbacks=callbacks, stop_timeout=60), placement="child")
    service = run.probe().ready()
    ask(run, "root stay")
    busy = run.probe("callback").ready()
    run.stop()
    busy.until_signalled(TERM)
    until(lambda: not service.is_alive(), "the service ends")
    check(not run.has_left(), "the supervisor left while housekeeping still ran")
    busy.tell("exit 0")
    status = run.wait()
    check(status == 7, f"status {status}")


@case(GROUP, "the log tells of a stop: what was stopped, how long it took, what had to be killed")
def stop_line(lab: Lab) -> None:
    lab.needs("log")
    run = lab.start(Service(lab.probe(), stop_timeout=1))
    run.probe().ready()
    run.stop()
    run.wait()
    log = run.log()
    check(re.search(r"stopped", log), "no line says that it was stopped")
    check(re.search(r"killed|SIGKILL", log), "no line says what had to be killed")
    check(re.search(r"\d\.\d+ s|\d\d:\d\d:\d\d.*\n.*\d\d:\d\d:\d\d", log), "no line lets one tell how long it took")
