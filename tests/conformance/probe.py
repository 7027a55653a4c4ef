"""A service, or a process below one, that tells what happens to it.

    probe.py FOLDER NAME [FLAG...]

It writes to FOLDER/NAME.log, one line an event with the monotonic time before it, and takes orders from the
FIFO FOLDER/NAME.ctl. Whatever signal it gets it records, and stays; flags say what else it does:

    leave=CODE            a signal that asks to stop (TERM, INT, QUIT) ends it with this status
    crowd=N               so many processes below it, each with a session of its own, that ignore TERM
    kid=NAME[+TRAIT...]   a process of the same kind below it. Traits: orphan (its parent is gone), group (a
                          process group of its own), setsid (a session of its own), leave (0 when asked to stop),
                          runner (hands over to a child of its own, again and again), leaderless (its first thread
                          ends, and it lives on in another)

Orders: `exit CODE`; `die SIGNAL`; `orphans N`: N processes whose parents are gone come and go.
"""

import ctypes
import os
import select
import signal
import sys
import threading
import time

ASKS_TO_STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS, signal.SIGABRT}
NOT_OURS = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD} | FAULTS


class Probe:
    """One process: its log, its orders, its signals."""

    def __init__(self, folder: str, name: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, name)
        self.leave: int | None = None
        self.oddity = ""

    def run(self, flags: list[str]) -> None:
        """Starts what is below, then says it is ready and waits for signals and orders."""
        self.log = os.open(f"{self.path}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        for flag in flags:
            word, _, value = flag.partition("=")
            if word == "leave":
                self.leave = int(value)
            elif word == "kid":
                self.start_kid(*value.split("+"))
            elif word == "crowd":
                self.start_crowd(int(value))
            elif word in ODDITIES:
                self.oddity = word
            else:
                raise SystemExit(f"no flag of a probe: {flag}")
        signals, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup)
        for number in signal.valid_signals() - NOT_OURS:
            signal.signal(number, lambda *_: None)
        orders = self.open_orders()
        self.say(f"ready {os.getpid()} {os.getppid()} {os.getpgid(0)} {os.getsid(0)}")
        if self.oddity:
            ODDITIES[self.oddity]()
        while True:
            for source in select.select([signals, orders], [], [])[0]:
                data = os.read(source, 4096)
                if source == signals:
                    self.take_signals(data)
                else:
                    self.take_orders(data.decode())

    def open_orders(self) -> int:
        try:
            os.mkfifo(f"{self.path}.ctl", 0o666)
        except FileExistsError:
            pass
        # For writing too: the end of one writer is no end of input.
        return os.open(f"{self.path}.ctl", os.O_RDWR | os.O_NONBLOCK)

    def start_kid(self, name: str, *traits: str) -> None:
        if os.fork() != 0:
            if "orphan" in traits:
                os.wait()
            return
        parent = os.getpid()
        if "orphan" in traits:
            if os.fork() != 0:
                os._exit(0)
            while os.getppid() == parent:
                time.sleep(0.001)
        if "setsid" in traits:
            os.setsid()
        elif "group" in traits:
            os.setpgid(0, 0)
        flags = ["leave=0"] if "leave" in traits else []
        Probe(self.folder, name).run([*flags, *(trait for trait in traits if trait in ODDITIES)])

    def start_crowd(self, count: int) -> None:
        for _ in range(count):
            if os.fork() == 0:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(300)
                os._exit(0)

    def take_signals(self, numbers: bytes) -> None:
        for number in numbers:
            self.say(f"signal {number}")
            if self.leave is not None and number in ASKS_TO_STOP:
                self.say("leaving")
                os._exit(self.leave)

    def take_orders(self, text: str) -> None:
        for order in text.splitlines():
            word, number = order.split()
            if word == "exit":
                self.say("leaving")
                os._exit(int(number))
            elif word == "die":
                signal.signal(int(number), signal.SIG_DFL)
                os.kill(os.getpid(), int(number))
            elif word == "orphans":
                self.make_orphans(int(number))

    def make_orphans(self, count: int) -> None:
        gone, alive = os.pipe()
        for _ in range(count):
            middle = os.fork()
            if middle == 0:
                parent = os.getpid()
                if os.fork() != 0:
                    os._exit(0)
                while os.getppid() == parent:
                    time.sleep(0.001)
                os._exit(0)
            os.waitpid(middle, 0)
        os.close(alive)
        # The end of input: the last of those that inherited the other end has ended.
        os.read(gone, 1)
        os.close(gone)
        self.say(f"orphans {count}")

    def say(self, what: str) -> None:
        os.write(self.log, f"{time.monotonic_ns()} {what}\n".encode())


def run_ahead() -> None:
    """Goes on as a child of itself, for five minutes: it may be that nobody catches it."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if os.fork() != 0:
            os._exit(0)
        time.sleep(0.001)
    os._exit(0)


def end_first_thread() -> None:
    """Ends the first thread and no other: `ps` then shows a zombie, though the process lives."""
    threading.Thread(target=lambda: time.sleep(300)).start()
    exit_thread = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
    ctypes.CDLL(None).syscall(exit_thread, 0)


ODDITIES = {"runner": run_ahead, "leaderless": end_first_thread}


if __name__ == "__main__":
    Probe(sys.argv[1], sys.argv[2]).run(sys.argv[3:])
