"""Measures the nightly backup of a forum's database, beside a dump that is compressed as a whole. See docs/BENCHMARKS.md."""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "benches/supervisor"))

import forum  # noqa: E402
import page  # noqa: E402
from services import Services  # noqa: E402

MB = 1_000_000


@dataclass
class Night:
    """What one way of backing up took in one night."""

    seconds: float
    added: int
    kinds: dict[str, int] = field(default_factory=dict)


WAYS = {
    "lamplighter": "nightly-backup",
    "xz": "mariadb-dump | xz -T0",
    "zstd": "mariadb-dump | zstd -T0",
}

# It takes minutes, and what it compresses is the same every night but for what has changed.
MEASURED_ONCE = ["xz"]


def main() -> int:
    arguments = parse()
    machine = page.machine()
    with Services(arguments.image, arguments.folder) as services:
        say(f"making a database of {arguments.megabytes} MB")
        forum.fill(services.sql_input, arguments.megabytes * MB)
        rows = forum.rows(services)
        services.run("backup", "nightly-backup")
        nights = {}
        for night, change in (("first", None), ("next", forum.a_day), ("scattered", forum.scattered)):
            if change:
                say(f"changing 1 % of {rows} rows: {change.__doc__}")
                change(services, rows)
            known = {way: nights["first"][way] for way in MEASURED_ONCE} if change else {}
            nights[night] = {way: known.get(way) or measure(services, way) for way in WAYS}
        say("restore drill")
        # The first loads the SQL, too, as one in so many nights does.
        drills = [services.run("backup", "restore-drill") for _ in range(2)]
        say("restores")
        restored = services.restored()
        say("commits")
        commits = services.commits()
    text = section(machine, arguments.megabytes, rows, nights, drills, restored) + what_logs_cost(commits)
    print(text)
    if arguments.write:
        page.replace_section(arguments.write, "backups", text)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench-backup", description=__doc__)
    parser.add_argument("--image", required=True, help="the stack's image")
    parser.add_argument("--folder", type=Path, required=True, help="where the database and the backups may lie meanwhile")
    parser.add_argument("--megabytes", type=int, default=1000, help="how large the database's dump is to be (1000)")
    parser.add_argument("--write", type=Path, help="the page to write the section into")
    return parser.parse_args()


def say(what: str) -> None:
    print(f"· {what}", file=sys.stderr, flush=True)


def measure(services: Services, way: str) -> Night:
    say(WAYS[way])
    if way == "lamplighter":
        before = services.size("backups")
        seconds = services.run("mysql", "nightly-backup")
        return Night(seconds, services.size("backups") - before, services.added())
    return Night(*services.compress(way))


def section(
    machine: str, megabytes: int, rows: int, nights: dict[str, dict[str, Night]], drills: list[float], restored: dict[str, float]
) -> str:
    ours, xz = nights["next"]["lamplighter"], nights["next"]["xz"]
    return f"""\
## Backups

Written by `bin/bench-backup`: on {machine}.
A forum's database of {rows:,} rows, whose dump has {megabytes:,} MB of text that compresses as prose does, in the stack's own
containers with the stack's settings; the file cache is warm.

- `nightly-backup` is the action as it is scheduled, from request to outcome: MariaDB's files, the dump, the facts about it, restic's
  repository, the changes of the day, and which old snapshots to keep. Bytes are what the folder of backups has grown by.
- The others are `mariadb-dump --single-transaction` of the same database into a file, in the same container. They store
  all of it every night. xz is measured on the first one, and stands for the others, too.
- *Next night*: 1 % of all rows has changed as in a forum's day: new posts, edits of recent ones, counters of threads and
  users. *Scattered*: another 1 % of all rows, evenly over all of the oldest and newest posts, which no forum does: the worst
  that can happen to a repository that stores pieces of some 1 MB.

{table(nights)}
The next night, `nightly-backup` is {xz.seconds / ours.seconds:.1f} times as fast as xz and stores {100 * ours.added / xz.added:.1f} % of its bytes.

{kinds(nights)}
The restore drill takes {drills[1]:.0f} s: the files of two nights, each with the changes up to the dump's moment, dumped and compared with it,
and a seventh of the repository checked. In one of seven nights it loads the dump, too: {drills[0]:.0f} s. Restored until a MariaDB answers,
the files take {restored["files"]:.1f} s and the dump (`mariadb <dump`) {restored["sql"]:.1f} s: {restored["sql"] / restored["files"]:.1f} times as long.
"""


def what_logs_cost(commits: list[tuple[int, int, int]]) -> str:
    rows = [[str(connections), f"{with_logs:,}", f"{without:,}", f"{without / with_logs:.2f}"] for connections, with_logs, without in commits]
    return f"""
What the binary logs cost: transactions of one row a second, each answered before the next is sent, of two servers with the stack's
settings, one without logs; in turns, medians of 5.

{page.table(["connections", "with binary logs", "without", "without them, times as many"], rows)}
"""


def kinds(nights: dict[str, dict[str, Night]]) -> str:
    names = {"physical": "MariaDB's files (mariadb-backup)", "database": "the dump"}
    rows = [[name, *(f"{night['lamplighter'].kinds[kind] / MB:.1f}" for night in nights.values())] for kind, name in names.items()]
    return page.table(["of what `nightly-backup` has added, MB", *nights], rows)


def table(nights: dict[str, dict[str, Night]]) -> str:
    def cells(way: str) -> list[str]:
        figures = (night[way] for night in nights.values())
        return [cell for night in figures for cell in (f"{night.seconds:.1f}", f"{night.added / MB:.1f}")]

    head = ["", *(f"{night} night, {unit}" for night in nights for unit in ("s", "MB"))]
    return page.table(head, [[name.replace("|", "through"), *cells(way)] for way, name in WAYS.items()])


if __name__ == "__main__":
    sys.exit(main())
