"""Signals of a shard's entities: absorbed into memory, published as `latest`, never journaled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from actors.activation import Activations
from actors.courier import Courier
from actors.entity import Entity
from actors.envelope import SignalEnvelope, to_json
from actors.intake import nameable
from actors.ports import Clock, Outgoing
from actors.stats import Stats

log = logging.getLogger(__name__)


class Telemetry:
    """Lets entities absorb signals. For an entity not in memory a signal only gets it loaded."""

    def __init__(
        self,
        entities: Activations,
        owns: Callable[[str, str], bool],
        courier: Courier,
        publish: Callable[[Sequence[Outgoing], int], None],
        clock: Clock,
        stats: Stats,
    ) -> None:
        self._entities = entities
        self._owns = owns
        self._courier = courier
        self._publish = publish
        self._clock = clock
        self._stats = stats

    def take(self, signals: Iterable[SignalEnvelope]) -> None:
        """Absorb them all; what they publish leaves together."""
        now = self._clock.now()
        latest: list[Outgoing] = []
        for item in signals:
            self._stats.signals += 1
            if not (nameable(item.entity) and self._owns(item.kind, item.entity)):
                continue
            ref = f"{item.kind}:{item.entity}"
            entity = self._entities.get(ref, now)
            if entity is None:
                self._entities.preload(ref)
            else:
                latest += self._absorb(entity, item, now)
        if latest:
            self._publish(latest, 0)

    def _absorb(self, entity: Entity, item: SignalEnvelope, now: float) -> list[Outgoing]:
        decoder = entity.codec.signal
        if decoder is None:
            return []
        if entity.telemetry is None:
            entity.telemetry = {}
        try:
            absorbed = entity.behaviour.absorb(
                entity.state, entity.telemetry, decoder.decode(item.body), now
            )
        except Exception:  # best effort: a bad signal is dropped, the shard goes on
            log.exception("%s could not absorb a signal", entity.ref)
            return []
        for to, signal in absorbed.forwards:
            self._courier.forward(SignalEnvelope(to.kind, to.id, to_json(signal)), self.take)
        return [
            Outgoing(p.channel, to_json(p.data), "latest", 0, p.key or "")
            for p in absorbed.publications
        ]
