"""The other nodes: what they are told, and what they tell.

Each announces itself every few seconds; one that was silent for three of these intervals is gone.
A question goes to all, and is answered when all that are known have answered, or it has waited
long enough.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from realtime.clock import Clock
from realtime.errors import BrokerUnavailable, MalformedFrame
from realtime.nodes import control
from realtime.nodes.control import (
    Announcement,
    ChannelsAnswer,
    ChannelsQuestion,
    ControlBus,
    ControlMessage,
    Departure,
    Emulated,
    Envelope,
    NodeInfo,
    Order,
)
from realtime.settings import RealtimeSettings
from realtime.wheel import Timer, TimerWheel

log = logging.getLogger(__name__)

_SILENCES = 3


class _Survey:
    def __init__(self, expected: set[str], counts: Counter[str]) -> None:
        self.expected = expected
        self.counts = counts
        self.complete = asyncio.Event()

    def take(self, node: str, channels: dict[str, int]) -> None:
        if node in self.expected:
            self.expected.discard(node)
            self.counts.update(channels)
        if not self.expected:
            self.complete.set()


class Nodes:
    """`describe`, `counts`: what this node says of itself; `on_order`, `on_emulated`: what it is
    told to do. `bus` None: there are no others.
    """

    def __init__(
        self,
        node: str,
        bus: ControlBus | None,
        settings: RealtimeSettings,
        clock: Clock,
        wheel: TimerWheel,
        describe: Callable[[], NodeInfo],
        counts: Callable[[], dict[str, int]],
        on_order: Callable[[Order], object],
        on_emulated: Callable[[Emulated], object],
    ) -> None:
        self._node = node
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._wheel = wheel
        self._describe = describe
        self._counts = counts
        self._on_order = on_order
        self._on_emulated = on_emulated
        self._known: dict[str, tuple[NodeInfo, float]] = {}
        self._surveys: dict[str, _Survey] = {}
        self._timer: Timer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        if self._bus is not None:
            await self._bus.listen(self._heard)
            self._announce()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._bus is not None:
            self._spawn(self._say(Departure()))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def tell(self, message: ControlMessage) -> None:
        """To all others. Raises BrokerUnavailable."""
        if self._bus is not None:
            await self._bus.send(control.encode(Envelope(self._node, message)))

    def known(self) -> tuple[NodeInfo, ...]:
        """All nodes, this one first."""
        self._forget_silent()
        return (self._describe(), *(info for info, _ in self._known.values()))

    def knows(self, node: str) -> bool:
        self._forget_silent()
        return node in self._known

    async def channels(self, pattern: str) -> dict[str, int]:
        """How many clients are on each channel, on all nodes together. Raises BrokerUnavailable.

        A node that does not answer in time is left out.
        """
        self._forget_silent()
        survey = _Survey(set(self._known), Counter(self._matching(pattern)))
        if not survey.expected:
            return dict(survey.counts)
        question = str(uuid.uuid4())
        self._surveys[question] = survey
        try:
            await self.tell(ChannelsQuestion(question, pattern))
            async with asyncio.timeout(self._settings.survey_timeout_s):
                await survey.complete.wait()
        except TimeoutError:
            log.warning("nodes that did not answer: %s", ", ".join(sorted(survey.expected)))
        finally:
            del self._surveys[question]
        return dict(survey.counts)

    def _matching(self, pattern: str) -> dict[str, int]:
        counts = self._counts()
        if not pattern:
            return counts
        return {name: n for name, n in counts.items() if fnmatch.fnmatchcase(name, pattern)}

    def _heard(self, message: bytes) -> None:
        try:
            envelope = control.decode(message)
        except MalformedFrame as error:
            log.warning("a control message is not understood: %s", error)
            return
        if envelope.node == self._node:
            return  # carried out when it was given
        try:
            self._take(envelope.node, envelope.message)
        except Exception:  # the bus goes on listening, whatever one message did
            log.exception("a control message failed")

    def _take(self, node: str, said: ControlMessage) -> None:
        if isinstance(said, Order):
            self._on_order(said)
        elif isinstance(said, Emulated):
            if said.node == self._node:
                self._on_emulated(said)
        elif isinstance(said, Announcement):
            news = node not in self._known
            self._known[node] = said.info, self._clock.monotonic()
            if news:  # it has just come, and should not have to wait to know us
                self._spawn(self._say(Announcement(self._describe())))
        elif isinstance(said, Departure):
            self._known.pop(node, None)
            for survey in self._surveys.values():
                survey.take(node, {})
        elif isinstance(said, ChannelsQuestion):
            self._spawn(self._say(ChannelsAnswer(said.question, self._matching(said.pattern))))
        elif said.question in self._surveys:
            self._surveys[said.question].take(node, said.channels)

    def _announce(self) -> None:
        self._timer = self._wheel.after(self._settings.announce_interval_s, self._announce)
        self._spawn(self._say(Announcement(self._describe())))

    def mention(self, message: ControlMessage) -> None:
        """Tell the other nodes, in the background, where they can be told."""
        self._spawn(self._say(message))

    async def _say(self, message: ControlMessage) -> None:
        try:
            await self.tell(message)
        except BrokerUnavailable as error:
            log.debug("the other nodes cannot be told: %s", error)

    def _forget_silent(self) -> None:
        oldest = self._clock.monotonic() - _SILENCES * self._settings.announce_interval_s
        for node in [node for node, (_, heard_at) in self._known.items() if heard_at < oldest]:
            del self._known[node]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
