"""What supervisors and services need, copied to where any user may read it."""

import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent


def fill(kit: Path, binary: Path) -> None:
    """Fills the folder."""
    kit.chmod(0o755)
    shutil.copy(binary, kit / "lamplighter")
    shutil.copy(HERE / "probe.py", kit)
    shutil.copytree(HERE.parents[1] / "target-sbin", kit / "sbin", symlinks=True)
