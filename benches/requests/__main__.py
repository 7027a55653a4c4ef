"""Measures requests: how soon they start, how many are carried out, how fast they are promised. See docs/BENCHMARKS.md."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# How the page is written is the other benchmark's.
sys.path.append(str(REPOSITORY / "benches/supervisor"))

import measure  # noqa: E402
import page  # noqa: E402
from before import Build, build  # noqa: E402
from measure import Rate, Times  # noqa: E402
from service import CALLBACKS, MANY_LINES, Failed, Service, many_callbacks, until  # noqa: E402

SHORT_PAUSE, LONG_PAUSE = 0.02, 0.25
# Nothing happens for so many seconds.
IDLE = 60
REST_HEAD = ["", "together, MiB", "supervisor, anonymous, MiB", "wake-ups of the supervisor", "of the listeners"]
OURS, BEFORE = "lamplighter", "before"


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
    parser.add_argument("--before", required=True, help="the revision whose build is measured beside it")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where its state is, on a disk (/var/tmp)")
    parser.add_argument("--samples", type=int, default=1000, help="samples of each time (1000)")
    parser.add_argument("--runs", type=int, default=2000, help="requests that are carried out (2000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each rate is measured; the best counts (3)")
    parser.add_argument("--write", type=Path, help="write the section into this page")
    return parser.parse_args()


def section(folder: Path, arguments: argparse.Namespace) -> str:
    builds = {OURS: Build(arguments.binary), BEFORE: build(arguments.before)}
    machine, disk = page.machine(), file_system(folder)
    samples, count, rounds = arguments.samples, arguments.runs, arguments.rounds
    with both(builds, folder, CALLBACKS) as services:
        ours, before = services[OURS], services[BEFORE]
        say("memory ...")
        memory = {name: at_rest(service) for name, service in services.items()}
        say(f"wake-ups in {IDLE} s ...")
        wakeups = measure.wakeups(services, IDLE)
        say("starts ...")
        short = measure.starts(services, samples, SHORT_PAUSE)
        say("starts after a pause ...")
        paused = measure.starts(services, max(samples // 4, 1), LONG_PAUSE)
        say("rates, in turns ...")
        rates = best(
            {
                f"{OURS}, on disk before it is accepted": lambda: measure.runs(ours, count),
                f"{BEFORE}: a bash for each run": lambda: measure.runs(before, count),
                "by hand: a server in Python, a bash each, nothing on disk": lambda: measure.by_hand(folder / OURS, count),
                "floor: `listener.sh`, started for each": lambda: measure.listener_alone(folder / OURS, count),
                "floor: `bash -c`, nothing read": lambda: measure.bash_alone(folder / OURS, count),
            },
            rounds,
        )
        say("answers ...")
        # All of them wait, and no more than 4,096 may.
        accepted = best({"accepted": lambda: measure.accepted(ours, 4000)}, rounds)["accepted"]
        say("beside slow clients ...")
        alone, among = measure.beside_the_slow(ours, min(samples * 2, 2000))
    with both(builds, folder, many_callbacks()) as services:
        say("rates with many callbacks, in turns ...")
        # The one before takes long.
        few = max(count // 4, 1)
        many = best({name: lambda one=one: measure.runs(one, few) for name, one in services.items()}, rounds)
    return f"""\
## Requests

Written by `bin/bench-requests`, on {machine}; the journal on {disk}. The client is Python. *Before* is the
build of revision {arguments.before[:12]}, which started a bash for each run, in the same run of the script. Where there is other load it is the
processor's time and the ratios that can be compared.

### From a request to its callback's first command

From just before the client's write to `$EPOCHREALTIME` in the callback's first command, on one clock. The request is on
disk, as accepted and as started, before its listener gets it. Beside it, in turns with it, what that is made of: a
bash that waits on its stdin, with nobody between, and a write with its `fdatasync`. Reach: 1.25 times the sum of the two.

