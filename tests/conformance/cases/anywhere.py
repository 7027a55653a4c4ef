"""Poor surroundings: little may be written, done or had, and the service runs all the same."""

import os
import random
import re
import resource

import processes
from adapters import Service
from housekeeping import ask, connect, until_warm
from lab import NOBODY, Lab, Run, as_user, needs_root, nothing_is_left
from processes import check, until
from suite import case

GROUP = "Anywhere"

HUP, TERM = 1, 15


def own_tmpfs(options: str, then: str = "") -> str:
    """Shell commands that make `$1`, the tool's own folder, a file system of its own; what it was given is still in
    it. `then` is done before it is in place, with its path in `$new`."""
    make = 'new=$(mktemp -d "$(dirname "$1")/XXXXXX"); '
    return f'{make}mount -t tmpfs -o {options} none "$new"; cp -a "$1/." "$new"; {then}mount --bind "$new" "$1"; '


READ_ONLY = (
    'mount --bind "$2" "$2"; '
    "for at in $(findmnt -rno TARGET -t ext4,xfs,btrfs,overlay,tmpfs,ramfs); do "
    'case $at in "$1"|"$2"|/dev/*|/proc*) ;; *) mount -o remount,bind,ro "$at" ;; esac; done; '
)
"""Everything but the probes' folder becomes read-only, and but `$1` when that is mounted by itself."""


def lives_as_usual(run: Run, leaves_with: int = 7) -> None:
    """A signal arrives, a stop stops, the status is told."""
    lab = run.lab
    service = run.probe().ready()
    run.signal(HUP)
    until(lambda: HUP in service.signals(), f"HUP reaches the service: {run.said_last()}")
    check(not run.has_left(), "the supervisor left")
    run.stop()
    service.until_signalled(TERM)
    status = run.wait()
    if lab.has("status"):
        check(status == leaves_with, f"status {status}")


@case(GROUP, "with a read-only root file system, and a writable /run, all is as usual")
def read_only_root(lab: Lab) -> None:
    mounts = own_tmpfs("mode=755") + READ_ONLY
    lives_as_usual(lab.start(Service(lab.probe("leave=7")), mounts=mounts))


@case(GROUP, "with nothing writable at all the service runs as usual")
def nothing_writable(lab: Lab) -> None:
    lives_as_usual(lab.start(Service(lab.probe("leave=7")), mounts=READ_ONLY))


@case(GROUP, "on a file system that allows no execution (a noexec /run) all is as usual")
def noexec_run(lab: Lab) -> None:
    mounts = own_tmpfs("mode=755,noexec")
    lives_as_usual(lab.start(Service(lab.probe("leave=7")), mounts=mounts))


@case(GROUP, "with a read-only /proc all is as usual, escapees at a stop included")
def no_proc_write(lab: Lab) -> None:
    timeout = 1 if lab.has("stop-timeout") else None
    service = Service(lab.probe("leave=7", "kid=kid+orphan+setsid+leave"), stop_timeout=timeout)
    run = lab.start(service, mounts="mount -o remount,ro /proc;")
    run.probe("kid").ready()
    lives_as_usual(run)


@case(GROUP, "as another user than root all is as usual, orphans included")
def not_root(lab: Lab) -> None:
    timeout = 1 if lab.has("stop-timeout") else None
    run = lab.start(Service(lab.probe("leave=7", "kid=kid+orphan+leave"), stop_timeout=timeout), user=NOBODY)
    kid = run.probe("kid").ready()
    pid = kid.pid()
    kid.tell("exit 0")
    if lab.has("orphans"):
        until(lambda: processes.stat(pid) is None, "the orphan is buried")
    lives_as_usual(run)


@case(GROUP, "without any capability (`cap_drop: ALL`), service and supervisor of one user, all is as usual")
def no_capabilities(lab: Lab) -> None:
    needs_root("dropping capabilities")
    prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    lives_as_usual(lab.start(Service(lab.probe("leave=7")), prefix=prefix))


def start_beyond_reach(lab: Lab, **more: int) -> Run:
    """A supervisor that may not signal its service: another user's, and no CAP_KILL."""
    needs_root("another user and fewer capabilities")
    command = [*as_user(NOBODY), *lab.probe()]
    prefix = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"]
    return lab.start(Service(command, stop_timeout=more.get("stop_timeout")), prefix=prefix, placement="child")


