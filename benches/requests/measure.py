"""What is measured, and how. Times are in seconds."""

import multiprocessing
import os
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import peer
from service import CALLBACKS, SBIN, Connection, Failed, Service, environment, until

# As many as a supervisor runs side by side.
SIDE_BY_SIDE = 8
CONNECTIONS = 4
SILENT = 64


@dataclass
class Times:
    """How long something took, over and over."""

    taken: list[float]

    def median(self) -> float:
        return statistics.median(self.taken)

    def p99(self) -> float:
        return sorted(self.taken)[len(self.taken) * 99 // 100]


def starts(services: dict[str, Service], samples: int, pause: float) -> dict[str, Times]:
    """From a request's write to its callback's first command, of each service, and in turns with it what that is made of.
    Before each nothing happens for a while."""
    folder = next(iter(services.values())).folder
    bash, file = WarmBash(), os.open(folder / "floor", os.O_CREAT | os.O_WRONLY)
    connections = {name: service.connect() for name, service in services.items()}
    samplers: dict[str, Callable[[], float]] = {
        "bash": bash.answer_time,
        "fdatasync": lambda: sync_time(file),
    }
    for name, service in services.items():
        samplers[name] = lambda service=service, connection=connections[name]: start_time(service, connection)
    taken: dict[str, list[float]] = {name: [] for name in samplers}
    for _ in range(samples):
        for name, sample in samplers.items():
            time.sleep(pause)
            taken[name].append(sample())
    if pause * len(samplers) >= 4:
        raise Failed("the connections would be closed for their silence")
    bash.end()
    os.close(file)
    for connection in connections.values():
        connection.close()
    return {name: Times(times) for name, times in taken.items()}


def wakeups(services: dict[str, Service], seconds: float) -> dict[str, tuple[int, int]]:
    """How often each supervisor and its listeners are woken while nothing happens, all in the same time."""
    before = {name: service.wakeups() for name, service in services.items()}
    time.sleep(seconds)
    after = {name: service.wakeups() for name, service in services.items()}
    return {name: (after[name][0] - own, after[name][1] - listeners) for name, (own, listeners) in before.items()}


def start_time(service: Service, connection: Connection) -> float:
    """One request. Its outcome is waited for, so that nothing of it is left when the next one comes."""
    times = service.folder / "times"
    before = times.stat().st_size
    line = b'{"op":"run","user":"root","action":"first","tell":"outcome"}\n'
    began = time.clock_gettime(time.CLOCK_REALTIME)
    connection.socket.sendall(line)
    answer, outcome = connection.answers.readline(), connection.answers.readline()
    if b'"ok":true' not in answer or b'"succeeded"' not in outcome:
        raise Failed(f"{answer!r} {outcome!r}")
    with times.open("rb") as file:
        file.seek(before)
        return float(file.read()) - began


class WarmBash:
    """The floor: a bash that waits on its stdin, with nobody between it and us."""

    def __init__(self) -> None:
        script = 'while read -r line; do echo "$EPOCHREALTIME"; done'
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(["bash", "-c", script], stdin=pipe, stdout=pipe, bufsize=0)
        self.answer_time()

    def answer_time(self) -> float:
        assert self.process.stdin and self.process.stdout
        began = time.clock_gettime(time.CLOCK_REALTIME)
        self.process.stdin.write(b"root first 1f2e3d4c5b6a7988\n")
        return float(self.process.stdout.readline()) - began

    def end(self) -> None:
        self.process.communicate()


def sync_time(file: int) -> float:
    """The other floor: to bring as much as a request's two records to the same disk."""
    record = b"x" * 250 + b"\n"
    began = time.monotonic()
    os.write(file, record)
    os.fdatasync(file)
    return time.monotonic() - began


@dataclass
class Rate:
    """So many, in so long."""

    count: int
    seconds: float
    # The processor's time of all of it, where it is known.
    processor: float = 0.0

    def per_second(self) -> float:
        return self.count / self.seconds


def runs(service: Service, count: int) -> Rate:
    """Requests of one action that may overlap, pipelined over a few connections; counted by what their callbacks wrote."""
    before, used = len(service.outcomes()), service.processor_time()
    rate = marks(service.folder, count, lambda: pipeline(service.socket, "root mark", count))
    until(lambda: len(service.outcomes()) == before + count, "all have their outcome", 0.05)
    if set(service.outcomes()[before:]) != {"succeeded"}:
        raise Failed("not all have succeeded")
    return Rate(rate.count, rate.seconds, service.processor_time() - used)


def marks(folder: Path, count: int, begin: Callable[[], object]) -> Rate:
    """How long it takes until so many callbacks have written their mark, and no more than so many."""
    file = folder / "marks"
    file.write_bytes(b"")
    began = time.monotonic()
    begin()
    until(lambda: file.stat().st_size >= count, f"{count} callbacks have run")
    seconds = time.monotonic() - began
    if file.stat().st_size != count:
        raise Failed(f"{file.stat().st_size} marks of {count} requests")
    return Rate(count, seconds)


def pipeline(path: Path, line: str, count: int) -> None:
    """Sends as many lines over a few connections, and reads the answers, of which each has to be that it is accepted."""

    def one(share: int) -> None:
        connection = Connection(path)
        writer = threading.Thread(target=connection.socket.sendall, args=(f"{line}\n".encode() * share,))
        writer.start()
        for _ in range(share):
            if not (answer := connection.answers.readline()).startswith(b"accepted "):
                raise Failed(f"not accepted: {answer!r}")
        writer.join()
        connection.close()

    shares = [count // CONNECTIONS + (n < count % CONNECTIONS) for n in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(one, shares))


def spawned(folder: Path, count: int, command: list[str], stdin: bytes = b"") -> Rate:
    """The floor: the same number of processes, as many side by side, started by nobody in particular."""

    def begin() -> None:
        running = 0
        for _ in range(count):
            if running == SIDE_BY_SIDE:
                os.wait()
                running -= 1
            start(command, stdin, environment(folder))
            running += 1
        for _ in range(running):
            os.wait()

    return marks(folder, count, begin)


def start(command: list[str], stdin: bytes, variables: dict[str, str]) -> None:
    """Starts a process with a line on its stdin."""
    reader, writer = os.pipe()
    os.write(writer, stdin)
    os.close(writer)
    os.posix_spawn(command[0], command, variables, file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)])
    os.close(reader)


