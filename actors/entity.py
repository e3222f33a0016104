"""One virtual actor in memory, and how it is loaded from its record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from actors.domain.kernel import Behaviour, Claim
from actors.errors import BadCommand
from actors.placement import slot_of
from actors.ports import Record


@dataclass(frozen=True, slots=True)
class Codec:
    """JSON decoders of one kind, made once."""

    command: msgspec.json.Decoder[Any]
    event: msgspec.json.Decoder[Any]
    state: msgspec.json.Decoder[Any]
    signal: msgspec.json.Decoder[Any] | None


@lru_cache(maxsize=64)
def codec(behaviour: Behaviour[Any]) -> Codec:
    """The decoders of a behaviour's commands, events, state and signals."""
    return Codec(
        command=msgspec.json.Decoder(behaviour.command_type),
        event=msgspec.json.Decoder(behaviour.event_type),
        state=msgspec.json.Decoder(behaviour.state_type),
        signal=msgspec.json.Decoder(behaviour.signal_type) if behaviour.signal_type else None,
    )


class Entity:
    """The live state of one entity. `pins`: batches in progress that touch it; 0: may leave.

    `version` counts events; `stored_version` is the version of the newest stored snapshot.
    """

    __slots__ = (
        "behaviour",
        "claims",
        "codec",
        "id",
        "pins",
        "ref",
        "slot",
        "state",
        "stored_version",
        "telemetry",
        "touched_at",
        "version",
    )

    def __init__(self, behaviour: Behaviour[Any], entity: str, record: Record | None) -> None:
        self.behaviour = behaviour
        self.id = entity
        self.ref = f"{behaviour.kind}:{entity}"
        self.slot = slot_of(behaviour.kind, entity)
        self.pins = 0
        self.touched_at = 0.0
        self.telemetry: dict[str, Any] | None = None
        # Kept here: to find it by its behaviour is to hash that, at each command.
        self.codec = codec(behaviour)
        if record is None or record.version == 0:
            self.state = behaviour.initial(entity)
            self.version = self.stored_version = 0
        else:
            self.version = record.version
            self.stored_version = record.version - len(record.tail)
            state = (
                behaviour.initial(entity)
                if record.snapshot is None
                else self.codec.state.decode(record.snapshot)
            )
            for event in record.tail:
                state = behaviour.apply(state, self.codec.event.decode(event))
            self.state = state
        self.claims: frozenset[Claim] = frozenset(behaviour.claims(self.state))

    def command(self, body: bytes) -> Any:
        """The command in `body`. Raises BadCommand that says what was wrong with it."""
        try:
            return self.codec.command.decode(body)
        except msgspec.DecodeError as error:
            raise BadCommand(f"{self.behaviour.kind}: {error}") from None
