"""Measures our supervisor side by side with others, in one run. See docs/BENCHMARKS.md."""

import argparse
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# The supervisors, and how each is set up, are the conformance suite's.
sys.path.append(str(REPOSITORY / "tests/conformance"))

import adapters  # noqa: E402
import kit as kits  # noqa: E402
import measure  # noqa: E402
import page  # noqa: E402
import soak  # noqa: E402
from adapters import Adapter  # noqa: E402
from measure import Burst, Memory  # noqa: E402

KIB, MIB = 1024, 1024 * 1024


@dataclass
class Figures:
    """What came out for one supervisor."""

    size: int
    memory: Memory
    helpers: int
    wakeups: float
    start: float
    stop: float
    burst: Burst | None


def main() -> int:
    arguments = parse()
    # An end from outside cleans up, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kit = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        kits.fill(kit, arguments.binary)
        if arguments.soak:
            text, name = soak_section(kit, arguments.soak), "supervisor soak"
        else:
            text, name = comparison_section(kit, arguments), "supervisor"
    finally:
        shutil.rmtree(kit, ignore_errors=True)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, name, text)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-supervisor", description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="our supervisor")
    parser.add_argument("--idle", type=float, default=60, help="seconds of idleness to watch (60)")
    parser.add_argument("--samples", type=int, default=100, help="samples of each time (100)")
    parser.add_argument("--orphans", type=int, default=10_000, help="orphans of the burst (10000)")
    parser.add_argument("--tool", action="append", default=[], help="only this one (may be repeated)")
    parser.add_argument("--soak", type=int, default=0, metavar="RUNS", help="instead: so many listener runs of ours")
    parser.add_argument("--write", type=Path, help="write the section into this page")
    return parser.parse_args()


def comparison_section(kit: Path, arguments: argparse.Namespace) -> str:
    tools = [tool for tool in adapters.everyone(kit) if not arguments.tool or tool.name in arguments.tool]
    tools = [tool for tool in tools if tool.version() is not None]
    machine = page.machine()
    figures = compare(tools, kit, arguments)
    text = f"""\
## The supervisor, beside others

Written by `bin/bench-supervisor`: all tools in one run, on {machine}.
Each runs `sleep infinity` in the way that `tests/conformance/adapters.py` shows. In brackets: how many times ours it is.

- Memory is `/proc/PID/smaps_rollup`: resident (program text too), anonymous, and private (not shared with anyone).
  Ours is one static file, catatonit too; the others share their C library with whoever uses it.
- Helpers are the resident memory of what a supervisor keeps running beside the service: ours keeps a bash with the
  callbacks read, so that a request starts at once.
- Wake-ups are context switches of supervisor and helpers, over {arguments.idle:g} s at the same time.
- Start is from the supervisor's exec to the service's, less what starting a program costs without one; stop is from
  TERM to the supervisor's exit, less what the same service takes by itself. Medians of up to {arguments.samples}, taken in
  turns. What ours does at a start is mostly bash: `entrypoint.sh` reads the personality.

"""
    text += page.table(
        ["supervisor", "binary, KiB", "resident, MiB", "anonymous, MiB", "private, MiB", "helpers, MiB", "wake-ups/s", "start, ms", "stop, ms"],
        [row(tool, figures[tool.name], figures[tools[0].name]) for tool in tools],
    )
    text += f"\n### {arguments.orphans:,} orphans in a burst\n\nAs PID 1; before → after. Zombies are those that are still there 20 s after the last orphan's end.\n\n"
    text += page.table(
        ["supervisor", "zombies", "descriptors", "resident, KiB", "anonymous, KiB"],
        [burst_row(tool, burst) for tool in tools if (burst := figures[tool.name].burst)],
    )
    return text


