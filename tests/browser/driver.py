"""A Chromium that is told what to do, over chromedriver's HTTP (W3C WebDriver, and Chromium's own DevTools protocol)."""

import json
import os
import subprocess
import threading
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
OPTIONS = [
    "--headless",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    # It asks nobody for anything by itself, and nobody but this machine has a name.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--lang=en",
    "--hide-scrollbars",
]


class Refused(Exception):
    """What was asked for is not there, or cannot be done."""


class Browser:
    """One window; `folder` is the browser's own."""

    def __init__(self, folder, width, height):
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TZ": "UTC", "LANG": "C.UTF-8"}
        self.child = subprocess.Popen(
            ["chromedriver", "--port=0"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.session = None
        self.said = ""
        self.port = self._port()
        # Whatever else it says is to hold nothing up.
        threading.Thread(target=self.child.stdout.read, daemon=True).start()
        arguments = [*OPTIONS, f"--window-size={width},{height}", f"--user-data-dir={folder}/profile"]
        # Root's own programs have no sandbox to be in.
        arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = answer["sessionId"]
        # The page that a new window has is its own.
        self.open("about:blank")
        self.asked_for()

    def _port(self):
        for line in self.child.stdout:
            self.said += line
            if "started successfully on port " in line:
                return int(line.rsplit(" ", 1)[1].rstrip(".\n"))
        raise Refused(f"chromedriver does not start: {self.said}")

    def call(self, method, path, body=None):
        path = path if self.session is None else f"/session/{self.session}{path}"
        data = json.dumps(body or {}).encode() if method == "POST" else None
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Refused(json.load(error)["value"]["message"].splitlines()[0]) from None

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def url(self):
        return self.call("GET", "/url")

    def run(self, script, *arguments):
        """What the body of a function returns that is called in the page."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_async(self, script, *arguments):
        """What it hands to its last argument, a function."""
        return self.call("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def at(self, selector, method, what, body=None, using="css selector"):
        """Does something at what is found; again, where that has been replaced meanwhile, as live pages do."""
        while True:
            element = self.call("POST", "/element", {"using": using, "value": selector})[ELEMENT]
            try:
                return self.call(method, f"/element/{element}/{what}", body)
            except Refused as error:
                if "stale element" not in str(error):
                    raise

    def text(self, selector="main"):
        return self.at(selector, "GET", "text")

    def click(self, selector, using="css selector"):
        self.at(selector, "POST", "click", using=using)

    def type(self, selector, text):
        self.at(selector, "POST", "value", {"text": text})

    def log(self, kind):
        """What has been logged since it was asked for last."""
        return self.call("POST", "/se/log", {"type": kind})

    def asked_for(self):
        """The URLs that pages have asked for since this was asked last."""
        messages = (json.loads(entry["message"])["message"] for entry in self.log("performance"))
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def stop(self):
        try:
            if self.session is not None:
                self.call("DELETE", "")
        except (Refused, OSError):
            pass
        finally:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
