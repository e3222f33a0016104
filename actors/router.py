"""The callers' side: takes commands to the shard that owns their entity, many in one call.

Natural batching: while two calls to a shard's lane are in flight, further commands gather and leave
together when one returns; so batches grow with load and an idle system adds no delay. Whatever ends
without a final answer is sent again with the same command id until the caller's deadline.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from secrets import token_hex
from typing import Final

from msgspec import Struct

from actors.deadlines import Deadlines
from actors.domain.kernel import Command, DomainError, EntityRef, Sender, Signal
from actors.envelope import (
    Envelope,
    Reply,
    SignalEnvelope,
    Status,
    encode,
    fingerprint,
    refusal,
    result,
    to_json,
)
from actors.errors import Busy, DeadlineExceeded, RuntimeFault, Unavailable
from actors.placement import shard_of, slot_of
from actors.ports import Clock, Transport

log = logging.getLogger(__name__)

# Two: one being executed while the other travels. More only makes the batches smaller.
CALLS_IN_FLIGHT: Final = 2
# At full load a call of many commands holds up those behind it, and a call costs both processes
# 2 ms whatever is in it. 192 took the slowest hundredth from twice the median to three times that.
BATCH: Final = 128
# Between attempts of a command: a shard that moves is back within a second or two, a full one as
# soon as it has committed; the longest keeps those who wait from adding to its load.
RETRY_S: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
# A call that has not come back by then is given up and its commands are sent again.
CALL_TIMEOUT_S: Final = 3.0
# Telemetry gathers this long, so that one call carries the positions of many units.
SIGNAL_TICK_S: Final = 0.05
# Stands for the reply that a call did not bring.
_NO_ANSWER: Final = Reply(Status.UNAVAILABLE)


class RouterLimits(Struct, frozen=True):
    """Bounds of one router."""

    waiting: int = 20_000  # commands without an answer, per lane and shard
    signals: int = 20_000  # telemetry gathered for one tick; more is dropped (newest first kept)


class _Ask:
    """A command without an answer. `in_call`: it is on its way; `doubtful`: an earlier call with
    it ended without an answer; `busy`: the shard had no room for it when last asked."""

    __slots__ = ("attempts", "busy", "doubtful", "envelope", "future", "in_call")

    def __init__(self, envelope: Envelope, future: asyncio.Future[Reply]) -> None:
        self.envelope = envelope
        self.future = future
        self.attempts = 0
        self.in_call = self.doubtful = self.busy = False

    def expire(self) -> None:
        """The caller's time is over."""
        if self.future.done():
            return
        if self.busy and not (self.in_call or self.doubtful):
            self.future.set_exception(Busy("the shard had no room; retry with the same id"))
        else:
            self.future.set_exception(
                DeadlineExceeded("no answer in time; it may be done: retry with the same id")
            )

    def end(self, reply: Reply) -> bool:
        """Take a reply in; False when the command must be sent again."""
        self.in_call = False
        if not reply.status.retryable:
            if not self.future.done():
                self.future.set_result(reply)
            return True
        self.busy = reply.status is Status.BUSY
        self.doubtful = self.doubtful or not self.busy
        return False


class _Lane:
    """Commands of one urgency for one shard: those without an answer, those not on their way."""

    __slots__ = ("asks", "calls", "queue")

    def __init__(self) -> None:
        self.asks: set[_Ask] = set()
        self.queue: deque[_Ask] = deque()
        self.calls = 0