def compare(tools: list[Adapter], kit: Path, arguments: argparse.Namespace) -> dict[str, Figures]:
    found = {tool.name: Figures(measure.binary_size(tool), Memory(0, 0, 0), 0, 0.0, 0.0, 0.0, None) for tool in tools}
    with ExitStack() as stack:
        labs = {tool.name: stack.enter_context(measure.lab_of(tool, kit)) for tool in tools}
        runs = {name: measure.start_idle(lab) for name, lab in labs.items()}
        for name, rate in measure.wakeups_per_second(runs, arguments.idle).items():
            found[name].wakeups = rate
            found[name].memory = measure.memory(runs[name].pid)
            found[name].helpers = sum(measure.memory(pid).resident for pid in measure.helpers(runs[name]))
    print("times ...", file=sys.stderr)
    starts = {tool.name: partial(measure.start_time, tool, kit) for tool in tools}
    stops = {tool.name: partial(measure.stop_time, tool, kit) for tool in tools}
    start = measure.medians(starts | {"alone": partial(measure.start_time_alone, kit)}, arguments.samples)
    stop = measure.medians(stops | {"alone": measure.stop_time_alone}, arguments.samples)
    for tool in tools:
        found[tool.name].start = start[tool.name] - start["alone"]
        found[tool.name].stop = stop[tool.name] - stop["alone"]
        if "orphans" not in tool.lacks:
            print(f"burst of {tool.name} ...", file=sys.stderr)
            found[tool.name].burst = measure.burst(tool, kit, arguments.orphans)
    return found


def row(tool: Adapter, its: Figures, ours: Figures) -> list[str]:
    """One line of the comparison."""
    return [
        tool.name,
        # supervisord's file is but a call of its Python library.
        "(Python)" if its.size < 2 * KIB else versus(its.size / KIB, ours.size / KIB, 0),
        versus(its.memory.resident / MIB, ours.memory.resident / MIB, 2),
        versus(its.memory.anonymous / MIB, ours.memory.anonymous / MIB, 2),
        versus(its.memory.private / MIB, ours.memory.private / MIB, 2),
        f"{its.helpers / MIB:.2f}" if its.helpers else "none",
        f"{its.wakeups:.2f}",
        versus(its.start * 1000, ours.start * 1000, 2),
        versus(its.stop * 1000, ours.stop * 1000, 2),
    ]


def versus(its: float, ours: float, digits: int) -> str:
    """A figure, and how many times ours it is."""
    if its == ours or ours <= 0:
        return f"{its:.{digits}f}"
    return f"{its:.{digits}f} ({its / ours:.2f})"


def burst_row(tool: Adapter, burst: Burst) -> list[str]:
    """One line about the burst."""
    return [
        tool.name,
        str(burst.zombies),
        f"{burst.descriptors_before} → {burst.descriptors_after}",
        f"{burst.before.resident // KIB} → {burst.after.resident // KIB}",
        f"{burst.before.anonymous // KIB} → {burst.after.anonymous // KIB}",
    ]


def soak_section(kit: Path, count: int) -> str:
    rows, machine = [], page.machine()
    for sample in soak.soak(adapters.Lamplighter(kit), kit, count):
        memory = sample.memory
        rows.append(
            [
                f"{sample.runs:,}",
                f"{sample.seconds:.0f}",
                str(sample.zombies),
                str(sample.descriptors),
                str(sample.processes),
                str(memory.resident // KIB),
                str(memory.anonymous // KIB),
                str(sample.listeners // KIB),
            ]
        )
        print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    head = ["runs", "seconds", "zombies", "descriptors", "processes", "resident, KiB", "anonymous, KiB", "listeners, anonymous, KiB"]
    return f"""\
## {count:,} listener runs

Written by `bin/bench-supervisor --soak {count}`, on {machine}: {soak.ROUND} requests at a time for an action with
`overlap = "allow"`, so that each is a run of its own; the supervisor after each tenth. The first line is after one round:
memory that so many requests at once have taken is kept for the next ones. Processes are the supervisor, the service, and the
listeners: the one that forks, and the forks that wait.

{page.table(head, rows)}"""


sys.exit(main())
