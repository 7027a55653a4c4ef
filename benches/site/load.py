"""What visitors get of a stack, by `wrk`, and what memory it takes, by `docker stats`."""

import http.client
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# What is asked for. `/` is the default page: a row written, three read, a counter.
PATHS = {"tiny": "/tiny.php", "static": "/static.css", "page": "/"}
MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}
MEBIBYTES = {"B": 1 / 1024**2, "KiB": 1 / 1024, "MiB": 1, "GiB": 1024}


@dataclass(frozen=True)
class Load:
    """Answers a second, within how many milliseconds 99 of 100 came, how many connections ended without one, and how many
    microseconds of a processor the stack took for each."""

    rate: float
    p99: float
    dropped: int
    cpu: float


class Side(Protocol):
    """A stack that is up."""

    name: str
    address: str

    def containers(self) -> list[str]: ...


def visit(side: Side, page: str, connections: int, seconds: int) -> Load:
    """By the name that the site has, when every answer is what was asked for."""
    counters = [counter_of(container) for container in side.containers()]
    before = sum(counter() for counter in counters)
    said = run(
        "wrk", "--latency", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "20s",
        "--header", "Host: localhost", f"http://{side.address}{PATHS[page]}",
    )  # fmt: skip
    used = sum(counter() for counter in counters) - before
    rate = re.search(r"^Requests/sec:\s+([\d.]+)$", said, re.MULTILINE)
    p99 = re.search(r"^\s+99%\s+([\d.]+)(us|ms|s|m)\s*$", said, re.MULTILINE)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    connect, read, write, timeout = map(int, errors.groups()) if errors else (0, 0, 0, 0)
    # Apache ends idle connections when it is short of threads; a browser asks again.
    if not rate or not p99 or "Non-2xx" in said or connect or write or timeout:
        raise RuntimeError(f"not every answer to {page} of {side.name} is what was asked for:\n{said}")
    answers = int(re.search(r"(\d+) requests in", said)[1])
    return Load(float(rate[1]), float(p99[1]) * MILLISECONDS[p99[2]], read, used * 1e6 / answers)


def counter_of(container: str) -> Callable[[], float]:
    """Tells the processor's seconds that it has taken, as its cgroup counts them."""
    process = docker("inspect", "--format", "{{.State.Pid}}", container)
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpuacct" in controllers.split(","):
            usage = Path(f"/sys/fs/cgroup/cpuacct{path}/cpuacct.usage")
            return lambda: int(usage.read_text()) / 1e9
        statistic = Path(f"/sys/fs/cgroup{path}/cpu.stat")
        if not controllers and statistic.exists():
            return lambda: int(re.search(r"^usage_usec (\d+)$", statistic.read_text(), re.MULTILINE)[1]) / 1e6
    raise RuntimeError(f"nothing counts the processor's time of the container {container}")


def page_is_shown(address: str) -> bool:
    """`wrk` would take an answer that leads elsewhere for a page."""
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", "/", headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status == 200 and b"All lamps are lit" in answer.read()
    except OSError:
        return False
    finally:
        connection.close()


def address_of(container: str) -> str:
    """Its own on Docker's bridge: at a published port, a visitor from this machine would wait for Docker's proxy, too."""
    return docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container)


def memory_of(containers: list[str]) -> float:
    """Of all of them, in MiB."""
    shown = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *containers).splitlines()
    used = [re.match(r"([\d.]+)([KMG]?i?B) /", line) for line in shown]
    if len(used) != len(containers) or not all(used):
        raise RuntimeError(f"docker stats says of {len(containers)} containers: {shown}")
    return sum(float(figure[1]) * MEBIBYTES[figure[2]] for figure in used)


def docker(*command: str, check: bool = True) -> str:
    return run("docker", *command, check=check)


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]} failed: {done.stderr}")
    return done.stdout.strip()
