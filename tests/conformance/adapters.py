"""The supervisors under test: how each is set up, signalled and asked, and what it does not claim to do.

A case asks for what it `needs`; where an adapter `lacks` that, the answer is "n/a" with the reason given here.
Everything else is put to the tool and shown as it comes out.
"""

import http.client
import os
import shlex
import signal
import socket
import subprocess
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import processes

if TYPE_CHECKING:
    from lab import Run

USR1, USR2 = int(signal.SIGUSR1), int(signal.SIGUSR2)


class NotApplicable(Exception):
    """The tool does not claim to do what the case is about; the text says why."""


@dataclass
class Service:
    """What a supervisor is given to run."""

    command: list[str]
    """The program and its arguments; no blanks in any."""
    prepare: str = ""
    """Shell commands that come before the program takes over."""
    stop_signal: str | None = None
    """The signal that asks it to stop, `QUIT` for example; None: TERM."""
    stop_timeout: int | None = None
    """Seconds until KILL, where the tool has such a thing; None: the tool's own default."""
    callbacks: str = ":"
    """Housekeeping, where the tool has such a thing: the text of a bash file."""
    policy: str = ""
    """Rules for the housekeeping: the text of a `housekeeping.toml`."""


@dataclass
class Start:
    """What to execute to start a supervisor."""

    arguments: list[str]
    environment: dict[str, str]


class Adapter:
    """A supervisor. Below are the answers of most of them."""

    name = ""
    package = ""
    note = ""
    """How it is set up, where that is not plain."""
    young = 0.0
    """Seconds for which it takes a service for just started, and is slow to stop."""
    lacks: dict[str, str] = {}
    """What it does not claim to do: the key that cases ask for, and the reason."""

    def program(self) -> str:
        """The file to execute."""
        return f"/usr/bin/{self.name}"

    def version(self) -> str | None:
        """Debian's version of it; None when it is not installed."""
        query = ["dpkg-query", "-W", "-f", "${Version}", self.package]
        found = subprocess.run(query, capture_output=True, text=True, check=False)
        return found.stdout if found.returncode == 0 and os.path.exists(self.program()) else None

    def lay_out(self, service: Service, folder: Path, options: set[str]) -> Start:
        """Writes into `folder` what the tool needs to run the service, and says how to start it."""
        raise NotImplementedError

    def signal(self, run: "Run", number: int) -> bool:
        """Sends the service a signal the way this tool's users do; false when there is no way."""
        os.kill(run.pid, number)
        return True

    def sentinel(self, number: int) -> int:
        """A signal, other than this one, whose arrival tells that the tool is done with what came before."""
        return 64 if number != 64 else 63

    def health(self, run: "Run") -> subprocess.CompletedProcess[str]:
        """Asks whether the service is up, with the tool's own command."""
        raise NotImplementedError


def write_script(path: Path, text: str) -> str:
    """Writes an executable file; its path."""
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def as_script(service: Service, path: Path) -> str:
    """The service as one executable file."""
    return write_script(path, f"#!/bin/sh\n{service.prepare}\nexec {shlex.join(service.command)}\n")


class Lamplighter(Adapter):
    """Ours."""

    name = "lamplighter"
    note = "`lamplighter supervise` with a generated personality and callbacks"

    def __init__(self, kit: Path) -> None:
        self.kit = kit

    def program(self) -> str:
        return str(self.kit / "lamplighter")

    def version(self) -> str | None:
        told = subprocess.run([self.program(), "--version"], capture_output=True, text=True, check=True)
        return told.stdout.split()[-1]

    def lay_out(self, service: Service, folder: Path, options: set[str]) -> Start:
        for name in ("run", "state", "conf", "bin"):
            (folder / name).mkdir(exist_ok=True)
        personality = [service.prepare, f"COMMAND={service.command[0]}"]
        personality.append(f"OPTS={shlex.quote(' '.join(service.command[1:]))}")
        if service.stop_signal:
            personality.append(f"STOP_SIGNAL={service.stop_signal}")
        if service.stop_timeout is not None:
            personality.append(f"STOP_TIMEOUT={service.stop_timeout}")
        (folder / "bin/docker-entry-setup.sh").write_text("\n".join(personality) + "\n")
        (folder / "bin/docker-callbacks.sh").write_text(service.callbacks + "\n")
        (folder / "conf/housekeeping.toml").write_text(service.policy)
        return Start([self.program(), "supervise"], self.environment(folder))

    def environment(self, folder: Path) -> dict[str, str]:
        variables = {name.upper(): str(folder / name) for name in ("run", "state", "conf", "bin")}
        variables |= {"SERVICE": "probe", "SBIN": str(self.kit / "sbin"), "LOG": str(folder)}
        return {f"LAMPLIGHTER_{name}": value for name, value in variables.items()}

    def health(self, run: "Run") -> subprocess.CompletedProcess[str]:
        return run.tool([self.program(), "health"])


