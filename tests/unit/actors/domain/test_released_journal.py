"""Journals, snapshots and messages on their way as the version before dispatch policies wrote them.

`released_journal.json` was written by that version's own code (4d3ef72), by a day of two crews in
which each event of an emergency, a paramedic and a dispatcher happens: a line for each entity (its
events; its snapshot half-way and at the end), and one for a message of each kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Struct

from actors.domain.dispatcher.projection import dispatcher_view
from actors.domain.kernel import Behaviour, EntityRef, Event, fold
from actors.domain.messages.to_paramedic import OfferTask
from actors.domain.registry import KINDS
from tests.unit.actors.domain.cast import accept, progress
from tests.unit.actors.domain.world import World


class Half(Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    snapshot: dict[str, Any]


class Entity(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    id: str
    events: list[dict[str, Any]]
    snapshot: dict[str, Any]
    half: Half

    @property
    def behaviour(self) -> Behaviour[Any]:
        return KINDS[self.kind]

    @property
    def ref(self) -> EntityRef:
        return EntityRef(self.kind, self.id)

    def decoded(self) -> list[Event]:
        return [msgspec.convert(one, self.behaviour.event_type) for one in self.events]

    def state(self, snapshot: dict[str, Any]) -> Any:
        return msgspec.convert(snapshot, self.behaviour.state_type)


class Sent(Struct, frozen=True, forbid_unknown_fields=True):
    to: str
    body: dict[str, Any]


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    entity: Entity | None = None
    message: Sent | None = None


LINES = msgspec.json.Decoder(list[Line]).decode(
    Path(__file__).with_name("released_journal.json").read_bytes()
)
ENTITIES = [line.entity for line in LINES if line.entity is not None]
MESSAGES = [line.message for line in LINES if line.message is not None]


def said(old: Any, new: Any) -> bool:
    """Whether the new one says all that the old one did."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in new and said(value, new[name]) for name, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(said, old, new))
    return bool(old == new)


@pytest.mark.parametrize("kind", ["emergency", "paramedic", "dispatcher"])
def test_the_recording_has_every_event_of_that_version(kind: str) -> None:
    recorded = {event["type"] for one in ENTITIES if one.kind == kind for event in one.events}
    known = {event.__name__ for event in get_args(KINDS[kind].event_type)}
    assert recorded <= known, "an event that was journaled is gone"
    assert len(recorded) == {"emergency": 7, "paramedic": 17, "dispatcher": 12}[kind]


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda one: str(one.ref))
def test_its_events_and_snapshots_are_read_and_say_the_same(entity: Entity) -> None:
    for old, event in zip(entity.events, entity.decoded(), strict=True):
        assert said(old, msgspec.json.decode(msgspec.json.encode(event)))
    for snapshot in (entity.half.snapshot, entity.snapshot):
        again = msgspec.json.decode(msgspec.json.encode(entity.state(snapshot)))
        assert said(snapshot, again)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda one: str(one.ref))
def test_from_any_snapshot_it_comes_to_the_same(entity: Entity) -> None:
    behaviour, events = entity.behaviour, entity.decoded()
    whole = fold(behaviour.apply, behaviour.initial(entity.id), events)
    half = entity.state(entity.half.snapshot)
    rest = fold(behaviour.apply, half, events[entity.half.version :])
    written = entity.state(entity.snapshot)
    if entity.kind == "dispatcher":
        view = dispatcher_view
        assert view(whole) == view(rest) == view(written)
    else:
        assert whole == rest == written


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: str(one.body["type"]))
def test_a_message_that_was_on_its_way_is_read(message: Sent) -> None:
    command = msgspec.convert(message.body, KINDS[message.to].command_type)
    assert said(message.body, msgspec.json.decode(msgspec.json.encode(command)))


def test_everybody_goes_on_from_there() -> None:
    world = World()
    for entity in ENTITIES:
        world.states[entity.ref] = entity.state(entity.snapshot)
        world.journal[entity.ref] = entity.decoded()
    world.now = max(event["at"] for entity in ENTITIES for event in entity.events)
    (busy,) = [u for u in "ab" if world.unit(u).live_task is not None]
    emergency = world.unit(busy).tasks[0].emergency
    progress(world, busy, "on_scene", "completed")
    assert world.emergency(emergency).status == "closed"
    # Those that had waited since then are next.
    (asked,) = [u for u in "ab" if world.unit(u).tasks]
    waited = world.unit(asked).tasks[0].emergency
    accept(world, asked)
    world.settle()
    assert world.emergency(waited).unit == asked
    assert world.emergency(waited).orders.choices[1].unit == asked
    # A card of before does not say all that one says now; the next one does.
    assert world.dispatcher.cases[waited].card == world.emergency(waited).card()


def test_an_offer_of_that_version_has_no_slot_and_is_the_primary_units() -> None:
    (body,) = [one.body for one in MESSAGES if one.body["type"] == OfferTask.__name__]
    assert "slot" not in body["task"]
    assert msgspec.convert(body, OfferTask).task.slot == 1
