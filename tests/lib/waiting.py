"""How a test of ours in Python waits, says what is wrong, and ends what it has started."""

import signal
import subprocess
import sys
import time

# In seconds. Machines are slow and shared: nothing takes that long.
PATIENCE = 90


def fail(*lines):
    print(*lines, sep="\n", file=sys.stderr)
    sys.exit(1)


def wait_for(what, look):
    """Waits until `look` finds something, which is returned."""
    until = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > until:
            fail(f"in vain waited for {what}")
        time.sleep(0.05)


def end(children):
    """Asks them to end, and sees to it that they do."""
    for child in children:
        child.send_signal(signal.SIGTERM)
    for child in children:
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