class Router:
    """Asks entities. One per process; safe for any number of concurrent callers in one loop."""

    def __init__(
        self, transport: Transport, clock: Clock, limits: RouterLimits | None = None
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._limits = limits or RouterLimits()
        self._lanes = [[_Lane(), _Lane()] for _ in range(transport.shards)]
        self._deadlines: Deadlines[_Ask] = Deadlines(_Ask.expire)
        self._signals: dict[int, dict[tuple[str, str, str], SignalEnvelope]] = {}
        self._signal_flush: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        # Names this router's reads; nobody ever repeats one.
        self._read_id = f"read-{token_hex(8)}"
        self._reads = 0
        self.asked = 0
        self.retried = 0
        self.calls = 0

    async def ask(
        self,
        ref: EntityRef,
        command: Command,
        *,
        id: str,  # noqa: A002  the design's word for it
        by: Sender,
        timeout_s: float = 5.0,
        urgent: bool = False,
        said: Struct | None = None,
    ) -> bytes:
        """The answer's JSON (`null` where the command has none), once it is durable.

        `id` names the command for ever: asking again with the same id gets the same answer and
        changes nothing. `said`: the caller's own words, where `command` was made of them with what
        was looked up: a repeat is known by them, whatever is looked up then.

        Raises DomainError (refused), Busy, DeadlineExceeded (outcome unknown; ask again with the
        same id), CommandIdReused, BadCommand, Unavailable (the router is closed), or RuntimeFault
        (a bug, logged).
        """
        envelope = Envelope(
            ref.kind,
            ref.id,
            id,
            by.role,
            by.subject,
            to_json(command),
            self._clock.now() + timeout_s,
            urgent,
            ties=by.ties,
            said=b"" if said is None else fingerprint(to_json(said)),
        )
        return result(await self.forward(envelope, timeout_s))

    async def refuse(
        self,
        ref: EntityRef,
        said: Struct,
        error: DomainError,
        *,
        id: str,  # noqa: A002  as in `ask`
        by: Sender,
        timeout_s: float = 5.0,
        urgent: bool = False,
    ) -> bytes:
        """`ask` for what the door has found impossible: raises `error`, for ever under this id.

        Unless this is a repeat: then what was answered first is what it gets, here too. `said`: as
        in `ask`; or the command itself, where nothing is looked up for it.
        """
        body = to_json(said)
        envelope = Envelope(
            ref.kind,
            ref.id,
            id,
            by.role,
            by.subject,
            body,
            self._clock.now() + timeout_s,
            urgent,
            said=fingerprint(body),
            refusal=refusal(error),
        )
        return result(await self.forward(envelope, timeout_s))

    async def read(
        self,
        ref: EntityRef,
        command: Command,
        *,
        by: Sender,
        timeout_s: float = 5.0,
        urgent: bool = False,
    ) -> bytes:
        """`ask` for what changes nothing: its answer is not stored. Raises as `ask` does.

        BadCommand where the command would have changed something; then nothing was changed.
        """
        self._reads += 1
        envelope = Envelope(
            ref.kind,
            ref.id,
            f"{self._read_id}-{self._reads}",
            by.role,
            by.subject,
            to_json(command),
            self._clock.now() + timeout_s,
            urgent,
            read=True,
            ties=by.ties,
        )
        return result(await self.forward(envelope, timeout_s))

    async def forward(self, envelope: Envelope, timeout_s: float) -> Reply:
        """`ask` for a ready envelope; a final reply is returned as it is, whatever it says.

        Raises Busy, DeadlineExceeded or Unavailable (the router is closed).
        """
        if self._closed:
            raise Unavailable("the router is closed")
        shard = shard_of(slot_of(envelope.kind, envelope.entity), self._transport.shards)
        lane = self._lanes[shard][0 if envelope.urgent else 1]
        if len(lane.asks) >= self._limits.waiting:
            raise Busy(f"{len(lane.asks)} commands wait for this shard; retry with the same id")
        loop = asyncio.get_running_loop()
        ask = _Ask(envelope, loop.create_future())
        lane.asks.add(ask)
        lane.queue.append(ask)
        self.asked += 1
        self._deadlines.add(ask, timeout_s)
        self._kick(shard, lane)
        try:
            return await ask.future
        finally:
            self._deadlines.drop(ask, timeout_s)
            lane.asks.discard(ask)

    def _kick(self, shard: int, lane: _Lane) -> None:
        if lane.queue and lane.calls < CALLS_IN_FLIGHT and not self._closed:
            lane.calls += 1
            task = asyncio.get_running_loop().create_task(self._drain(shard, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self, shard: int, lane: _Lane) -> None:
        """Send batch after batch until nothing waits; one of at most two such loops of a lane."""
        try:
            while True:
                # One turn of the loop first, so that callers that run in this same turn share the
                # call: those who have just been answered, too.
                await asyncio.sleep(0)
                if not lane.queue:
                    return
                batch = [
                    ask
                    for ask in (lane.queue.popleft() for _ in range(min(BATCH, len(lane.queue))))
                    if not ask.future.done()
                ]
                if batch:
                    await self._send(shard, lane, batch)
        finally:
            lane.calls -= 1
            self._kick(shard, lane)

    async def _send(self, shard: int, lane: _Lane, batch: list[_Ask]) -> None:
        self.calls += 1
        for ask in batch:
            ask.in_call = True
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                replies: Sequence[Reply] = await self._transport.submit(
                    shard, [ask.envelope for ask in batch]
                )
        except (RuntimeFault, TimeoutError):
            replies = [_NO_ANSWER] * len(batch)
        except Exception:  # a fault of the transport: the callers are served as far as possible
            log.exception("a call to shard %d failed", shard)
            replies = [_NO_ANSWER] * len(batch)
        again = [ask for ask, reply in zip(batch, replies, strict=True) if not ask.end(reply)]
        waiting = [ask for ask in again if not ask.future.done()]
        if waiting:
            self._again(shard, lane, waiting)

    def _again(self, shard: int, lane: _Lane, waiting: list[_Ask]) -> None:
        """Send them again, under their own ids, after a pause that grows."""
        self.retried += len(waiting)
        attempt = min(ask.attempts for ask in waiting)
        for ask in waiting:
            ask.attempts += 1
        delay = RETRY_S[min(attempt, len(RETRY_S) - 1)]
        asyncio.get_running_loop().call_later(delay, self._requeue, shard, lane, waiting)

    def _requeue(self, shard: int, lane: _Lane, asks: list[_Ask]) -> None:
        lane.queue.extendleft(reversed(asks))
        self._kick(shard, lane)

    # ------------------------------------------------------------------ telemetry

    def signal(self, ref: EntityRef, signal: Signal) -> None:
        """Telemetry for an entity: best effort; the newest of its type wins while it waits."""
        if self._closed:
            return
        shard = shard_of(slot_of(ref.kind, ref.id), self._transport.shards)
        waiting = self._signals.setdefault(shard, {})
        key = (ref.kind, ref.id, type(signal).__name__)
        if key in waiting or len(waiting) < self._limits.signals:
            waiting[key] = SignalEnvelope(ref.kind, ref.id, to_json(signal))
        if self._signal_flush is None:
            loop = asyncio.get_running_loop()
            self._signal_flush = loop.call_later(SIGNAL_TICK_S, self._flush_signals)

    def _flush_signals(self) -> None:
        self._signal_flush = None
        pending, self._signals = self._signals, {}
        for shard, signals in pending.items():
            self._transport.signal(shard, encode(list(signals.values())))

    async def close(self) -> None:
        """Give up what waits or is in flight (DeadlineExceeded); later asks get Unavailable."""
        self._closed = True
        if self._signal_flush is not None:
            self._signal_flush.cancel()
        for lane in (lane for lanes in self._lanes for lane in lanes):
            for ask in list(lane.asks):
                ask.doubtful = True
                ask.expire()
        self._deadlines.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
