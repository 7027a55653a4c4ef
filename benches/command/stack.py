"""A stack of real supervisors and a scheduler in a folder, without Docker: what the command is looked at with."""

import os
import socket
import subprocess
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Longer than any of them takes to start on a busy machine, in seconds.
PATIENCE = 30

SERVICES = {
    "apache2": "CB_rotate_logs() { echo rotated; }",
    "mysql": """CB_nightly_backup() {
    local table
    for table in users topics posts attachments; do
        echo "dumping $table"
        sleep "${STEP:-0.01}"
    done
}
CB_rotate_logs() { echo rotated; }""",
    "php": "CB_task() { echo 'nothing to do'; }\nCB_rotate_logs() { echo rotated; }",
    "redis": "CB_snapshot() { echo saved; }",
    "backup": "CB_site_backup() { echo packed; }",
}
SCHEDULE = """\
5 4 * * * forum mysql nightly-backup
15 4 * * * backup site-backup
*/5 * * * * forum php task
0 0 * * * mysql rotate-logs
"""


class Stack:
    """Starts the services in `folder` when entered, and ends them when left."""

    def __init__(self, binary: Path, folder: Path, step: float = 0.01):
        self.binary, self.folder, self.step = binary, folder, step
        self.processes: list[subprocess.Popen] = []

    def __enter__(self) -> "Stack":
        (self.folder / "docker-compose.yaml").write_text("services:\n")
        (self.folder / "data/run").mkdir(parents=True)
        for name, callbacks in SERVICES.items():
            # The site's backup has no daemon.
            personality = "SERVICE=backup" if name == "backup" else "COMMAND=/bin/sleep OPTS=infinity"
            files = {"bin/docker-entry-setup.sh": personality, "bin/docker-callbacks.sh": callbacks}
            self.start(name, "supervise", files)
        self.start("scheduler", "schedule", {"conf/schedule.cron": SCHEDULE})
        for name in [*SERVICES, "scheduler"]:
            self.wait_until(name, lambda: self.ask(name, '{"op":"health"}'))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, use: str, files: dict[str, str]) -> None:
        service = self.folder / "service" / name
        for folder in [service / "bin", service / "conf", self.folder / "state" / name]:
            folder.mkdir(parents=True)
        for path, text in files.items():
            (service / path).write_text(text + "\n")
        self.prepare(name, self.folder / "state" / name)
        environment = {
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "STEP": str(self.step),
            "LAMPLIGHTER_SERVICE": name,
            "LAMPLIGHTER_RUN": str(self.folder / "data/run"),
            "LAMPLIGHTER_STATE": str(self.folder / "state" / name),
            "LAMPLIGHTER_SBIN": str(REPOSITORY / "target-sbin"),
            "LAMPLIGHTER_BIN": str(service / "bin"),
            "LAMPLIGHTER_CONF": str(service / "conf"),
        }
        with (self.folder / f"{name}.log").open("w") as log:
            self.processes.append(
                subprocess.Popen([self.binary, use], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    def prepare(self, name: str, state: Path) -> None:
        """What is to be in a service's state before it starts: nothing, here."""

    def ask(self, service: str, line: str) -> str:
        """One line to a service's socket; the line that answers it, empty when nobody does yet."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            try:
                connection.connect(str(self.folder / f"data/run/{service}-request.sock"))
            except (FileNotFoundError, ConnectionRefusedError):
                return ""
            connection.sendall(f"{line}\n".encode())
            return connection.makefile().readline()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Calls the command in the stack's folder; it must succeed."""
        environment = {"PATH": os.environ["PATH"], "TZ": "UTC"}
        return subprocess.run(
            [self.binary, *arguments], cwd=self.folder, env=environment, check=True, capture_output=True, text=True
        )

    def wait_until(self, what: str, is_so: object) -> None:
        """Waits for a condition."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited in vain for {what}: see the logs in {self.folder}")
            time.sleep(0.02)
