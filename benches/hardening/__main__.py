"""Measures what the bounds around each container cost the site's visitors, beside a revision without them. See docs/BENCHMARKS.md."""

import argparse
import statistics
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "benches/supervisor"))

import page  # noqa: E402
from stacks import Stack, requests_a_second  # noqa: E402

WANTED = 0.97
BEFORE, NOW = "without", "with"


def main() -> int:
    arguments = parse()
    machine = page.machine()
    with (
        Stack(BEFORE, arguments.folder, arguments.before) as before,
        Stack(NOW, arguments.folder, None) as now,
    ):
        for stack in (before, now):
            requests_a_second(stack, arguments.connections, arguments.seconds)
        rounds = [a_round(before, now, number, arguments) for number in range(1, arguments.rounds + 1)]
    text = section(machine, arguments, before.revision, rounds)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, "hardening", text)
    reached = statistics.median(ratios(rounds))
    if reached < WANTED:
        print(f"the site serves {reached:.3f} of what it served without: at least {WANTED} is wanted", file=sys.stderr)
        return 1
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-hardening", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where both stacks may lie meanwhile")
    parser.add_argument("--before", required=True, help="the revision without")
    parser.add_argument("--rounds", type=int, default=20, help="how often each is measured (20)")
    parser.add_argument("--seconds", type=int, default=10, help="how long, a second at a time (10)")
    parser.add_argument("--connections", type=int, default=8, help="how many visitors at a time (8)")
    parser.add_argument("--write", type=Path, help="the page to write the section into")
    return parser.parse_args()


def a_round(before: Stack, now: Stack, number: int, arguments: argparse.Namespace) -> dict[str, float]:
    """A second of one, a second of the other, and the other way round: what changes meanwhile on this machine hits both."""
    slices: dict[str, list[float]] = {before.name: [], now.name: []}
    for turn in range(arguments.seconds):
        for stack in (before, now) if turn % 2 == 0 else (now, before):
            slices[stack.name].append(requests_a_second(stack, arguments.connections, 1))
    measured = {name: statistics.fmean(rates) for name, rates in slices.items()}
    figures = ", ".join(f"{name} {measured[name]:.1f}/s" for name in (BEFORE, NOW))
    print(f"· round {number} of {arguments.rounds}: {figures}", file=sys.stderr, flush=True)
    return measured


def ratios(rounds: list[dict[str, float]]) -> list[float]:
    return [measured[NOW] / measured[BEFORE] for measured in rounds]


def section(machine: str, arguments: argparse.Namespace, revision: str, rounds: list[dict[str, float]]) -> str:
    rows = [
        spread("without, pages a second", [measured[BEFORE] for measured in rounds], 1),
        spread("with, pages a second", [measured[NOW] for measured in rounds], 1),
        spread("with / without, of each round", ratios(rounds), 3),
    ]
    return f"""\
## The site behind its bounds

Written by `bin/bench-hardening`: on {machine}.
The default page (PHP, MariaDB, Redis) of two stacks on one machine, both up all the time: that of revision {revision[:12]},
whose containers share one `/run` and run as root, and this one; both give out this one's page. {arguments.connections} connections of `wrk`, in {len(rounds)} rounds of
{arguments.seconds} s of each, a second of one and then a second of the other, as nothing else of this machine stays the same for longer.
Every answer was 200. To reach: {WANTED} (median).

{page.table(["", "median", "lowest", "lower quarter", "upper quarter", "highest"], rows)}"""


def spread(what: str, values: list[float], digits: int) -> list[str]:
    quarters = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    figures = (statistics.median(values), min(values), quarters[0], quarters[2], max(values))
    return [what, *(f"{figure:.{digits}f}" for figure in figures)]


if __name__ == "__main__":
    sys.exit(main())
