"""A stack with a past, of real supervisors and a scheduler in one folder, and its console."""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))

from waiting import PATIENCE, end, wait_for

PASSWORD = "a long enough secret"
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
SCHEDULE = """\
   0    *   *   *   *         apache2   rotate-logs
   *    *   *   *   *         mysql     keep-changes
  /5    *   *   *   *         backup    offsite-changes
   5    4   *   *   *         mysql     nightly-backup
  15    4   *   *   *         backup    nightly-backup
  30    4   *   *   *         backup    offsite-copy
   0    5   *   *   *         backup    restore-drill
 /15    *   *   *   *         apache2   check-certificates
  /5    *   *   *   *  forum  php       task-check
   0    9   *   *   mon       php       weekly-digest
"""
CALLBACKS = {
    "apache2": "CB_rotate_logs() { :; }\nCB_check_certificates() { :; }",
    "mysql": "CB_keep_changes() { echo 'kept: 12.3KiB of changes'; }\nCB_nightly_backup() { :; }",
    "backup": "CB_nightly_backup() { :; }\nCB_offsite_copy() { :; }\nCB_offsite_changes() { :; }\nCB_restore_drill() { :; }",
    "php": "CB_task_check() { echo 'PHP Fatal error: Call to undefined function databse()' >&2; return 255; }\n"
    'CB_import() { for done in 12 20; do echo "$done of 34 pictures"; read -ru 3; done 3<>"$FOLDER/hold"; echo "34 of 34 pictures"; }\n'
    'CB_weekly_digest() { :; }',
}


