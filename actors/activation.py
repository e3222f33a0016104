"""The entities in memory: loaded when first addressed, dropped when idle (passivation).

Order of events around a load: an entity is either in memory, or being loaded with its commands
parked here, or neither; commands for it that come while it is loaded queue behind the first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from actors.domain.kernel import Behaviour, EntityRef
from actors.entity import Entity
from actors.envelope import Reply, Status, to_json
from actors.intake import Entry
from actors.limits import Limits
from actors.ports import Clock, Journal, JournalError, Record

log = logging.getLogger(__name__)


class Activations:
    """See above. Entries whose entity has come are handed to `ready`; others end in `failed`."""

    def __init__(
        self,
        kinds: Mapping[str, Behaviour[Any]],
        journal: Journal,
        clock: Clock,
        limits: Limits,
        ready: Callable[[Sequence[Entry]], None],
        failed: Callable[[Entry, Reply], None],
    ) -> None:
        self._kinds = kinds
        self._journal = journal
        self._clock = clock
        self._limits = limits
        self._ready = ready
        self._failed = failed
        self._entities: OrderedDict[str, Entity] = OrderedDict()
        self._loading: dict[str, list[Entry]] = {}
        # What is to be read, urgent first; dicts for their order.
        self._urgent: dict[str, None] = {}
        self._normal: dict[str, None] = {}
        self._work = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entities)

    def get(self, ref: str, now: float) -> Entity | None:
        """The entity, if it is in memory; it counts as touched."""
        entity = self._entities.get(ref)
        if entity is not None:
            self._entities.move_to_end(ref)
            entity.touched_at = now
        return entity

    def wait(self, entry: Entry) -> None:
        """The entry's entity is not in memory: keep the entry until it is."""
        waiting = self._loading.get(entry.ref)
        if waiting is None:
            waiting = self._loading[entry.ref] = []
            self._normal[entry.ref] = None
        waiting.append(entry)
        if entry.urgent and entry.ref in self._normal:
            del self._normal[entry.ref]
            self._urgent[entry.ref] = None
        self._work.set()

    def preload(self, ref: str) -> None:
        """Load an entity that telemetry is coming for, if there is room."""
        if ref not in self._loading and len(self._loading) < self._limits.lane:
            self._loading[ref] = []
            self._normal[ref] = None
            self._work.set()

    def drop(self, refs: Iterable[str]) -> None:
        """Forget these: their memory runs ahead of the record. Who needs them loads them again."""
        for ref in refs:
            self._entities.pop(ref, None)

    def forget(self, patient: str) -> list[str]:
        """Drop the entities whose state speaks of this patient: the record has less of it now.

        Returns those that cannot be dropped, having work in progress; ask again.
        """
        needle = patient.encode()
        about = [ref for ref, entity in self._entities.items() if needle in to_json(entity.state)]
        pinned = [ref for ref in about if self._entities[ref].pins]
        self.drop(set(about) - set(pinned))
        return pinned

    def passivate(self, now: float, busy: Container[str]) -> None:
        """Drop the entities that were idle for long; one with work in progress stays."""
        limits = self._limits
        surplus = len(self._entities) - limits.entities
        idle: list[str] = []
        for ref, entity in self._entities.items():  # longest untouched first
            if len(idle) >= surplus and now - entity.touched_at < limits.idle_s:
                break
            if entity.pins == 0 and ref not in busy:
                idle.append(ref)
        self.drop(idle)

    async def run(self) -> None:
        """Load what is asked for, a page at a time, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while refs := self._page():
                await self._load(refs)

    def _page(self) -> list[str]:
        refs: list[str] = []
        for wanted in (self._urgent, self._normal):
            for ref in list(wanted)[: self._limits.loads - len(refs)]:
                del wanted[ref]
                refs.append(ref)
        return refs

    async def _load(self, refs: list[str]) -> None:
        try:
            records = await self._journal.load(refs)
        except JournalError as error:
            reply = Reply(Status.UNAVAILABLE, str(error).encode())
            for ref in refs:
                for entry in self._loading.pop(ref):
                    self._failed(entry, reply)
            return
        for ref in refs:
            self._admit(ref, self._loading.pop(ref), records.get(ref))

    def _admit(self, ref: str, waiting: list[Entry], record: Record | None) -> None:
        parsed = EntityRef.parse(ref)
        try:
            entity = Entity(self._kinds[parsed.kind], parsed.id, record)
        except Exception:  # an unreadable record must not stop the others
            log.exception("%s cannot be loaded", ref)
            for entry in waiting:
                self._failed(entry, Reply(Status.FAULT, b"internal error; it was logged"))
            return
        entity.touched_at = self._clock.now()
        self._entities[ref] = entity
        self._ready(waiting)
