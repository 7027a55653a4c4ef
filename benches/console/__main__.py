"""Measures the web console: how soon a page comes, how soon what is printed, and how much memory it takes. See docs/BENCHMARKS.md."""

import argparse
import datetime
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / name) for name in ("benches/command", "benches/supervisor", "tests/browser")]

import page  # noqa: E402
from stack import SERVICES, Stack  # noqa: E402
from totp import code  # noqa: E402

# How many runs the services have in their past, together, and how many pages are open.
RUNS, OPEN = 10_000, 200
# To reach: the first byte of Now and a printed line, in milliseconds (median), and resident memory in MiB.
FIRST_BYTE, LINE, MEMORY = 20, 50, 30
PAGES = {"/": "Now", "/schedule": "Schedule", "/backups": "Backups", "/history": "History"}
PASSWORD = "a long enough secret"
# Each line is the time at which it was printed.
TICK = "\nCB_tick() { for ((count = 0; count < LINES_TO_PRINT; count++)); do echo \"$EPOCHREALTIME\"; sleep 0.02; done; }"


class PastStack(Stack):
    """A stack whose services have done much already."""

    def prepare(self, name: str, state: Path) -> None:
        if name not in SERVICES:
            return
        action = re.match(r"CB_(\w+)", SERVICES[name]).group(1).replace("_", "-")
        begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=29)
        count = RUNS // len(SERVICES)
        with (state / "journal.jsonl").open("w") as journal:
            for number in range(count):
                at = begin + datetime.timedelta(days=28) * number / count
                for line in run(at, name, action, fails=number % 50 == 49):
                    journal.write(json.dumps(line, separators=(",", ":")) + "\n")


