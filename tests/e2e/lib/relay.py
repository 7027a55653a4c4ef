"""A relay for mail: port 25 takes everything but for a recipient that it does not know, port 587 only what comes encrypted and
from who has a password. Each message is a line of JSON on stdout. Its certificate is in /relay.pem."""

import json
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown@"):
            return "550 5.1.1 nobody here is called so"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = {
            "from": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "mail": envelope.content.decode(),
            "encrypted": session.ssl is not None,
            "user": session.auth_data,
        }
        print(json.dumps(message), flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, given):
    is_known = (given.login, given.password) == (b"forum", b"s3cret of the relay")
    return AuthResult(success=is_known, handled=False, auth_data=given.login.decode())


certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
certificate.load_cert_chain("/relay.pem")
Controller(Handler(), hostname="0.0.0.0", port=25).start()
Controller(
    Handler(),
    hostname="0.0.0.0",
    port=587,
    tls_context=certificate,
    require_starttls=True,
    auth_required=True,
    authenticator=authenticate,
).start()
threading.Event().wait()
