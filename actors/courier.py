"""Takes committed messages straight to the shard that owns their target.

Only a shortcut: a message stays in the outbox until the commit that handles it deletes it, and the
target's shard sweeps up what no courier brought. So failures here are dropped without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from actors.envelope import Envelope, SignalEnvelope, encode
from actors.errors import RuntimeFault
from actors.placement import shard_of, slot_of
from actors.ports import OutboxRow, Transport

# Calls on their way to one shard; beyond it the sweep, which reads in bulk, is the faster way.
IN_FLIGHT = 16
# How long a message is worth executing; past it the sweep brings it again.
PATIENCE_S = 30.0


class Courier:
    """The sending half of a shard."""

    def __init__(
        self, transport: Transport, home: int, deliver: Callable[[Iterable[Envelope]], None]
    ) -> None:
        self._transport = transport
        self._home = home
        self._deliver = deliver
        self._calls: dict[asyncio.Task[None], int] = {}
        self._signals: dict[int, list[SignalEnvelope]] = {}
        self._flush: asyncio.Handle | None = None

    @staticmethod
    def envelope(row: OutboxRow) -> Envelope:
        """The message as a command for its target; its outbox id is the command id."""
        return Envelope(
            row.kind,
            row.entity,
            row.id,
            "system",
            row.source,
            row.body,
            row.at + 10 * 365 * 86_400,
            row.urgent,
            outbox=True,
        )

    def send(self, rows: Sequence[OutboxRow]) -> None:
        """Messages of one commit, in order: one call per target shard, none for our own."""
        by_shard: dict[int, list[Envelope]] = {}
        for row in rows:
            shard = shard_of(row.slot, self._transport.shards)
            by_shard.setdefault(shard, []).append(self.envelope(row))
        for shard, envelopes in by_shard.items():
            if shard == self._home:
                self._deliver(envelopes)
            elif sum(1 for target in self._calls.values() if target == shard) < IN_FLIGHT:
                task = asyncio.create_task(self._push(shard, envelopes))
                self._calls[task] = shard
                task.add_done_callback(self._calls.pop)

    async def _push(self, shard: int, envelopes: Sequence[Envelope]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._transport.submit(shard, envelopes)
        except (RuntimeFault, TimeoutError):
            return

    def forward(
        self, signal: SignalEnvelope, absorb: Callable[[Iterable[SignalEnvelope]], None]
    ) -> None:
        """Pass telemetry on at the end of this turn of the loop, together with its like."""
        shard = shard_of(slot_of(signal.kind, signal.entity), self._transport.shards)
        self._signals.setdefault(shard, []).append(signal)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_soon(self._flush_signals, absorb)

    def _flush_signals(self, absorb: Callable[[Iterable[SignalEnvelope]], None]) -> None:
        self._flush = None
        pending, self._signals = self._signals, {}
        for shard, signals in pending.items():
            if shard == self._home:
                absorb(signals)
            else:
                self._transport.signal(shard, encode(signals))

    async def settle(self) -> None:
        """Wait for the calls on their way (bounded by their patience)."""
        await asyncio.gather(*self._calls, return_exceptions=True)

    def cancel(self) -> None:
        for task in self._calls:
            task.cancel()
        if self._flush is not None:
            self._flush.cancel()
