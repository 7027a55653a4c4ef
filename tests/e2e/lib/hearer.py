"""Hears what alarms are told, for the test: HTTP on port 80 and SMTP on port 25, each message a line of JSON on stdout."""

import http.server
import json
import socketserver
import threading


def heard(**what):
    print(json.dumps(what), flush=True)


class Http(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        heard(path=self.path, type=self.headers["Content-Type"], authorization=self.headers["Authorization"], body=body)
        self.send_response(503 if self.path.startswith("/broken") else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs to hand over a message."""

    def handle(self):
        recipients = []
        self.say("220 hearer")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "RCPT":
                recipients.append(line.partition(":")[2])
            if verb == "DATA":
                self.say("354 go on")
                text = ""
                while (part := self.rfile.readline().decode()) != ".\r\n":
                    text += part
                heard(recipients=recipients, mail=text)
            self.say("221 bye" if verb == "QUIT" else "250 ok")
            if verb == "QUIT":
                return

    def say(self, answer):
        self.wfile.write(f"{answer}\r\n".encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


threading.Thread(target=Server(("", 25), Smtp).serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("", 80), Http).serve_forever()
