"""Records what `lamplighter status --watch` shows during a backup, as text, into docs/status-watch.txt."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stack import PATIENCE, REPOSITORY, Stack

SERVER = f"lamplighter-record-{os.getpid()}"
COLUMNS, LINES = 100, 44
# A look after so many seconds without news shows that time goes on.
QUIET = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/record-status", description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the command")
    parser.add_argument("--stack", type=Path, help="the folder of a stack that runs (without: one of supervisors alone)")
    parser.add_argument("--write", type=Path, default=REPOSITORY / "docs/status-watch.txt", help="the page")
    arguments = parser.parse_args()
    if arguments.stack:
        frames = record(arguments.binary, arguments.stack)
    else:
        folder = Path(tempfile.mkdtemp(prefix="record-"))
        try:
            with Stack(arguments.binary, folder, step=1) as stack:
                stack.command("run", "mysql", "rotate-logs")
                frames = record(arguments.binary, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    arguments.write.write_text(page(frames, bool(arguments.stack)))
    print(f"{len(frames)} looks at the stack: {arguments.write}")
    return 0


def record(binary: Path, folder: Path) -> list[tuple[float, str]]:
    """Each look that tells something new, and one every few seconds, with the second at which it came."""
    environment = f"env -i PATH={os.environ['PATH']} TERM=screen LANG=C.UTF-8 TZ=UTC"
    watch = f"{environment} {binary} status --watch"
    tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), "-c", str(folder), watch)
    try:
        frames = [(0.0, wait_for("q ends"))]
        # So that the first look is seen to stand still but for its ages.
        time.sleep(1)
        begin = time.monotonic()
        subprocess.run(
            [binary, "run", "--detach", "mysql", "nightly-backup"], cwd=folder, check=True, capture_output=True
        )
        has_run = False
        while time.monotonic() - begin < PATIENCE:
            look = screen()
            moment = time.monotonic() - begin
            is_news = bare(look) != bare(frames[-1][1]) or moment - frames[-1][0] > QUIET
            if "q ends" in look and is_news:
                frames.append((moment, look))
            its_own = rows("mysql", look)
            has_run = has_run or re.search("nightly-backup +running", its_own) is not None
            if has_run and re.search("nightly-backup +succeeded", its_own):
                return frames
            time.sleep(0.02)
        raise TimeoutError("the backup was not seen to end")
    finally:
        tmux("kill-server")


def rows(service: str, look: str) -> str:
    """What a look tells of one service: its row, and those of its actions below it."""
    found = re.search(rf"^[> ] {service} .*(\n[> ]   .*)*", look, re.MULTILINE)
    return found.group() if found else ""


def bare(look: str) -> str:
    """A look without what changes by itself: the clock on its last line, and ages."""
    lines = look.rstrip().splitlines()[:-1]
    return "\n".join(" ".join(re.sub(r"just now|\b\d+ (s|min|h)( ago)?", "", line).split()) for line in lines)


def wait_for(text: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while text not in (look := screen()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the terminal never showed `{text}`:\n{look}")
        time.sleep(0.02)
    return look


def screen() -> str:
    return tmux("capture-pane", "-p")


def tmux(*arguments: str) -> str:
    command = ["tmux", "-L", SERVER, "-f", "/dev/null", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def page(frames: list[tuple[float, str]], with_docker: bool) -> str:
    where = "a stack in its containers" if with_docker else "five supervisors and a scheduler, without Docker"
    text = f"""\
lamplighter status --watch, during `lamplighter run --detach mysql nightly-backup`
Written by bin/record-status: {where}; a terminal of {COLUMNS} columns and {LINES} lines, empty ones left out.
"""
    for seconds, look in frames:
        moment = "before" if seconds == 0 else f"{seconds:.1f} s after the request"
        look = re.sub(r"\n{2,}", "\n", look.rstrip())
        text += f"\n── {moment} {'─' * (COLUMNS - len(moment) - 4)}\n{look}\n"
    return text


sys.exit(main())