@case(GROUP, "a signal that may not be sent (EPERM) is said in the log, and is not the end")
def eperm_is_said(lab: Lab) -> None:
    run = start_beyond_reach(lab)
    service = run.probe().ready()
    run.signal(HUP)
    told = lambda: re.search(r"(?i)not permitted|EPERM", run.log())  # noqa: E731
    until(lambda: told() or run.has_left(), "the log says that a signal could not be sent", 5)
    check(not run.has_left(), f"the supervisor left, with status {run.status()}: {run.said_last()}")
    service.tell("exit 7")
    if lab.has("status"):
        check(run.wait() == 7, f"status {run.status()}")


@case(GROUP, "what cannot be killed by the stop's time limit is named, and holds up the stop no longer (status 125)")
def unkillable(lab: Lab) -> None:
    lab.needs("stop-timeout")
    run = start_beyond_reach(lab, stop_timeout=1)
    pid = run.probe().ready().pid()
    run.stop()
    status = run.wait()
    check(str(pid) in run.log(), f"the log does not name it: {run.said_last()}")
    if lab.has("status"):
        check(status == 125, f"status {status}")


def begins_or_says(run: Run, complaint: str) -> str | None:
    """The service runs and its status, 7, is passed on; or the supervisor says why not, and leaves with a failure
    or tries again. What is wrong, if neither."""
    until(lambda: run.has_left() or re.search(f"^ran$|{complaint[4:]}", run.log(), re.I | re.M), "it works, or says why not")
    has_status = run.lab.has("status")
    if not run.has_left() and not has_status:
        return None
    status = run.wait()
    if status == 7 and has_status:
        return None
    if status == 0 and has_status:
        return "left with 0, as if all were well"
    return None if re.search(complaint, run.log()) else f"left with {status} and said `{run.said_last()}`"


NO_DESCRIPTORS = r"(?i)too many open files|cannot open more files|number of file descriptors|error 24|EMFILE"
NO_PROCESSES = r"(?i)temporarily unavailable|temporary failure|too many processes|unable to fork|EAGAIN"
NO_SPACE = r"(?i)no space left|ENOSPC"


@case(GROUP, "with too few descriptors (EMFILE) it works, or says why it cannot and leaves with a failure")
def few_descriptors_at_start(lab: Lab) -> None:
    # Not 9 to 11: a shell that reads a script needs number 10. No blank: personalities are split into words.
    service = Service(["/bin/sh", "-c", "echo${IFS}ran;exit${IFS}7"])
    wrong = {}
    for limit in (3, 4, 5, 6, 7, 8, 12, 14, 16, 20, 24):
        run = lab.start(service, prefix=["prlimit", f"--nofile={limit}"], placement="child")
        if what := begins_or_says(run, NO_DESCRIPTORS):
            wrong[limit] = what
        run.end()
    check(not wrong, f"limit: {wrong}")


@case(GROUP, "when descriptors run out while it runs (EMFILE), signals, stop and status go on")
def few_descriptors_later(lab: Lab) -> None:
    run = lab.start(Service(lab.probe("leave=7")))
    run.probe().ready()
    if lab.has("housekeeping"):
        until_warm(run)
    limit_descriptors(run, 3)
    lives_as_usual(run)


