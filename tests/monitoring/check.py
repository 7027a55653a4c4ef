"""Reads a stack's metrics with a real Prometheus: check.py LAMPLIGHTER FOLDER-WITH-PROMETHEUS

Starts supervisors and a scheduler, has them do something, serves what `lamplighter metrics` prints on loopback in both
formats, lets a Prometheus scrape that, and asks it everything that the dashboard and the alert rules ask.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request

LAMPLIGHTER, PROGRAMS = sys.argv[1], pathlib.Path(sys.argv[2])
TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))

from waiting import end, fail, wait_for

RULES = TOP / "docs/monitoring/alerts.yaml"
RULE_TESTS = TOP / "docs/monitoring/alerts-test.yaml"
DASHBOARD = TOP / "docs/monitoring/dashboard.json"
CONTENT_TYPES = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
CALLBACKS = {
    "mysql": "CB_nightly_backup() { echo dumped; }",
    "php": 'CB_task_check() { return 3; }\nCB_wait() { read -r <"$FOLDER/hold"; }\nCB_health_check() { :; }',
    "apache2": "CB_check_certificates() {\n"
    "    leaveInstant certificate \"$(date --utc --date='+60 days' +%Y-%m-%dT%H:%M:%SZ)\" 'good for two months'\n}",
    "backup": "CB_nightly_backup() { :; }\nCB_restore_drill() { :; }\nCB_offsite_copy() {\n"
    "    leaveInstant offsite \"$(date --utc +%Y-%m-%dT%H:%M:%SZ)\" 'all is elsewhere'\n}",
}
# What the rules find, without waiting, in a stack in which a service is down, so that the scheduler complains, another
# one's action fails, and nothing else is wrong.
RAISED = {"LamplighterComplains", "LamplighterDown", "LamplighterFailing"}


class Stack:
    """A stack's folder, and the programs that run in it."""

    def __init__(self, top):
        self.top, self.children = top, []
        self.run = top / "data/run"
        self.run.mkdir(parents=True)
        (top / "docker-compose.yaml").write_text("services:\n")
        # A service that does not run.
        (top / "service/redis").mkdir(parents=True)

    def start(self, name, command, files):
        home = self.top / name
        for folder in ("state", "bin", "conf", "local", "log"):
            (home / folder).mkdir(parents=True)
        (self.top / "service" / name).mkdir(parents=True)
        for path, text in files.items():
            (home / path).write_text(text)
            (home / path).chmod(0o755)
        os.mkfifo(home / "hold")
        environment = {"PATH": os.environ["PATH"], "LAMPLIGHTER_SERVICE": name, "FOLDER": str(home)}
        environment |= {f"LAMPLIGHTER_{f.upper()}": str(home / f) for f in ("state", "bin", "conf", "local", "log")}
        environment |= {"LAMPLIGHTER_RUN": str(self.run), "LAMPLIGHTER_SBIN": str(TOP / "target-sbin")}
        with open(home / "output", "wb") as output:
            child = subprocess.Popen(
                [LAMPLIGHTER, command], env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.children.append(child)

    def call(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "HOME": str(self.top)}
        return subprocess.run(
            [LAMPLIGHTER, *arguments], cwd=self.top, env=environment, capture_output=True, text=True, timeout=30
        )

    def metrics(self, form="text"):
        said = self.call("metrics", *(["--openmetrics"] if form == "openmetrics" else []))
        if said.returncode:
            fail("lamplighter metrics:", said.stderr)
        return said.stdout

    def stop(self):
        end(self.children)


def populate(stack):
    """Starts the services and has them do what there is to see."""
    for name, callbacks in CALLBACKS.items():
        personality = "COMMAND=/bin/sleep OPTS=infinity\n"
        files = {"bin/docker-entry-setup.sh": personality, "bin/docker-callbacks.sh": callbacks + "\n"}
        stack.start(name, "supervise", files)
    # The notifier fails once; nobody takes what is asked of redis.
    notify = "#!/bin/bash\ncat >/dev/null\ncd \"$LAMPLIGHTER_STATE\" && [[ -e failed ]] || { touch failed; exit 1; }\n"
    schedule = "@reboot redis rotate-logs\n5 4 1 1 * mysql nightly-backup\n"
    stack.start("scheduler", "schedule", {"bin/notify": notify, "conf/schedule.cron": schedule})
    for service, action in (
        ("mysql", "nightly-backup"),
        ("backup", "nightly-backup"),
        ("backup", "restore-drill"),
        ("backup", "offsite-copy"),
        ("apache2", "check-certificates"),
        ("php", "task-check"),
    ):
        expected = 1 if service == "php" else 0

        def has_run(service=service, action=action, expected=expected):
            said = stack.call("run", service, action)
            if said.returncode == 4:
                return False
            return said.returncode == expected or fail(f"{service} {action}: {said.returncode}", said.stdout, said.stderr)

        wait_for(f"{service} to do {action}", has_run)
    for action in ("wait", "wait"):
        stack.call("run", "php", action, "--detach")
    stack.call("status", "--check")
    told = 'lamplighter_alarms_told_total{service="scheduler"} '
    wait_for("an alarm to be told", lambda: f"\n{told}0\n" not in stack.metrics())


@contextlib.contextmanager
def served(stack):
    """Serves the metrics on loopback, asked anew for each request: the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            form = self.path.strip("/")
            text = stack.metrics(form).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPES[form])
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


class Prometheus:
    """A Prometheus on loopback that scrapes both formats every two seconds."""

    def __init__(self, folder, port):
        job = "  - {job_name: %s, metrics_path: /%s, static_configs: [{targets: ['127.0.0.1:%d']}]}\n"
        config = "global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}\n"
        config += f"rule_files: ['{RULES}']\nscrape_configs:\n"
        config += "".join(job % (form, form, port) for form in CONTENT_TYPES)
        (folder / "prometheus.yml").write_text(config)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.log = folder / "log"
        arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        arguments += [f"--web.listen-address={self.address}", "--log.level=warn"]
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen([PROGRAMS / "prometheus", *arguments], stdout=log, stderr=log)

    def get(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            if self.child.poll() is not None:
                fail("Prometheus has ended:", self.log.read_text())
            return None

    def ask(self, query):
        """What a query finds now."""
        answer = self.get("query", query=query)
        if not isinstance(answer, dict):
            fail(f"Prometheus does not take `{query}`:", answer)
        return answer["result"]

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def promtool(*arguments, text=None):
    said = subprocess.run(
        [PROGRAMS / "promtool", *arguments], input=text, capture_output=True, text=True, cwd=RULES.parent, timeout=60
    )
    if said.returncode or (text and said.stderr):
        fail(f"promtool {' '.join(map(str, arguments))}:", said.stdout, said.stderr)


def rules_in_both_files():
    """The alerts, each with its expression; each is told to fire in a test, and not to in another."""
    alerts = re.findall(r"^ +- alert: (\w+)\n +expr: (?:>-\n +)?(.+)$", RULES.read_text(), re.MULTILINE)
    tests = RULE_TESTS.read_text()
    if len(alerts) != RULES.read_text().count("- alert:"):
        fail("not each rule could be read")
    for name, _ in alerts:
        fires = rf"alertname: {name}\n +exp_alerts:|alertname=\"{name}\",alertstate=\"firing\""
        if not re.search(fires, tests) or f"alertname: {name}}}" not in tests:
            fail(f"alerts-test.yaml does not have {name} fire, and not fire")
    return alerts


def dashboard_queries():
    """The dashboard's queries, with its variables filled in as Grafana would."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "1m").replace("$service", ".*")
            if "$" in query:
                fail(f"nothing is known to fill in for a variable of `{query}`")
            yield panel["title"], query


def check(stack, prometheus):
    alerts, queries = rules_in_both_files(), list(dashboard_queries())

    def both_are_scraped():
        answer = prometheus.get("targets")
        # While it starts it says that it is unavailable, in words.
        targets = answer["activeTargets"] if isinstance(answer, dict) else []
        for target in targets:
            if target["health"] == "down":
                fail(f"{target['scrapeUrl']} is not taken: {target['lastError']}")
        # For an increase there have to be several.
        counts = prometheus.ask("count_over_time(lamplighter_collected_timestamp_seconds[1m])") if targets else []
        return len(counts) == 2 and all(int(count["value"][1]) >= 3 for count in counts)

    wait_for("both formats to be scraped", both_are_scraped)
    # What increases has to do so while it is looked at.
    stack.call("run", "php", "task-check")
    stack.call("run", "mysql", "nightly-backup")
    runs = 'sum by (job) (increase(lamplighter_runs_total{service="php",outcome="failed"}[1m])) > 0'
    wait_for("a run to be counted", lambda: len(prometheus.ask(runs)) == 2)

    by_job = prometheus.ask('count by (job) (group by (job, __name__, service, action, outcome, le) ({__name__=~"lamplighter_.+"}))')
    numbers = {one["metric"]["job"]: one["value"][1] for one in by_job}
    if set(numbers) != set(CONTENT_TYPES) or len(set(numbers.values())) != 1:
        fail(f"the formats do not have the same series: {numbers}")
    for title, query in queries:
        for form in CONTENT_TYPES:
            # The same query, of what one of the formats brought.
            if not prometheus.ask(query) or not prometheus.ask(in_job(query, form)):
                fail(f"the dashboard's `{title}` finds nothing by `{query}` ({form})")
    raised = set()
    for name, expression in alerts:
        # What is compared has to be there, whether it is beyond its limit or not.
        for side in re.split(r" and ", expression):
            compared = re.split(r" (?:[<>]=?|==) ", side)[0]
            if not prometheus.ask(compared):
                fail(f"{name} looks at nothing: `{compared}`")
        if prometheus.ask(expression):
            raised.add(name)
    if raised != RAISED:
        fail(f"the rules find {sorted(raised)}, and should find {sorted(RAISED)}")
    wait_for("the rules to be evaluated", lambda: prometheus.ask('ALERTS{alertname="LamplighterDown",service="redis"}'))
    print(f"{numbers['text']} series, {len(queries)} queries of the dashboard, {len(alerts)} rules")


def in_job(query, job):
    """The query, with each of its metrics looked for in one job only."""
    query = re.sub(r"(lamplighter_\w+)\{", rf'\1{{job="{job}",', query)
    return re.sub(r"(lamplighter_\w+)(?![\w{])", rf'\1{{job="{job}"}}', query)


def main():
    promtool("check", "rules", RULES.name)
    promtool("test", "rules", RULE_TESTS.name)
    with tempfile.TemporaryDirectory(prefix="lamplighter-") as folder:
        folder = pathlib.Path(folder)
        (folder / "stack").mkdir()
        (folder / "prometheus").mkdir()
        stack = Stack(folder / "stack")
        try:
            populate(stack)
            promtool("check", "metrics", text=stack.metrics())
            with served(stack) as port:
                prometheus = Prometheus(folder / "prometheus", port)
                try:
                    check(stack, prometheus)
                finally:
                    prometheus.stop()
        finally:
            stack.stop()


main()
