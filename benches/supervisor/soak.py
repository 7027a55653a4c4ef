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


@dataclass
class Sample:
    """The supervisor after so many runs."""

    runs: int
    seconds: float
    memory: measure.Memory
    descriptors: int
    zombies: int


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
    """The supervisor as it is now, once a listener waits."""
    until_warm(run)
    until(lambda: not processes.zombies_below(run.pid), "zombies are buried")
    zombies = len(processes.zombies_below(run.pid))
    return Sample(runs, seconds, measure.memory(run.pid), len(processes.descriptors(run.pid)), zombies)
