"""The service's end is told as it was."""

import signal

from adapters import Service
from lab import Lab, name_of
from processes import check
from suite import case

GROUP = "Exit status"

HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
DEADLY = [number for number in range(1, 65) if number not in HARMLESS | STOPPING]


@case(GROUP, "each exit status of the service, 0 to 255, is the supervisor's own")
def every_exit_status(lab: Lab) -> None:
    lab.needs("status")
    script = lab.script("ends", 'exit "$1"')
    got = {code: lab.run_to_end(Service([script, str(code)]), placement="child") for code in range(256)}
    wrong = {code: status for code, status in got.items() if status != code}
    check(not wrong, f"service's status: supervisor's status: {wrong}")


@case(GROUP, "death by each signal that kills, 1 to 64, is told as 128 and the signal's number")
def death_by_each_signal(lab: Lab) -> None:
    lab.needs("status")
    script = lab.script("dies", 'kill -"$1" $$')
    # No core files: a dozen of these signals would write one.
    no_core = ["prlimit", "--core=0"]
    got = {number: lab.run_to_end(Service([script, str(number)]), prefix=no_core) for number in DEADLY}
    wrong = {name_of(number): status for number, status in got.items() if status != 128 + number}
    check(not wrong, f"signal: status: {wrong}")


@case(GROUP, "a service whose program is not there gives 127")
def not_found(lab: Lab) -> None:
    lab.needs("status")
    status = lab.run_to_end(Service(["/nonexistent/service"]))
    check(status == 127, f"status {status}")


@case(GROUP, "a service whose program cannot be executed gives 126")
def not_executable(lab: Lab) -> None:
    lab.needs("status")
    path = lab.folder / "service"
    path.write_text("#!/bin/sh\n")
    status = lab.run_to_end(Service([str(path)]))
    check(status == 126, f"status {status}")


@case(GROUP, "a fault of the supervisor itself has a status of its own, 125, and is explained")
def own_fault(lab: Lab) -> None:
    lab.needs("own-fault")
    run = lab.start(environment={"LAMPLIGHTER_SERVICE": "No Service"})
    status = run.wait()
    check(status == 125, f"status {status}")
    check("No Service" in run.log(), f"the log does not say what is wrong: {run.said_last()}")


@case(GROUP, "the exit status is passed on even when the supervisor was started with CHLD ignored")
def status_with_chld_ignored(lab: Lab) -> None:
    lab.needs("status")
    script = lab.script("ends", "exit 7")
    # A shell cannot: `trap '' CHLD` keeps its own handler.
    ignore = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])"
    prefix = ["/usr/bin/python3", "-ISc", ignore]
    status = lab.run_to_end(Service([script]), prefix=prefix)
    check(status == 7, f"status {status}")
