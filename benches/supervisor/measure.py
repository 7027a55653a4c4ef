"""What is measured of each supervisor, and how."""

import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import processes
from adapters import Adapter, Service
from housekeeping import until_warm
from lab import Lab, Run
from processes import until

SLEEP = ["/bin/sleep", "infinity"]
TELL_TIME = ["/bin/date", "+%s%N"]


@dataclass
class Memory:
    """A process's memory, in bytes (`/proc/PID/smaps_rollup`)."""

    resident: int
    anonymous: int
    private: int


def memory(pid: int) -> Memory:
    """What a process has now."""
    fields: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, amount = line.split()[:2]
        fields[name.rstrip(":")] = int(amount) * 1024
    return Memory(fields["Rss"], fields["Anonymous"], fields["Private_Clean"] + fields["Private_Dirty"])


@contextmanager
def lab_of(tool: Adapter, kit: Path) -> Iterator[Lab]:
    """A place to run a tool in."""
    with Lab(tool, kit, Path(tempfile.mkdtemp(dir=kit)) / "lab") as lab:
        yield lab


def start_idle(lab: Lab, **how: str) -> Run:
    """Starts the tool with a service that does nothing, and waits until both have come to rest."""
    run = lab.start(Service(SLEEP), **how)  # type: ignore[arg-type]
    until(lambda: any(processes.command_line(pid) == SLEEP for pid in processes.below(run.pid)), "the service runs")
    if lab.has("housekeeping"):
        until_warm(run)
    return run


def helpers(run: Run) -> list[int]:
    """The tool's processes beside the supervisor and the service."""
    return [pid for pid in processes.below(run.pid)[1:] if processes.command_line(pid) not in ([], SLEEP)]


def start_time(tool: Adapter, kit: Path) -> float:
    """Seconds from the supervisor's exec to the service's telling the time."""
    with lab_of(tool, kit) as lab:
        began = time.time_ns()
        run = lab.start(Service(TELL_TIME), placement="child")
        told = until(lambda: re.search(r"^\d{19}$", run.log(), re.M), "the service tells the time")
        return (int(told[0]) - began) / 1e9


def start_time_alone(kit: Path) -> float:
    """The same without a supervisor: what starting a program costs here."""
    with tempfile.TemporaryFile(dir=kit) as log:
        began = time.time_ns()
        subprocess.Popen(TELL_TIME, stdin=subprocess.DEVNULL, stdout=log, stderr=log).wait()
        log.seek(0)
        return (int(log.read()) - began) / 1e9


def stop_time(tool: Adapter, kit: Path) -> float:
    """Seconds from TERM to the supervisor's exit, with a service that ends at once."""
    with lab_of(tool, kit) as lab:
        run = start_idle(lab, placement="child")
        run.until_not_young()
        return until_gone(run.process)


def stop_time_alone() -> float:
    """The same without a supervisor: what ending that service costs here."""
    return until_gone(subprocess.Popen(SLEEP))


def until_gone(process: subprocess.Popen[bytes]) -> float:
    """Sends TERM; seconds until it is gone."""
    began = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    process.wait()
    return time.monotonic() - began


def medians(samplers: dict[str, Callable[[], float]], samples: int) -> dict[str, float]:
    """The median of each, taken in turns so that what else happens on the machine hits all alike.

    A slow one gets fewer samples, but five.
    """
    taken: dict[str, list[float]] = {name: [] for name in samplers}
    spent = dict.fromkeys(samplers, 0.0)
    for turn in range(samples):
        for name, sample in samplers.items():
            if turn < 5 or spent[name] < 60:
                began = time.monotonic()
                taken[name].append(sample())
                spent[name] += time.monotonic() - began
    return {name: statistics.median(times) for name, times in taken.items()}


def wakeups_per_second(runs: dict[str, Run], seconds: float) -> dict[str, float]:
    """How often each supervisor and its helpers wake up, all in the same time."""
    watched = {name: [run.pid, *helpers(run)] for name, run in runs.items()}
    before = {name: sum(map(processes.wakeups, pids)) for name, pids in watched.items()}
    time.sleep(seconds)
    return {name: (sum(map(processes.wakeups, pids)) - before[name]) / seconds for name, pids in watched.items()}


@dataclass
class Burst:
    """A supervisor before and after it has buried many orphans."""

    before: Memory
    after: Memory
    descriptors_before: int
    descriptors_after: int
    zombies: int


def burst(tool: Adapter, kit: Path, count: int) -> Burst:
    """So many orphans come and go below the supervisor as PID 1."""
    with lab_of(tool, kit) as lab:
        run = lab.start()
        probe = run.probe().ready()
        if lab.has("housekeeping"):
            until_warm(run)
        before, open_before = memory(run.pid), len(processes.descriptors(run.pid))
        probe.tell(f"orphans {count}")
        until(lambda: probe.said("orphans", str(count)), "the orphans come and go", 600)
        try:
            until(lambda: not processes.zombies_below(run.pid), "zombies are buried")
        except processes.Failed:
            # Then there are some; how many is what is told.
            pass
        zombies = len(processes.zombies_below(run.pid))
        return Burst(before, memory(run.pid), open_before, len(processes.descriptors(run.pid)), zombies)


def binary_size(tool: Adapter) -> int:
    """Bytes of the file that is executed."""
    return Path(shutil.which(tool.program()) or tool.program()).stat().st_size
