"""How they did: on the terminal, and as a page."""

import platform
import time
from dataclasses import dataclass
from pathlib import Path

from adapters import Adapter
from suite import Case


@dataclass
class Result:
    """What came of one case put to one supervisor."""

    verdict: str
    """`yes`, `no`, `n/a`, `skipped`, or `error`: a fault of the suite."""
    why: str
    seconds: float


Results = dict[tuple[str, str], Result]


class Clock:
    """How long something takes."""

    def __enter__(self) -> "Clock":
        self.began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def seconds(self) -> float:
        return time.monotonic() - self.began


def tell(tools: list[Adapter], cases: list[Case], results: Results) -> int:
    """Prints how each did, and what of ours failed; 1 when something of ours did."""
    ours = tools[0].name
    for tool in tools:
        of_tool = {case: results[tool.name, case.name] for case in cases}
        for case, result in of_tool.items():
            if result.verdict == "error" or (tool.name == ours and result.verdict != "yes"):
                print(f"{result.verdict.upper()} {tool.name} {case.name}: {case.claim}\n    {result.why}")
        verdicts = [result.verdict for result in of_tool.values()]
        failed = verdicts.count("no") + verdicts.count("error")
        prefix = "" if len(tools) == 1 else f"{tool.name}: "
        rest = f" ({verdicts.count('n/a')} n/a, {verdicts.count('skipped')} skipped)"
        print(f"{prefix}{verdicts.count('yes')} passed, {failed} failed{rest}")
    bad = [result for result in results.values() if result.verdict == "error"]
    bad += [result for (tool, _), result in results.items() if tool == ours and result.verdict == "no"]
    return 1 if bad else 0


INTRODUCTION = """\
# Conformance

What a supervisor in a container is judged by, as {count} cases, put to ours and to six others from Debian's packages in
one run. This page is written by `bin/conformance`; do not edit it. `bin/conformance --ours` runs the cases against
our supervisor only, `bin/conformance --case 'PATTERN' --tool NAME` a few against one. The cases are in
`tests/conformance/cases/`, one function each; what is particular to a tool is in `tests/conformance/adapters.py`.

- **yes**: it does. **no**: it does not; why is below the table.
- **n/a**: the tool does not claim to do what the case is about; the reasons are below the table, too.
- The verdict is about this claim and not about the tool: an init of 20 KB leaves much to others on purpose.

"""


def page(tools: list[Adapter], cases: list[Case], results: Results) -> str:
    """The whole page."""
    text = INTRODUCTION.format(count=len(cases))
    text += f"Run on {system()}, Linux {platform.release().split('-')[0]}, {platform.machine()}.\n\n"
    text += table(["supervisor", "version", "how it is run"], [[tool.name, str(tool.version()), tool.note] for tool in tools])
    text += "\n" + table(["", *(tool.name for tool in tools)], totals(tools, cases, results)) + "\n"
    for group in dict.fromkeys(case.group for case in cases):
        text += section(group, tools, [case for case in cases if case.group == group], results)
    return text + reasons(tools, cases, results)


def system() -> str:
    """The operating system's own name for itself."""
    lines = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return lines["PRETTY_NAME"].strip('"')


def totals(tools: list[Adapter], cases: list[Case], results: Results) -> list[list[str]]:
    """How many of each verdict each tool has."""
    rows = []
    for verdict in ("yes", "no", "n/a", "skipped", "error"):
        counts = [sum(results[tool.name, case.name].verdict == verdict for case in cases) for tool in tools]
        if any(counts):
            rows.append([verdict, *map(str, counts)])
    return rows


def section(group: str, tools: list[Adapter], cases: list[Case], results: Results) -> str:
    """One group's matrix, and why not where not."""
    shown = {"yes": "yes", "no": "**no**", "n/a": "n/a", "skipped": "skipped", "error": "error"}
    rows = []
    for case in cases:
        verdicts = [shown[results[tool.name, case.name].verdict] for tool in tools]
        rows.append([f"{case.claim} (`{case.name}`)", *verdicts])
    text = f"## {group}\n\n" + table(["case", *(tool.name for tool in tools)], rows) + "\n"
    why = ""
    for case in cases:
        for tool in tools:
            result = results[tool.name, case.name]
            if result.verdict in ("no", "skipped", "error"):
                why += f"- `{case.name}`, {tool.name}: {result.why}\n"
    return f"{text}{why}\n" if why else text


def reasons(tools: list[Adapter], cases: list[Case], results: Results) -> str:
    """Why cases do not apply; tools and cases of the same reason together."""
    found: dict[str, dict[str, list[str]]] = {}
    for case in cases:
        for tool in tools:
            result = results[tool.name, case.name]
            if result.verdict == "n/a":
                found.setdefault(result.why, {}).setdefault(f"`{case.name}`", []).append(tool.name)
    text = "## Why n/a\n\n"
    for reason, names in found.items():
        by_tools: dict[str, list[str]] = {}
        for name, of_tools in names.items():
            by_tools.setdefault(", ".join(of_tools), []).append(name)
        for of_tools, of_cases in by_tools.items():
            text += f"- {of_tools}: {reason}. {', '.join(of_cases)}\n"
    return text


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
