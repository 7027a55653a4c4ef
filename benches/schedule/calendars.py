"""Next times: how many a second, and whether they are right."""

import argparse
import statistics
import subprocess
from pathlib import Path

import oracle
import page

TOOLS = ["lamplighter", "croner", "cron"]
ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe"]
# Rates are taken in turns, so that what else happens on the machine hits all alike.
TURNS = 3


def section(_: Path, arguments: argparse.Namespace) -> str:
    """What came out, as text."""
    versions = crate_versions()
    rows = []
    for name, *notations, start, end in kinds(arguments.calendar):
        for zone in ZONES:
            rates = rates_of(arguments, name, zone)
            expected = set(oracle.instants(zone, int(start) - 1, int(end) - 1, 10**9, notations[0]))
            cells = []
            for tool in TOOLS:
                wrong = len(expected ^ set(map(int, ask(arguments.calendar, "times", name, zone, tool).split())))
                times = "" if tool == TOOLS[0] else f" ({rates[tool] / rates[TOOLS[0]]:.2f})"
                cells += [f"{rates[tool]:,.0f}{times}", f"{wrong:,}"]
            rows.append([f"{name}, {zone}", f"{len(expected):,}", *cells])
    head = ["kind, zone", "times"]
    for tool in TOOLS:
        head += [f"{tool}/s", "differ"]
    return f"""\
### Next times

Next times a second, one after the other over the span, on one core; medians of {TURNS} turns. In brackets: how many times
ours it is. *Differ* counts the instants that only one of tool and oracle (`tests/oracle/oracle.py`) has, of the so
many *times* of the span. Each tool gets what is meant in its own notation (`benches/schedule/src/main.rs`): croner
{versions["croner"]} and cron {versions["cron"]} know no `1-7 * */7`. cron leaves out times that fall into a gap, repeats those that come
twice, and ends with the year 2100.

{page.table(head, rows)}
"""


def rates_of(arguments: argparse.Namespace, name: str, zone: str) -> dict[str, float]:
    """Of each tool, the median of some turns."""
    taken: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    for _ in range(TURNS):
        for tool in TOOLS:
            seconds = str(arguments.seconds / TURNS)
            taken[tool].append(float(ask(arguments.calendar, "rate", name, zone, tool, seconds)))
    return {tool: statistics.median(rates) for tool, rates in taken.items()}


def kinds(program: Path) -> list[list[str]]:
    """The name of each, how each tool writes it, and the span's first and last second."""
    return [line.split("\t") for line in ask(program, "kinds").splitlines()]


def ask(program: Path, *arguments: str) -> str:
    """What the program says."""
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, timeout=600).stdout


def crate_versions() -> dict[str, str]:
    """The versions that were measured."""
    lock = (Path(__file__).parent / "Cargo.lock").read_text().split("[[package]]")
    fields = [dict(line.split(" = ", 1) for line in part.splitlines() if " = " in line) for part in lock]
    return {part["name"].strip('"'): part["version"].strip('"') for part in fields if "name" in part}
