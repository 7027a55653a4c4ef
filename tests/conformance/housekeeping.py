"""Asking for housekeeping, and seeing who does it: for the cases about supervisors that keep house."""

import json
import socket

import processes
from lab import Run
from processes import until


def ask(run: Run, *lines: str) -> list[str]:
    """Sends lines to the request socket; the answers."""
    path = run.inside("run/probe-request.sock")
    with until(lambda: connect(path), "the request socket takes connections") as connection:
        connection.sendall("".join(f"{line}\n" for line in lines).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile() as answers:
            return answers.read().splitlines()


def connect(path: str) -> socket.socket | None:
    """A connection to the socket, if there is somebody."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(processes.PATIENCE)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    return connection


def status(run: Run) -> dict[str, object]:
    """What the supervisor says of itself."""
    return json.loads(ask(run, '{"op":"status"}')[0])


def listeners(run: Run) -> list[int]:
    """The processes that do housekeeping or wait for some."""
    found = processes.below(run.pid)[1:]
    return [pid for pid in found if any(word.endswith("/listener.sh") for word in processes.command_line(pid))]


def idle_listeners(run: Run) -> list[int]:
    """Those of them that carry nothing out."""
    return [pid for pid in listeners(run) if len(processes.below(pid)) == 1]


def until_warm(run: Run) -> int:
    """Waits until a listener has read its callbacks; its process."""
    until(lambda: status(run).get("actions") is not None, "the callbacks are read")
    return until(lambda: idle_listeners(run), "a listener waits")[0]
