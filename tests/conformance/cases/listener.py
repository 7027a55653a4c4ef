"""Housekeeping harms neither the service nor other housekeeping, and failing costs little."""

import os
import signal

import processes
from adapters import Service
from housekeeping import ask, idle_listeners, status, until_warm
from lab import Lab, Run
from processes import check, until
from suite import case

GROUP = "Listener"


def start(lab: Lab, callbacks: str) -> Run:
    lab.needs("housekeeping")
    run = lab.start(Service(lab.probe("leave=7"), callbacks=callbacks))
    run.probe().ready()
    return run


def still_works(run: Run) -> None:
    """The action `fine` can be asked for and is carried out."""
    mark = run.said / "fine"
    mark.unlink(missing_ok=True)
    answers = ask(run, "root fine")
    check(answers[0].startswith("accepted"), f"answered: {answers}")
    until(mark.exists, "the action is carried out")
    check(not run.has_left() and len(run.probe().ready_lines()) == 1, "the service was disturbed")


def fine(lab: Lab) -> str:
    return f"CB_fine() {{ touch {lab.folder}/said/fine; }}\n"


@case(GROUP, "a listener that dies while it waits is replaced, and the service never notices")
def waiting_listener_dies(lab: Lab) -> None:
    run = start(lab, fine(lab))
    pid = until_warm(run)
    os.kill(pid, signal.SIGKILL)
    until(lambda: idle_listeners(run) not in ([], [pid]), "another one waits")
    until_warm(run)
    still_works(run)


@case(GROUP, "callbacks that exit, crash, fail or leak state harm nothing but themselves")
def harmful_callbacks(lab: Lab) -> None:
    harmful = {
        "exits": "exit 3",
        "fails": "false",
        "crashes": "kill -SEGV $BASHPID",
        "dies": "kill -KILL $$",
        "moves": "cd /nonexistent",
        "floods": "head -c 1M /dev/zero | tr '\\0' x",
        "daemonizes": "setsid sleep infinity &",
    }
    text = fine(lab) + "".join(f"CB_{name}() {{ {body}\n }}\n" for name, body in harmful.items())
    run = start(lab, text)
    for name in harmful:
        answers = ask(run, f"root {name}")
        check(answers[0].startswith("accepted"), f"{name} is answered: {answers}")
        still_works(run)
        until(lambda: status(run)["running"] == 0, f"the run of `{name}` ends")


@case(GROUP, "a hanging action delays no other one")
def hanging_callback(lab: Lab) -> None:
    run = start(lab, fine(lab) + f"CB_hangs() {{ touch {lab.folder}/said/hangs; sleep infinity; }}")
    ask(run, "root hangs")
    until((run.said / "hangs").exists, "the action hangs")
    for _ in range(3):
        still_works(run)


@case(GROUP, "what a run leaves behind is ended with it, a session of its own or not, and holds up nothing")
def leftovers_of_a_run(lab: Lab) -> None:
    probe = " ".join(lab.probe(name="leftover"))
    run = start(lab, fine(lab) + f"CB_leaves() {{ setsid {probe} & until [[ -s {lab.folder}/said/leftover.log ]]; do sleep 0.01; done; }}")
    ask(run, "root leaves")
    leftover = run.probe("leftover").ready()
    until(lambda: status(run)["running"] == 0, "the run ends, whoever still holds its output")
    until(lambda: not leftover.is_alive(), "what it left behind is ended")
    still_works(run)


def write_callbacks(run: Run, text: str) -> None:
    """Replaces the callbacks' file at once, as editors do."""
    path = run.lab.folder / "rw/bin/docker-callbacks.sh"
    path.with_suffix(".new").write_text(text + "\n")
    path.with_suffix(".new").rename(path)


@case(GROUP, "changed callbacks are in force for the next request")
def changed_callbacks(lab: Lab) -> None:
    run = start(lab, "CB_old() { :; }")
    until_warm(run)
    write_callbacks(run, fine(lab))
    still_works(run)
    answers = ask(run, "root old")
    check(answers[0].startswith("refused"), f"the old action is answered: {answers}")


@case(GROUP, "when changed callbacks are broken the last good ones go on, and the breakage is shown")
def broken_change(lab: Lab) -> None:
    run = start(lab, fine(lab))
    until_warm(run)
    write_callbacks(run, "CB_fine() {")
    still_works(run)
    until(lambda: status(run)["degraded"], "the status shows it")
    still_works(run)


@case(GROUP, "a syntax error in the callbacks costs a handful of starts: the waits between them double")
def waits_double(lab: Lab) -> None:
    starts = lab.folder / "said/starts"
    run = start(lab, f'printf "%s\\n" "$EPOCHREALTIME" >>{starts}\nCB_broken() {{')
    until(lambda: starts.exists() and len(starts.read_text().splitlines()) >= 4, "four starts", 30)
    times = [float(line) for line in starts.read_text().splitlines()[:4]]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    # Half a second at first, less jitter of a half.
    check(all(gap >= 0.25 * 2**n for n, gap in enumerate(gaps)), f"waits of {[round(gap, 2) for gap in gaps]} s")
    check(not run.has_left(), "the supervisor left")


@case(GROUP, "broken callbacks are shown as degraded in log, status and health, and health passes")
def degraded_is_visible(lab: Lab) -> None:
    run = start(lab, "CB_broken() {")
    until(lambda: "degraded" in run.log(), "the log says so")
    until(lambda: status(run)["degraded"], "the status says so")
    told = lab.adapter.health(run)
    check(told.returncode == 0, f"health fails with {told.returncode}: {told.stdout}{told.stderr}")
    check("degraded" in told.stdout, f"health does not show it: {told.stdout}")
    answers = ask(run, "root broken")
    check(answers[0].startswith("refused callbacks"), f"a request is answered: {answers}")


@case(GROUP, "a listener's children are the supervisor's to bury: 50 runs leave no zombie and no descriptor")
def runs_leave_nothing(lab: Lab) -> None:
    actions = "\n".join(f"CB_a{n}() {{ (sleep 0.01 &) ; echo done; }}" for n in range(50))
    run = start(lab, actions)
    until_warm(run)
    before = processes.descriptors(run.pid)
    ask(run, *(f"root a{n}" for n in range(50)))
    until(lambda: run.log().count(" | done") == 50, "all are carried out", 30)
    until(lambda: status(run)["running"] == 0 and status(run)["waiting"] == 0, "all are over")
    until_warm(run)
    until(lambda: len(processes.descriptors(run.pid)) <= len(before), "descriptors are closed")
    until(lambda: not processes.zombies_below(run.pid), "zombies are buried")
