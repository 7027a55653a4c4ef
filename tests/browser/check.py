"""Uses the console as people do, in a real Chromium: check.py FOLDER-WITH-THE-PROGRAMS AXE [FOLDER-FOR-PICTURES]

Each case is a function, named for what holds; they follow one another in one browser. Whatever they do, no page asks another
host for anything, and none has a word for the browser's console.
"""

import base64
import pathlib
import re
import sys
import tempfile
import time

from driver import Browser, Refused
from stack import PASSWORD, Stack
from totp import code
from waiting import fail, wait_for

PROGRAMS, AXE = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
PICTURES = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
WIDTH, HEIGHT = 1100, 900
PAGES = {"Now": "/", "Schedule": "/schedule", "Backups": "/backups", "History": "/history"}
ACCESSIBLE = pathlib.Path(__file__).with_name("accessible.js").read_text(encoding="utf-8")


class Console:
    """The console, as somebody has it before him."""

    def __init__(self, stack, browser, url):
        self.stack, self.browser, self.base = stack, browser, url

    def open(self, path):
        self.browser.open(self.base + path)

    def is_at(self, path):
        return self.browser.url() == self.base + path

    def shows(self, *texts, where="main"):
        """Waits until the page shows these."""

        def look():
            try:
                shown = self.browser.text(where)
            except Refused:
                # The page is just being replaced.
                return False
            return all(text in shown for text in texts)

        wait_for(f"{texts} on {self.browser.url()}", look)

    def log_in(self, name, secret):
        # A code that is about to be another's is none that one would type.
        if time.time() % 30 > 27:
            time.sleep(30 - time.time() % 30)
        self.open("/")
        for field, text in (("name", name), ("password", PASSWORD), ("code", code(secret))):
            self.browser.type(f"#{field}", text)
        self.browser.click("button")
        self.shows("Now", "mysql")

    def confirm(self):
        self.browser.click("main form button")

    def is_quiet(self):
        """No page had a word for the browser's console, or asked another host."""
        said = [entry["message"] for entry in self.browser.log("browser")]
        elsewhere = [url for url in self.browser.asked_for() if not url.startswith(self.base + "/")]
        if said or elsewhere:
            fail("the browser's console has:", *said, "and asked for elsewhere was:", *elsewhere)

    def picture(self, name, height=HEIGHT):
        if PICTURES is None:
            return
        self.browser.devtools("Emulation.setDeviceMetricsOverride", width=WIDTH, height=height, deviceScaleFactor=1, mobile=False)
        taken = self.browser.devtools("Page.captureScreenshot", format="webp", quality=70)
        self.browser.devtools("Emulation.clearDeviceMetricsOverride")
        (PICTURES / f"console-{name}.webp").write_bytes(base64.b64decode(taken["data"]))


def who_has_no_code_does_not_get_in(console, secret):
    console.open("/history")
    if not console.is_at("/login"):
        fail(f"who is not logged in is at {console.browser.url()}")
    for field, text in (("name", "anna"), ("password", PASSWORD), ("code", "12345")):
        console.browser.type(f"#{field}", text)
    console.browser.click("button")
    console.shows("Name, password or code is wrong")
    # That it was refused is what the browser has to say of it.
    said = [entry["message"] for entry in console.browser.log("browser")]
    if len(said) != 1 or "403" not in said[0]:
        fail("the browser's console has:", *said)
    console.log_in("anna", secret)


def a_failure_is_seen_with_its_output(console, _):
    console.stack.lamplighter("run", "php", "task-check")
    console.stack.lamplighter("run", "mysql", "keep-changes")
    console.open("/")
    console.shows("What is wrong: 1", "php failed: task-check failed 255")
    console.picture("now", 1000)
    row = "//section[@aria-labelledby='service-php']//tr[th='task-check']//a[contains(., 'failed 255')]"
    console.browser.click(row, using="xpath")
    console.shows("failed 255", "Call to undefined function databse()", "Attempt")


