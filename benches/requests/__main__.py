"""Measures requests: how soon they start, how many are carried out, how fast they are promised. See docs/BENCHMARKS.md."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# How the page is written is the other benchmark's.
sys.path.append(str(REPOSITORY / "benches/supervisor"))

import measure  # noqa: E402
import page  # noqa: E402
from measure import Rate, Times  # noqa: E402
from service import Failed, Service  # noqa: E402

SHORT_PAUSE, LONG_PAUSE = 0.02, 0.25


def main() -> int:
    arguments = parse()
    folder = Path(tempfile.mkdtemp(prefix="lamplighter-bench-", dir=arguments.folder))
    try:
        text = section(folder, arguments)
    except Failed as failure:
        print(f"bin/bench-requests: {failure}", file=sys.stderr)
        return 1
    finally:
        subprocess.run(["rm", "-rf", "--", folder], check=False)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, "requests", text)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-requests", description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="our supervisor")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where its state is, on a disk (/var/tmp)")
    parser.add_argument("--samples", type=int, default=1000, help="samples of each time (1000)")
    parser.add_argument("--runs", type=int, default=2000, help="requests that are carried out (2000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each rate is measured; the best counts (3)")
    parser.add_argument("--write", type=Path, help="write the section into this page")
    return parser.parse_args()


def section(folder: Path, arguments: argparse.Namespace) -> str:
    machine, disk = page.machine(), file_system(folder)
    samples, count, rounds = arguments.samples, arguments.runs, arguments.rounds
    with Service(arguments.binary, folder / "ours") as service:
        say("starts ...")
        short = measure.starts(service, samples, SHORT_PAUSE)
        say("starts after a pause ...")
        paused = measure.starts(service, max(samples // 4, 1), LONG_PAUSE)
        say("rates, in turns ...")
        rates = best(
            {
                "lamplighter, on disk before it is accepted": lambda: measure.runs(service, count),
                "by hand: a server in Python, a bash each, nothing on disk": lambda: measure.by_hand(folder / "ours", count),
                "floor: `listener.sh`, started for each": lambda: measure.listener_alone(folder / "ours", count),
                "floor: `bash -c`, nothing read": lambda: measure.bash_alone(folder / "ours", count),
            },
            rounds,
        )
        say("answers ...")
        # All of them wait, and no more than 4,096 may.
        accepted = best({"accepted": lambda: measure.accepted(service, 4000)}, rounds)["accepted"]
        say("beside slow clients ...")
        alone, among = measure.beside_the_slow(service, min(samples * 2, 2000))
    return f"""\
## Requests

Written by `bin/bench-requests`, on {machine}; the journal on {disk}. The client is Python.

### From a request to its callback's first command

From just before the client's write to `$EPOCHREALTIME` in the callback's first command, on one clock. The request is on
disk, as accepted and as started, before its listener gets it. Beside it, in turns with it, what that is made of: a
bash that waits on its stdin, with nobody between, and a write with its `fdatasync`. Reach: 0.3 ms in the median.

{page.table(["milliseconds", "median", "99th percentile"], start_rows(short, SHORT_PAUSE) + start_rows(paused, LONG_PAUSE))}
### {count:,} requests of one action that may overlap

Sent at once over {measure.CONNECTIONS} connections; counted by what their callbacks wrote, and ours by the outcomes in the journal
too. At most {measure.SIDE_BY_SIDE} run side by side. The best of {rounds} rounds, in turns. Reach: all run, 1,000 a second.

{page.table(["", "run", "runs a second"], [rate_row(name, rate) for name, rate in rates.items()])}
### Answers

{accepted.count:,} requests that cost no run (they join one that waits), sent at once over {measure.CONNECTIONS} connections, answered when they are on
disk: **{accepted.per_second():,.0f} a second**, with one `fdatasync` for all that arrived together. An `fdatasync` for each would make {1 / short["fdatasync"].median():,.0f} a second
at best here.

### Beside clients that are silent or slow

From request to answer, one after the other, {len(alone.taken):,} times; alone, and beside {measure.SILENT} silent connections and one that sends a byte
a second. Reach: 20 ms in the 99th percentile.

{page.table(["milliseconds", "median", "99th percentile"], [time_row("alone", alone), time_row("beside them", among)])}"""


def file_system(folder: Path) -> str:
    """What kind of file system this is; one in memory is no disk."""
    kind = subprocess.run(["stat", "--file-system", "--format=%T", folder], capture_output=True, text=True, check=True)
    if (name := kind.stdout.strip()) in ("tmpfs", "ramfs"):
        raise Failed(f"{folder} is in memory ({name}): name a folder on a disk with --folder")
    return name


def best(measured, rounds: int) -> dict[str, Rate]:
    """The best rate of each: what else happens on the machine only ever slows down."""
    found: dict[str, Rate] = {}
    for _ in range(rounds):
        for name, sample in measured.items():
            rate = sample()
            say(f"  {name}: {rate.per_second():.0f}/s")
            if name not in found or rate.per_second() > found[name].per_second():
                found[name] = rate
    return found


def start_rows(times: dict[str, Times], pause: float) -> list[list[str]]:
    after = f"{len(times['request'].taken):,} times, {pause * 1000:.0f} ms after the last"
    return [
        time_row(f"request to first command, {after}", times["request"]),
        time_row("floor: a warm bash answers its stdin", times["bash"]),
        time_row("floor: 251 bytes and their `fdatasync`", times["fdatasync"]),
    ]


def time_row(name: str, times: Times) -> list[str]:
    return [name, f"{times.median() * 1000:.3f}", f"{times.p99() * 1000:.3f}"]


def rate_row(name: str, rate: Rate) -> list[str]:
    return [name, f"{rate.count:,}", f"{rate.per_second():,.0f}"]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.pop("LAMPLIGHTER_SERVICE", None)
    sys.exit(main())
