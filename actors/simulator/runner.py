"""The entities of one run and the messages between them: in memory, first in, first out.

What the live runtime does with shards, commits and couriers: load the state, `decide`, fold the
events with `apply`, bring the messages. Nothing of the domain is done here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from actors.domain.kernel import (
    NO_TELEMETRY,
    Behaviour,
    Command,
    Context,
    Decision,
    Event,
    Sender,
    fold,
)

_Watch = Callable[[str, Event], None]


class Entity:
    """One entity's state. `telemetry` is what it may look at besides; `voice`, whom it sends as;
    `watch`, who is told of its events.
    """

    __slots__ = ("apply", "decide", "id", "state", "telemetry", "voice", "watch")

    def __init__(self, behaviour: Behaviour[Any], id_: str, watch: _Watch | None) -> None:
        self.id = id_
        self.decide = behaviour.decide
        self.apply = behaviour.apply
        self.state = behaviour.initial(id_)
        self.voice = Sender("system", f"{behaviour.kind}:{id_}")
        self.watch = watch
        self.telemetry: Mapping[str, Any] = NO_TELEMETRY


class Runner:
    """`now` is the moment that all commands are handled at."""

    def __init__(self, kinds: Mapping[str, Behaviour[Any]]) -> None:
        self.now = 0.0
        self._kinds = kinds
        self._watch: dict[str, _Watch] = {}
        self._entities: dict[str, dict[str, Entity]] = {kind: {} for kind in kinds}
        self._queue: deque[tuple[str, str, Command, Sender]] = deque()
        self._handled = 0

    def watch(self, kind: str, who: _Watch) -> None:
        """Tell `who` of the events of entities of a kind, after each commit. Before there are any.

        Called with the entity's id and the event.
        """
        self._watch[kind] = who

    def entity(self, kind: str, id_: str) -> Entity:
        """It always exists; new ones are as nothing has happened to them."""
        found = self._entities[kind].get(id_)
        if found is None:
            found = Entity(self._kinds[kind], id_, self._watch.get(kind))
            self._entities[kind][id_] = found
        return found

    def forget(self, kind: str, id_: str) -> None:
        """Of an entity that nothing will happen to any more."""
        self._entities[kind].pop(id_, None)

    def tell(self, kind: str, id_: str, command: Command, by: Sender) -> None:
        """Put a command behind all that wait."""
        self._queue.append((kind, id_, command, by))

    def ask(self, kind: str, id_: str, command: Command, by: Sender) -> Decision:
        """Handle a command now, then all that come of it. Raises what a decision raises."""
        decision = self._handle(self.entity(kind, id_), command, by)
        queue, entities = self._queue, self._entities
        while queue:
            kind, id_, command, by = queue.popleft()
            entity = entities[kind].get(id_)
            self._handle(self.entity(kind, id_) if entity is None else entity, command, by)
        return decision

    def _handle(self, entity: Entity, command: Command, by: Sender) -> Decision:
        self._handled += 1
        context = Context(self.now, by, str(self._handled), entity.telemetry)
        decision = entity.decide(entity.state, command, context)
        sends, events = decision.sends, decision.events
        if events:
            after = decision.after
            entity.state = fold(entity.apply, entity.state, events) if after is None else after
        if sends:
            voice, queue = entity.voice, self._queue
            for send in sends:
                to = send.to
                queue.append((to.kind, to.id, send.command, voice))
        watch = entity.watch
        if watch is not None:
            for event in events:
                watch(entity.id, event)
        return decision
