"""The cases there are: each is a function that says what it holds, and is put to one supervisor at a time."""

from collections.abc import Callable
from dataclasses import dataclass

from lab import Lab


@dataclass(frozen=True)
class Case:
    """One behaviour."""

    group: str
    name: str
    claim: str
    body: Callable[[Lab], None]


GROUPS = ["Exit status", "Signals", "Stopping", "Reaping", "Listener", "Anywhere", "Readiness", "Silence"]
"""The order in which they are told."""

ALL: list[Case] = []


def case(group: str, claim: str) -> Callable[[Callable[[Lab], None]], Callable[[Lab], None]]:
    """Makes a function a case of that group; its name, with hyphens, is the case's."""

    def register(body: Callable[[Lab], None]) -> Callable[[Lab], None]:
        ALL.append(Case(group, body.__name__.replace("_", "-"), claim, body))
        ALL.sort(key=lambda case: GROUPS.index(case.group))
        return body

    return register
