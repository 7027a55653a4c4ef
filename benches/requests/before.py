"""The build of an earlier revision, to be measured beside ours."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from service import REPOSITORY, SBIN, Failed


@dataclass
class Build:
    """A program, and the scripts that belong to it."""

    binary: Path
    sbin: Path = SBIN


def build(revision: str) -> Build:
    """Builds a revision of this repository as it is shipped, once."""
    folder = REPOSITORY / "target/bench-before" / revision
    if not (folder / "target-sbin/lamplighter").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        archive = subprocess.Popen(["git", "-C", REPOSITORY, "archive", revision], stdout=subprocess.PIPE)
        subprocess.run(["tar", "--extract", "--directory", folder], stdin=archive.stdout, check=True)
        if archive.wait():
            raise Failed(f"there is no revision {revision} here")
        subprocess.run([folder / "bin/build", "--quiet"], check=True)
    return Build(folder / "target-sbin/lamplighter", folder / "target-sbin")
