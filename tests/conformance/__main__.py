"""Puts every case to every supervisor, and tells how they did. See docs/CONFORMANCE.md."""

import argparse
import fnmatch
import os
import shutil
import signal
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import adapters
import kit as kits
import report
import suite
from adapters import Adapter, NotApplicable
from cases import anywhere, exit_status, listener, readiness, reaping, signals, silence, stopping  # noqa: F401
from lab import Lab, Skipped
from processes import Failed
from report import Result


def main() -> int:
    """The exit status: 0 when no case of ours fails."""
    arguments = parse()
    # An end from outside cleans up, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if arguments.list:
        for case in suite.ALL:
            print(f"{case.group}: {case.name}: {case.claim}")
        return 0
    wanted = [case for case in suite.ALL if fnmatch.fnmatch(case.name, arguments.case)]
    kit = Path(tempfile.mkdtemp(prefix="conformance-"))
    try:
        kits.fill(kit, arguments.binary)
        tools = chosen(adapters.everyone(kit), arguments.ours, arguments.tool)
        results = run_all(tools, wanted, kit, arguments.jobs)
        if arguments.write:
            arguments.write.write_text(report.page(tools, wanted, results))
    finally:
        shutil.rmtree(kit, ignore_errors=True)
    return report.tell(tools, wanted, results)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/conformance", description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="our supervisor")
    parser.add_argument("--ours", action="store_true", help="put the cases to our supervisor only")
    parser.add_argument("--tool", action="append", default=[], help="put them to this one only (may be repeated)")
    parser.add_argument("--case", default="*", help="only cases whose name matches this pattern")
    parser.add_argument("--jobs", type=int, default=4, help="cases side by side")
    parser.add_argument("--list", action="store_true", help="say which cases there are")
    parser.add_argument("--write", type=Path, help="write the matrix to this file")
    return parser.parse_args()


def chosen(everyone: list[Adapter], ours: bool, names: list[str]) -> list[Adapter]:
    """The supervisors to run: those asked for, of those that are installed."""
    asked = everyone[:1] if ours else [tool for tool in everyone if not names or tool.name in names]
    for tool in asked:
        if tool.version() is None:
            print(f"{tool.name} is left out: Debian's package `{tool.package}` is not installed", file=sys.stderr)
    return [tool for tool in asked if tool.version() is not None]


def run_all(tools: list[Adapter], cases: list[suite.Case], kit: Path, jobs: int) -> dict[tuple[str, str], Result]:
    """Runs all cases, some at the same time; the results by tool's and case's name."""
    pairs = [(tool, case) for case in cases for tool in tools]

    def one(number: int) -> Result:
        tool, case = pairs[number]
        result = run(tool, case, kit, kit / str(number))
        if os.environ.get("CONFORMANCE_VERBOSE"):
            print(f"{tool.name} {case.name}: {result.verdict} {result.why} ({result.seconds:.1f} s)", file=sys.stderr)
        return result

    with ThreadPoolExecutor(jobs) as threads:
        results = threads.map(one, range(len(pairs)))
        try:
            return {(tool.name, case.name): result for (tool, case), result in zip(pairs, results)}
        except BaseException:
            # Interrupted: those that are on clean up behind themselves, the others need not begin.
            threads.shutdown(cancel_futures=True)
            raise


def run(tool: Adapter, case: suite.Case, kit: Path, folder: Path) -> Result:
    """Puts one case to one supervisor."""
    with report.Clock() as clock:
        try:
            with Lab(tool, kit, folder) as lab:
                case.body(lab)
            return Result("yes", "", clock.seconds())
        except Failed as failure:
            return Result("no", without_paths(str(failure), kit), clock.seconds())
        except NotApplicable as reason:
            return Result("n/a", str(reason), clock.seconds())
        except Skipped as reason:
            return Result("skipped", str(reason), clock.seconds())
        except Exception:
            # A fault of the suite itself fails the case, and is not to be mistaken for the tool's.
            print(traceback.format_exc(), file=sys.stderr)
            why = traceback.format_exc().splitlines()[-1]
            return Result("error", without_paths(why, kit), clock.seconds())


def without_paths(text: str, kit: Path) -> str:
    """What a case says, without the places of this one run."""
    # Neither says where a clone lies.
    for folder in (kit, Path.cwd()):
        text = text.replace(str(folder), "…")
    return " ".join(text.split())


sys.exit(main())