{page.table(["milliseconds", "median", "99th percentile"], start_rows(short, SHORT_PAUSE) + start_rows(paused, LONG_PAUSE))}
### {count:,} requests of one action that may overlap

Sent at once over {measure.CONNECTIONS} connections; counted by what their callbacks wrote, and ours by the outcomes in the journal
too. At most {measure.SIDE_BY_SIDE} run side by side. The best of {rounds} rounds, in turns. The processor's time is that of the supervisor, its
listeners and all that they have started, until all outcomes are there. Reach: 3 times the one before and 1.8 times the one in
Python, with 0.33 of the time.

{page.table(RATE_HEAD, [rate_row(name, rate, rates) for name, rate in rates.items()])}
### The same with callbacks of {MANY_LINES:,} lines, half of them in two files that they source

{few:,} requests. Reach: 10 times the one before.

{page.table(RATE_HEAD, [rate_row(name, rate, many) for name, rate in many.items()])}
### At rest

The memory of the supervisor and its waiting listeners, each page by its part (PSS), and what the supervisor has for itself alone.
Reach: no more than before, and 0.3 MiB. Wake-ups are context switches, in {IDLE} s of both at the same time. Reach: none.

{page.table(REST_HEAD, [[name, *(f"{each:.2f}" for each in memory[name]), *map(str, wakeups[name])] for name in memory])}
### Answers

{accepted.count:,} requests that cost no run (they join one that waits), sent at once over {measure.CONNECTIONS} connections, answered when they are on
disk: **{accepted.per_second():,.0f} a second**, with one `fdatasync` for all that arrived together. An `fdatasync` for each would make {1 / short["fdatasync"].median():,.0f} a second
at best here.

### Beside clients that are silent or slow

From request to answer, one after the other, {len(alone.taken):,} times; alone, and beside {measure.SILENT} silent connections and one that sends a byte
a second. Reach: 20 ms in the 99th percentile.

{page.table(["milliseconds", "median", "99th percentile"], [time_row("alone", alone), time_row("beside them", among)])}"""


@contextmanager
def both(builds: dict[str, Build], folder: Path, callbacks: str) -> Iterator[dict[str, Service]]:
    """A service of each build, with these callbacks."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Service(one, folder / name, callbacks)) for name, one in builds.items()}


def at_rest(service: Service) -> tuple[float, float]:
    """Its memory when nothing has changed for a while."""
    seen: list[list[int]] = []

    def rests() -> bool:
        seen.append(sorted(service.processes()))
        return len(seen) >= 20 and all(now == seen[-1] for now in seen[-20:])

    until(rests, "nothing is started any more", 0.05)
    return service.memory()


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
    after = f"{len(times[OURS].taken):,} times, {pause * 1000:.0f} ms after the last"
    floor = times["bash"].median() + times["fdatasync"].median()
    return [
        time_row(f"request to first command, {after}", times[OURS]),
        time_row("the same before", times[BEFORE]),
        time_row("floor: a warm bash answers its stdin", times["bash"]),
        time_row("floor: 251 bytes and their `fdatasync`", times["fdatasync"]),
        ["times the two floors: now, before", *(f"{times[name].median() / floor:.2f}" for name in (OURS, BEFORE))],
    ]


def time_row(name: str, times: Times) -> list[str]:
    return [name, f"{times.median() * 1000:.3f}", f"{times.p99() * 1000:.3f}"]


RATE_HEAD = ["", "run", "runs a second", "ours is so many times that", "processor's time, ms a run"]


def rate_row(name: str, rate: Rate, rates: dict[str, Rate]) -> list[str]:
    ours = next(iter(rates.values()))
    times = "" if rate is ours else f"{ours.per_second() / rate.per_second():.2f}"
    processor = f"{rate.processor / rate.count * 1000:.2f}" if rate.processor else ""
    return [name, f"{rate.count:,}", f"{rate.per_second():,.0f}", times, processor]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.pop("LAMPLIGHTER_SERVICE", None)
    sys.exit(main())
