"""A map as one node sees it: its log, who reads it here, and what they have been given. No I/O.

**Offsets and conflation.** Readers are given the changes above `emitted`, in the order of offsets,
and of each key only the newest where the map is conflated. That breaks no position: a change is
left out only for a newer one of the same key, which has a higher offset. So whoever was cut off
after offset n, also in the midst of what left together, has of every key that did not change again
its newest value, and gets the others by asking for the changes above n.
"""

from __future__ import annotations

import enum
from typing import Literal

from msgspec import Struct

from realtime.hub.channel import Subscriber
from realtime.hub.tags_filter import TagsFilter
from realtime.maps.keyed import KeyedOptions, KeyedSlice
from realtime.maps.keyed_log import KeyedLog
from realtime.maps.keyed_snapshot import KeyedSnapshot
from realtime.publication import Publication
from realtime.wheel import Timer

Form = Literal["map", "delta", "plain"]
"""How a reader is told: with keys and offsets, the same with deltas, or as `latest` publications,
for those that know nothing of maps."""

_HELD = 1000
"""Changes that wait for one before them, per map. Above that the store is asked for all of them."""


class KeyedReader:
    """`offset`: up to which it knows the map from its reply."""

    __slots__ = ("form", "offset", "subscriber", "tags_filter")

    def __init__(
        self, subscriber: Subscriber, form: Form, tags_filter: TagsFilter | None, offset: int
    ) -> None:
        self.subscriber = subscriber
        self.form: Form = form
        self.tags_filter = tags_filter
        self.offset = offset


class Step(Struct, frozen=True, gc=False):
    """A change, and what those who were given everything before it have of its key."""

    change: Publication
    before: Publication | None


class Received(enum.Enum):
    """What became of a change that arrived."""

    TAKEN = "taken"
    KNOWN = "known"
    GAP = "gap"
    FOREIGN = "foreign"


class KeyedView:
    """`log` is None, or not `whole`, until the store has been read. `fresh`: the readers that came
    since `emitted`; they know the map further than the others.
    """

    __slots__ = (
        "_bases",
        "_held",
        "_newest",
        "_snapshot",
        "_steps",
        "checking",
        "emitted",
        "fresh",
        "log",
        "name",
        "options",
        "readers",
        "scheduled",
        "whole",
    )

    def __init__(self, name: str, options: KeyedOptions) -> None:
        self.name = name
        self.options = options
        self.log: KeyedLog | None = None
        self.whole = False
        self.readers: dict[Subscriber, KeyedReader] = {}
        self.fresh: dict[Subscriber, KeyedReader] = {}
        self.emitted = 0
        self.scheduled = False
        self.checking: Timer | None = None
        self._steps: list[Step] = []
        self._newest: dict[str, Publication] = {}
        self._bases: dict[str, Publication] = {}
        self._held: dict[int, Publication] = {}
        self._snapshot: KeyedSnapshot | None = None

    def receive(self, change: Publication) -> Received:
        """Take a change as it arrives."""
        log = self.log
        if log is None or not self.whole:
            self._hold(change)
            return Received.TAKEN
        if change.epoch != log.epoch:
            return Received.FOREIGN
        if change.offset <= log.top:
            return Received.KNOWN
        if change.offset > log.top + 1:
            self._hold(change)
            return Received.GAP
        self._put(log, change)
        self._release(log)
        return Received.TAKEN

    def fill(self, found: KeyedSlice, rest: bool) -> bool:
        """Take a run of changes above `log.top` as the store has them; `rest`: there are no more.

        False: the map has begun anew, or has forgotten removals that were not seen here.
        """
        log, position = self.log, found.position
        if log is None:
            log = self.log = KeyedLog(position.epoch, self.options.retention.removed_size)
        if position.epoch != log.epoch or (log.top and found.floor > log.top):
            return False
        if not self.whole:
            log.floor = max(log.floor, found.floor)
        for change in found.changes:
            if change.offset > log.top:
                self._put(log, change)
        if rest:
            # The newest changes of all may have been removals that are forgotten already.
            log.top = max(log.top, position.offset)
            self.whole = True
            self._release(log)
        # What is held under another epoch tells of a beginning that the store's answer is older,
        # or newer, than.
        return all(one.epoch == log.epoch for one in self._held.values())

    def reset(self) -> None:
        """Know nothing any more. Whoever still reads is given everything again."""
        self.log = None
        self.whole = False
        self.emitted = 0
        self._steps.clear()
        self._newest.clear()
        self._bases.clear()
        self._held.clear()
        self._snapshot = None

    def snapshot(self, at_least: int, tolerance: int) -> KeyedSnapshot:
        """One as of offset `at_least` or later, behind the log by `tolerance` changes at most."""
        assert self.log is not None
        found = self._snapshot
        if found is None or found.top < at_least or self.log.top - found.top > tolerance:
            found = self._snapshot = KeyedSnapshot(self.log.above(0), self.log.top)
        return found

    def emission(self) -> list[Step]:
        """What is to be given out now, ascending; `emitted` moves on."""
        log = self.log
        if log is None or not self.whole:
            return []
        steps, self._steps = self._steps, []
        if self.options.conflation_s:
            newest, bases = self._newest.values(), self._bases
            steps = [Step(change, bases.get(change.key)) for change in newest]
        self._newest.clear()
        self._bases.clear()
        self.emitted = log.top
        return steps

    @property
    def behind(self) -> bool:
        """Whether there is something to give out."""
        return self.log is not None and self.whole and self.emitted < self.log.top

    def _put(self, log: KeyedLog, change: Publication) -> None:
        before = log.put(change)
        if not change.key:
            return
        if not self.options.conflation_s:
            self._steps.append(Step(change, before))
            return
        if before is not None and before.offset <= self.emitted:
            self._bases[change.key] = before
        # Out and in again, to stay in the order of offsets. Not left to the log, which may have
        # forgotten a removal before it is given out.
        self._newest.pop(change.key, None)
        self._newest[change.key] = change

    def _hold(self, change: Publication) -> None:
        self._held[change.offset] = change
        if len(self._held) > _HELD:
            del self._held[next(iter(self._held))]

    def _release(self, log: KeyedLog) -> None:
        if not self._held:
            return
        while (change := self._held.get(log.top + 1)) is not None and change.epoch == log.epoch:
            self._put(log, change)
        self._held = {
            offset: one
            for offset, one in self._held.items()
            if offset > log.top or one.epoch != log.epoch
        }
