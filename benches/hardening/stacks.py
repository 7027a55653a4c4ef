"""Two whole stacks with names, ports and data of their own: that of a revision, and that of the work tree."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class Stack:
    """One of them, up; gone afterwards, but for what cargo has built."""

    def __init__(self, name: str, folder: Path, revision: str | None):
        self.name = name
        self.folder = folder.resolve() / name
        self.revision = git("rev-parse", revision).decode().strip() if revision else ""
        self.project = f"lamplighter-bench-{name}"
        self.port, https = free_ports()
        self.environment = os.environ | {
            "COMPOSE_PROJECT_NAME": self.project,
            "HTTP_PORT": f"127.0.0.1:{self.port}",
            "HTTPS_PORT": f"127.0.0.1:{https}",
        }

    def __enter__(self):
        try:
            self.remove()
            self.unpack()
            print(f"· bin/up of the stack {self.name}", file=sys.stderr, flush=True)
            done = subprocess.run(["bin/up"], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"bin/up of the stack {self.name} failed:\n{done.stdout}{done.stderr}")
            self.look_at_page()
        except BaseException:
            self.__exit__()
            raise
        return self

    def unpack(self) -> None:
        self.folder.mkdir(parents=True)
        if self.revision:
            files = git("archive", self.revision)
        else:
            listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
            there = b"\0".join(name for name in listed.split(b"\0") if name and os.path.lexists(REPOSITORY / os.fsdecode(name)))
            files = run("tar", "--create", "--null", "--verbatim-files-from", "--files-from=-", input=there, cwd=REPOSITORY)
        run("tar", "--extract", input=files, cwd=self.folder)
        # Both give out the same page.
        shutil.rmtree(self.folder / "site")
        shutil.copytree(REPOSITORY / "site", self.folder / "site")
        # What cargo makes of one is none of the other's.
        built = self.folder.parent / f"cargo-{self.name}"
        built.mkdir(exist_ok=True)
        (self.folder / "target").symlink_to(built)

    def look_at_page(self) -> None:
        """`wrk` would take an answer that leads elsewhere for a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/", headers={"Host": "localhost"})
        answer = connection.getresponse()
        if answer.status != 200 or b"All lamps are lit" not in answer.read():
            raise RuntimeError(f"the stack {self.name} answers with {answer.status}, and not with its page")
        connection.close()

    def remove(self) -> None:
        label = f"label=com.docker.compose.project={self.project}"
        for listing, removal in (
            (["ps", "--all", "--quiet"], ["rm", "--force", "--volumes"]),
            (["network", "ls", "--quiet"], ["network", "rm"]),
        ):
            found = run("docker", *listing, "--filter", label).decode().split()
            if found:
                run("docker", *removal, *found)
        if (self.folder / "data").exists():
            # What containers wrote is their users'.
            subprocess.run(["docker", "run", "--rm", "--network", "none", "--volume", f"{self.folder}:/remove", "--entrypoint", "find",
                            f"lamplighter:{self.project}", "/remove", "-mindepth", "1", "-delete"], capture_output=True, check=False)  # fmt: skip
        shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(self, *_) -> None:
        self.remove()
        subprocess.run(["docker", "image", "rm", f"lamplighter:{self.project}"], capture_output=True, check=False)


def requests_a_second(stack: Stack, connections: int, seconds: int) -> float:
    """What `wrk` counts, when every answer is a page."""
    # By the name that the site has, and over the address that the port is bound to.
    said = run("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "20s",
               "--header", "Host: localhost", f"http://127.0.0.1:{stack.port}/").decode()  # fmt: skip
    counted = re.search(r"^Requests/sec:\s+([\d.]+)$", said, re.MULTILINE)
    if not counted or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"not every answer of the stack {stack.name} is a page:\n{said}")
    return float(counted[1])


def free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def git(*arguments: str) -> bytes:
    return run("git", *arguments, cwd=REPOSITORY)


def run(*command: str, **options) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout
