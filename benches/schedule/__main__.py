"""Measures the calendar and the scheduler. See docs/BENCHMARKS.md."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# The page is written as by the supervisor's benchmarks, earlier builds are made as by the requests', processes are looked at as
# in the conformance suite, and the oracle is the calendar's.
for folder in ("benches/supervisor", "tests/conformance", "tests/oracle", "benches/requests"):
    sys.path.append(str(REPOSITORY / folder))

import calendars  # noqa: E402
import lateness  # noqa: E402
import load  # noqa: E402
import page  # noqa: E402

PARTS = {"calendar": calendars.section, "load": load.section, "lateness": lateness.section}


def main() -> int:
    arguments = parse()
    machine = page.machine()
    text = f"## The schedule\n\nWritten by `bin/bench-schedule`, on {machine}.\n\n"
    for name, section in PARTS.items():
        if arguments.only in (None, name):
            print(f"{name} ...", file=sys.stderr)
            folder = Path(tempfile.mkdtemp(prefix="bench-"))
            try:
                text += section(folder, arguments)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, "schedule", text)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-schedule", description=__doc__)
    parser.add_argument("--binary", type=lambda path: Path(path).resolve(), required=True, help="our program")
    parser.add_argument("--calendar", type=Path, required=True, help="the program of benches/schedule")
    parser.add_argument("--only", choices=PARTS, help="only this part")
    parser.add_argument("--seconds", type=float, default=2, help="seconds for each rate (2)")
    parser.add_argument("--entries", type=int, default=10_000, help="entries of the long schedule (10000)")
    parser.add_argument("--reloads", type=int, default=20, help="reloads of the long schedule, of each kind (20)")
    parser.add_argument("--idle", type=float, default=60, help="seconds of idleness to watch (60)")
    parser.add_argument("--together", type=int, default=1_000, help="entries due in the same second (1000)")
    parser.add_argument("--minutes", type=int, default=5, help="minutes to watch occurrences arrive, for each case (5)")
    parser.add_argument("--before", help="a revision whose build's lateness is measured, too")
    parser.add_argument("--write", type=Path, help="write the section into this page")
    return parser.parse_args()


sys.exit(main())
