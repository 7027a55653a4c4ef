"""The services `mysql` and `backup` in containers of the benchmark's own, as the stack has them."""

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class Services:
    """Both of them, with all that they keep below one folder; gone afterwards."""

    def __init__(self, image: str, folder: Path):
        self.image = image
        self.folder = folder.resolve()
        self.tag = f"bench-backup-{secrets.token_hex(3)}"

    def __enter__(self):
        try:
            (self.folder / "site").mkdir(parents=True)
            (self.folder / "site/index.php").write_text("<?php echo 'a site';\n")
            self.prepare()
            self.start(
                "mysql", "--network", "none", "--user", "mysql", "--env", "MARIADB_HOME=/run/mariadb",
                "--tmpfs", "/run:size=16m,mode=0755,uid=901,gid=901", "--volume", f"{self.folder}/data/run/mysqld:/run/mysqld",
                "--volume", f"{self.folder}/data/mysql:/var/lib/mysql", "--volume", f"{self.folder}/data/log/mysql:/var/log/mysql",
            )  # fmt: skip
            self.start("backup", "--tmpfs", "/run:size=16m,mode=0755", "--volume", f"{self.folder}/site:/var/www/site:ro",
                       "--volume", "/proc/1/mountinfo:/usr/local/host-mounts:ro")  # fmt: skip
            self.wait_until_healthy("mysql")
            self.wait_until_healthy("backup")
        except BaseException:
            self.__exit__()
            raise
        return self

    def prepare(self) -> None:
        """Folders and secrets, by the stack's own service."""
        (self.folder / "secrets").mkdir(mode=0o700)
        for name in ("backup-password", "mariadb-password", "redis-password"):
            (self.folder / "secrets" / name).write_text(secrets.token_hex(32) + "\n")
        for name in ("site-mail", "backup-offsite", "backup-ssh-key", "alarm-webhook", "alarm-pings", "alarm-mail"):
            (self.folder / "secrets" / name).write_text("")
        docker(
            "run", "--rm", "--network", "none", "--volume", f"{REPOSITORY}/target-sbin:/usr/local/sbin:ro",
            "--volume", f"{REPOSITORY}/service/prepare/bin:/usr/local/bin:ro", "--volume", f"{REPOSITORY}/service/prepare/conf:/usr/local/conf:ro",
            "--volume", f"{self.folder}/data:/data", "--volume", f"{self.folder}/backups:/backups",
            "--volume", f"{self.folder}/secrets:/secrets:ro", self.image, "/usr/local/bin/prepare",
        )  # fmt: skip

    def start(self, service: str, *options: str) -> None:
        docker(
            "run", "--detach", "--name", f"{self.tag}-{service}", "--hostname", service,
            "--volume", f"{REPOSITORY}/target-sbin:/usr/local/sbin:ro",
            "--volume", f"{REPOSITORY}/service/{service}/bin:/usr/local/bin:ro",
            "--volume", f"{REPOSITORY}/service/{service}/conf:/usr/local/conf:ro",
            "--volume", f"{self.folder}/data/run/requests/{service}:/run/requests/{service}",
            "--volume", f"{self.folder}/data/secrets/{service}:/run/secrets:ro",
            "--volume", f"{self.folder}/data/lamplighter/{service}:/var/lib/lamplighter",
            "--volume", f"{self.folder}/backups:/var/backups",
            *options, self.image,
        )  # fmt: skip

    def wait_until_healthy(self, service: str) -> None:
        deadline = time.monotonic() + 120
        while self.inside(service, "lamplighter", "health", check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{service} does not become healthy: docker logs {self.tag}-{service}")
            time.sleep(0.2)

    def inside(self, service: str, *command: str, check: bool = True, **options) -> subprocess.CompletedProcess:
        done = subprocess.run(
            ["docker", "exec", "--interactive", f"{self.tag}-{service}", *command], capture_output=True, text=True, check=False, **options
        )
        if check and done.returncode:
            raise RuntimeError(f"{service}: {' '.join(command)[:200]} failed: {done.stderr}{done.stdout}")
        return done

    def sql(self, statement: str) -> str:
        command = ("mariadb", "--batch", "--skip-column-names", "forum")
        return self.inside("mysql", *command, input=statement).stdout.strip()

    def sql_input(self, statements: Iterator[bytes]) -> None:
        """Executes so many statements that they are not to be held at once."""
        client = subprocess.Popen(
            ["docker", "exec", "--interactive", f"{self.tag}-mysql", "mariadb", "--init-command=SET autocommit=0"], stdin=subprocess.PIPE
        )
        for statement in statements:
            client.stdin.write(statement)
        client.stdin.write(b"COMMIT;\n")
        client.stdin.close()
        if client.wait():
            raise RuntimeError("the database could not be filled: what MariaDB says is above")

    def run(self, service: str, action: str) -> float:
        """Asks for an action; the seconds from its start to its outcome, which has to be a success."""
        request = json.dumps({"op": "run", "user": "root", "action": action, "tell": "outcome"})
        answers = self.inside(service, "nc", "-U", "-N", f"/run/requests/{service}/request.sock", input=f"{request}\n").stdout
        ended = [answer for answer in map(json.loads, answers.splitlines()) if answer.get("event") == "ended"]
        if not ended or ended[-1]["outcome"] != "succeeded":
            log = subprocess.run(["docker", "logs", "--tail", "20", f"{self.tag}-{service}"], capture_output=True, text=True, check=False)
            raise RuntimeError(f"{action} of {service}: {answers}{log.stdout}{log.stderr}")
        return ended[-1]["took_ms"] / 1000

    def compress(self, program: str) -> tuple[float, int]:
        """The seconds that a dump through a compressor takes, and the bytes that it makes."""
        dump = "mariadb-dump --single-transaction --skip-lock-tables --routines --events --triggers --hex-blob --databases forum"
        began = time.monotonic()
        self.inside("mysql", "bash", "-o", "pipefail", "-c", f"{dump} | {program} -T0 >/var/lib/mysql/dump && sync /var/lib/mysql/dump")
        seconds = time.monotonic() - began
        size = int(self.inside("mysql", "stat", "--format=%s", "/var/lib/mysql/dump").stdout)
        self.inside("mysql", "rm", "/var/lib/mysql/dump")
        return seconds, size

    def added(self) -> dict[str, int]:
        """What the newest snapshot of each kind has added, in bytes."""
        listed = json.loads(self.inside("backup", "repository", "snapshots", "--json").stdout)
        newest = {}
        for snapshot in sorted(listed, key=lambda snapshot: snapshot["time"]):
            newest.update(dict.fromkeys(snapshot["tags"], snapshot["summary"]["data_added_packed"]))
        return {kind: newest[kind] for kind in ("physical", "database")}

    def restored(self) -> dict[str, float]:
        """The seconds that restoring each of both takes."""
        script = (REPOSITORY / "benches/backup/restore.sh").read_text()
        lines = self.inside("backup", "bash", "-s", input=script).stdout.split("\n")
        return {what: float(seconds) for what, seconds in (line.split() for line in lines if line)}

    def commits(self) -> list[tuple[int, int, int]]:
        """Connections, and the transactions of one row a second with binary logs and without."""
        folder = self.folder / "commits"
        folder.mkdir()
        folder.chmod(0o777)
        script = (REPOSITORY / "benches/backup/commits.sh").read_text()
        done = subprocess.run(
            ["docker", "run", "--rm", "--interactive", "--network", "none", "--user", "mysql", "--tmpfs", "/run/mariadb:mode=0777",
             "--volume", f"{REPOSITORY}/service/mysql/conf:/usr/local/conf:ro", "--volume", f"{folder}:/var/lib/mysql",
             self.image, "bash", "-s"], input=script, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"commits.sh failed: {done.stderr}")
        return [tuple(map(int, line.split())) for line in done.stdout.splitlines()]

    def size(self, folder: str) -> int:
        return int(self.inside("backup", "du", "--summarize", "--bytes", f"/var/{folder}").stdout.split()[0])

    def __exit__(self, *_) -> None:
        for service in ("mysql", "backup"):
            docker("rm", "--force", "--volumes", f"{self.tag}-{service}", check=False)
        # What containers wrote is their users'.
        docker("run", "--rm", "--network", "none", "--volume", f"{self.folder}:/remove", "--entrypoint", "find", self.image,
               "/remove", "-mindepth", "1", "-delete", check=False)  # fmt: skip


def docker(*command: str, check: bool = True) -> None:
    done = subprocess.run(["docker", *command], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(command)[:200]} failed: {done.stderr}")
