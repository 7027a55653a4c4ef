"""What `/proc` tells about processes, and waiting until something is so."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 20.0
"""How long to wait for what should be so at once, in seconds: only a failing case ever takes it."""


class Failed(AssertionError):
    """The behaviour is not what the case says."""


def until(condition: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """Waits until `condition` gives something true, and returns that."""
    deadline, pause = time.monotonic() + patience, 0.001
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            raise Failed(f"in vain for {patience:g} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def check(condition: object, what: str) -> None:
    """Fails the case unless `condition` is true."""
    if not condition:
        raise Failed(what)


def stat(pid: int) -> list[str] | None:
    """The fields of `/proc/PID/stat` from the third on: state, parent, group, session, ...; None when gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    fields = stat(pid)
    return fields is not None and fields[0] not in "ZX"


def all_pids() -> list[int]:
    """Every process that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def below(root: int) -> list[int]:
    """The process itself and all its descendants, zombies too, parents before children."""
    children: dict[int, list[int]] = {}
    for pid in all_pids():
        if fields := stat(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def zombies_below(root: int) -> list[int]:
    """Its descendants that have ended and were not waited for."""
    return [pid for pid in below(root)[1:] if (fields := stat(pid)) and fields[0] == "Z"]


def command_line(pid: int) -> list[str]:
    """The process's arguments, its name first; empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def environment(pid: int) -> bytes:
    """The environment that the process was started with, as the kernel keeps it."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def status_field(pid: int, name: str) -> list[str]:
    """The words of a line of `/proc/PID/status`; none when the process is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return line.split()[1:]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return []


def wakeups(pid: int) -> int:
    """How often the process's threads have been put on a processor so far."""
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{thread}/status").read_text()
            total += sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line)
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def descriptors(pid: int) -> dict[int, str]:
    """The process's open descriptors and what they are."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            pass
    return found