class Forwarder(Adapter):
    """An init that runs one command and sends on the signals that it gets."""

    lacks = {
        "stop-signal": "sends on what it gets: which signal asks to stop is the container runtime's to say",
        "stop-timeout": "has none: the container runtime's KILL ends what does not stop",
        "second-term": "sends every TERM on alike",
        "own-fault": "sets no status aside for its own faults",
        "housekeeping": "does no housekeeping",
        "helpers": "starts no process but the service",
        "readiness": "leaves `NOTIFY_SOCKET` to the service",
        "health": "answers no questions",
        "log": "keeps no log",
        "lock": "keeps nothing that two could share",
    }

    def options(self, service: Service, options: set[str]) -> list[str]:
        """What goes before the command."""
        return []

    def lay_out(self, service: Service, folder: Path, options: set[str]) -> Start:
        command = [as_script(service, folder / "start")] if service.prepare else service.command
        return Start([self.program(), *self.options(service, options), "--", *command], {})


class Tini(Forwarder):
    name = package = "tini"
    note = "`tini -s` where it is not PID 1"

    def options(self, service: Service, options: set[str]) -> list[str]:
        return ["-s"] if "subreaper" in options else []


class DumbInit(Forwarder):
    name = package = "dumb-init"
    note = "`--rewrite` for another stop signal"
    lacks = {key: why for key, why in Forwarder.lacks.items() if key != "stop-signal"} | {
        "subreaper": "takes orphans in as PID 1 only",
    }

    def options(self, service: Service, options: set[str]) -> list[str]:
        if service.stop_signal is None:
            return []
        return ["--rewrite", f"15:{int(signal.Signals['SIG' + service.stop_signal])}"]


class Catatonit(Forwarder):
    name = package = "catatonit"


class Restarting(Adapter):
    """A supervisor that starts its service again when it ends, and takes orders by a command of its own."""

    restarts = "starts the service again when it ends; its own status is never the service's"
    lacks = {
        "status": restarts,
        "own-fault": restarts,
        "housekeeping": "does no housekeeping",
        "helpers": "starts no process but the service",
        "second-term": "gives a second TERM no meaning of its own",
    }

    def sentinel(self, number: int) -> int:
        return USR1 if number != USR1 else USR2


class S6(Restarting):
    name, package = "s6-supervise", "s6"
    note = "one service folder; signals by `s6-svc`"
    letters = {14: "a", 6: "b", 3: "q", 1: "h", 15: "t", 2: "i", 10: "1", 12: "2", 18: "c", 28: "y"}
    lacks = Restarting.lacks | {
        "orphans": "in this suite orphans are the business of `s6-svscan`",
        "subreaper": "in this suite orphans are the business of `s6-svscan`",
        "readiness": "has a readiness protocol of its own (`notification-fd`)",
        "log": "keeps no log of its own",
    }

    def lay_out(self, service: Service, folder: Path, options: set[str]) -> Start:
        place = folder / "service"
        place.mkdir(exist_ok=True)
        as_script(service, place / "run")
        if service.stop_signal:
            (place / "down-signal").write_text(f"SIG{service.stop_signal}\n")
        if service.stop_timeout is not None:
            (place / "timeout-kill").write_text(f"{service.stop_timeout * 1000}\n")
        return Start([self.program(), str(place)], {})

    def signal(self, run: "Run", number: int) -> bool:
        if letter := self.letters.get(number):
            run.tool(["s6-svc", f"-{letter}", run.inside("service")])
        return number in self.letters

    def health(self, run: "Run") -> subprocess.CompletedProcess[str]:
        told = run.tool(["s6-svstat", "-o", "up", run.inside("service")])
        told.returncode = 0 if told.stdout.strip() == "true" else 1
        return told


