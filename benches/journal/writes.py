"""How a group of records can be brought to the disk: today's way beside others, on several file systems, in turns."""

import mmap
import os
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import page

# As much as one request's two records.
GROUP = b"x" * 250 + b"\n"
BLOCK = mmap.PAGESIZE
MEBIBYTE = 1 << 20
# xfs makes none smaller than 300 MiB.
IMAGE = 512 * MEBIBYTE


@dataclass(frozen=True)
class Way:
    """A way to bring records to the disk."""

    name: str
    # What there is of the file before: nothing; blocks beyond its end; blocks within it that were never written; written ones.
    room: str
    # What it is opened with, beyond what any file is.
    flags: int
    bring: Callable[[int, int], None]


@dataclass
class Found:
    """What was measured of one way."""

    taken: list[float]
    writes: int = 0
    flushes: int = 0


def then_sync(file: int, at: int) -> None:
    os.pwrite(file, GROUP, at)
    os.fdatasync(file)


def with_flag(file: int, at: int) -> None:
    os.pwritev(file, [GROUP], at, os.RWF_DSYNC)


def opened_so(file: int, at: int) -> None:
    os.pwrite(file, GROUP, at)


def whole_blocks(buffer: mmap.mmap) -> Callable[[int, int], None]:
    """What goes past the kernel's cache is whole blocks, those before the group's beginning once more."""

    def bring(file: int, at: int) -> None:
        first = at // BLOCK * BLOCK
        length = -(-(at + len(GROUP) - first) // BLOCK) * BLOCK
        buffer[at - first : at - first + len(GROUP)] = GROUP
        os.pwrite(file, memoryview(buffer)[:length], first)

    return bring


TODAY = Way("today: appended, room reserved; `fdatasync`", "reserved", 0, then_sync)


def ways() -> list[Way]:
    return [
        TODAY,
        Way("the same without room; `fdatasync`", "none", 0, then_sync),
        Way("appended, room reserved; `RWF_DSYNC`", "reserved", 0, with_flag),
        Way("over blocks never written; `fdatasync`", "unwritten", 0, then_sync),
        Way("over written blocks; `fdatasync`", "written", 0, then_sync),
        Way("over written blocks; `RWF_DSYNC`", "written", 0, with_flag),
        Way("over written blocks; `O_DSYNC`", "written", os.O_DSYNC, opened_so),
        Way(
            "over written blocks; `O_DIRECT`, `O_DSYNC`",
            "written",
            os.O_DIRECT | os.O_DSYNC,
            whole_blocks(mmap.mmap(-1, 2 * BLOCK)),
        ),
    ]


def section(folder: Path, samples: int) -> str:
    """What came out, as text."""
    machine = page.machine()
    # What is measured is the disk, not who else wants the processor.
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    tables = [f"### {file_system(folder)}, the disk itself\n\n{measure(folder, None, samples)}"]
    for name, make in MAKERS.items():
        with mounted(folder, make) as (mount, device):
            if name.endswith(NOT_COPIED):
                subprocess.run(["chattr", "+C", mount], check=True)
            tables.append(f"### {name}, in a file\n\n{measure(mount, device, samples)}")
    parts = "\n".join(tables)
    return f"""\
## The journal's write

Written by `bin/bench-journal --writes`, on {machine}: {len(GROUP)} bytes, as much as a request's two records, {samples:,} times each
way, all ways of a file system in turns, in an order of chance, each to a file of its own. *Faster*: how many times today's time is this one's,
the median of the turns' own. It is measured with the highest priority of all processes. The first is the disk that everything is on. The others are in a file on that disk, behind a loop
device that keeps nothing itself (`--direct-io`): a flush there is an `fsync` of that file, so that what is to be compared is the ways
on one file system, not file systems. What the device had to do, its own journal's and trees' part included, is counted there
and does not depend on other load.

{parts}"""


def file_system(folder: Path) -> str:
    """Its name; `stat` has one for ext2 to ext4."""
    return subprocess.run(
        ["findmnt", "--noheadings", "--output=FSTYPE", "--target", folder], capture_output=True, text=True, check=True
    ).stdout.strip()


NOT_COPIED = "without copy on write"
MAKERS = {
    "ext4": ["mkfs.ext4", "-q", "-F"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
    f"btrfs, {NOT_COPIED}": ["mkfs.btrfs", "-q", "-f"],
}


@contextmanager
def mounted(folder: Path, make: list[str]) -> Iterator[tuple[Path, str]]:
    """A new file system in a file; where it is mounted, and on which device."""
    image, mount = folder / "image", folder / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        # Written and not only made long: what it takes to find a place for a block is the disk's, not what is measured.
        for _ in range(IMAGE // MEBIBYTE):
            file.write(bytes(MEBIBYTE))
        os.fsync(file.fileno())
    subprocess.run([*make, image], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    device = told(["losetup", "--find", "--show", "--direct-io=on", image])
    try:
        subprocess.run(["mount", device, mount], check=True)
        try:
            yield mount, Path(device).name
        finally:
            subprocess.run(["umount", mount], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
        image.unlink()
        mount.rmdir()


def told(command: list[str | Path]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def measure(folder: Path, device: str | None, samples: int) -> str:
    place = folder / "ways"
    place.mkdir()
    files = {way: prepare(place / str(number), way, samples) for number, way in enumerate(ways())}
    os.sync()
    found = {way: Found([]) for way in files}
    order, chance = list(files.items()), random.Random(1)
    for turn in range(samples):
        # What one leaves to be done is not always the same one's burden.
        chance.shuffle(order)
        for way, file in order:
            before = work(device)
            began = time.monotonic()
            way.bring(file, turn * len(GROUP))
            found[way].taken.append(time.monotonic() - began)
            writes, flushes = work(device)
            found[way].writes += writes - before[0]
            found[way].flushes += flushes - before[1]
    for file in files.values():
        os.close(file)
    shutil.rmtree(place)
    head = ["", "median, ms", "p99, ms", "faster", "writes", "flushes"]
    return page.table(head if device else head[:4], [row(way, found, samples, bool(device)) for way in found])


def prepare(path: Path, way: Way, samples: int) -> int:
    """The way's file, as it is before the first write."""
    size = -(-samples * len(GROUP) // BLOCK + 1) * BLOCK
    if way.room == "written":
        # Blanks: whoever reads the records would pass over them.
        path.write_bytes(b" " * size)
    else:
        path.touch()
    if way.room in ("reserved", "unwritten"):
        keep = ["--keep-size"] if way.room == "reserved" else []
        subprocess.run(["fallocate", *keep, f"--length={size}", path], check=True)
    file = os.open(path, os.O_RDWR | way.flags)
    os.fsync(file)
    return file


def work(device: str | None) -> tuple[int, int]:
    """How many writes and flushes a device has finished."""
    if device is None:
        return 0, 0
    fields = Path(f"/sys/block/{device}/stat").read_text().split()
    return int(fields[4]), int(fields[15])


def row(way: Way, found: dict[Way, Found], samples: int, has_device: bool) -> list[str]:
    its = found[way]
    faster = statistics.median(today / this for today, this in zip(found[TODAY].taken, its.taken, strict=True))
    ordered = sorted(its.taken)
    figures = [f"{statistics.median(ordered) * 1000:.3f}", f"{ordered[len(ordered) * 99 // 100] * 1000:.3f}", f"{faster:.2f}"]
    work_of = [f"{its.writes / samples:.1f}", f"{its.flushes / samples:.1f}"] if has_device else []
    return [way.name, *figures, *work_of]
