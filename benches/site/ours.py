"""This work tree's stack, and a second one of it in which a part is changed."""

import shutil
import subprocess
import time
from pathlib import Path

from load import address_of, docker, memory_of, page_is_shown
from parts import Part
from stacks import REPOSITORY, Stack

# As large as a small style sheet.
STATIC_BYTES = 16 * 1024


class Ours(Stack):
    """The stack as `bin/up` makes it, with two more files in its site."""

    def __init__(self, name: str, folder: Path):
        super().__init__(name, folder, None)

    def __enter__(self):
        super().__enter__()
        self.address = address_of(self.containers("apache2")[0])
        return self

    def unpack(self) -> None:
        super().unpack()
        write_pages(self.folder / "site")

    def look_at_page(self) -> None:
        if not page_is_shown(address_of(self.containers("apache2")[0])):
            raise RuntimeError(f"the stack {self.name} does not show its page")

    def containers(self, service: str = "") -> list[str]:
        """Those that run; `prepare` has ended."""
        filters = ["--filter", f"label=com.docker.compose.project={self.project}"]
        if service:
            filters += ["--filter", f"label=com.docker.compose.service={service}"]
        return docker("ps", "--quiet", *filters).split()

    def memory(self) -> float:
        return memory_of(self.containers())

    def memory_by_service(self) -> dict[str, float]:
        services = ("mysql", "redis", "php", "apache2", "backup", "scheduler")
        return {service: memory_of(self.containers(service)) for service in services}

    def restart(self, service: str) -> None:
        docker("restart", *self.containers(service))
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + 120
        while not self.is_up():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the stack {self.name} does not show its page")
            time.sleep(0.3)

    def is_up(self) -> bool:
        apache2 = self.containers("apache2")
        if not apache2:
            return False
        self.address = address_of(apache2[0])
        return bool(self.address) and page_is_shown(self.address)


class Changed(Ours):
    """A copy of a stack that is up, from the same image and program; a part of it is changed for a while."""

    def __init__(self, name: str, folder: Path, original: Ours):
        super().__init__(name, folder)
        self.original = original

    def __enter__(self):
        try:
            self.remove()
            self.unpack()
            for name in ("lamplighter", "supervisor", "scheduler"):
                shutil.copy2(self.original.folder / "target-sbin" / name, self.folder / "target-sbin" / name, follow_symlinks=False)
            shutil.copy2(self.original.folder / ".env", self.folder / ".env")
            shutil.copytree(self.original.folder / ".secrets", self.folder / ".secrets")
            docker("tag", f"lamplighter:{self.original.project}", f"lamplighter:{self.project}")
            self.compose("up", "--detach", "--no-build")
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def compose(self, *command: str) -> None:
        v2 = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
        program = ["docker", "compose"] if v2 else ["docker-compose"]
        done = subprocess.run([*program, *command], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} of the stack {self.name} failed: {done.stderr}")

    def apply(self, part: Part) -> None:
        for file, text in part.changed_in(self.folder).items():
            (self.folder / file).write_text(text)
        self.restart(part.service)

    def restore(self, part: Part) -> None:
        for file in part.files:
            (self.folder / file).write_text((REPOSITORY / file).read_text())
        self.restart(part.service)


def write_pages(site: Path) -> None:
    (site / "tiny.php").write_text("<?php echo 'tiny';\n")
    rules = "".join(f".rule-{number:03} {{ color: #{number:06x}; margin: {number}px; }}\n" for number in range(400))
    (site / "static.css").write_text(rules[:STATIC_BYTES])
