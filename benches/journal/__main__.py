"""Measures a supervisor with a large journal: its start, and who asks beside those who read it. See docs/BENCHMARKS.md."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# How the page is written, and what a service is, is the other benchmarks'.
sys.path += [str(REPOSITORY / "benches/supervisor"), str(REPOSITORY / "benches/requests")]

import page  # noqa: E402
import service  # noqa: E402
import writes  # noqa: E402
from service import Connection, Failed  # noqa: E402

MEBIBYTE = 1 << 20
# Between one question and the next.
PAUSE = 0.002
# How long is asked beside nobody, in seconds.
ALONE = 3.0
# A start of before reads the journal first.
service.PATIENCE = 600.0


@dataclass
class Asked:
    """How long answers took, in seconds."""

    pings: list[float]
    requests: list[float]
    took: float


@dataclass
class Measured:
    """What was measured of one binary."""

    runs: float
    accepts: float
    alone: Asked
    history: Asked
    compaction: Asked
    memory: int


class Supervisor:
    """A supervisor on a journal, from its start to its end."""

    def __init__(self, binary: Path, folder: Path, journal: Path) -> None:
        self.folder = folder
        for name in ("run", "state", "bin", "conf"):
            (folder / name).mkdir(parents=True)
        (folder / "bin/docker-entry-setup.sh").write_text("COMMAND=/bin/sleep OPTS=infinity\n")
        (folder / "bin/docker-callbacks.sh").write_text("CB_mark() { :; }\n")
        (folder / "conf/housekeeping.toml").write_text(service.POLICY)
        self.journal = folder / "state/journal.jsonl"
        subprocess.run(["cp", "--", journal, self.journal], check=True)
        self.socket = folder / "run/bench-request.sock"
        self.began = time.monotonic()
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [binary, "supervise"], env=service.environment(folder), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def runs(self) -> float:
        """Waits until the service runs; how long after the start that is."""
        service.until(lambda: b"the service runs" in (self.folder / "log").read_bytes(), "the service runs")
        return time.monotonic() - self.began

    def accepts(self) -> float:
        """Waits until a request is accepted; how long after the start that is."""
        service.until(self.socket.exists, "there is a request socket")
        connection = Connection(self.socket)
        if not connection.ask("root mark").startswith(b"accepted "):
            raise Failed("a request is not accepted")
        connection.close()
        return time.monotonic() - self.began

    def ask_until(self, is_over) -> Asked:
        """Asks again and again, by a connection each, until something else is over."""
        asked, began = Asked([], [], 0.0), time.monotonic()
        while not is_over():
            asked.pings.append(self.answer('{"op":"ping"}'))
            asked.requests.append(self.answer("root mark"))
        asked.took = time.monotonic() - began
        return asked

    def answer(self, line: str) -> float:
        time.sleep(PAUSE)
        began = time.monotonic()
        connection = Connection(self.socket)
        if not connection.ask(line):
            raise Failed(f"`{line}` has no answer")
        connection.close()
        return time.monotonic() - began

    def history(self) -> Asked:
        """Asks beside somebody for whom all of the journal is read."""

        def read() -> None:
            connection = Connection(self.socket)
            connection.ask(json.dumps({"op": "history", "action": "nothing", "limit": 1}))
            connection.close()

        thread = threading.Thread(target=read)
        thread.start()
        return self.ask_until(lambda: not thread.is_alive())

    def memory(self) -> int:
        """Its anonymous memory, in KiB, when it is idle."""
        time.sleep(2)
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        subprocess.run(["rm", "-rf", "--", self.folder], check=False)


def main() -> int:
    arguments = parse()
    folder = Path(tempfile.mkdtemp(prefix="lamplighter-bench-", dir=arguments.folder))
    try:
        if arguments.writes:
            text, name = writes.section(folder, arguments.samples), "journal writes"
        else:
            text, name = large_section(folder, arguments), "journal"
    except Failed as failure:
        print(f"bin/bench-journal: {failure}", file=sys.stderr)
        return 1
    finally:
        subprocess.run(["rm", "-rf", "--", folder], check=False)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, name, text)
    return 0


def large_section(folder: Path, arguments: argparse.Namespace) -> str:
    machine = page.machine()
    kept, due = folder / "kept.jsonl", folder / "due.jsonl"
    runs = write(kept, arguments.size, is_compacted=True)
    write(due, arguments.size, is_compacted=False)
    measured = {}
    for name, binary in (("before", arguments.beside), ("now", arguments.binary)):
        if binary:
            print(f"{name} ...", file=sys.stderr, flush=True)
            measured[name] = measure(binary, folder / name, kept, due)
    return section(machine, arguments.size, runs, measured)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-journal", description=__doc__)
    parser.add_argument("--binary", type=Path, help="our supervisor; wanted but for --writes")
    parser.add_argument("--beside", type=Path, help="an older one, measured beside it")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where its state is, on a disk (/var/tmp)")
    parser.add_argument("--size", type=int, default=1000, help="of the journal, in MiB; it accepts nothing from 1024 on (1000)")
    parser.add_argument("--writes", action="store_true", help="instead: ways to write the journal, on several file systems")
    parser.add_argument("--samples", type=int, default=1000, help="of each way to write (1000)")
    parser.add_argument("--write", type=Path, help="write the section into this page")
    return parser.parse_args()


def write(path: Path, size: int, is_compacted: bool) -> int:
    """Writes a journal of so many MiB, about runs of the last minutes; how many."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    ended = '"attempt":1,"outcome":"succeeded","took_ms":1'
    runs = 0
    with path.open("w") as journal:
        journal.write(f'{{"event":"journal","version":1,"at":"{at}"}}\n')
        while journal.tell() < size * MEBIBYTE:
            lines = []
            for run in range(runs, runs + 1000):
                name = f"old-{run:012}"
                lines.append(f'{{"event":"accepted","at":"{at}","id":"{name}","user":"root","action":"mark","by":0}}\n')
                lines.append(f'{{"event":"started","at":"{at}","id":"{name}","attempt":1,"token":"{run:016x}"}}\n')
                lines.append(f'{{"event":"ended","at":"{at}","id":"{name}",{ended}}}\n')
            journal.writelines(lines)
            runs += 1000
        if is_compacted:
            journal.write(f'{{"event":"compacted","at":"{at}"}}\n')
    return runs


def measure(binary: Path, folder: Path, kept: Path, due: Path) -> Measured:
    with Supervisor(binary, folder, kept) as supervisor:
        runs, accepts = supervisor.runs(), supervisor.accepts()
        end = time.monotonic() + ALONE
        alone = supervisor.ask_until(lambda: time.monotonic() > end)
        history = supervisor.history()
        memory = supervisor.memory()
    with Supervisor(binary, folder, due) as supervisor:
        supervisor.accepts()
        number = supervisor.journal.stat().st_ino
        limit = time.monotonic() + service.PATIENCE
        # One of before may have done it by then.
        is_new = supervisor.journal.stat().st_size < due.stat().st_size // 2
        compaction = supervisor.ask_until(
            lambda: is_new or supervisor.journal.stat().st_ino != number or time.monotonic() > limit
        )
        if time.monotonic() > limit:
            raise Failed("the journal is not compacted")
    return Measured(runs, accepts, alone, history, compaction, memory)


def section(machine: str, size: int, runs: int, measured: dict[str, Measured]) -> str:
    rows = {
        "the service runs, s after the start": lambda found: f"{found.runs:.2f}",
        "a request is accepted, s after the start": lambda found: f"{found.accepts:.2f}",
        "beside nobody: ping, ms (median / p99)": lambda found: both(found.alone.pings),
        "beside nobody: request, ms (median / p99)": lambda found: both(found.alone.requests),
        "`history` through all of it, s": lambda found: f"{found.history.took:.2f}",
        "beside it: ping, ms (median / p99)": lambda found: both(found.history.pings),
        "beside it: request, ms (median / p99)": lambda found: both(found.history.requests),
        "asked beside it, times": lambda found: f"{len(found.history.pings) + len(found.history.requests):,}",
        "beside a compaction: request, ms (median / p99)": lambda found: both(found.compaction.requests),
        "idle afterwards: anonymous memory, KiB": lambda found: f"{found.memory:,}",
    }
    table = page.table(["", *measured], [[name, *(show(found) for found in measured.values())] for name, show in rows.items()])
    return f"""\
## A large journal

Written by `bin/bench-journal`, on {machine}: a supervisor without Docker, on a journal of {size:,} MiB about {runs:,}
runs. Asked by a new connection each, every {PAUSE * 1000:.0f} ms, from before the connection to the answer; a request is answered when
it is on disk. Reach: nobody waits longer than 20 ms (p99) beside `history`. A dash: nobody was answered before it was over.

{table}"""


def both(taken: list[float]) -> str:
    if not taken:
        return "-"
    ordered = sorted(taken)
    return f"{ordered[len(ordered) // 2] * 1000:.1f} / {ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)] * 1000:.1f}"


if __name__ == "__main__":
    os.environ.pop("LAMPLIGHTER_SERVICE", None)
    sys.exit(main())
