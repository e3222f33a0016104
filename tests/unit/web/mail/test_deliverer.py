"""From the outbox to a transport, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import pytest
from msgspec import Struct

from actors.clock import ManualClock
from storage.mail import Claimed
from storage.mail.outbox_memory import MemoryMailOutbox
from storage.records import RecordsUnavailable
from tests.letters import AT, LINK, PlainSealer, read
from web.mail.deliverer import HISTORY_S, LEASE_S, POLL_S, PRUNE_EVERY_S, Deliverer
from web.mail.letter import NewSignIn, ResetPassword, VerifyEmail
from web.mail.mailer import KEPT_FOR_S, Mailer
from web.mail.message import Envelope
from web.mail.request import LetterWriters, letter_id
from web.mail.transport import NotSent, Refused

TO = "asha@example.org"
VERIFY = VerifyEmail(link=LINK, valid_s=86400)


class Scripted:
    """A transport that does what each attempt is told to; then it takes everything."""

    def __init__(self, *script: Exception | Callable[[], object]) -> None:
        self.script = list(script)
        self.attempts: list[Envelope] = []
        self.taken: list[Envelope] = []

    async def send(self, envelope: Envelope) -> str:
        self.attempts.append(envelope)
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if step is not None:
            step()
        self.taken.append(envelope)
        return "nowhere"


class Post:
    """An outbox, a mailer, and deliverers on it."""

    def __init__(self, *script: Exception | Callable[[], object]) -> None:
        self.clock = ManualClock()
        self.outbox = MemoryMailOutbox()
        self.transport = Scripted(*script)
        self.mailer = Mailer(self.outbox, PlainSealer(), "no-reply@maxray.example", self.clock)
        self.deliverer = self.another()

    def another(self) -> Deliverer:
        return Deliverer(self.outbox, PlainSealer(), self.transport, self.clock)


async def test_a_letter_is_sent_once() -> None:
    post = Post()
    id_ = await post.mailer.queue(TO, VERIFY)
    assert await post.deliverer.deliver() == 1
    assert await post.deliverer.deliver() == 0
    [envelope] = post.transport.taken
    assert (envelope.id, envelope.recipient) == (id_, TO)
    assert LINK in read(envelope.message).get_body(("plain",)).get_content()  # type: ignore[union-attr]  # None fails the test too
    assert (await post.outbox.counts()).queued == 0


class Wanted(Struct, frozen=True):
    """What a letter is asked for with."""

    to: str


async def test_what_is_asked_for_is_written_later_and_sent_once() -> None:
    post, wrong = Post(), [RuntimeError("asha@example.org is unheard of")]

    async def write(wanted: Wanted, id_: UUID) -> None:
        await post.mailer.queue(wanted.to, VERIFY, mail_id=letter_id(id_, "verify_email"))
        if wrong:  # having done its work, like one that is killed before it could say so
            raise wrong.pop()

    writing = Deliverer(
        post.outbox, PlainSealer(), post.transport, post.clock, LetterWriters({Wanted: write})
    )
    await post.mailer.ask(Wanted(TO), mail_id=UUID(int=7))
    await post.mailer.ask(Wanted(TO), mail_id=UUID(int=7))
    await post.deliverer.deliver()  # one that cannot write leaves it for one that can
    told = (await post.outbox.counts()).failure
    assert told == "it cannot be written: NobodyWrites"
    while (await post.outbox.counts()).queued:
        await writing.deliver()
        assert "asha" not in (await post.outbox.counts()).failure
        await post.clock.advance(1.0)
    [envelope] = post.transport.taken
    assert envelope.recipient == TO and not wrong


async def test_a_letter_with_an_id_is_queued_once() -> None:
    post = Post()
    id_ = await post.mailer.queue(TO, VERIFY)
    assert await post.mailer.queue(TO, VERIFY, mail_id=id_) == id_
    await post.deliverer.deliver()
    await post.mailer.queue(TO, VERIFY, mail_id=id_)
    assert await post.deliverer.deliver() == 0


async def test_what_is_not_taken_is_tried_again_later_and_later() -> None:
    post = Post(*[NotSent("it is away") for _ in range(4)])
    await post.mailer.queue(TO, VERIFY)
    waited = []
    while not post.transport.taken:
        before = post.clock.now()
        while not await post.deliverer.deliver():
            await post.clock.advance(1.0)
        waited.append(post.clock.now() - before)
    assert len(waited) == 5
    assert waited == sorted(waited)
    first, *others = {envelope.message for envelope in post.transport.attempts}
    assert not others, "each attempt is of the same message, with the same Message-ID"
    assert b"Message-ID" in first


async def test_what_is_refused_is_a_dead_letter_at_once() -> None:
    post = Post(Refused("the server refused the recipient: 550 5.1.1"))
    await post.mailer.queue(TO, VERIFY)
    await post.deliverer.deliver()
    counts = await post.outbox.counts()
    assert (counts.queued, counts.dead) == (0, 1)
    assert counts.failure == "the server refused the recipient: 550 5.1.1"


async def test_a_link_that_has_ended_is_not_sent_any_more() -> None:
    post = Post(*[NotSent("it is away") for _ in range(100)])
    await post.mailer.queue(TO, ResetPassword(link=LINK, valid_s=600))
    began = post.clock.now()
    while (await post.outbox.counts()).queued:
        await post.deliverer.deliver()
        await post.clock.advance(1.0)
    assert post.clock.now() - began <= 601
    assert (await post.outbox.counts()).failure == "it is away"


async def test_what_lay_there_too_long_is_not_sent() -> None:
    post = Post()
    await post.mailer.queue(TO, NewSignIn(at=AT))
    await post.clock.advance(KEPT_FOR_S)
    await post.deliverer.deliver()
    assert post.transport.attempts == []
    assert (await post.outbox.counts()).dead == 1


async def test_one_bad_letter_holds_no_other_up() -> None:
    post = Post(NotSent("not this one"), Refused("nor this one"))
    for _ in range(6):
        await post.mailer.queue(TO, VERIFY)
    while await post.deliverer.deliver():
        pass
    assert len(post.transport.taken) == 4


async def test_of_many_senders_one_has_each_letter() -> None:
    post = Post()
    senders = [post.another() for _ in range(5)]
    ids = {await post.mailer.queue(TO, VERIFY) for _ in range(40)}
    while any(await asyncio.gather(*(sender.deliver() for sender in senders))):
        pass
    assert sorted(envelope.id for envelope in post.transport.taken) == sorted(ids)


async def test_what_a_dead_sender_had_is_anothers_when_its_lease_ends() -> None:
    post = Post()
    await post.mailer.queue(TO, VERIFY)
    await post.outbox.claim(post.clock.now(), LEASE_S, 1)  # and nothing comes of it
    assert await post.deliverer.deliver() == 0
    await post.clock.advance(LEASE_S)
    assert await post.deliverer.deliver() == 1
    assert len(post.transport.taken) == 1


async def test_a_letter_sealed_for_another_row_stays_shut() -> None:
    post = Post()
    one = post.mailer.prepare(TO, VERIFY)
    other = post.mailer.prepare("ravi@example.org", VERIFY)
    swapped = type(one)(**{f: getattr(one, f) for f in one.__struct_fields__} | {"id": other.id})
    await post.outbox.queue(swapped)
    await post.deliverer.deliver()
    assert post.transport.attempts == []
    assert (await post.outbox.counts()).failure == "it cannot be opened: ValueError"


async def test_a_letter_sent_while_the_outbox_is_lost_is_not_sent_again() -> None:
    class Losing(MemoryMailOutbox):
        away = False

        async def sent(self, claimed: Claimed, now: float) -> None:
            if self.away:
                raise RecordsUnavailable("out of reach")
            await super().sent(claimed, now)

    post = Post()
    outbox = Losing()
    post.outbox = outbox
    post.mailer = Mailer(outbox, PlainSealer(), "no-reply@maxray.example", post.clock)
    post.deliverer = post.another()
    await post.mailer.queue(TO, VERIFY)
    outbox.away = True
    with pytest.raises(RecordsUnavailable):
        await post.deliverer.deliver()
    await post.clock.advance(2 * LEASE_S)
    with pytest.raises(RecordsUnavailable):
        await post.deliverer.deliver()
    outbox.away = False
    assert await post.deliverer.deliver() == 0
    assert len(post.transport.taken) == 1


async def test_it_runs_until_it_is_stopped_and_survives_anything() -> None:
    post = Post(RuntimeError("a fault of ours"))
    await post.mailer.queue(TO, VERIFY)
    post.deliverer.start()
    await post.clock.advance(0)
    assert post.transport.taken == []
    await post.clock.advance(LEASE_S + 10)
    assert len(post.transport.taken) == 1
    await post.mailer.queue(TO, VERIFY)
    await post.clock.advance(POLL_S)
    assert len(post.transport.taken) == 2
    await post.deliverer.stop()
    await post.mailer.queue(TO, VERIFY)
    await post.clock.advance(10 * POLL_S)
    assert len(post.transport.taken) == 2


async def test_what_is_long_over_is_forgotten() -> None:
    post = Post(Refused("no"))
    await post.mailer.queue(TO, VERIFY)
    await post.deliverer.deliver()
    await post.clock.advance(HISTORY_S)
    post.deliverer.start()
    await post.clock.advance(0)
    assert (await post.outbox.counts()).dead == 1
    await post.clock.advance(PRUNE_EVERY_S)
    assert (await post.outbox.counts()).dead == 0
    await post.deliverer.stop()


async def test_no_log_line_has_an_address_or_a_link(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    post = Post(NotSent("away"), Refused("refused"))
    for _ in range(3):
        await post.mailer.queue(TO, VERIFY)
    while await post.deliverer.deliver():
        pass
    assert len(caplog.records) == 3
    assert "asha" not in caplog.text
    assert "verify=abc" not in caplog.text