def bash_alone(folder: Path, count: int) -> Rate:
    """The least that a run can cost: a bash that does what the callback does."""
    return spawned(folder, count, ["/bin/bash", "-c", 'echo >>"$FOLDER/marks"'])


def listener_alone(folder: Path, count: int) -> Rate:
    """Our listener, started for each request: what reading the callbacks costs, with nobody who promises anything."""
    return spawned(folder, count, [str(SBIN / "listener.sh")], b"root mark 1f2e3d4c5b6a7988\n")


def by_hand(folder: Path, count: int) -> Rate:
    """A peer: what one writes for oneself in an afternoon (peer.py)."""
    callbacks = folder / "bin/docker-callbacks.sh"
    callbacks.write_text(CALLBACKS)
    path = folder / "peer.sock"
    path.unlink(missing_ok=True)
    server = multiprocessing.Process(target=peer.serve, args=(path, callbacks, environment(folder)))
    server.start()
    try:
        until(path.exists, "the peer listens")
        return marks(folder, count, lambda: pipeline(path, "root mark", count))
    finally:
        server.terminate()
        server.join()


def accepted(service: Service, count: int) -> Rate:
    """Durable answers to requests that cost no run: they join one that waits."""
    hold(service)
    began = time.monotonic()
    pipeline(service.socket, "root held", count)
    rate = Rate(count, time.monotonic() - began)
    release(service)
    return rate


def hold(service: Service) -> None:
    """Has an action on, so that whoever asks for it waits."""
    service.call({"op": "run", "user": "root", "action": "held"})
    until(lambda: service.call({"op": "status"})["running"], "it runs")


def release(service: Service) -> None:
    """Ends what is held, and what waited for that."""

    def is_idle() -> bool:
        now = service.call({"op": "status"})
        if now["running"]:
            try:
                os.close(os.open(service.folder / "hold", os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                # It does not read yet.
                pass
        return not now["running"] and not now["waiting"]

    until(is_idle, "what was held has ended", 0.02)


def beside_the_slow(service: Service, samples: int) -> tuple[Times, Times]:
    """From request to durable answer, alone, and beside clients that are silent or slow."""
    hold(service)
    alone = answer_times(service, samples)
    ready = multiprocessing.Event()
    slow = multiprocessing.Process(target=be_slow, args=(service.socket, ready), daemon=True)
    slow.start()
    ready.wait()
    among = answer_times(service, samples)
    slow.terminate()
    slow.join()
    release(service)
    return alone, among


def answer_times(service: Service, samples: int) -> Times:
    connection, taken = service.connect(), []
    for _ in range(samples):
        began = time.monotonic()
        answer = connection.ask("root held")
        taken.append(time.monotonic() - began)
        if not answer.startswith(b"accepted "):
            raise Failed(f"not accepted: {answer!r}")
        # So that there is time for the others, and these requests go on for as long as those need.
        time.sleep(0.002)
    connection.close()
    return Times(taken)


def be_slow(path: Path, ready: "multiprocessing.synchronize.Event") -> None:
    """Holds silent connections, and one that sends a byte a second; opens anew what the supervisor closes."""

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        return connection

    silent, slow = [connect() for _ in range(SILENT)], connect()
    ready.set()
    while True:
        time.sleep(1)
        try:
            slow.send(b"r")
        except OSError:
            slow = connect()
        for place, connection in enumerate(silent):
            try:
                closed = connection.recv(1, socket.MSG_DONTWAIT) == b""
            except BlockingIOError:
                closed = False
            if closed:
                silent[place] = connect()
