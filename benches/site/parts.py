"""Parts of the stack, each with the change of its configuration that does without it, or does it in another way."""

import re
from dataclasses import dataclass, field
from pathlib import Path

APACHE = "service/apache2/conf/apache2.conf"
LIMITS = "service/apache2/conf/limits.conf"
SITE = "service/apache2/conf/site.conf"
HOSTS = "service/apache2/conf/hosts.conf"
POOL = "service/php/conf/php-fpm.conf"
INI = "service/php/conf/php.d/lamplighter.ini"
MARIADB = "service/mysql/conf/mariadb.cnf"
REDIS = "service/redis/conf/redis.conf"

# File, what is to be found there (a regular expression of whole lines, at least once), what takes its place.
Edit = tuple[str, str, str]
WEB = ("tiny", "static")


@dataclass(frozen=True)
class Part:
    """One of them; `what` says what is measured beside the stack as it is."""

    name: str
    what: str
    service: str
    edits: list[Edit] = field(hash=False)
    pages: tuple[str, ...] = WEB

    @property
    def files(self) -> set[str]:
        return {file for file, _, _ in self.edits}

    def changed_in(self, folder: Path) -> dict[str, str]:
        """The text of each of its files in a stack's folder, changed."""
        texts = {file: (folder / file).read_text() for file in self.files}
        for file, there, instead in self.edits:
            texts[file], found = re.subn(f"^{there}$", instead, texts[file], flags=re.MULTILINE)
            if not found:
                raise RuntimeError(f"the part {self.name} cannot be changed: {file} has nothing that matches {there}")
        return texts


def apache(name: str, what: str, *edits: Edit, pages: tuple[str, ...] = WEB) -> Part:
    return Part(name, what, "apache2", list(edits), pages)


def php(name: str, what: str, *edits: Edit, pages: tuple[str, ...] = ("tiny", "page")) -> Part:
    return Part(name, what, "php", list(edits), pages)


def without(module: str) -> Edit:
    return (APACHE, rf"LoadModule {module}_module .*", "")


KEPT = '<Proxy "unix:/run/php/php-fpm.sock|fcgi://_">\n    ProxySet enablereuse=on max=10\n</Proxy>\n'

PARTS = [
    php("guard", "no guard.php before each script", (POOL, r"php_admin_value\[auto_prepend_file\].*", ""), pages=("tiny",)),
    apache("exists", "no look whether a script exists", (SITE, r'    <If "-f .*\n    (    SetHandler .*)\n    </If>', r"\1"), pages=("tiny",)),
    apache("buffer", "bodies not buffered", (LIMITS, r"    SetInputFilter BUFFER\n    BufferSize .*", ""),
           (LIMITS, r"SetEnv proxy-sendcl 1", ""), pages=("tiny",)),  # fmt: skip
    apache("htaccess", "no .htaccess looked for", (SITE, r"    AllowOverride AuthConfig.*\n    AllowOverrideList (?:.*\\\n)*.*", "    AllowOverride None")),
    apache("links", "links followed without a look at their owner", (SITE, r" *Options SymLinksIfOwnerMatch", "    Options FollowSymLinks")),
    apache("leftovers", "dumps, copies and archives served", (SITE, r'<FilesMatch "\(\?i\).*\n.*\n</FilesMatch>', ""),
           (SITE, r"<LocationMatch .*\n.*\n</LocationMatch>", "")),  # fmt: skip
    apache("hidden", "hidden files served", (SITE, r"RedirectMatch 404 .*", "")),
    apache("qos", "no mod_qos", without("qos"), (LIMITS, r" *QS_.*", "")),
    apache("reqtimeout", "no mod_reqtimeout", without("reqtimeout"), (LIMITS, r"RequestReadTimeout .*", "")),
    apache("http2", "no mod_http2", without("http2"), (HOSTS, r" *Protocols h2 http/1\.1", "")),
    apache("headers", "no headers set", (APACHE, r"(?:Request)?Header .*", "")),
    apache("compression", "nothing compressed", (APACHE, r"AddOutputFilterByType .*", "")),
    apache("log", "no access log", (APACHE, r"CustomLog .*", "")),
    apache("refused-log", "no log of refusals", (LIMITS, r"CustomLog .*", "")),
    apache("buffered-log", "log lines written by 4 KiB (`BufferedLogs`)", (APACHE, r"CustomLog (.*)", r"BufferedLogs On\nCustomLog \1")),
    apache("mmap", "files through mmap, as by default", (APACHE, r"EnableMMAP +Off", "EnableMMAP On"), pages=("static",)),
    apache("sendfile", "files by sendfile", (APACHE, r"EnableMMAP +Off", "EnableMMAP Off\nEnableSendfile On"), pages=("static",)),
    apache("worker", "mpm_worker: a thread for each connection that is kept", (APACHE, r"LoadModule mpm_event_module .*", "LoadModule mpm_worker_module ${modules}/mod_mpm_worker.so")),
    apache("kept", "connections to PHP-FPM kept (`enablereuse`)", (SITE, r"(<FilesMatch .\\\.php\$.>)", KEPT.replace("\\", r"\\") + r"\1"), pages=("tiny", "page")),
    php("caught", "what PHP says caught by its master (`catch_workers_output`)", (POOL, r"catch_workers_output = no", "catch_workers_output = yes"), pages=("tiny",)),
    php("static-pool", "pm = static, 12 workers", (POOL, r"pm = dynamic", "pm = static")),
    php("recycled", "workers end after 1000 requests, not 10000", (POOL, r"pm\.max_requests = .*", "pm.max_requests = 1000")),
    php("small-pool", "at most 5 workers, as Debian has it", (POOL, r"pm\.max_children = .*", "pm.max_children = 5")),
    php("no-check", "opcache.validate_timestamps = Off", (INI, r"opcache\.revalidate_freq.*", "opcache.validate_timestamps = Off")),
    php("jit", "opcache.jit = tracing", (INI, r"opcache\.revalidate_freq.*", "opcache.revalidate_freq = 2\nopcache.jit = tracing\nopcache.jit_buffer_size = 32M")),
    php("huge-pages", "opcache.huge_code_pages = On", (INI, r"opcache\.revalidate_freq.*", "opcache.revalidate_freq = 2\nopcache.huge_code_pages = On")),
    Part("thread-pool", "MariaDB's pool of threads", "mysql", [(MARIADB, r"local-infile .*", "thread_handling = pool-of-threads")], ("page",)),
    Part("log-cache", "MariaDB's log through the file cache", "mysql", [(MARIADB, r"local-infile .*", "innodb_log_file_buffering = ON")], ("page",)),
    Part("commit", "a commit on disk within a second, not at once", "mysql", [(MARIADB, r"(innodb_flush_log_at_trx_commit) = 1", r"\1 = 2")], ("page",)),
    Part("aof", "Redis keeps no log", "redis", [(REDIS, r"appendonly yes", "appendonly no")], ("page",)),
]  # fmt: skip
