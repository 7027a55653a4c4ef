"""The page of benchmarks: our own sections of it, and nothing else of it, are written anew."""

import os
import platform
from pathlib import Path

TITLE = "# Benchmarks\n\nWhat is measured, how, and what came out. Each section is written by the script that it names.\n"


def replace_section(page: Path, name: str, text: str) -> None:
    """Puts `text` between the section's markers; adds the section at the end when it is not there yet."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old = page.read_text() if page.exists() else TITLE
    if begin in old:
        head, _, rest = old.partition(begin)
        _, _, tail = rest.partition(end)
    else:
        head, tail = f"{old.rstrip()}\n\n", "\n"
    page.write_text(f"{head}{begin}\n{text.rstrip()}\n{end}{tail}")


def machine() -> str:
    """What this was measured on."""
    cpu = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    release = Path("/etc/os-release").read_text()
    system = next(line.partition("=")[2].strip('"') for line in release.splitlines() if line.startswith("PRETTY_NAME"))
    kernel = platform.release().split("-")[0]
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({cpu}), Linux {kernel}, {system}, load average {load:.1f} when it began"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