class Runit(Restarting):
    name, package = "runsv", "runit"
    note = "one service folder; signals by `sv`"
    # It sleeps for a second before it lets go of one that ran for less.
    young = 1.1
    commands = {18: "cont", 1: "hup", 14: "alarm", 2: "interrupt", 3: "quit", 10: "1", 12: "2", 15: "term"}
    lacks = Restarting.lacks | {
        "int": "documents TERM as the way to stop it, not INT",
        "orphans": "in this suite orphans are the business of PID 1, `runit`",
        "subreaper": "in this suite orphans are the business of PID 1, `runit`",
        "stop-timeout": "has none: `sv force-stop` kills from outside",
        "readiness": "has none, but for `./check` scripts",
        "log": "keeps no log of its own",
    }

    def lay_out(self, service: Service, folder: Path, options: set[str]) -> Start:
        place = folder / "service"
        place.mkdir(exist_ok=True)
        as_script(service, place / "run")
        if service.stop_signal:
            (place / "control").mkdir(exist_ok=True)
            kill = f'#!/bin/sh\nexec kill -{service.stop_signal} "$(cat supervise/pid)"\n'
            write_script(place / "control/t", kill)
        return Start([self.program(), str(place)], {})

    def signal(self, run: "Run", number: int) -> bool:
        if command := self.commands.get(number):
            run.tool(["sv", command, run.inside("service")])
        return number in self.commands

    def health(self, run: "Run") -> subprocess.CompletedProcess[str]:
        return run.tool(["sv", "status", run.inside("service")])


class Supervisord(Restarting):
    name, package = "supervisord", "supervisor"
    note = "one program, `autorestart=false`, `killasgroup=true`; signals by its XML-RPC"
    lacks = Restarting.lacks | {
        "status": "runs many programs and outlives them; its own status is never the service's",
        "subreaper": "takes orphans in as PID 1 only",
        "readiness": "has none, but for `startsecs`",
    }

    def lay_out(self, service: Service, folder: Path, options: set[str]) -> Start:
        command = as_script(service, folder / "start") if service.prepare else shlex.join(service.command)
        # A relayed log, as is usual in containers; little asked of limits, so that small ones can be tested.
        lines = f"""
            [supervisord]
            nodaemon=true
            logfile=/dev/null
            logfile_maxbytes=0
            pidfile={folder}/supervisord.pid
            childlogdir={folder}
            minfds=16
            minprocs=1
            [unix_http_server]
            file={folder}/supervisord.sock
            [rpcinterface:supervisor]
            supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
            [supervisorctl]
            serverurl=unix://{folder}/supervisord.sock
            [program:probe]
            command={command.replace("%", "%%")}
            autorestart=false
            startsecs=0
            killasgroup=true
            stdout_logfile=/dev/stdout
            stdout_logfile_maxbytes=0
            redirect_stderr=true
            stopsignal={service.stop_signal or "TERM"}
            stopwaitsecs={10 if service.stop_timeout is None else service.stop_timeout}
            """
        text = "\n".join(line.strip() for line in lines.splitlines())
        (folder / "supervisord.conf").write_text(text + "\n")
        start = [self.program(), "-c", str(folder / "supervisord.conf")]
        return Start(start, {"TMPDIR": str(folder)})

    def signal(self, run: "Run", number: int) -> bool:
        try:
            with _Rpc("http://localhost", _UnixTransport(run.inside("supervisord.sock"))) as server:
                server.supervisor.signalProcess("probe", str(number))
        except (xmlrpc.client.Fault, OSError):
            return False
        return True

    def health(self, run: "Run") -> subprocess.CompletedProcess[str]:
        return run.tool(["supervisorctl", "-c", run.inside("supervisord.conf"), "status", "probe"])


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(processes.PATIENCE)
        connection.sock.connect(self.path)
        return connection


_Rpc = xmlrpc.client.ServerProxy


def everyone(kit: Path) -> list[Adapter]:
    """All supervisors, ours first."""
    return [Lamplighter(kit), Tini(), DumbInit(), Catatonit(), S6(), Runit(), Supervisord()]
