"""Where a case does its work: a folder of its own, a supervisor in it, and nothing left of both afterwards."""

import os
import pty
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import processes
from adapters import Adapter, NotApplicable, Service
from processes import Failed, check, until

PYTHON = "/usr/bin/python3"
NOBODY = 65534


class Skipped(Exception):
    """The case cannot be put to any tool here; the text says what is missing."""


@dataclass
class Probe:
    """A process of `probe.py`, as seen from outside."""

    run: "Run"
    name: str

    def lines(self) -> list[tuple[int, list[str]]]:
        """What it has said so far: when (monotonic nanoseconds), and the words."""
        try:
            text = (self.run.said / f"{self.name}.log").read_text()
        except FileNotFoundError:
            return []
        whole = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [(int(words[0]), words[1:]) for words in whole]

    def said(self, *words: str) -> bool:
        """Whether it has said this."""
        return any(line == list(words) for _, line in self.lines())

    def ready(self) -> "Probe":
        """Waits until it is ready to be signalled and ordered."""

        def it_is() -> bool:
            # Its end before that is an answer too: no need to be patient.
            ended = self.run.process.poll() is not None and not self.lines()
            check(not ended, f"the supervisor left before `{self.name}` had started: {self.run.said_last()}")
            return bool(self.ready_lines())

        try:
            until(it_is, "")
        except Failed as failure:
            if not str(failure).startswith("in vain"):
                raise
            raise Failed(f"`{self.name}` does not start: {self.run.said_last()}") from None
        return self

    def ready_lines(self) -> list[list[str]]:
        """Its words about itself, once for each time it was started."""
        return [words for _, words in self.lines() if words[0] == "ready"]

    def pid(self) -> int:
        """Its process, as numbered here."""
        inner = self.ready().ready_lines()[-1][1]
        for pid in self.run.members():
            if processes.status_field(pid, "NSpid")[-1:] == [inner]:
                return pid
        raise Failed(f"`{self.name}` is gone")

    def is_alive(self) -> bool:
        """Whether it still runs."""
        try:
            return processes.is_alive(self.pid())
        except Failed:
            return False

    def signals(self) -> list[int]:
        """The signals that it got, in order."""
        return [int(words[1]) for _, words in self.lines() if words[0] == "signal"]

    def until_signalled(self, *numbers: int) -> int:
        """Waits for one of these signals; which one came."""
        names = " or ".join(map(name_of, numbers))
        got = lambda: [number for number in self.signals() if number in numbers]  # noqa: E731
        until(lambda: got() or not self.is_alive(), f"`{self.name}` gets {names}")
        check(got(), f"`{self.name}` was ended before it had got {names}")
        return got()[0]

    def tell(self, order: str) -> None:
        """Gives it an order."""
        try:
            orders = os.open(self.run.said / f"{self.name}.ctl", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            raise Failed(f"`{self.name}` is gone") from None
        os.write(orders, f"{order}\n".encode())
        os.close(orders)


@dataclass
class Run:
    """A supervisor that was started."""

    lab: "Lab"
    process: subprocess.Popen[bytes]
    arguments: list[str]
    environment: dict[str, str]
    token: str
    said: Path
    """Where probes write."""
    has_own_mounts: bool
    log_file: Path
    terminal: int | None = None
    began: float = field(default_factory=time.monotonic)
    _pid: int | None = field(default=None)

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        if self._pid is None:
            self._pid = until(self._find, "the supervisor starts")
        return self._pid

    def _find(self) -> int | None:
        if self.process.poll() is not None:
            raise Failed(f"the supervisor left at once, with status {self.status()}: {self.said_last()}")
        for pid in processes.below(self.process.pid):
            line = processes.command_line(pid)
            # A script's interpreter comes before its name.
            if self.arguments in (line, line[1:]):
                return pid
        return None

    def parent(self) -> int:
        """The process that started the supervisor."""
        fields = processes.stat(self.pid)
        check(fields, "the supervisor is gone")
        return int(fields[1])  # type: ignore[index]

    def probe(self, name: str = "service") -> Probe:
        """The probe of that name."""
        return Probe(self, name)

    def inside(self, path: str) -> str:
        """A path of the tool's own folder as it can be reached from here."""
        root = f"/proc/{self.pid}/root" if self.has_own_mounts else ""
        return f"{root}{self.lab.folder}/rw/{path}"

    def members(self) -> list[int]:
        """Every living process of this run, wherever it hangs."""
        mark = f"CONFORMANCE_RUN={self.token}".encode()
        return [pid for pid in processes.all_pids() if mark in processes.environment(pid)]

    def helpers(self) -> list[int]:
        """The supervisor's children that are no probes."""
        below = processes.below(self.pid)[1:]
        return [pid for pid in below if not any("probe.py" in word for word in processes.command_line(pid))]

    def signal(self, number: int) -> bool:
        """Sends the service a signal the way the tool's users do; false when there is no way."""
        return self.lab.adapter.signal(self, number)

    def stop(self) -> None:
        """Asks the supervisor to stop."""
        os.kill(self.pid, signal.SIGTERM)

    def has_left(self) -> bool:
        """Whether the supervisor has gone."""
        return self.process.poll() is not None

    def wait(self, patience: float = processes.PATIENCE) -> int:
        """Waits until the supervisor has gone; its exit status."""
        until(self.has_left, "the supervisor leaves", patience)
        return self.status()

    def status(self) -> int:
        """The exit status, as a container runtime tells it; -1 before there is one."""
        code = self.process.returncode
        if code is None:
            return -1
        return code if code >= 0 else 128 - code

    def log(self) -> str:
        """What supervisor and service have written to their standard output and error."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def said_last(self) -> str:
        """The log's last line, or the last that speaks of an error, for messages."""
        lines = self.log().splitlines() or ["nothing was said"]
        return ([line for line in lines if re.search("(?i)error|fatal|fail|cannot", line)] or lines)[-1]

    def until_not_young(self) -> None:
        """Waits until the tool does not take the service for just started any more."""
        until(lambda: time.monotonic() - self.began > self.lab.adapter.young, "the service comes of age")

    def tool(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Runs one of the tool's own commands to its end."""
        environment = os.environ | self.environment
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )

    def end(self) -> None:
        """Nothing is left of it."""
        deadline = time.monotonic() + processes.PATIENCE
        while living := self.members():
            for pid in living:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if time.monotonic() > deadline:
                break
            time.sleep(0.002)
        self.process.wait()
        if self.terminal is not None:
            os.close(self.terminal)


class Lab:
    """A case's own place. Use it as a context: what it started is ended with it."""

    def __init__(self, adapter: Adapter, kit: Path, folder: Path) -> None:
        self.adapter = adapter
        self.kit = kit
        self.folder = folder
        self.runs: list[Run] = []

    def __enter__(self) -> "Lab":
        for name in ("rw", "said"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        # Probes of any user write here.
        (self.folder / "said").chmod(0o1777)
        return self

    def __exit__(self, *_: object) -> None:
        for run in self.runs:
            run.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def needs(self, *keys: str) -> None:
        """The case is about these; n/a when the tool does not claim to do one."""
        for key in keys:
            if why := self.adapter.lacks.get(key):
                raise NotApplicable(why)

    def has(self, key: str) -> bool:
        """Whether the tool claims to do this."""
        return key not in self.adapter.lacks

    def probe(self, *flags: str, name: str = "service") -> list[str]:
        """The command line of a probe, as a service."""
        return [PYTHON, "-ISB", str(self.kit / "probe.py"), str(self.folder / "said"), name, *flags]

    def script(self, name: str, text: str) -> str:
        """An executable shell script; its path."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def start(
        self,
        service: Service | None = None,
        *,
        placement: str = "pid1",
        mounts: str = "",
        prefix: Sequence[str] = (),
        user: int | None = None,
        environment: dict[str, str] | None = None,
        stderr_to: str | None = None,
        terminal: bool = False,
        again: bool = False,
    ) -> Run:
        """Starts the supervisor.

        `placement`: `pid1` of a PID namespace, below `tini` or `tini -g` there, or as a `child` of this
        harness. `mounts`: shell commands that change what the supervisor sees; `$1` is the tool's own folder,
        `$2` that of the probes. `prefix`: commands that execute the supervisor, such as `prlimit ...`.
        `again`: beside the one that runs, with what that was started with.
        """
        service = service or Service(self.probe())
        options = {"subreaper"} if placement == "child" else set()
        start = self.adapter.lay_out(service, self.folder / "rw", options)
        if user is not None:
            needs_root("another user")
            give_away(self.folder / "rw", user)
            prefix = [*as_user(user), *prefix]
        token = uuid.uuid4().hex
        own = start.environment | (environment or {}) | {"CONFORMANCE_RUN": token}
        command = [*wrapping(placement, mounts, self.folder), *prefix, *start.arguments]
        log_file = self.folder / f"log{len(self.runs)}"
        if terminal:
            command = ["setsid", "--ctty", *command]
            ours, theirs = pty.openpty()
            process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=clean(own))
            os.close(theirs)
            threading.Thread(target=drain, args=(os.dup(ours), log_file), daemon=True).start()
        else:
            ours = None
            log_file.touch()
            log_file.chmod(0o666)
            with open(log_file, "ab") as log, open(stderr_to or log_file, "ab") as errors:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=errors, env=clean(own)
                )
        run = Run(self, process, start.arguments, own, token, self.folder / "said", bool(mounts), log_file, ours)
        self.runs.append(run)
        return run

    def run_to_end(self, service: Service, **how: object) -> int:
        """Starts the supervisor and waits until it leaves; its exit status."""
        return self.start(service, **how).wait()  # type: ignore[arg-type]


def nothing_is_left(run: Run) -> None:
    """Fails when a process of the run outlived its supervisor."""
    left = run.members()
    names = {path.stem: run.probe(path.stem) for path in run.said.glob("*.log")}
    known = {probe.pid(): name for name, probe in names.items() if probe.is_alive()}
    words = [known.get(pid) or " ".join(processes.command_line(pid)) for pid in left]
    check(not left, f"left behind: {', '.join(sorted(words))}")


def clean(own: dict[str, str]) -> dict[str, str]:
    """The environment of a supervisor: nothing of this harness's own but where programs are."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"} | own


def drain(terminal: int, log: Path) -> None:
    """Reads what is written to the terminal, so that nobody waits for it to be read."""
    with open(log, "ab", buffering=0) as file:
        try:
            while data := os.read(terminal, 4096):
                file.write(data)
        except OSError:
            pass
    os.close(terminal)


def wrapping(placement: str, mounts: str, folder: Path) -> list[str]:
    """The commands that put a supervisor in its place."""
    above = {"pid1": [], "below tini": ["tini", "--"], "below tini -g": ["tini", "-g", "--"], "child": []}[placement]
    command = []
    if placement != "child":
        command = [*namespaces(), "--pid", "--fork", "--kill-child", "--mount-proc"]
    elif mounts:
        command = [*namespaces(), "--mount"]
    if mounts:
        needs_root("mounts")
        script = f'set -e\n{mounts}\nshift 2\nexec "$@"'
        command += ["sh", "-c", script, "sh", str(folder / "rw"), str(folder / "said")]
    return [*command, *above]


def namespaces() -> list[str]:
    """How to make namespaces here."""
    return ["unshare"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]


def give_away(folder: Path, user: int) -> None:
    """Makes the folder and all in it another user's."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, user)


def as_user(user: int) -> list[str]:
    """The command that executes another as this user."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def needs_root(what: str) -> None:
    """Skips the case where this harness is not root."""
    if os.geteuid() != 0:
        raise Skipped(f"needs root, for {what}")


def name_of(number: int) -> str:
    """A signal's usual name."""
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)
