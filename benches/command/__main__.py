"""Measures how long `lamplighter status` takes, and how much memory. See docs/BENCHMARKS.md."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stack import REPOSITORY, SERVICES, Stack

sys.path.append(str(REPOSITORY / "benches/supervisor"))

import page  # noqa: E402

# What is measured, each with what it is to reach in milliseconds, where that is written down.
CALLS = {("status",): 30, ("status", "--json"): None, ("status", "mysql"): None, ("history",): None, ("--version",): None}
# Resident memory to reach, in KiB.
MOST_MEMORY = 8 * 1024


def main() -> int:
    arguments = parse()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    machine = page.machine()
    try:
        with Stack(arguments.binary, folder) as stack:
            for action in ["nightly-backup", "rotate-logs"]:
                stack.command("run", "mysql", action)
            figures = {call: measure(stack, call, arguments.calls) for call in CALLS}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = section(figures, machine, arguments)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, "command", text)
    return 0 if all(is_reached(call, figures[call]) for call in CALLS) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-status", description=__doc__)
    # The calls are made in the stack's folder: paths are those of where this was called.
    path = lambda text: Path(text).resolve()  # noqa: E731
    parser.add_argument("--binary", type=path, required=True, help="the command")
    parser.add_argument("--calls", type=int, default=300, help="calls of each (300)")
    parser.add_argument("--write", type=path, help="write the section into this page")
    return parser.parse_args()


def measure(stack: Stack, call: tuple[str, ...], count: int) -> tuple[float, float, int]:
    """Median and 99th percentile in milliseconds, and the most resident memory in KiB, of so many calls."""
    environment = {"PATH": os.environ["PATH"], "TZ": "UTC"}
    os.chdir(stack.folder)
    times, null = [], os.open(os.devnull, os.O_RDWR)
    to_null = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1)]
    for _ in range(count):
        begin = time.perf_counter()
        pid = os.posix_spawn(stack.binary, [stack.binary, *call], environment, file_actions=to_null)
        _, status = os.waitpid(pid, 0)
        times.append((time.perf_counter() - begin) * 1000)
        if status != 0:
            raise RuntimeError(f"`lamplighter {' '.join(call)}` failed with {os.waitstatus_to_exitcode(status)}")
    os.close(null)
    times.sort()
    memory = max(resident(stack, call, environment) for _ in range(5))
    return times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)], memory


def resident(stack: Stack, call: tuple[str, ...], environment: dict[str, str]) -> int:
    """The most that one call has resident, in KiB. GNU time is small: what a process had before its exec counts too."""
    timed = ["/usr/bin/time", "--format=%M", stack.binary, *call]
    told = subprocess.run(timed, cwd=stack.folder, env=environment, check=True, capture_output=True, text=True)
    return int(told.stderr.splitlines()[-1])


def is_reached(call: tuple[str, ...], figures: tuple[float, float, int]) -> bool:
    median, _, memory = figures
    most = CALLS[call]
    return (most is None or median <= most) and memory <= MOST_MEMORY


def section(figures: dict, machine: str, arguments: argparse.Namespace) -> str:
    size = arguments.binary.stat().st_size / 1024 / 1024
    rows = [
        [f"`lamplighter {' '.join(call)}`", f"{median:.1f}", f"{worst:.1f}", f"{memory / 1024:.2f}"]
        for call, (median, worst, memory) in figures.items()
    ]
    return f"""\
## The operator's command

Written by `bin/bench-status`, on {machine}: the static binary ({size:.1f} MiB) in the folder of a stack of {len(SERVICES)}
services and the scheduler, without Docker; {arguments.calls} calls of each, one after the other, from the start of the
process to its end. To reach: `status` in 30 ms (median), and 8 MiB resident. The last line is what starting the program
costs by itself. Memory is the most that GNU time saw resident, program text included.

{page.table(["call", "median, ms", "p99, ms", "resident, MiB"], rows)}"""


sys.exit(main())
