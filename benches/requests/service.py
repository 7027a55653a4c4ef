"""Our supervisor with callbacks that are easy to measure, in a folder of its own on a real disk."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

PATIENCE = 60.0
SBIN = Path(__file__).resolve().parents[2] / "target-sbin"

# What the callbacks are, ours and everybody's who is measured beside us. `first` says when its first command ran.
CALLBACKS = """\
CB_first() { local now=$EPOCHREALTIME; echo "$now" >>"$FOLDER/times"; }
CB_mark() { echo >>"$FOLDER/marks"; }
CB_held() { read -r <"$FOLDER/hold"; }
"""
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

    def __init__(self, binary: Path, folder: Path) -> None:
        self.folder = folder
        for name in ("run", "state", "bin", "conf"):
            (folder / name).mkdir(parents=True)
        (folder / "bin/docker-entry-setup.sh").write_text("COMMAND=/bin/sleep OPTS=infinity\n")
        (folder / "bin/docker-callbacks.sh").write_text(CALLBACKS)
        (folder / "conf/housekeeping.toml").write_text(POLICY)
        os.mkfifo(folder / "hold")
        self.socket = folder / "run/bench-request.sock"
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [binary, "supervise"], env=environment(folder), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
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


def environment(folder: Path) -> dict[str, str]:
    """What the supervisor, or a listener without one, finds in its environment."""
    folders = {f"LAMPLIGHTER_{name.upper()}": str(folder / name) for name in ("run", "state", "bin", "conf")}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    own = {"LAMPLIGHTER_SERVICE": "bench", "LAMPLIGHTER_SBIN": str(SBIN), "FOLDER": str(folder), "PATH": path}
    return folders | own
