"""Every signal goes to the service, once, and nowhere else."""

import os
import signal

import processes
from adapters import Service
from housekeeping import ask, idle_listeners
from lab import PYTHON, Lab, Probe, Run, name_of
from processes import Failed, check, until
from suite import case

GROUP = "Signals"

TERM, INT, HUP = int(signal.SIGTERM), int(signal.SIGINT), int(signal.SIGHUP)
NOBODYS = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, 32, 33}
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS, signal.SIGABRT}
MATRIX = [number for number in range(1, 65) if number not in NOBODYS | FAULTS | {TERM, INT}]


def pass_sentinel(run: Run, probe: Probe, number: int) -> int:
    """Sends a second signal and waits until it arrives: the tool is then done with the first."""
    sentinel = run.lab.adapter.sentinel(number)
    before = probe.signals().count(sentinel)
    run.signal(sentinel)
    until(lambda: probe.signals().count(sentinel) > before, f"{name_of(sentinel)} arrives after {name_of(number)}", 3)
    return sentinel


def send_and_settle(run: Run, probe: Probe, number: int) -> str | None:
    """Sends one signal; what is wrong with how it arrived."""
    before = probe.signals().count(number)
    if not run.signal(number):
        return "no way to send it"
    try:
        # Twice, as two signals that are pending together may arrive in either order.
        for _ in range(2):
            pass_sentinel(run, probe, number)
    except Failed:
        for pid in (run.pid, probe.pid()):
            os.kill(pid, signal.SIGCONT)
        return "the tool stands still"
    times = probe.signals().count(number) - before
    return None if times == 1 else f"{times} times"


def summary(wrong: dict[int, str]) -> str:
    """What is wrong, signals of the same fault together."""
    faults: dict[str, list[int]] = {}
    for number, what in wrong.items():
        faults.setdefault(what, []).append(number)
    return "; ".join(f"{what}: {spans(numbers)}" for what, numbers in faults.items())


def spans(numbers: list[int]) -> str:
    """Numbers for people: `TTIN, TTOU, 35 to 63`."""
    words = [name_of(number) for number in numbers if number < 34]
    real_time = [number for number in numbers if number >= 34]
    if len(real_time) > 2 and real_time == list(range(real_time[0], real_time[-1] + 1)):
        return ", ".join([*words, f"{real_time[0]} to {real_time[-1]}"])
    return ", ".join([*words, *map(str, real_time)])


@case(GROUP, "every signal from 1 to 64 that can be sent on reaches the service's process exactly once")
def signal_matrix(lab: Lab) -> None:
    run = lab.start()
    probe = run.probe().ready()
    wrong = {number: what for number in MATRIX if (what := send_and_settle(run, probe, number))}
    check(not run.has_left(), f"the supervisor left: {run.said_last()}")
    check(not wrong, summary(wrong))


def asked_to_stop_once(lab: Lab, number: int, *expected: int) -> None:
    run = lab.start(placement="child")
    probe = run.probe().ready()
    os.kill(run.pid, number)
    got = probe.until_signalled(*expected)
    try:
        pass_sentinel(run, probe, got)
    except Failed:
        # While it stops, a tool may be deaf; that a second one does not come is then seen at the end.
        pass
    times = sum(probe.signals().count(one) for one in expected)
    check(times == 1, f"{times} signals that ask to stop")


@case(GROUP, "TERM to the supervisor asks the service to stop, exactly once")
def term_asks_once(lab: Lab) -> None:
    asked_to_stop_once(lab, TERM, TERM)


@case(GROUP, "INT to the supervisor asks the service to stop, exactly once")
def int_asks_once(lab: Lab) -> None:
    lab.needs("int")
    asked_to_stop_once(lab, INT, TERM, INT)


@case(GROUP, "the signal that asks the service to stop can be chosen")
def stop_signal(lab: Lab) -> None:
    lab.needs("stop-signal")
    run = lab.start(Service(lab.probe(), stop_signal="USR2"))
    probe = run.probe().ready()
    run.stop()
    probe.until_signalled(int(signal.SIGUSR2))
    check(TERM not in probe.signals(), "it got TERM too")


