"""A whole service in virtual time: entities from the registry, a message bus, a clock that is told.

Messages wait on the bus until a test delivers them, in any order, more than once. After each
command everything that must always hold is checked, whatever test is running.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from actors.domain.dispatcher.publish import counted
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.emergency.state import Emergency
from actors.domain.kernel import (
    Behaviour,
    Context,
    Decision,
    EntityRef,
    Event,
    Sender,
    Signal,
    Wake,
    fold,
)
from actors.domain.machine import NEW
from actors.domain.paramedic.state import Paramedic
from actors.domain.registry import KINDS
from actors.domain.task import ON_THE_WAY, case_key

START = 1_586_500_000.0
REGION = "north"
DISPATCHER = EntityRef("dispatcher", REGION)
OPS = Sender("ops", "ops-1")


class Message(msgspec.Struct, frozen=True):
    """One message on its way; the id stays with it however often it is delivered."""

    to: EntityRef
    command: Any
    by: Sender
    id: str


class World:
    """Everything there is, and what happened to it."""

    def __init__(self, kinds: Mapping[str, Behaviour[Any]] = KINDS) -> None:
        self.kinds = kinds
        self.now = START
        self.states: dict[EntityRef, Any] = {}
        self.journal: dict[EntityRef, list[Event]] = defaultdict(list)
        self.telemetry: dict[EntityRef, dict[str, Any]] = defaultdict(dict)
        self.bus: list[Message] = []
        self.delivered: list[Message] = []
        self.publications: list[Any] = []
        self._ids = 0

    # --- driving

    def ask(self, ref: EntityRef, command: Any, by: Sender = OPS) -> Decision:
        """Handle a command now; its messages go on the bus. Raises what `decide` raises."""
        self._ids += 1
        return self._handle(Message(ref, command, by, f"c{self._ids}"))

    def deliver(self, index: int, keep: bool = False) -> None:
        """Deliver one message of the bus; with `keep` it stays there, to be delivered again."""
        message = self.bus[index] if keep else self.bus.pop(index)
        self._handle(message)

    def repeat(self, index: int) -> None:
        """Deliver an old message once more."""
        self._handle(self.delivered[index])

    def advance(self, seconds: float) -> None:
        """Let time pass, with each Wake at the moment it is due."""
        until = self.now + seconds
        while (due := self.next_wake()) is not None and due[0] <= until:
            self.now = max(self.now, due[0])
            self.ask(due[1], Wake(), Sender("system", str(due[1])))
        self.now = until

    def next_wake(self) -> tuple[float, EntityRef] | None:
        wakes = [
            (at, ref)
            for ref, state in self.states.items()
            if (at := self.kinds[ref.kind].wake_at(state)) is not None
        ]
        return min(wakes, default=None)

    def settle(self) -> None:
        """Deliver in order until nobody has anything to say."""
        for _ in range(10_000):
            if not self.bus:
                return
            self.deliver(0)
        raise AssertionError("the bus never comes to rest")

    def signal(self, ref: EntityRef, signal: Signal) -> None:
        """Telemetry, forwarded at once."""
        absorbed = self.kinds[ref.kind].absorb(
            self.state(ref), self.telemetry[ref], signal, self.now
        )
        self.publications += absorbed.publications
        for to, forwarded in absorbed.forwards:
            self.signal(to, forwarded)

    def state(self, ref: EntityRef) -> Any:
        return self.states.get(ref) or self.kinds[ref.kind].initial(ref.id)

    def _handle(self, message: Message) -> Decision:
        behaviour = self.kinds[message.to.kind]
        before = self.state(message.to)
        context = Context(self.now, message.by, message.id, dict(self.telemetry[message.to]))
        wire = msgspec.json.decode(
            msgspec.json.encode(message.command), type=behaviour.command_type
        )
        assert wire == message.command
        decision = behaviour.decide(before, wire, context)
        assert behaviour.decide(before, wire, context) == decision, "a decision made again differs"
        after = before
        for event in decision.events:
            stored = msgspec.json.decode(msgspec.json.encode(event), type=behaviour.event_type)
            assert stored == event
            previous, after = after, behaviour.apply(after, stored)
            self._publish(behaviour, previous, event, after)
        assert decision.after is None or decision.after == after, "not what its events lead to"
        self.states[message.to] = after
        self.journal[message.to] += decision.events
        sender = Sender("system", str(message.to))
        for n, send in enumerate(decision.sends):
            self.bus.append(Message(send.to, send.command, sender, f"{message.id}/{n}"))
        self.delivered.append(message)
        self.check()
        return decision

    def _publish(self, behaviour: Any, before: Any, event: Event, after: Any) -> None:
        published = behaviour.publications(before, event, after)
        facts = [p.channel for p in published if p.delivery == "fact"]
        channel = behaviour.fact_channel
        assert facts == ([] if channel is None else [channel(after.id)]), (
            "one fact per event, or offsets have holes"
        )
        if isinstance(after, Dispatcher):
            totals = counted(after)
            waiting = len(after.cases) - totals.engaged - totals.done
            for said in (p.data for p in published):
                seen = (said.waiting, said.engaged, said.units_free)
                assert seen == (waiting, totals.engaged, totals.free), "not the region's totals"
        self.publications += published

    # --- what must hold

    def check(self) -> None:
        """After every command: nobody and nothing is claimed twice."""
        held = Counter(
            claim.key
            for ref, state in self.states.items()
            for claim in self.kinds[ref.kind].claims(state)
        )
        assert not [key for key, times in held.items() if times > 1], "claimed twice"
        for unit in self.units():
            assert sum(task.live for task in unit.tasks) <= 1
            assert (unit.live_task is not None) == (unit.status == "on_task")
            assert list(unit.tasks) == sorted(unit.tasks, key=lambda task: task.rank)

    def check_replay(self) -> None:
        """Snapshot + replayed events == the state, from every snapshot that there could be."""
        for ref, events in self.journal.items():
            behaviour = self.kinds[ref.kind]
            state = behaviour.initial(ref.id)
            for event in events:
                state = behaviour.apply(state, event)
                stored = msgspec.json.encode(state)
                assert msgspec.json.decode(stored, type=behaviour.state_type) == state
            assert state == self.states[ref]
            assert fold(behaviour.apply, behaviour.initial(ref.id), events) == self.states[ref]

    def check_nothing_lost(self) -> None:
        """At rest each open emergency waits, is offered, or has the one crew it thinks it has."""
        assert not self.bus
        dispatcher = self.dispatcher
        live = {
            case_key(u.live_task.emergency, u.live_task.slot): u
            for u in self.units()
            if u.live_task
        }
        offered = {
            case_key(t.emergency, t.slot): u for u in self.units() for t in u.tasks if not t.live
        }
        wanted: set[str] = set()
        for emergency in self.emergencies():
            if emergency.ended or emergency.status == NEW:
                continue
            wanted |= self._check_open(emergency, live, offered)
        assert set(dispatcher.cases) == wanted, "the dispatcher works on what nobody wants"
        assert set(live) | set(offered) <= wanted
        asked = {u.id: t.id for u in self.units() for t in u.tasks if not t.live}
        assert dispatcher.reserved == asked, "reserved is who was asked and has not answered"
        for unit in self.units():
            known = dispatcher.units[unit.id]
            assert (known.status, known.free) == (unit.status, unit.status == "available")

    def _check_open(
        self, emergency: Emergency, live: dict[str, Paramedic], offered: dict[str, Paramedic]
    ) -> set[str]:
        """Each unit that an emergency wants waits, is asked for, is here, or is done."""
        first = (1, emergency.unit, emergency.task, emergency.orders.primary_done is not None)
        slots = [
            first,
            *((f.slot, f.unit, f.task, f.status == "completed") for f in emergency.orders.further),
        ]
        for slot, unit, task, done in slots:
            key = case_key(emergency.id, slot)
            case = self.dispatcher.cases.get(key)
            assert case is not None, f"{key} is lost"
            assert case.card == emergency.card()
            if done:
                assert case.phase == "done" and key not in live and key not in offered
            elif unit is None:
                assert key not in live
                assert case.phase == ("offered" if key in offered else "waiting")
            else:
                assert case.phase == "engaged"
                crew = live[key]
                assert unit == crew.id == case.unit
                assert crew.live_task is not None and crew.live_task.id == task
                if crew.live_task.step in ON_THE_WAY:
                    staged = emergency.orders.staged
                    assert crew.live_task.staging == (staged and staged.location)
        assert not all(done for *_, done in slots), "it should be closed"
        return {case_key(emergency.id, slot) for slot, *_ in slots}

    # --- looking

    def emergency(self, id_: str) -> Emergency:
        found = self.state(EntityRef("emergency", id_))
        assert isinstance(found, Emergency)
        return found

    def unit(self, id_: str) -> Paramedic:
        found = self.state(EntityRef("paramedic", id_))
        assert isinstance(found, Paramedic)
        return found

    @property
    def dispatcher(self) -> Dispatcher:
        found = self.state(DISPATCHER)
        assert isinstance(found, Dispatcher)
        return found

    def emergencies(self) -> list[Emergency]:
        return [state for state in self.states.values() if isinstance(state, Emergency)]

    def units(self) -> list[Paramedic]:
        return [state for state in self.states.values() if isinstance(state, Paramedic)]

    def events(self, ref: EntityRef, kind: type[Event]) -> list[Any]:
        return [event for event in self.journal[ref] if isinstance(event, kind)]