def a_run_is_begun_and_watched_live_to_its_end(console, _):
    console.open("/")
    console.browser.click("a[aria-label='Run import of php']")
    console.shows("php is asked to carry out import for root")
    console.confirm()
    console.shows("running", "12 of 34 pictures")
    # A page that is loaded anew would forget this.
    console.browser.run("window.isStill = true")
    console.stack.release("php")
    console.shows("running", "12 of 34 pictures", "20 of 34 pictures")
    console.picture("run", 620)
    console.stack.release("php")
    console.shows("succeeded", "34 of 34 pictures", "console/anna")
    if not console.browser.run("return window.isStill"):
        fail("the page of the run was loaded anew")


def a_run_is_called_off(console, _):
    console.open("/do/php/import")
    console.confirm()
    console.shows("running", "12 of 34 pictures")
    console.browser.click("Call it off…", using="link text")
    console.shows("When it runs, its processes are told to end")
    console.confirm()
    console.shows("cancelled", "by console/anna")


def now_shows_what_happens_by_itself(console, _):
    console.open("/")
    console.shows("What is wrong: 1")
    console.shows("62 days left", "61 % full", "packages are 6 days old", "Its output")
    console.browser.run("window.isStill = true; document.querySelector(`a[aria-label='Run import of php']`).focus()")
    console.stack.lamplighter("run", "php", "import", "--detach")
    console.shows("import: running")
    for _ in range(2):
        console.stack.release("php")
    wait_for("the end of it", lambda: "import: running" not in console.browser.text())
    if not console.browser.run("return window.isStill && document.activeElement.ariaLabel === 'Run import of php'"):
        fail("the page was loaded anew, or has lost the focus")


def the_thirty_days_are_a_picture_and_a_table(console, _):
    console.open("/history")
    shapes = {"m-good": 60, "m-bad": 2, "m-fill-bad": 2, "m-odd": 2}
    for shape, least in shapes.items():
        count = console.browser.run("return document.querySelectorAll(`svg.picture .${arguments[0]}`).length", shape)
        if count < least:
            fail(f"the picture has {count} marks {shape}, not {least}")
    console.picture("history", 800)
    console.browser.type("#action", "nightly-backup")
    console.browser.click("form[role=search] button")
    console.shows("timed-out")
    # Of 29 nights, and of this one, where it is just being passed.
    found = int(re.search(r"Requests: (\d+)", console.browser.text()).group(1))
    if found not in range(58, 61):
        fail(f"{found} backups are found")
    console.browser.click("svg.picture a:has(.m-bad)")
    console.shows("nightly-backup of mysql", "failed 1")


def the_schedule_shows_a_day_and_a_week(console, _):
    console.open("/schedule")
    console.shows("The coming day", "The coming week", "Entries: 10", "every minute", "at 09:00 on Monday")
    console.picture("schedule", 1250)


def the_backups_tell_what_would_be_lost(console, _):
    console.open("/backups")
    console.shows("What would be lost now", "Any second since", "42 backups", "MariaDB's files", "3.0 GiB")
    console.picture("backups", 1000)


def pages_are_as_wide_as_a_telephone(console, _):
    for path in [*PAGES.values(), last_run(console), "/do/php/import", "/nothing"]:
        for width in (360, 320):
            console.browser.devtools("Emulation.setDeviceMetricsOverride", width=width, height=740, deviceScaleFactor=2, mobile=True)
            console.open(path)
            wide, has = console.browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            if wide > has or has > width:
                fail(f"{path} is {wide} pixels wide where there are {width}")
    console.browser.devtools("Emulation.clearDeviceMetricsOverride")
    # That there is no such page is an error to the browser.
    console.browser.log("browser")


def last_run(console):
    console.open("/history")
    return console.browser.run("return document.querySelector(`td a[href^='/runs/']`).pathname")


