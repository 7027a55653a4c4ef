"""Others are told how things are: when the service has started, when it stops, and whether it is well."""

import socket

import processes
from adapters import Service
from lab import Lab, Run
from processes import check, until
from suite import case

GROUP = "Readiness"


def start_with_notifications(lab: Lab) -> tuple[Run, socket.socket]:
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox.bind(str(lab.folder / "said/notify"))
    inbox.settimeout(processes.PATIENCE)
    return lab.start(environment={"NOTIFY_SOCKET": str(lab.folder / "said/notify")}), inbox


def until_notified(inbox: socket.socket, word: str) -> None:
    """Waits for a datagram that holds this line (`sd_notify(3)`)."""
    try:
        while word not in inbox.recv(4096).decode().splitlines():
            pass
    except TimeoutError:
        raise processes.Failed(f"in vain: the supervisor says {word}") from None


@case(GROUP, "NOTIFY_SOCKET is told READY=1 when the service runs")
def notify_ready(lab: Lab) -> None:
    lab.needs("readiness")
    _, inbox = start_with_notifications(lab)
    with inbox:
        until_notified(inbox, "READY=1")


@case(GROUP, "NOTIFY_SOCKET is told STOPPING=1 when a stop begins")
def notify_stopping(lab: Lab) -> None:
    lab.needs("readiness")
    run, inbox = start_with_notifications(lab)
    with inbox:
        run.probe().ready()
        run.stop()
        until_notified(inbox, "STOPPING=1")


@case(GROUP, "a NOTIFY_SOCKET at which nobody listens disturbs nothing")
def notify_nobody(lab: Lab) -> None:
    lab.needs("readiness")
    run = lab.start(Service(lab.probe("leave=7")), environment={"NOTIFY_SOCKET": "/nonexistent/notify"})
    run.probe().ready()
    run.stop()
    check(run.wait() == 7, f"status {run.status()}")


@case(GROUP, "a command tells that the service is up, and that it is not")
def health(lab: Lab) -> None:
    lab.needs("health")
    run = lab.start(placement="child")
    run.probe().ready()
    told = until(lambda: (t := lab.adapter.health(run)).returncode == 0 and t, "the command says that it is up")
    run.stop()
    run.probe().until_signalled(15)
    told = lab.adapter.health(run)
    run.probe().tell("exit 0")
    run.wait()
    told = lab.adapter.health(run)
    check(told.returncode != 0, f"when all is over it says: {told.stdout.strip()}")


@case(GROUP, "the service's own check decides whether it is healthy")
def health_check(lab: Lab) -> None:
    lab.needs("housekeeping")
    sick = lab.folder / "said/sick"
    callbacks = f"CB_health_check() {{ [[ ! -e {sick} ]] || {{ echo no pulse; return 1; }}; }}"
    run = lab.start(Service(lab.probe(), callbacks=callbacks))
    run.probe().ready()
    told = lab.adapter.health(run)
    check(told.returncode == 0, f"a healthy one gives {told.returncode}: {told.stdout}{told.stderr}")
    sick.touch()
    told = lab.adapter.health(run)
    check(told.returncode == 1, f"a sick one gives {told.returncode}: {told.stdout}{told.stderr}")
    check("no pulse" in told.stdout, f"what the check said is not told: {told.stdout}")
