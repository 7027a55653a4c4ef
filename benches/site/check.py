"""Fails when what the benchmark changes in the stack's files is no longer in them. bin/test docs runs it."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parent.parent / name) for name in ("supervisor", "hardening")]

from debian import rewritten  # noqa: E402
from parts import PARTS  # noqa: E402

repository = Path(__file__).resolve().parent.parent.parent
rewritten((repository / "site/stack.php").read_text())
for part in PARTS:
    part.changed_in(repository)
