"""The entities of one run and the messages between them: in memory, first in, first out.

What the live runtime does with shards, commits and couriers: load the state, `decide`, fold the
events with `apply`, bring the messages. Nothing of the domain is done here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
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

# By type, who is told of an event: with the id of the entity that it happened to.
Reactions = Mapping[type[Event], Callable[[str, Any], None]]


class Entity:
    """One entity's state. `telemetry` is what it may look at besides; `voice`, whom it sends as;
    `watch`, who is told of its events; None: nobody of any.
    """

    __slots__ = ("apply", "decide", "id", "state", "telemetry", "voice", "watch")

    def __init__(self, behaviour: Behaviour[Any], id_: str, watch: Reactions | None) -> None:
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
        self._watch: dict[str, Reactions] = {}
        self._entities: dict[str, dict[str, Entity]] = {kind: {} for kind in kinds}
        self._queue: deque[tuple[Entity, Command, Sender]] = deque()
        self._handled = count(1)

    def watch(self, kind: str, reactions: Reactions) -> None:
        """Tell of the events of entities of a kind, after each commit. Before there are any."""
        self._watch[kind] = reactions

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

    def tell(self, entity: Entity, command: Command, by: Sender) -> None:
        """Put a command behind all that wait."""
        self._queue.append((entity, command, by))

    def ask(self, kind: str, id_: str, command: Command, by: Sender) -> Decision:
        """Handle a command now, then all that come of it. Raises what a decision raises."""
        return self.handle(self.entity(kind, id_), command, by)

    def handle(self, entity: Entity, command: Command, by: Sender) -> Decision:
        """As above, for who keeps the entity."""
        # One loop for all of them: a call for each would cost as much as what it does.
        queue, entities, now, handled = self._queue, self._entities, self.now, self._handled
        queue.appendleft((entity, command, by))
        first: Decision | None = None
        while queue:
            entity, command, by = queue.popleft()
            context = Context(now, by, str(next(handled)), entity.telemetry)
            decision = entity.decide(entity.state, command, context)
            if first is None:
                first = decision
            after = decision.after
            if after is None:
                after = fold(entity.apply, entity.state, decision.events)
            entity.state = after
            for send in decision.sends:
                to = send.to
                try:
                    receiver = entities[to.kind][to.id]
                except KeyError:
                    receiver = self.entity(to.kind, to.id)
                queue.append((receiver, send.command, entity.voice))
            watch = entity.watch
            if watch is not None:
                for event in decision.events:
                    react = watch.get(type(event))
                    if react is not None:
                        react(entity.id, event)
        assert first is not None, "what was asked is in the queue"
        return first
