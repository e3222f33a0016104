"""A real SMTP server (aiosmtpd) on loopback, that can be made to misbehave."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "maxray", "p@ss:word/1"


class Inbox:
    """What it was sent. `answer`: what it says to a message instead of taking it; `recipient`: the
    same to every recipient, `refuse_next` to the next ones. `die`: whether, at the message of this
    number, "before" or "after" it has taken it. `hold`: what it waits for with each message.
    """

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self.sessions: list[Session] = []
        self.answer: str | None = None
        self.recipient: str | None = None
        self.refuse_next: list[str] = []
        self.die: Callable[[int], str] = lambda number: ""
        self.hold: asyncio.Event | None = None
        self.asked = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks it up by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refused = self.refuse_next.pop() if self.refuse_next else self.recipient
        if refused is not None:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - and this
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.asked += 1
        end = self.die(self.asked)
        if end == "before":
            _cut(server)
            return "421 gone"
        if self.hold is not None:
            await self.hold.wait()
        if self.answer is not None:
            return self.answer
        self.messages.append(envelope)
        self.sessions.append(session)
        if end == "after":
            _cut(server)
        return "250 OK"


def _cut(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    assert isinstance(data, LoginPassword)
    right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def smtp_server(
    inbox: Inbox,
    *,
    tls: ssl.SSLContext | None = None,
    start_tls: ssl.SSLContext | None = None,
    login: bool = False,
) -> AsyncIterator[int]:
    """Its port on 127.0.0.1. `tls`: from the first byte. `start_tls`: offered, and required."""

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            # Of TLS that was there before it, it knows nothing, and warns.
            warnings.simplefilter("ignore")
            return SMTP(
                inbox,
                hostname="mail.example",
                tls_context=start_tls,
                require_starttls=start_tls is not None,
                auth_required=login,
                auth_require_tls=tls is None,
                authenticator=_authenticate,
                enable_SMTPUTF8=True,
            )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
