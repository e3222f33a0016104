"""Mail to real servers: kind ones, refusing ones, slow ones, and such that die in the middle."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from actors.clock import ManualClock
from config import Secret
from storage.mail.outbox_memory import MemoryMailOutbox
from tests.integration.mail.smtp_server import PASSWORD, USER, Inbox, smtp_server
from tests.letters import AT, LINK, PlainSealer, read, text_of
from web.mail import transport_smtp
from web.mail.deliverer import Deliverer
from web.mail.letter import VerifyEmail
from web.mail.mailer import Mailer
from web.mail.message import Envelope, Sender, compose
from web.mail.transport import NotSent, Refused
from web.mail.transport_smtp import SmtpServer, SmtpTransport, is_loopback
from web.tls.context import server_context, trusting
from web.tls.folder import AUTHORITY, keep

LOGIN = "maxray:p%40ss%3Aword%2F1"
LETTER = VerifyEmail(link=LINK, valid_s=86400)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For the server; for a client that trusts it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    files = keep(folder, ["127.0.0.1", "localhost"], time.time())
    return server_context(files), trusting(folder / AUTHORITY)


def envelope(to: str = "asha@example.org", id_: UUID | None = None) -> Envelope:
    return compose(LETTER, Sender.of("MaxRay <no-reply@maxray.example>"), to, id_ or uuid4(), AT)


def transport(url: str, trust: ssl.SSLContext | None = None) -> SmtpTransport:
    return SmtpTransport(SmtpServer.of(Secret(url)), "maxray.example", trust)


def over_a_network(port: int, trust: ssl.SSLContext) -> SmtpTransport:
    """As to a server that is not on loopback."""
    server = SmtpServer("127.0.0.1", port, USER, Secret(PASSWORD), False, True)
    return SmtpTransport(server, "maxray.example", trust)


async def test_a_message_arrives_as_it_was_written() -> None:
    inbox, sent = Inbox(), envelope()
    async with smtp_server(inbox) as port:
        await transport(f"smtp://127.0.0.1:{port}").send(sent)
    [got] = inbox.messages
    assert (got.mail_from, got.rcpt_tos) == ("no-reply@maxray.example", ["asha@example.org"])
    assert got.original_content == sent.message
    assert LINK in text_of(read(sent.message))
    [session] = inbox.sessions
    assert session.host_name == "maxray.example"


async def test_an_address_beyond_ascii_is_sent_to() -> None:
    inbox = Inbox()
    async with smtp_server(inbox) as port:
        await transport(f"smtp://127.0.0.1:{port}").send(envelope("आशा@example.org"))
    assert inbox.messages[0].rcpt_tos == ["आशा@example.org"]


class TestSafety:
    async def test_smtps_is_tls_from_the_first_byte(
        self, tls: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        inbox = Inbox()
        async with smtp_server(inbox, tls=tls[0], login=True) as port:
            await transport(f"smtps://{LOGIN}@127.0.0.1:{port}", tls[1]).send(envelope())
        assert len(inbox.messages) == 1

    async def test_over_a_network_the_password_waits_for_starttls(
        self, tls: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        inbox = Inbox()
        async with smtp_server(inbox, start_tls=tls[0], login=True) as port:
            await over_a_network(port, tls[1]).send(envelope())
        assert inbox.sessions[0].ssl is not None

    async def test_over_a_network_nothing_is_said_in_the_clear(
        self, tls: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        inbox = Inbox()
        async with smtp_server(inbox) as port:
            with pytest.raises(NotSent, match="STARTTLS"):
                await over_a_network(port, tls[1]).send(envelope())
        assert inbox.messages == []

    @pytest.mark.parametrize("scheme", ["smtps", "starttls"])
    async def test_a_certificate_that_nobody_vouches_for_is_refused(
        self, tls: tuple[ssl.SSLContext, ssl.SSLContext], scheme: str
    ) -> None:
        inbox = Inbox()
        nobody = ssl.create_default_context()
        implicit = tls[0] if scheme == "smtps" else None
        offered = None if scheme == "smtps" else tls[0]
        async with smtp_server(inbox, tls=implicit, start_tls=offered) as port:
            sender = (
                transport(f"smtps://127.0.0.1:{port}", nobody)
                if scheme == "smtps"
                else over_a_network(port, nobody)
            )
            with pytest.raises(NotSent):
                await sender.send(envelope())
        assert inbox.messages == []

    async def test_a_wrong_password_is_not_the_messages_fault(
        self, tls: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        async with smtp_server(Inbox(), tls=tls[0], login=True) as port:
            sender = transport(f"smtps://maxray:wrong@127.0.0.1:{port}", tls[1])
            with pytest.raises(NotSent, match="refused our login: 535"):
                await sender.send(envelope())

    @pytest.mark.parametrize(
        ("url", "start_tls", "port"),
        [
            ("smtp://localhost", False, 587),
            ("smtp://127.0.0.2:25", False, 25),
            ("smtp://[::1]:25", False, 25),
            ("smtp://mail.example:2525", True, 2525),
            ("smtp://10.0.0.1", True, 587),
            ("smtps://mail.example", False, 465),
        ],
    )
    def test_starttls_is_asked_for_wherever_there_is_a_network(
        self, url: str, start_tls: bool, port: int
    ) -> None:
        server = SmtpServer.of(Secret(url))
        assert (server.start_tls, server.port) == (start_tls, port)
        assert server.implicit_tls or start_tls or is_loopback(server.host)


class TestRefusals:
    @pytest.mark.parametrize(
        ("recipient", "answer", "kind", "says"),
        [
            ("550 5.1.1 <asha@example.org> unknown", None, Refused, "recipient: 550 5.1.1$"),
            ("450 4.2.0 asha@example.org: later", None, NotSent, "recipient: 450 4.2.0$"),
            (None, "554 asha@example.org looks like spam", Refused, "message: 554$"),
            (None, "452 4.3.1 the disk is full", NotSent, "message: 452 4.3.1$"),
        ],
    )
    async def test_for_good_or_for_now_and_nobodys_address_is_quoted(
        self, recipient: str | None, answer: str | None, kind: type[Exception], says: str
    ) -> None:
        inbox = Inbox()
        inbox.recipient, inbox.answer = recipient, answer
        async with smtp_server(inbox) as port:
            with pytest.raises(kind, match=says) as refused:
                await transport(f"smtp://127.0.0.1:{port}").send(envelope())
        assert "asha" not in str(refused.value)

    async def test_nobody_is_there(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(NotSent, match="could not be spoken to"):
                await transport(f"smtp://127.0.0.1:{taken.getsockname()[1]}").send(envelope())

    async def test_a_server_that_never_answers_is_waited_for_so_long_and_no_longer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport_smtp, "SEND_TIMEOUT_S", 0.3)
        inbox = Inbox()
        inbox.hold = asyncio.Event()
        async with smtp_server(inbox) as port:
            with pytest.raises(NotSent):
                await transport(f"smtp://127.0.0.1:{port}").send(envelope())
            inbox.hold.set()

    async def test_a_server_that_speaks_something_else(self) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(NotSent):
                await transport(f"smtp://127.0.0.1:{port}").send(envelope())


class TestWithTheOutbox:
    """What the deliverer makes of it, in virtual time."""

    @staticmethod
    async def delivered(inbox: Inbox, letters: int) -> MemoryMailOutbox:
        """All that can be is sent, however often it takes."""
        clock, outbox, sealer = ManualClock(), MemoryMailOutbox(), PlainSealer()
        mailer = Mailer(outbox, sealer, "MaxRay <no-reply@maxray.example>", clock)
        for _ in range(letters):
            await mailer.queue("asha@example.org", LETTER)
        async with smtp_server(inbox) as port:
            sender = transport(f"smtp://127.0.0.1:{port}")
            deliverers = [Deliverer(outbox, sealer, sender, clock) for _ in range(2)]
            while (await outbox.counts()).queued:
                await asyncio.gather(*(one.deliver() for one in deliverers))
                await clock.advance(30.0)
        return outbox

    async def test_a_server_that_dies_before_it_has_a_message_gets_each_once(self) -> None:
        inbox = Inbox()
        inbox.die = lambda number: "before" if number % 2 else ""
        outbox = await self.delivered(inbox, 8)
        ids = [read(got.original_content or b"")["Message-ID"] for got in inbox.messages]
        assert len(ids) == len(set(ids)) == 8
        assert (await outbox.counts()).dead == 0

    async def test_one_that_dies_after_it_has_it_gets_it_again_under_the_same_id(self) -> None:
        inbox = Inbox()
        inbox.die = lambda number: "after" if number == 1 else ""
        await self.delivered(inbox, 1)
        first, second = (got.original_content for got in inbox.messages)
        assert first == second

    async def test_the_others_go_out_when_one_is_refused(self) -> None:
        inbox = Inbox()
        inbox.refuse_next = ["550 no such user"]
        outbox = await self.delivered(inbox, 5)
        counts = await outbox.counts()
        assert (len(inbox.messages), counts.dead) == (4, 1)
        assert counts.failure == "the server refused the recipient: 550"
