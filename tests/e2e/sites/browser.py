"""A browser without a window, as the tests of real sites use it: it fills forms in, takes pictures, and keeps what the
console complains of."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

# Where pictures go.
RESULTS = Path(os.environ.get("RESULTS", "."))
# How long a page may take: an installer makes a whole database meanwhile.
PATIENCE = 120.0


class Browser:
    """Chromium, driven by chromedriver, on one site."""

    def __init__(self, site: str, width: int = 1280, height: int = 900) -> None:
        self.site = site.rstrip("/")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        # The container is what keeps it in; it has neither a user namespace nor much of /dev/shm.
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={width},{height}"):
            options.add_argument(argument)
        # Nothing but the site is asked for: what its pages fetch elsewhere (avatars, say) fails at once.
        options.add_argument("--host-resolver-rules=MAP forum.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=webdriver.ChromeService("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(PATIENCE)
        self.driver.set_script_timeout(PATIENCE)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()

    def open(self, path: str) -> None:
        self.driver.get(self.site + path)

    def find(self, selector: str) -> WebElement:
        """The first that there is, once there is one."""
        return self.until(f"there is {selector}", lambda: self.driver.find_elements(By.CSS_SELECTOR, selector))[0]

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def fill(self, selector: str, text: str) -> None:
        """Puts the text into the field as a whole: suggestions of the page's own scripts do not come between."""
        self.driver.execute_script("arguments[0].value = arguments[1]", self.find(selector), text)

    def click(self, selector: str) -> None:
        self.driver.execute_script("arguments[0].click()", self.find(selector))

    def leave(self, selector: str) -> None:
        """Clicks, and waits until another page is there, whole."""
        page = self.find("html")
        self.click(selector)
        self.until(f"{selector} leads somewhere", lambda: self._gone(page) and self._whole())

    def text(self) -> str:
        return self.find("body").text

    def fetch(self, script: str, *arguments: object) -> object:
        """What a script of the page's gives, which may wait (`await`)."""
        given = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...arguments).then(v => done([v]), e => done(JSON.stringify(e, Object.getOwnPropertyNames(e))))",
            *arguments,
        )
        if not isinstance(given, list):
            raise SystemExit(f"{self.driver.current_url}: {given}")
        return given[0]

    def picture(self, name: str) -> None:
        self.driver.save_screenshot(str(RESULTS / f"{name}.png"))

    def lamp(self) -> str:
        """A picture to upload, drawn by the browser itself: its path."""
        path = "/tmp/lamp.png"
        self.driver.get("data:text/html;charset=utf-8,<body style='font-size:300px;width:640px;background:%23203040;text-align:center'>🏮")
        self.find("body").screenshot(path)
        return path

    def complaints(self) -> list[str]:
        """What the console has had to say since the last time, errors alone; nothing of other hosts, which are not there."""
        errors = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [error for error in errors if "ERR_NAME_NOT_RESOLVED" not in error]

    def until[T](self, what: str, condition: Callable[[], T]) -> T:
        try:
            return WebDriverWait(self.driver, PATIENCE, 0.1).until(lambda _: condition())
        except WebDriverException as error:
            raise SystemExit(f"{self.driver.current_url}: waited in vain until {what}\n{self.text()[:3000]}") from error

    def _gone(self, page: WebElement) -> bool:
        try:
            page.is_enabled()
        except StaleElementReferenceException:
            return True
        return False

    def _whole(self) -> bool:
        return self.driver.execute_script("return document.readyState") == "complete"


def expect(holds: object, what: str, browser: Browser) -> None:
    if not holds:
        browser.picture("failed")
        raise SystemExit(f"{browser.driver.current_url}: {what}\n{browser.text()[:3000]}")


def expect_no_complaint(browser: Browser) -> None:
    complaints = browser.complaints()
    expect(not complaints, "the console complains: " + "\n".join(complaints), browser)


def main(steps: dict[str, Callable[..., object]]) -> None:
    """`SITE STEP [ARGUMENT...]`: what the step gives is printed, as JSON where it is no text."""
    site, step, *arguments = sys.argv[1:]
    with Browser(site) as browser:
        given = steps[step](browser, *arguments)
    if given is not None:
        print(given if isinstance(given, str) else json.dumps(given))
