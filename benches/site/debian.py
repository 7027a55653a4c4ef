"""Debian's default Apache, PHP-FPM, MariaDB and Redis, from the stack's own image, with the same site."""

import subprocess
import time
from pathlib import Path

from load import address_of, docker, memory_of, page_is_shown

HERE = Path(__file__).resolve().parent

# The site reaches both over TCP here. What is not found is a mistake: the page would not be the same any more.
REWRITTEN = [
    (
        "'mysql:unix_socket=%s;dbname=%s;charset=utf8mb4', getenv('DB_SOCKET'), getenv('DB_NAME')",
        "'mysql:host=%s;dbname=%s;charset=utf8mb4', '127.0.0.1', 'forum'",
    ),
    ("getenv('DB_USER'), options:", "'forum', 'of-no-worth', options:"),
    ("connect(getenv('REDIS_SOCKET'), 0,", "connect('127.0.0.1', 6379,"),
    ("    $redis->auth(['default', rtrim((string) file_get_contents(getenv('REDIS_PASSWORD_FILE')), \"\\n\")]);\n", ""),
]


def rewritten(page: str) -> str:
    """site/stack.php for a MariaDB and a Redis that are reached over TCP."""
    for ours, theirs in REWRITTEN:
        if page.count(ours) != 1:
            raise RuntimeError(f"site/stack.php does not have `{ours}` once: benches/site/debian.py has to follow it")
        page = page.replace(ours, theirs)
    return page


class Debian:
    """All of it in one container, up; gone afterwards."""

    name = "Debian"

    def __init__(self, image: str, folder: Path, site: Path):
        self.image = image
        self.folder = folder.resolve() / "debian"
        self.site = site
        self.container = "lamplighter-bench-debian"

    def __enter__(self):
        try:
            self.remove()
            self.copy_site()
            mounts = []
            # On the disk that the stack has its own on.
            for kept in ("lib/mysql", "lib/redis", "log/apache2"):
                (self.folder / kept).mkdir(parents=True)
                mounts += ["--volume", f"{self.folder / kept}:/var/{kept}"]
            docker("run", "--detach", "--name", self.container, "--tmpfs", "/run:mode=0755", *mounts,
                   "--volume", f"{self.folder}/html:/var/www/html:ro", "--volume", f"{HERE}/debian.sh:/debian.sh:ro",
                   self.image, "/debian.sh")  # fmt: skip
            self.address = address_of(self.container)
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def copy_site(self) -> None:
        html = self.folder / "html"
        html.mkdir(parents=True)
        for file in self.site.iterdir():
            text = file.read_text()
            (html / file.name).write_text(rewritten(text) if file.name == "stack.php" else text)

    def wait(self) -> None:
        deadline = time.monotonic() + 120
        while not page_is_shown(self.address):
            if time.monotonic() > deadline:
                log = subprocess.run(["docker", "logs", "--tail", "30", self.container], capture_output=True, text=True, check=False)
                raise RuntimeError(f"Debian's stack does not show the page: {log.stdout}{log.stderr}")
            time.sleep(0.3)

    def containers(self) -> list[str]:
        return [self.container]

    def memory(self) -> float:
        return memory_of(self.containers())

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.container, check=False)
        if self.folder.exists():
            # What MariaDB wrote is its user's.
            docker("run", "--rm", "--network", "none", "--volume", f"{self.folder}:/remove", "--entrypoint", "find", self.image,
                   "/remove", "-mindepth", "1", "-delete", check=False)  # fmt: skip
            self.folder.rmdir()

    def __exit__(self, *_) -> None:
        self.remove()
