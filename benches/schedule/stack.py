"""A scheduler, or a supervisor, in folders of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType

from processes import until

SBIN = Path(__file__).resolve().parents[2] / "target-sbin"
FOLDERS = ["run", "state", "conf", "bin"]


class Stack:
    """Folders below `top`: `run` is everybody's, the others are each service's own."""

    def __init__(self, top: Path, binary: Path, sbin: Path = SBIN) -> None:
        self.top, self.binary, self.sbin = top, binary, sbin
        self.running: list[subprocess.Popen[bytes]] = []
        (top / "run").mkdir(parents=True)

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for process in reversed(self.running):
            self.stop(process)

    def folder(self, service: str, name: str) -> Path:
        """One of a service's folders."""
        path = self.top / "run" if name == "run" else self.top / service / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def start(self, service: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts our program as the service."""
        environment = {f"LAMPLIGHTER_{name.upper()}": str(self.folder(service, name)) for name in FOLDERS}
        environment |= {"LAMPLIGHTER_SERVICE": service, "LAMPLIGHTER_SBIN": str(self.sbin), "TZ": "UTC"}
        log = (self.top / f"{service}.log").open("ab")
        process = subprocess.Popen(
            [self.binary, *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Ends a process of ours."""
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.running.remove(process)

    def ask(self, service: str, call: dict[str, object]) -> dict[str, object]:
        """An answer on a service's request socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.top / f"run/{service}-request.sock"))
            connection.sendall(json.dumps(call).encode() + b"\n")
            with connection.makefile() as lines:
                return json.loads(lines.readline())

    def answers(self, service: str) -> bool:
        """Whether it answers."""
        try:
            return bool(self.ask(service, {"op": "ping"}))
        except (OSError, ValueError):
            return False

    def until_answers(self, service: str) -> None:
        """Waits until it does."""
        until(lambda: self.answers(service), f"{service} answers", 60)

    def forget(self, service: str) -> None:
        """Takes a service's memory away."""
        shutil.rmtree(self.folder(service, "state"))
