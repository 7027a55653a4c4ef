"""Measures what visitors get of the stack beside Debian's default one, and what its parts cost. See docs/BENCHMARKS.md."""

import argparse
import os
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "supervisor"), str(HERE.parent / "hardening")]

import page as document  # noqa: E402
from debian import Debian  # noqa: E402
from load import Load, Side, docker, visit  # noqa: E402
from ours import Changed, Ours  # noqa: E402
from parts import PARTS, Part  # noqa: E402

# Page, connections, and how many times Debian's rate is to be reached.
CASES = [("tiny", 8, 1.2), ("tiny", 64, 1.2), ("static", 8, 1.2), ("static", 64, 1.2), ("page", 8, 1.3), ("page", 64, 1.5)]
TITLES = {"tiny": "a tiny PHP page", "static": "a static file of 16 KiB", "page": "the default page"}
# 0.8 of what the six services took before: MiB.
MEMORY_WANTED = 197
# How long a stack is left alone before its memory is looked at.
SILENCE = 40

Round = dict[tuple[str, int], tuple[Load, Load]]
PartRounds = dict[str, list[tuple[Load, Load]]]


def main() -> int:
    arguments = parse()
    machine = document.machine()
    parts = [part for part in PARTS if {part.name, "all"} & set(arguments.without)]
    with ExitStack() as stack:
        ours = stack.enter_context(Ours("ours", arguments.folder))
        if parts:
            changed = stack.enter_context(Changed("changed", arguments.folder, ours))
            warm_up([ours, changed])
            text = parts_section(machine, arguments, [(part, of_part(ours, changed, part, arguments)) for part in parts])
            missed = []
        else:
            image = f"lamplighter:{ours.project}"
            debian = stack.enter_context(Debian(image, arguments.folder, ours.folder / "site"))
            warm_up([ours, debian])
            memory = settled_memory(ours, debian)
            rounds = [a_round(ours, debian, number, arguments) for number in range(arguments.rounds)]
            text = section(machine, arguments, rounds, memory)
            missed = goals_missed(rounds, memory[0])
    print(text)
    if arguments.write:
        document.replace_section(arguments.write, "site's parts" if parts else "site", text)
    for goal in missed:
        print(f"not reached: {goal}", file=sys.stderr)
    return 1 if missed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-site", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the stacks may lie meanwhile")
    parser.add_argument("--rounds", type=int, default=10, help="how often each is measured (10)")
    parser.add_argument("--seconds", type=int, default=3, help="how long each time (3)")
    names = ", ".join(part.name for part in PARTS)
    parser.add_argument("--without", action="append", default=[], choices=["all", *(part.name for part in PARTS)], metavar="PART",
                        help=f"measure this part, beside the stack without it, and not Debian: all, or of {names}")  # fmt: skip
    parser.add_argument("--write", type=Path, help="the page to write the section into")
    return parser.parse_args()


def warm_up(sides: list[Side]) -> None:
    for side in sides:
        for page in TITLES:
            visit(side, page, 8, 2)


def settled_memory(ours: Ours, debian: Debian) -> tuple[dict[str, float], float]:
    """After some requests and a while without any. What the machine keeps of files counts for whoever happened to read them
    first: it is let go before."""
    time.sleep(SILENCE)
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("1\n")
    return ours.memory_by_service(), debian.memory()


def in_turns(first: Side, second: Side, number: int, page: str, connections: int, seconds: int) -> tuple[Load, Load]:
    """One after the other, and the other way round the next time: what changes meanwhile on this machine hits both."""
    order = (first, second) if number % 2 == 0 else (second, first)
    measured = {side.name: visit(side, page, connections, seconds) for side in order}
    return measured[first.name], measured[second.name]


