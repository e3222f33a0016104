"""Messages to an SMTP server: `smtp(s)://user:password@host:port`.

Neither a password nor a message goes over a network in the clear: `smtps` is TLS from the first
byte (RFC 8314), `smtp` is STARTTLS and nothing without it, but on loopback, where there is no
network. Certificates are verified.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from msgspec import Struct

from config import Secret
from web.mail.message import Envelope
from web.mail.transport import SEND_TIMEOUT_S, NotSent, Refused

# RFC 3463, at the beginning of an answer: `5.1.1 no such user`.
_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_PORTS: Final = {"smtp": 587, "smtps": 465}


class SmtpServer(Struct, frozen=True):
    """Where it is, and how it is spoken to."""

    host: str
    port: int
    username: str | None
    password: Secret | None
    implicit_tls: bool
    start_tls: bool

    @classmethod
    def of(cls, url: Secret) -> SmtpServer:
        parts = urlsplit(url.reveal())
        assert parts.hostname is not None, "the settings' pattern asks for a host"
        implicit = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=Secret(unquote(parts.password)) if parts.password else None,
            implicit_tls=implicit,
            start_tls=not implicit and not is_loopback(parts.hostname),
        )


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SmtpTransport:
    """A connection a message: there are few, and nothing is left behind by a broken one.

    `hello`: the name it says hello with. `trust`: whom certificates must come from; the system's
    authorities where nothing is said.
    """

    def __init__(self, server: SmtpServer, hello: str, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._hello = hello
        self._trust = trust or ssl.create_default_context()

    async def send(self, envelope: Envelope) -> str:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._send(envelope)
        except (SMTPException, OSError, TimeoutError) as error:
            raise _fault(error) from error
        return self._server.host

    async def _send(self, envelope: Envelope) -> None:
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password.reveal() if server.password else None,
            local_hostname=self._hello,
            timeout=SEND_TIMEOUT_S,
            use_tls=server.implicit_tls,
            start_tls=server.start_tls,
            tls_context=self._trust,
        )
        try:
            await client.connect()
            await client.sendmail(
                envelope.sender,
                [envelope.recipient],
                envelope.message,
                mail_options=["SMTPUTF8"] if envelope.utf8 else [],
            )
        finally:
            # Without QUIT: the message is taken or it is not, and a farewell could only be waited
            # for in vain.
            client.close()


def _fault(error: Exception) -> Refused | NotSent:
    """Which of the two, in words that quote nobody."""
    if isinstance(error, SMTPRecipientsRefused):
        [error] = error.recipients  # there was one
    if isinstance(error, SMTPAuthenticationError):
        return NotSent(f"the server refused our login: {_code(error)}")
    if isinstance(error, SMTPRecipientRefused | SMTPDataError):
        what = "recipient" if isinstance(error, SMTPRecipientRefused) else "message"
        said = f"the server refused the {what}: {_code(error)}"
        return Refused(said) if error.code >= 500 else NotSent(said)
    if isinstance(error, SMTPResponseException):
        return NotSent(f"the server refused us: {_code(error)}")
    if type(error) in (SMTPException, SMTPNotSupported):
        return NotSent(f"the server could not be spoken to: {error}")  # the library's own words
    # Names of classes only: `[Errno 111] Connect call failed ('10.0.0.1', 25)` helps nobody more.
    return NotSent(f"the server could not be spoken to: {type(error).__name__}")


def _code(error: SMTPResponseException) -> str:
    enhanced = _ENHANCED.match(error.message)
    return f"{error.code} {enhanced[1]}" if enhanced else str(error.code)