def pages_are_for_everybody(console, _):
    # What is looked at is not replaced meanwhile.
    still = console.browser.devtools("Page.addScriptToEvaluateOnNewDocument", source="window.fetch = () => new Promise(() => {});")
    run = last_run(console)
    failed = console.browser.run("return document.querySelector(`a[href^='/runs/']:has(.m-bad)`).getAttribute('href')")
    for scheme in ("light", "dark"):
        console.browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for path in [*PAGES.values(), run, failed, "/do/php/import"]:
            console.open(path)
            is_accessible(console, f"{path} in {scheme}")
        # What is wrong is found: a button without a name, and what can hardly be read, also in a picture.
        console.open("/history")
        console.browser.run(AXE.read_text(encoding="utf-8"))
        console.browser.run(
            "const [button, pale] = [document.createElement('button'), document.createElement('p')];"
            "pale.textContent = 'pale'; pale.style.color = '#777';"
            "document.querySelector('main').append(button, pale);"
            "document.querySelector('svg text').style.fill = '#777'"
        )
        found = {line.split(":")[0] for line in console.browser.run_async(ACCESSIBLE)["wrong"]}
        if found != {"button-name", "color-contrast", "picture-contrast"}:
            fail(f"of a page with three faults is found {found}")
    console.browser.devtools("Emulation.setEmulatedMedia", features=[])
    console.browser.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=still["identifier"])


def is_accessible(console, what):
    console.browser.run(AXE.read_text(encoding="utf-8"))
    found = console.browser.run_async(ACCESSIBLE)
    if found["wrong"] or found["rules"] < 20:
        fail(f"{what}: by {found['rules']} rules:", *found["wrong"])


def pages_can_be_read_and_used_without_javascript(console, _):
    console.browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    for name, path in PAGES.items():
        console.open(path)
        console.shows(name, "As of", where="body")
    live = [url for url in console.browser.asked_for() if url.endswith("/events")]
    if live:
        fail(f"the script runs all the same: {live}")
    console.open("/do/mysql/keep-changes")
    console.confirm()
    path = wait_for("the run's page", lambda: "/runs/" in console.browser.url() and console.browser.url().removeprefix(console.base))

    def has_ended():
        console.open(path)
        return "succeeded" in console.browser.text() and "kept: 12.3KiB of changes" in console.browser.text()

    wait_for("the end of the run", has_ended)
    console.browser.devtools("Emulation.setScriptExecutionDisabled", value=False)


def who_logs_out_is_out(console, _):
    console.open("/")
    console.browser.click(".out button")
    wait_for("the page to log in", lambda: console.is_at("/login"))
    is_accessible(console, "/login")
    console.open("/history")
    if not console.is_at("/login"):
        fail("the session goes on")


def the_page_of_who_may_come_no_more_leaves_by_itself(console, _):
    console.log_in("berta", console.stack.add_user("berta"))
    console.stack.console("user", "remove", "berta")
    console.stack.lamplighter("run", "mysql", "keep-changes")
    wait_for("the page to log in", lambda: console.is_at("/login"))
    # That it was told so is what the browser has to say of it.
    said = [entry["message"] for entry in console.browser.log("browser")]
    if any("401" not in message for message in said):
        fail("the browser's console has:", *said)


CASES = [
    who_has_no_code_does_not_get_in,
    a_failure_is_seen_with_its_output,
    a_run_is_begun_and_watched_live_to_its_end,
    a_run_is_called_off,
    now_shows_what_happens_by_itself,
    the_thirty_days_are_a_picture_and_a_table,
    the_schedule_shows_a_day_and_a_week,
    the_backups_tell_what_would_be_lost,
    pages_are_as_wide_as_a_telephone,
    pages_are_for_everybody,
    pages_can_be_read_and_used_without_javascript,
    who_logs_out_is_out,
    the_page_of_who_may_come_no_more_leaves_by_itself,
]


def main():
    with tempfile.TemporaryDirectory(prefix="lamplighter-") as folder:
        folder = pathlib.Path(folder)
        (folder / "stack").mkdir()
        stack, browser = Stack(folder / "stack", PROGRAMS), None
        try:
            stack.start_all()
            url = stack.start_console()
            secret = stack.add_user("anna")
            browser = Browser(folder, WIDTH, HEIGHT)
            console = Console(stack, browser, url)
            for case in CASES:
                began = time.monotonic()
                try:
                    case(console, secret)
                except Refused as error:
                    fail(f"{case.__name__}: at {browser.url()}: {error}")
                console.is_quiet()
                print(f"{case.__name__.replace('_', ' ')}: {time.monotonic() - began:.1f} s", flush=True)
        finally:
            if browser is not None:
                browser.stop()
            stack.stop()


main()
