"""Measures an import of a dump beside MariaDB's own client, into the same MariaDB. See docs/BENCHMARKS.md."""

import argparse
import secrets
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / "benches/supervisor"), str(REPOSITORY / "benches/backup")]

import forum  # noqa: E402
import page  # noqa: E402

MB = 1_000_000


class MariaDb:
    """The service `mysql` in a container of the benchmark's own, with the stack's settings; gone afterwards."""

    def __init__(self, image: str, folder: Path):
        self.image = image
        self.folder = folder.resolve()
        self.name = f"bench-import-{secrets.token_hex(3)}"

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        made = ["mysql", "lamplighter", "secrets", "backups"]
        for name in made:
            (self.folder / name).mkdir(parents=True)
        for name in ("mariadb-password", "backup-password"):
            (self.folder / "secrets" / name).write_text(secrets.token_hex(32))
        self.as_root("chown", "-R", "mysql:mysql", *[f"/bench/{name}" for name in made])
        volumes = {
            f"{REPOSITORY}/target-sbin": "/usr/local/sbin:ro",
            f"{REPOSITORY}/service/mysql/bin": "/usr/local/bin:ro",
            f"{REPOSITORY}/service/mysql/conf": "/usr/local/conf:ro",
            f"{self.folder}/mysql": "/var/lib/mysql",
            f"{self.folder}/lamplighter": "/var/lib/lamplighter",
            f"{self.folder}/secrets": "/run/secrets:ro",
            f"{self.folder}/backups": "/var/backups",
        }
        docker(
            "run", "--detach", "--name", self.name, "--hostname", "mysql", "--user", "mysql", "--network", "none",
            "--tmpfs", "/run:mode=0755,uid=901,gid=901", "--tmpfs", "/tmp:mode=1777",
            "--tmpfs", "/run/mysqld:mode=0755,uid=901,gid=901", "--env", "MARIADB_HOME=/run/mariadb",
            *[option for source, target in volumes.items() for option in ("--volume", f"{source}:{target}")], self.image,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while self.run("lamplighter", "health", check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"MariaDB does not become healthy: docker logs {self.name}")
            time.sleep(0.2)

    def run(self, *command: str, check: bool = True, **options) -> subprocess.CompletedProcess:
        done = subprocess.run(["docker", "exec", "--interactive", self.name, *command], capture_output=True, check=False, **options)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)[:200]} failed: {done.stderr.decode()}")
        return done

    def sql(self, statement: str) -> str:
        return self.run("mariadb", "--batch", "--skip-column-names", input=statement.encode()).stdout.decode().strip()

    def fill(self, statements) -> None:
        client = subprocess.Popen(["docker", "exec", "--interactive", self.name, "mariadb", "--init-command=SET autocommit=0"], stdin=subprocess.PIPE)
        for statement in statements:
            client.stdin.write(statement)
        client.stdin.write(b"COMMIT;\n")
        client.stdin.close()
        if client.wait():
            raise RuntimeError("the database could not be filled: what MariaDB says is above")

    def as_root(self, *command: str) -> None:
        docker("run", "--rm", "--network", "none", "--volume", f"{self.folder}:/bench", "--entrypoint", command[0], self.image, *command[1:])

    def __exit__(self, *_) -> None:
        docker("rm", "--force", "--volumes", self.name, check=False)
        # What containers wrote is their users'.
        self.as_root("find", "/bench", "-mindepth", "1", "-delete")


def docker(*command: str, check: bool = True) -> None:
    done = subprocess.run(["docker", *command], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(command)[:200]} failed: {done.stderr}")


def make_dump(mariadb: MariaDb, path: Path, megabytes: int) -> None:
    forum.fill(mariadb.fill, megabytes * MB)
    with path.open("wb") as file:
        subprocess.run(["docker", "exec", mariadb.name, "mariadb-dump", "--routines", "--events", "forum"], stdout=file, check=True)


def measure(mariadb: MariaDb, dump: Path, way: str) -> float:
    """The seconds from the first byte to the end, into an empty database. What was there before is out of the way."""
    mariadb.sql("DROP DATABASE IF EXISTS forum; CREATE DATABASE forum")
    mariadb.sql("SET GLOBAL innodb_max_dirty_pages_pct = 0")
    while int(mariadb.sql("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'").split("\t")[1]) > 100:
        time.sleep(0.2)
    mariadb.sql("SET GLOBAL innodb_max_dirty_pages_pct = 90")
    mark = secrets.token_hex(32)
    commands = {
        "mariadb": f"cat -- '{dump}' | docker exec --interactive {mariadb.name} mariadb forum",
        "import": f"{{ cat -- '{dump}' && printf %s {mark}; }} | docker exec --interactive {mariadb.name} "
        f"import-database load --end {mark} --size {dump.stat().st_size}",
    }
    began = time.monotonic()
    done = subprocess.run(["bash", "-o", "pipefail", "-c", commands[way]], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"{way}: {done.stderr}")
    return seconds


def main() -> int:
    arguments = parse()
    machine = page.machine()
    taken: dict[str, list[float]] = {"mariadb": [], "import": []}
    with MariaDb(arguments.image, arguments.folder) as mariadb:
        dump = arguments.folder / "dump.sql"
        say(f"making a dump of {arguments.megabytes} MB")
        make_dump(mariadb, dump, arguments.megabytes)
        sums = set()
        for number in range(arguments.rounds):
            for way in ("mariadb", "import") if number % 2 else ("import", "mariadb"):
                taken[way].append(measure(mariadb, dump, way))
                sums.add(mariadb.sql("CHECKSUM TABLE forum.posts, forum.threads, forum.users"))
                say(f"round {number + 1}: {way} {taken[way][-1]:.2f} s")
        if len(sums) != 1:
            raise RuntimeError("both ways do not fill the database alike")
        size = dump.stat().st_size
    medians = {way: statistics.median(values) for way, values in taken.items()}
    ratio = medians["import"] / medians["mariadb"]
    text = section(machine, size, arguments.rounds, taken, medians, ratio)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, "import", text)
    return 0 if ratio <= arguments.limit else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=1.2)
    parser.add_argument("--write", type=Path)
    return parser.parse_args()


def section(machine: str, size: int, rounds: int, taken: dict, medians: dict, ratio: float) -> str:
    rows = [
        [name, f"{medians[way]:.1f}", f"{min(taken[way]):.1f} to {max(taken[way]):.1f}", f"{size / MB / medians[way]:.1f}"]
        for way, name in (("import", "`bin/import`'s program"), ("mariadb", "`mariadb <`"))
    ]
    return f"""## Import

Written by `bin/bench-import`: on {machine}.
A dump of {size / MB:.0f} MB of a made-up forum, as mariadb-dump writes it, into an empty database, in a container `mysql` with the
stack's settings; {rounds} rounds of both ways in turns. What `bin/import` sends it to reads every statement, fills a
database beside the application's, and puts that into its place.

{page.table(["", "median, s", "all, s", "MB/s"], rows)}
An import takes {ratio:.2f} times as long as MariaDB's own client; more than 1.2 is a failure."""


def say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