def limit_descriptors(run: Run, soft: int) -> None:
    """From now on the supervisor may have so many descriptors open."""
    hard = resource.prlimit(run.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(run.pid, resource.RLIMIT_NOFILE, (min(soft, hard), hard))


@case(GROUP, "when descriptors run out (EMFILE), a stop still kills what has a session of its own (not PID 1)")
def few_descriptors_at_stop(lab: Lab) -> None:
    timeout = 1 if lab.has("stop-timeout") else None
    run = lab.start(Service(lab.probe("leave=7", "kid=kid+orphan+setsid"), stop_timeout=timeout), placement="child")
    run.probe("kid").ready()
    run.probe().ready()
    if lab.has("housekeeping"):
        until_warm(run)
    limit_descriptors(run, 3)
    run.stop()
    run.wait()
    nothing_is_left(run)


@case(GROUP, "requests that come while there are no descriptors are said to fail, and work again when there are")
def requests_without_descriptors(lab: Lab) -> None:
    lab.needs("housekeeping")
    run = lab.start(Service(lab.probe(), callbacks="CB_do() { :; }"))
    run.probe().ready()
    until_warm(run)
    limit_descriptors(run, 3)
    path = run.inside("run/probe-request.sock")
    with until(lambda: connect(path), "the socket takes connections"):
        until(lambda: re.search(NO_DESCRIPTORS, run.log()), "the log says that descriptors have run out")
        limit_descriptors(run, 1024)
        answers = ask(run, "root do")
    check(answers[0].startswith("accepted"), f"answered: {answers}")


@case(GROUP, "when no process can be started (EAGAIN) it says so, and leaves with a failure or tries on until it works")
def no_processes(lab: Lab) -> None:
    # The limit counts what the user has everywhere: nobody else has this one.
    user = random.randrange(100_000, 900_000)
    run = lab.start(Service(lab.probe()), user=user, prefix=["prlimit", "--nproc=1:1000"], placement="child")
    until(lambda: run.has_left() or re.search(NO_PROCESSES, run.log()), "it leaves, or says what is wrong")
    if run.has_left():
        check(run.status() != 0 or not lab.has("status"), "it left with 0, as if all were well")
        check(re.search(NO_PROCESSES, run.log()), f"it left with {run.status()} and said `{run.said_last()}`")
    else:
        allow_processes(run, user)
        # Some try again after a minute.
        until(lambda: run.probe().ready_lines(), "it tries again", 90)


def allow_processes(run: Run, user: int) -> None:
    """The user may have processes again. Said by that user: root may need a capability for it."""
    check(run.tool([*as_user(user), "prlimit", f"--pid={run.pid}", "--nproc=1000:1000"]).returncode == 0, "prlimit fails")


def start_with_room_for_the_service_only(lab: Lab, user: int) -> Run:
    """A supervisor whose user may have no process beyond those that supervisor and service need."""
    for limit in range(2, 8):
        run = lab.start(Service(lab.probe()), user=user, prefix=["prlimit", f"--nproc={limit}:1000"], placement="child")
        until(lambda: run.has_left() or run.probe().ready_lines(), "it leaves, or the service starts")
        if not run.has_left():
            return run
    raise processes.Failed("it leaves with a failure however many processes there may be, up to 7")


@case(GROUP, "when no helper process can be started (EAGAIN) it says so, the service runs on, and it tries again")
def no_helper_processes(lab: Lab) -> None:
    lab.needs("housekeeping")
    user = random.randrange(100_000, 900_000)
    run = start_with_room_for_the_service_only(lab, user)
    until(lambda: re.search(f"(?i)degraded.*({NO_PROCESSES[4:]})", run.log()), "it says what is wrong")
    allow_processes(run, user)
    until_warm(run)


@case(GROUP, "on a full disk (ENOSPC) the service runs as usual; who has something to write says that it cannot")
def full_disk(lab: Lab) -> None:
    # No free byte and no free inode: sockets, locks and logs find no place.
    fill = 'head -c 10M /dev/zero >"$new/full" 2>/dev/null || :; while touch "$new/$((n += 1))" 2>/dev/null; do :; done; '
    mounts = own_tmpfs("mode=755,size=256k,nr_inodes=40", fill)
    run = lab.start(Service(lab.probe("leave=7")), mounts=mounts)
    if lab.has("housekeeping"):
        until(lambda: re.search(NO_SPACE, run.log()), "the log says that the disk is full")
    lives_as_usual(run)


@case(GROUP, "when its own log cannot be written (stderr on a full disk) all is as usual")
def full_log(lab: Lab) -> None:
    run = lab.start(Service(lab.probe("leave=7")), stderr_to="/dev/full")
    lives_as_usual(run)


@case(GROUP, "the service gets no descriptor of the supervisor's, and its standard output and error as they are")
def clean_descriptors(lab: Lab) -> None:
    run = lab.start()
    probe = run.probe().ready()
    mine = processes.descriptors(probe.pid())
    own = str(lab.folder / "said")
    strange = {
        number: what
        for number, what in mine.items()
        if number > 2 and own not in what and "pipe:" not in what and "anon_inode" not in what
    }
    theirs = {what for number, what in processes.descriptors(run.pid).items() if number > 2}
    inherited = {what for number, what in mine.items() if number > 2} & theirs
    check(not strange and not inherited, f"beyond the first three: {sorted({*strange.values(), *inherited})}")
    relayed = {number: mine[number] for number in (1, 2) if mine[number] != str(run.log_file)}
    check(not relayed, "standard output and error are relayed by the supervisor")


@case(GROUP, "a second supervisor of the same service is refused, and the first one is not disturbed")
def second_supervisor(lab: Lab) -> None:
    lab.needs("lock")
    first = lab.start(placement="child")
    service = first.probe().ready()
    second = lab.start(placement="child")
    status = second.wait()
    check(status != 0, "the second left with 0, as if all were well")
    check(len(service.ready_lines()) == 1, "the second started the service again")
    first.signal(HUP)
    until(lambda: HUP in service.signals(), "HUP reaches the service through the first")
