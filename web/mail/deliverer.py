"""Takes messages out of the outbox and sends them, until each is sent or given up.

Exactly once, as far as SMTP allows: a message is claimed by one sender among all processes, for
longer than an attempt may take, and is marked as sent once a server has said that it took it. What
is left is a sender or a connection that dies between the two: then the message goes out a second
time, with the same Message-ID, by which receivers know it.
"""

from __future__ import annotations

import asyncio
import logging
from random import SystemRandom
from typing import Final

from actors.ports import Clock
from storage.mail import Claimed, MailOutbox
from storage.records import RecordsUnavailable
from web.mail.backoff import wait_s
from web.mail.mailer import Sealer, opened, opened_request
from web.mail.request import KIND as REQUEST
from web.mail.request import LetterWriters
from web.mail.transport import SEND_TIMEOUT_S, MailTransport, NotSent, Refused

log = logging.getLogger(__name__)

# Somebody waits for the link in the message.
POLL_S: Final = 1.0
# While PostgreSQL is away: its end is noticed before somebody asks for the letter again.
OUTAGE_POLL_S: Final = 5.0
# Messages under way at a time, from one process.
AT_ONCE: Final = 4
# An attempt, and as much again to write down what came of it.
LEASE_S: Final = 2 * SEND_TIMEOUT_S
# What became of a message is known this long.
HISTORY_S: Final = 30 * 86400.0
# Nothing depends on what is past: one deletion an hour is little work at a time.
PRUNE_EVERY_S: Final = 3600.0
STOP_S: Final = 5.0

_random = SystemRandom()


class Deliverer:
    """`start`, and later `stop`. Any number of them, in any processes, share one outbox."""

    def __init__(
        self,
        outbox: MailOutbox,
        sealer: Sealer,
        transport: MailTransport,
        clock: Clock,
        writers: LetterWriters | None = None,
    ) -> None:
        """`writers`: of letters that are only asked for so far. Without any, they wait for a
        deliverer that has them."""
        self._writers = writers or LetterWriters()
        self._outbox = outbox
        self._sealer = sealer
        self._transport = transport
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._resting = False
        self._unconfirmed: list[Claimed] = []
        self._pruned_at = float("-inf")

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Claim nothing more, and finish what is under way if that is quick."""
        self._stopping = True
        task, self._task = self._task, None
        if task is None:
            return
        if not self._resting:
            await asyncio.wait({task}, timeout=STOP_S)
        task.cancel()
        await asyncio.wait({task})

    async def _run(self) -> None:
        while not self._stopping:
            pause_s = POLL_S
            try:
                if await self.deliver():
                    continue
                await self._prune()
            except RecordsUnavailable as error:
                log.warning("mail waits: %s", error)
                pause_s = OUTAGE_POLL_S
            except Exception:  # whatever it is, it must not end the mail of this process for good
                log.exception("mail waits")
                pause_s = OUTAGE_POLL_S
            self._resting = True
            await self._clock.sleep(pause_s)
            self._resting = False

    async def deliver(self) -> int:
        """Try what is due now; how many there were. Raises RecordsUnavailable."""
        while self._unconfirmed:
            await self._outbox.sent(self._unconfirmed[-1], self._clock.now())
            self._unconfirmed.pop()
        claimed = await self._outbox.claim(self._clock.now(), LEASE_S, AT_ONCE)
        outcomes = await asyncio.gather(*map(self._attempt, claimed), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(claimed)

    async def _attempt(self, claimed: Claimed) -> None:
        row = claimed.row
        if self._clock.now() >= row.expires_at:
            await self._give_up(claimed, "it could not be sent in time")
            return
        if row.kind == REQUEST:
            await self._write(claimed)
            return
        try:
            envelope = opened(row, self._sealer)
        except Exception as error:
            # Sealed under a key that this process has not, or altered. Only the class is told.
            await self._again(claimed, f"it cannot be opened: {type(error).__name__}")
            return
        try:
            where = await self._transport.send(envelope)
        except Refused as error:
            await self._give_up(claimed, str(error))
        except NotSent as error:
            await self._again(claimed, str(error))
        else:
            log.info("mail %s (%s) sent: %s", row.id, row.kind, where)
            await self._confirm(claimed)

    async def _write(self, claimed: Claimed) -> None:
        """Have written what is asked for: its letters lie in the outbox then, to be claimed."""
        row = claimed.row
        try:
            await self._writers.write(opened_request(row, self._sealer), row.id)
        except RecordsUnavailable:
            raise
        except Exception as error:
            # Whatever is wrong with one request, or with its writer, must hold up nobody's letter.
            # Only the class is told: a message may quote an address.
            await self._again(claimed, f"it cannot be written: {type(error).__name__}")
        else:
            await self._confirm(claimed)

    async def _confirm(self, claimed: Claimed) -> None:
        """Write down that it is sent: now, or before anything else is claimed."""
        try:
            await self._outbox.sent(claimed, self._clock.now())
        except RecordsUnavailable:
            self._unconfirmed.append(claimed)
            raise

    async def _again(self, claimed: Claimed, why: str) -> None:
        row = claimed.row
        pause_s = wait_s(claimed.attempt, _random.random())
        due_at = self._clock.now() + pause_s
        if due_at >= row.expires_at:
            await self._give_up(claimed, why)
            return
        await self._outbox.postpone(claimed, due_at, why)
        log.warning(
            "mail %s (%s) not sent at attempt %d, again in %.0f s: %s",
            row.id,
            row.kind,
            claimed.attempt,
            pause_s,
            why,
        )

    async def _give_up(self, claimed: Claimed, why: str) -> None:
        await self._outbox.bury(claimed, self._clock.now(), why)
        log.error("mail %s (%s) given up: %s", claimed.row.id, claimed.row.kind, why)

    async def _prune(self) -> None:
        now = self._clock.now()
        if now - self._pruned_at >= PRUNE_EVERY_S:
            self._pruned_at = now
            await self._outbox.prune(now - HISTORY_S)
