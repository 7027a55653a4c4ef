"""Our supervisor with callbacks that are easy to measure, in a folder of its own on a real disk."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from before import Build

PATIENCE = 60.0
REPOSITORY = Path(__file__).resolve().parents[2]
SBIN = REPOSITORY / "target-sbin"

# What the callbacks are, ours and everybody's who is measured beside us. `first` says when its first command ran.
CALLBACKS = """\
CB_first() { local now=$EPOCHREALTIME; echo "$now" >>"$FOLDER/times"; }
CB_mark() { echo >>"$FOLDER/marks"; }
CB_held() { read -r <"$FOLDER/hold"; }
"""
# The same among many that are not asked for: as long as those of a service with much to do, in three files.
MANY_LINES = 2000
POLICY = '[action.mark]\noverlap = "allow"\n'


class Failed(Exception):
    """Something that is measured did not do what it is for."""


def until(look, what: str, pause: float = 0.002):
    """Waits until `look` finds something."""
    began = time.monotonic()
    while not (found := look()):
        if time.monotonic() - began > PATIENCE:
            raise Failed(f"waited in vain until {what}")
        time.sleep(pause)
    return found


class Connection:
    """A connection to a request socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.answers = self.socket.makefile("rb")

    def ask(self, line: str) -> bytes:
        """Sends a line, and waits for the one that answers it."""
        self.socket.sendall(f"{line}\n".encode())
        return self.answers.readline()

    def close(self) -> None:
        self.answers.close()
        self.socket.close()


class Service:
    """The service, from its start to its end."""

    def __init__(self, build: "Build", folder: Path, callbacks: str = CALLBACKS) -> None:
        self.folder = folder
        for name in ("run", "state", "bin", "conf"):
            (folder / name).mkdir(parents=True)
        (folder / "bin/docker-entry-setup.sh").write_text("COMMAND=/bin/sleep OPTS=infinity\n")
        (folder / "bin/docker-callbacks.sh").write_text(callbacks)
        for number in (1, 2):
            (folder / f"bin/library-{number}.sh").write_text(functions(f"library_{number}", MANY_LINES // 4))
        (folder / "conf/housekeeping.toml").write_text(POLICY)
        os.mkfifo(folder / "hold")
        self.socket = folder / "run/bench-request.sock"
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [build.binary, "supervise"], env=environment(folder, build.sbin), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            until(self.socket.exists, "there is a request socket")
            self.call({"op": "run", "user": "root", "action": "first", "tell": "outcome"})
        except BaseException:
            self.process.kill()
            raise

    def connect(self) -> Connection:
        return Connection(self.socket)

    def call(self, call: dict[str, object]) -> dict[str, object]:
        """Calls, and waits for the outcome where that is to be told."""
        connection = self.connect()
        answer = json.loads(connection.ask(json.dumps(call)))
        if call.get("tell") == "outcome":
            connection.answers.readline()
        connection.close()
        return answer

    def processor_time(self) -> float:
        """What the supervisor has used, with what hangs below it and what has ended there, in seconds."""
        return sum(sum(map(int, fields[11:15])) for fields in self.processes().values()) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> tuple[float, float]:
        """What the supervisor and its listeners have, each page shared with others by its part; and what the supervisor has
        for itself alone. In MiB."""
        shares = {pid: sizes(pid) for pid in self.processes()}
        shared = sum(share["Pss"] for share in shares.values())
        return shared / 1024, shares[self.process.pid]["Anonymous"] / 1024

    def wakeups(self) -> tuple[int, int]:
        """How often the supervisor has been woken so far, and how often its listeners."""
        counts = {pid: switches(pid) for pid in self.processes()}
        own = counts.pop(self.process.pid)
        return own, sum(counts.values())

    def processes(self) -> dict[int, list[str]]:
        """The supervisor and what hangs below it, without the daemon; what `stat` says of each after its name."""
        found: dict[int, list[str]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = path.read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if name != "sleep":
                found[int(path.parent.name)] = rest.split()
        own = {self.process.pid}
        while more := {pid for pid, fields in found.items() if int(fields[1]) in own} - own:
            own |= more
        return {pid: found[pid] for pid in own if pid in found}

    def outcomes(self) -> list[str]:
        """The final outcomes that are in the journal."""
        entries = map(json.loads, (self.folder / "state/journal.jsonl").read_text().splitlines())
        return [entry["outcome"] for entry in entries if entry["event"] == "ended"]

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def sizes(pid: int) -> dict[str, int]:
    """The sizes of a process's memory, in KiB; of one that has ended, none."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        lines = []
    return {"Pss": 0, "Anonymous": 0} | {line.split(":")[0]: int(line.split()[1]) for line in lines}


def switches(pid: int) -> int:
    """How often a process, with all its threads, has given up a processor or lost one."""
    text = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum(int(line.split()[1]) for line in text.splitlines() if "voluntary_ctxt_switches:" in line)


def functions(name: str, lines: int) -> str:
    """So many lines of functions as people write them."""
    body = 'if [[ -n ${1:-} ]]; then\n        logInfo "$1 has ${#1} letters"\n    fi\n    local name=$1 number=0\n    ((number += 1))'
    return "".join(f"{name}_{number}() {{\n    {body}\n}}\n" for number in range(lines // 7))


def many_callbacks() -> str:
    """Callbacks of many lines, of which half are in two files that they source."""
    sources = "".join(f'source "$LAMPLIGHTER_BIN/library-{number}.sh"\n' for number in (1, 2))
    return sources + functions("helper", MANY_LINES // 2) + CALLBACKS


def environment(folder: Path, sbin: Path = SBIN) -> dict[str, str]:
    """What the supervisor, or a listener without one, finds in its environment."""
    folders = {f"LAMPLIGHTER_{name.upper()}": str(folder / name) for name in ("run", "state", "bin", "conf")}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    own = {"LAMPLIGHTER_SERVICE": "bench", "LAMPLIGHTER_SBIN": str(sbin), "FOLDER": str(folder), "PATH": path}
    return folders | own