def run(at: datetime.datetime, name: str, action: str, fails: bool) -> list[dict]:
    """The lines of the journal about a run of then."""
    identity = hashlib.sha256(f"{at}{name}".encode()).hexdigest()[:16]
    instant = lambda seconds: (at + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: E731
    end = {"outcome": "failed", "code": 1} if fails else {"outcome": "succeeded"}
    return [
        {"event": "accepted", "at": instant(0), "id": identity, "user": "root", "action": action, "by": 0},
        {"event": "started", "at": instant(0), "id": identity, "attempt": 1, "token": identity},
        {"event": "ended", "at": instant(2), "id": identity, "attempt": 1, "took_ms": 2000} | end,
    ]


class Console:
    """The console of a stack, and somebody who is logged in."""

    def __init__(self, program: Path, stack: Stack):
        self.environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "HOME": str(stack.folder)}
        typed = f"{PASSWORD}\n{PASSWORD}\n"
        added = subprocess.run(
            [program, "console", "user", "add", "anna"],
            cwd=stack.folder,
            env=self.environment,
            input=typed,
            check=True,
            capture_output=True,
            text=True,
        )
        secret = re.search(r"^  secret  (\S+)$", added.stdout + added.stderr, re.MULTILINE).group(1)
        log = stack.folder / "console.log"
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [program, "serve", "--listen", "127.0.0.1:0"],
                cwd=stack.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        stack.processes.append(self.process)
        listens = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")
        stack.wait_until("the console", lambda: listens.search(log.read_text()))
        self.port = int(listens.search(log.read_text()).group(1))
        form = urllib.parse.urlencode({"name": "anna", "password": PASSWORD, "code": code(secret)})
        answer = self.ask("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
        self.cookie = answer.getheader("Set-Cookie").split(";")[0]

    def ask(self, method: str, path: str, body: str | None = None, headers: dict | None = None) -> http.client.HTTPResponse:
        """An answer whose head has come. Each has a connection of its own, as pages that stay open do."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        own = {"Host": f"localhost:{self.port}", "Origin": f"http://localhost:{self.port}"}
        connection.request(method, path, body, own | (headers or {}) | ({"Cookie": self.cookie} if path != "/login" else {}))
        return connection.getresponse()

    def first_bytes(self, path: str, count: int) -> list[float]:
        """How long it took to the first byte of a page, in milliseconds, in order of length."""
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            answer = self.ask("GET", path)
            times.append((time.perf_counter() - begin) * 1000)
            if answer.status != 200 or b"As of" not in answer.read():
                raise RuntimeError(f"{path} was answered {answer.status}")
        return sorted(times)

    def lines(self, stack: Stack, count: int) -> list[float]:
        """How long it took from a line's being printed to its being here, in milliseconds, in order of length."""
        asked = '{"op":"run","user":"root","action":"tick"}'
        run_id = json.loads(stack.ask("php", asked))["id"]
        events = self.ask("GET", f"/runs/php/{run_id}/events")
        times, name = [], ""
        while len(times) < count:
            line = events.readline().decode()
            now = time.time()
            if line.startswith("event: "):
                name = line.split()[1]
            elif line.startswith("data: ") and name == "output":
                printed = json.loads(line.removeprefix("data: ")).split()
                times += [(now - float(one)) * 1000 for one in printed]
            elif not line or name == "over":
                break
        return sorted(times)

    def memory(self, what: str = "VmRSS") -> float:
        """How much is resident, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE).group(1)) / 1024

    def open_pages(self, count: int) -> list[http.client.HTTPResponse]:
        """So many pages that are told of what changes."""
        pages = []
        for _ in range(count):
            self.ask("GET", "/").read()
            events = self.ask("GET", "/events")
            if not events.readline().startswith(b"event: changed"):
                raise RuntimeError("a page is told nothing")
            pages.append(events)
        return pages


def main() -> int:
    arguments = parse()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    machine = page.machine()
    # Some that come with the beginning are told of the past, and are none of those that are measured.
    SERVICES["php"] += TICK.replace("LINES_TO_PRINT", str(arguments.calls + 50))
    try:
        with PastStack(arguments.binary, folder) as stack:
            console = Console(arguments.binary.with_name("lamplighter-console"), stack)
            bytes_ = {path: console.first_bytes(path, arguments.calls) for path in PAGES}
            lines = console.lines(stack, arguments.calls)
            before = console.memory()
            pages = console.open_pages(OPEN)
            stack.command("run", "mysql", "rotate-logs")
            # Each has heard of it, so that all that it takes to tell them has been taken.
            for events in pages:
                while events.readline() != b"event: changed\n":
                    pass
            memory = {"before": before, "open": console.memory(), "most": console.memory("VmHWM")}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = section(bytes_, lines, memory, machine, arguments)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, "console", text)
    reached = median(bytes_["/"]) <= FIRST_BYTE and median(lines) <= LINE and memory["open"] <= MEMORY
    return 0 if reached else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-console", description=__doc__)
    path = lambda text: Path(text).resolve()  # noqa: E731
    parser.add_argument("--binary", type=path, required=True, help="the command; the console is beside it")
    parser.add_argument("--calls", type=int, default=200, help="calls of each page, and printed lines (200)")
    parser.add_argument("--write", type=path, help="write the section into this page")
    return parser.parse_args()


def median(times: list[float]) -> float:
    return times[len(times) // 2]


def section(bytes_: dict, lines: list[float], memory: dict, machine: str, arguments: argparse.Namespace) -> str:
    worst = lambda times: times[min(len(times) - 1, len(times) * 99 // 100)]  # noqa: E731
    rows = [[f"first byte of *{PAGES[path]}*", f"{median(times):.1f}", f"{worst(times):.1f}"] for path, times in bytes_.items()]
    rows.append(["a line that a run prints, at who watches it", f"{median(lines):.1f}", f"{worst(lines):.1f}"])
    return f"""\
## The web console

Written by `bin/bench-console`, on {machine}: the static binaries in the folder of a stack of {len(SERVICES)} services and the scheduler,
with {RUNS:,} runs in their past, without Docker. Each page was asked for {arguments.calls} times by somebody who is logged in, on a connection of its
own, one after the other; a line's time is from the callback's own clock to the console's answer, of {len(lines)} lines, without what a
browser takes to show it. To reach (median): *Now* in {FIRST_BYTE} ms, a line in {LINE} ms.

{page.table(["what", "median, ms", "p99, ms"], rows)}
With {OPEN} pages open that are told of what changes, {memory["open"]:.1f} MiB are resident, {memory["before"]:.1f} MiB before (to reach: {MEMORY} MiB); the
most at any time was {memory["most"]:.1f} MiB: a password that is looked at takes 19 MiB meanwhile."""


sys.exit(main())