@case(GROUP, "below `tini -g`, which signals the whole process group, the service gets each signal once")
def no_double_delivery_below_tini_g(lab: Lab) -> None:
    run = lab.start(placement="below tini -g")
    probe = run.probe().ready()
    os.kill(run.parent(), TERM)
    got = probe.until_signalled(TERM, INT)
    try:
        pass_sentinel(run, probe, got)
    except Failed:
        pass
    times = probe.signals().count(TERM) + probe.signals().count(INT)
    check(times == 1, f"{times} signals that ask to stop")


@case(GROUP, "Ctrl-C at a terminal asks the service to stop once")
def no_double_delivery_at_a_terminal(lab: Lab) -> None:
    lab.needs("int")
    run = lab.start(placement="child", terminal=True)
    probe = run.probe().ready()
    assert run.pid and run.terminal is not None
    os.write(run.terminal, b"\x03")
    got = probe.until_signalled(TERM, INT, HUP)
    try:
        pass_sentinel(run, probe, got)
    except Failed:
        pass
    times = sum(probe.signals().count(number) for number in (TERM, INT, HUP))
    check(times == 1, f"{times} signals that ask to stop")


DIRTY = """
import os, signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.execvp(sys.argv[1], sys.argv[1:])
"""


@case(GROUP, "the service starts with default dispositions and an empty mask, whatever the supervisor was started with")
def clean_slate(lab: Lab) -> None:
    report = lab.folder / "said/signals"
    # Written aside and moved, to be whole when it is seen.
    text = f"grep ^Sig /proc/self/status >{report}.$$; mv {report}.$$ {report}; exec sleep infinity"
    lab.start(Service([lab.script("tells", text)]), prefix=[PYTHON, "-ISc", DIRTY])
    until(report.exists, "the service tells its signals")
    fields = dict(line.split() for line in report.read_text().splitlines())
    blocked, ignored = (int(fields[name], 16) for name in ("SigBlk:", "SigIgn:"))
    check(not blocked, f"blocked at the service's start: {spans(members(blocked))}")
    check(not ignored, f"ignored at the service's start: {spans(members(ignored))}")


def members(mask: int) -> list[int]:
    """The signals of a mask, as `/proc/PID/status` has it."""
    return [number for number in range(1, 65) if mask >> (number - 1) & 1]


@case(GROUP, "a signal that comes while the service is still being prepared reaches what prepares it")
def from_the_first_moment(lab: Lab) -> None:
    here, got = lab.folder / "said/here", lab.folder / "said/got"
    # A shell runs its traps at once only while it waits.
    prepare = f"trap 'echo >{got}' HUP; sleep infinity & echo >{here}; wait || :; wait || :"
    run = lab.start(Service(lab.probe(), prepare=prepare))
    until(here.exists, "the preparation begins")
    run.signal(HUP)
    until(got.exists, "HUP reaches the preparation")
    check(not run.has_left(), "the supervisor left")


@case(GROUP, "helper processes of the supervisor, busy or idle, get none of the signals for the service")
def helpers_get_none(lab: Lab) -> None:
    lab.needs("helpers")
    callback = " ".join(lab.probe(name="callback"))
    run = lab.start(Service(lab.probe(), callbacks=f"CB_stay() {{ {callback}; }}"))
    probe = run.probe().ready()
    ask(run, "root stay")
    busy = run.probe("callback").ready()
    idle = until(lambda: idle_listeners(run), "another listener waits")
    # Of these, one that is pending undoes the other.
    numbers = set(MATRIX) - {signal.SIGCONT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
    for number in numbers:
        run.signal(number)
    until(lambda: numbers <= set(probe.signals()), "all signals reach the service")
    check(not busy.signals(), f"the busy one got {list(map(name_of, busy.signals()))}")
    check(all(processes.is_alive(pid) for pid in idle), "an idle one was ended")
