"""Many thousands of listener runs: what they leave in the supervisor."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import measure
import processes
from adapters import Lamplighter, Service
from housekeeping import ask, is_idle, until_warm
from lab import Run
from processes import until

# Asked for together, many times over.
ROUND = 500
ACTION = "go"
# Looks in a row at which the processes are the same.
SAME = 20


@dataclass
class Sample:
    """The supervisor after so many runs."""

    runs: int
    seconds: float
    memory: measure.Memory
    descriptors: int
    zombies: int
    # Itself, the service, and the listeners.
    processes: int
    # The listeners' anonymous memory, in bytes.
    listeners: int


def soak(tool: Lamplighter, kit: Path, count: int) -> Iterator[Sample]:
    """Has so many runs of one action carried out, in rounds; a sample after each tenth."""
    with measure.lab_of(tool, kit) as lab:
        done = lab.folder / "said/done"
        done.touch()
        callbacks = f"CB_{ACTION}() {{ printf . >>{done}; }}"
        run = lab.start(Service(measure.SLEEP, callbacks=callbacks, policy=f'[action.{ACTION}]\noverlap = "allow"\n'))
        until_warm(run)
        # What is allocated once, at the first requests, is no growth.
        carry_out(run, ROUND)
        began, runs, next_sample = time.monotonic(), 0, 0
        while True:
            if runs >= next_sample:
                yield sample(run, runs, time.monotonic() - began)
                next_sample += max(count // 10, 1)
            if runs >= count:
                break
            carry_out(run, ROUND)
            runs = done.stat().st_size - ROUND


def carry_out(run: Run, count: int) -> None:
    """Asks for it so many times, and waits until all are done."""
    answers = ask(run, *[f"root {ACTION}"] * count)
    refused = [answer for answer in answers if not answer.startswith("accepted")]
    processes.check(not refused, f"refused: {refused[:1]}")
    until(lambda: is_idle(run), "all are carried out", 600)


def sample(run: Run, runs: int, seconds: float) -> Sample:
    """The supervisor as it is now, once a listener waits and nobody comes or goes any more."""
    until_warm(run)
    until(lambda: not processes.zombies_below(run.pid), "zombies are buried")
    seen: list[list[int]] = []

    def rests() -> bool:
        seen.append(processes.below(run.pid))
        return len(seen) > SAME and all(now == seen[-1] for now in seen[-SAME:])

    until(rests, "nobody comes or goes any more")
    zombies = len(processes.zombies_below(run.pid))
    listeners = sum(measure.memory(pid).anonymous for pid in measure.helpers(run))
    descriptors = len(processes.descriptors(run.pid))
    return Sample(runs, seconds, measure.memory(run.pid), descriptors, zombies, len(seen[-1]), listeners)