def instant(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def run(at, action, user="root", took=2500, outcome="succeeded", code=None):
    """The lines of the journal about a run of then."""
    identity = hashlib.sha256(f"{at}{action}".encode()).hexdigest()[:16]
    end = {"outcome": outcome, "took_ms": took} | ({} if code is None else {"code": code})
    ended = instant(at + datetime.timedelta(milliseconds=took))
    yield {"event": "accepted", "at": instant(at), "id": identity, "user": user, "action": action, "by": 0}
    yield {"event": "started", "at": instant(at), "id": identity, "attempt": 1, "token": identity}
    yield {"event": "ended", "at": ended, "id": identity, "attempt": 1} | end


def past(service):
    """What a service has done in the last thirty days, each of whose days is a whole one."""
    for ago in range(29, 0, -1):
        day = (NOW - datetime.timedelta(days=ago)).replace(hour=4, minute=5, second=0)
        later = day + datetime.timedelta(minutes=10)
        if service == "mysql":
            failed = {"outcome": "failed", "code": 1} if ago == 12 else {}
            yield from run(day, "nightly-backup", took=(90 + ago) * 1000, **failed)
        elif service == "backup":
            timed_out = {"outcome": "timed-out"} if ago == 20 else {}
            yield from run(later, "nightly-backup", took=400_000, **timed_out)
            yield from run(later + datetime.timedelta(minutes=15), "offsite-copy", took=1_200_000)
            interrupted = {"outcome": "interrupted"} if ago == 5 else {}
            yield from run(later + datetime.timedelta(minutes=45), "restore-drill", took=3_000_000, **interrupted)
        elif service == "php":
            for hour in range(0, 24, 6):
                cancelled = {"outcome": "cancelled"} if ago == 8 and hour == 6 else {}
                yield from run(day.replace(hour=hour), "task-check", user="forum", took=800, **cancelled)
        else:
            yield from run(day.replace(minute=0), "rotate-logs", took=300)


def facts():
    """What the callbacks would have left, all of it with one service."""
    night = (NOW - datetime.timedelta(days=1)).replace(hour=4, minute=5, second=0)
    snapshots = []
    for ago in range(0, 14):
        at = night - datetime.timedelta(days=ago)
        sizes = {"files": 3 << 30, "physical": 700 << 20, "database": 240 << 20}
        for number, (kind, size) in enumerate(sizes.items()):
            size = size * (100 - 3 * ago) // 100
            identity = hashlib.sha256(f"{ago}{kind}".encode()).hexdigest()[:8]
            begun = instant(at + datetime.timedelta(minutes=10 - 4 * number))
            snapshots.append({"id": identity, "kind": kind, "at": begun, "bytes": size, "added": size // 90})
    of = {kind: next(one for one in snapshots if one["kind"] == kind) for kind in ("database", "files")}
    proof = {"proven": instant(night + datetime.timedelta(minutes=100)), "anySecondSince": instant(night - datetime.timedelta(days=1))}
    proof |= {kind: {"snapshot": one["id"], "time": one["at"]} for kind, one in of.items()}
    copied = [one["id"] for one in snapshots]
    return {
        "snapshots": ("42 backups, 14 of the database, 14 of MariaDB's files and 14 of the site's files", of["files"]["at"], snapshots),
        "proven": (f"last proven restorable: {proof['proven']}", proof["proven"], proof),
        "offsite": (f"rest:https://elsewhere.example has all up to {of['database']['at']}", of["database"]["at"], copied),
        "disk": ("the disk of /var/backups is 61 % full: 98.2GiB of 251.8GiB are free", instant(NOW), {"used": 61}),
        "certificate": ("from Let's Encrypt", instant(NOW + datetime.timedelta(days=62, hours=3)), None),
        "packages": ("6 days old", instant(NOW - datetime.timedelta(days=6, hours=3)), None),
        "offsite-changes": ("rest:https://elsewhere.example has the changes of the database", instant(NOW - datetime.timedelta(seconds=200)), None),
    }


class Stack:
    """A stack's folder, and the programs that run in it."""

    def __init__(self, top, programs):
        self.top, self.programs, self.children = top, programs, []
        (top / "data/run").mkdir(parents=True)
        (top / "docker-compose.yaml").write_text("services:\n")

    def environment(self, **more):
        return {"PATH": os.environ["PATH"], "HOME": str(self.top)} | more

    def start_all(self):
        for name, callbacks in CALLBACKS.items():
            home = self.make(name)
            personality = "COMMAND=/bin/sleep OPTS=infinity\n" if name != "backup" else ""
            (home / "bin/docker-entry-setup.sh").write_text(personality)
            (home / "bin/docker-callbacks.sh").write_text(callbacks + "\n")
            lines = (json.dumps(line, separators=(",", ":")) for line in past(name))
            (home / "state/journal.jsonl").write_text("".join(f"{line}\n" for line in lines))
            if name == "backup":
                (home / "state/facts").mkdir()
                for about, (words, at, data) in facts().items():
                    (home / "state/facts" / about).write_text(f"{words}\n{at}\n{json.dumps(data)}\n")
            self.start(name, home, "supervise")
        home = self.make("scheduler")
        (home / "conf/schedule.cron").write_text(SCHEDULE)
        self.start("scheduler", home, "schedule")
        wait_for("the services to be there", lambda: self.lamplighter("status", "--json").count('"reachable":true') == 5)

    def make(self, name):
        home = self.top / name
        for folder in ("state", "bin", "conf", "local", "log"):
            (home / folder).mkdir(parents=True)
        (self.top / "service" / name).mkdir(parents=True)
        os.mkfifo(home / "hold")
        return home

    def start(self, name, home, command):
        folders = {f"LAMPLIGHTER_{f.upper()}": str(home / f) for f in ("state", "bin", "conf", "local", "log")}
        folders |= {"LAMPLIGHTER_RUN": str(self.top / "data/run"), "LAMPLIGHTER_SBIN": str(TOP / "target-sbin")}
        environment = self.environment(LAMPLIGHTER_SERVICE=name, FOLDER=str(home), **folders)
        with open(home / "output", "wb") as output:
            child = subprocess.Popen(
                [self.programs / "lamplighter", command],
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.children.append(child)

    def lamplighter(self, *arguments):
        command = [self.programs / "lamplighter", *arguments]
        return subprocess.run(
            command, cwd=self.top, env=self.environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
        ).stdout

    def start_console(self):
        """Starts the console: where it is."""
        command = [self.programs / "lamplighter-console", "serve", "--listen", "127.0.0.1:0"]
        log = self.top / "console.log"
        with open(log, "wb") as output:
            child = subprocess.Popen(
                command, env=self.environment(), cwd=self.top, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.children.append(child)
        listens = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")
        return f"http://localhost:{wait_for('the console', lambda: listens.search(log.read_text())).group(1)}"

    def console(self, *arguments, typed=""):
        command = [self.programs / "lamplighter-console", "console", *arguments]
        said = subprocess.run(
            command, cwd=self.top, env=self.environment(), input=typed, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        return said.stdout + said.stderr

    def add_user(self, name):
        """Lets somebody in: the secret of the second factor."""
        said = self.console("user", "add", name, typed=f"{PASSWORD}\n{PASSWORD}\n")
        return re.search(r"^  secret  (\S+)$", said, re.MULTILINE).group(1)

    def release(self, service):
        """Lets a run go on that waits for a line."""
        with open(self.top / service / "hold", "w", encoding="utf-8") as hold:
            hold.write("\n")

    def stop(self):
        end(self.children)