def a_round(ours: Ours, debian: Debian, number: int, arguments: argparse.Namespace) -> Round:
    measured = {(page, connections): in_turns(ours, debian, number, page, connections, arguments.seconds) for page, connections, _ in CASES}
    said = ", ".join(f"{page} {connections} {a.rate / b.rate:.2f}" for (page, connections), (a, b) in measured.items())
    print(f"· round {number + 1} of {arguments.rounds}: {said}, load average {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return measured


def of_part(ours: Ours, changed: Changed, part: Part, arguments: argparse.Namespace) -> PartRounds:
    """The stack as it is, and without the part, page by page."""
    changed.apply(part)
    # As new as the changed one: how many children and workers there are counts, too.
    ours.restart(part.service)
    for side in (ours, changed):
        for page in part.pages:
            visit(side, page, 8, 1)
    measured: PartRounds = {page: [] for page in part.pages}
    for number in range(arguments.rounds):
        for page in part.pages:
            measured[page].append(in_turns(ours, changed, number, page, 8, arguments.seconds))
    changed.restore(part)
    said = ", ".join(f"{page} {of_both(loads)}" for page, loads in measured.items())
    print(f"· {part.name}: {said}, load average {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return measured


def of_both(loads: list[tuple[Load, Load]]) -> str:
    """Without a part: how many times the processor's time, the least of all rounds, and the rate."""
    cpu = min(without.cpu for _, without in loads) / min(as_it_is.cpu for as_it_is, _ in loads)
    return f"{cpu:.2f}; {spread([without.rate / as_it_is.rate for as_it_is, without in loads])}"


def rate_ratios(rounds: list[Round], case: tuple[str, int]) -> list[float]:
    return [measured[case][0].rate / measured[case][1].rate for measured in rounds]


def p99_ratios(rounds: list[Round], case: tuple[str, int]) -> list[float]:
    return [measured[case][0].p99 / measured[case][1].p99 for measured in rounds]


def goals_missed(rounds: list[Round], memory: dict[str, float]) -> list[str]:
    missed = []
    for page, connections, wanted in CASES:
        what = f"{TITLES[page]}, {connections} connections"
        rate = statistics.median(rate_ratios(rounds, (page, connections)))
        p99 = statistics.median(p99_ratios(rounds, (page, connections)))
        if rate < wanted:
            missed.append(f"{what}: {rate:.2f} of Debian's rate, {wanted} is wanted")
        if p99 > 1:
            missed.append(f"{what}: 99 of 100 answers take {p99:.2f} of Debian's time, 1 is wanted")
    if sum(memory.values()) > MEMORY_WANTED:
        missed.append(f"the six services take {sum(memory.values()):.0f} MiB, {MEMORY_WANTED} are wanted")
    return missed


def section(machine: str, arguments: argparse.Namespace, rounds: list[Round], memory: tuple[dict[str, float], float]) -> str:
    rows = []
    for page, connections, wanted in CASES:
        loads = [measured[page, connections] for measured in rounds]
        rows.append([
            f"{TITLES[page]}, {connections} connections",
            f"{statistics.median(a.rate for a, _ in loads):.0f}",
            f"{statistics.median(b.rate for _, b in loads):.0f}",
            spread(rate_ratios(rounds, (page, connections))),
            f"{wanted}",
            f"{min(a.cpu for a, _ in loads) / min(b.cpu for _, b in loads):.2f}",
            f"{sum(a.dropped for a, _ in loads)}, {sum(b.dropped for _, b in loads)}",
            f"{statistics.median(a.p99 for a, _ in loads):.1f}",
            f"{statistics.median(b.p99 for _, b in loads):.1f}",
            spread(p99_ratios(rounds, (page, connections))),
        ])  # fmt: skip
    ours, debian = memory
    services = ", ".join(f"{service} {used:.0f}" for service, used in ours.items())
    head = ["", "ours/s", "Debian/s", "ours / Debian", "to reach", "processor", "dropped: ours, Debian", "ours, p99 ms", "Debian, p99 ms", "ours / Debian"]
    return f"""\
## The site beside Debian's default

Written by `bin/bench-site`: on {machine}, {os.getloadavg()[0]:.1f} when it ended (`wrk` and both stacks included).
Beside this stack, in one container of its image: Apache, PHP-FPM, MariaDB and Redis as the configuration files of Debian's
packages have them, PHP-FPM at its unix socket, MariaDB and Redis over TCP (`benches/site/debian.sh`). Docker keeps its images by
`{docker("info", "--format", "{{.Driver}}")}`. Both have the same site on the same disk, are up all the time, and are asked at their address on Docker's bridge: at a published port,
a visitor from the machine itself waits for Docker's proxy, which copies every byte. `wrk` asks for {arguments.seconds} s each, in
{len(rounds)} rounds that measure both, and begin with the other one each time. Every answer was 200. The default page writes a
row, reads three and counts. *Processor* is how many times Debian's time of it
an answer takes, of each the least of all rounds. *Dropped* are connections that were ended without an answer. Ratios are the median of the rounds' own, in brackets the quarters.
Where there is other load, rates and delays are chance: it is the processor's time that can be compared.

{document.table(head, rows)}
The six services take {sum(ours.values()):.0f} MiB by `docker stats`, {SILENCE} s after some requests and without what the machine keeps of files ({services}); {MEMORY_WANTED} are to be
reached. Debian's four daemons take {debian:.0f}."""


def parts_section(machine: str, arguments: argparse.Namespace, measured: list[tuple[Part, PartRounds]]) -> str:
    rows = [[f"`{part.name}`: {part.what}", *(of_both(loads[page]) if page in loads else "" for page in TITLES)] for part, loads in measured]
    return f"""\
### What each part costs

Written by `bin/bench-site --without PART`: on {machine}, {os.getloadavg()[0]:.1f} when it ended, images kept by `{docker("info", "--format", "{{.Driver}}")}`.
Each line is this stack with one thing changed, beside this stack as it is, both up at once, {arguments.rounds} rounds of {arguments.seconds} s in turns with 8
connections: how many times the processor's time for an answer (of each the least of all rounds, which other load can only
make more), and how many times the answers a second (the median of the rounds' own, in brackets the quarters).

{document.table(["", *TITLES.values()], rows)}"""


def spread(values: list[float]) -> str:
    quarters = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return f"{statistics.median(values):.2f} ({quarters[0]:.2f} to {quarters[2]:.2f})"


if __name__ == "__main__":
    sys.exit(main())
