"""A request socket as one writes it for oneself: a server of Python's library that starts a bash for each line. It
promises nothing: what it has accepted is nowhere but in its memory."""

import socketserver
import subprocess
from pathlib import Path


def serve(path: Path, callbacks: Path, environment: dict[str, str]) -> None:
    """Serves until it is killed."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                user, action = line.decode().split()
                self.wfile.write(b"accepted 1\n")
                command = 'source "$1"; "CB_${2//-/_}" "$3"'
                subprocess.run(["bash", "-c", command, "peer", callbacks, action, user], env=environment, check=False)

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        server.serve_forever()
