"""The words every entity of the domain is written in.

An entity is a `Behaviour`: pure functions over a frozen state. The runtime (actors/shard.py)
loads the state, calls `decide`, folds the events with `apply`, and commits what came of it in
one transaction. Everything durable that follows from a state rather than from one event, its
next deadline and the facts that must be unique across entities, is *derived* from the state
(`wake_at`, `claims`), so that no code path can forget to set or clear it.

Times are float seconds since the Unix epoch (virtual in the simulator); distances metres.

What is made at every command is told to be none of the garbage collector's business (`gc=False`):
a frozen value can only hold what was there before it, so it is never part of a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

NO_TELEMETRY: Mapping[str, Any] = MappingProxyType({})

Role = Literal["patient", "paramedic", "doctor", "ops", "admin", "auditor", "system"]
TieKind = Literal["family", "guardian", "consultation", "break_glass"]


class EntityRef(Struct, frozen=True, order=True, gc=False):
    """Which entity: its kind (a key of the registry) and its id. Written `kind:id`."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> EntityRef:
        """The reverse of `str`. Raises ValueError where there is no colon."""
        kind, colon, id_ = text.partition(":")
        if not colon or not kind or not id_:
            raise ValueError(f"not an entity reference: {text!r}; expected kind:id")
        return cls(kind, id_)


class Tie(Struct, frozen=True, array_like=True):
    """How somebody stands to a patient now (relationship.py says what kinds there are)."""

    kind: TieKind
    patient_id: str


class Sender(Struct, frozen=True):
    """On whose behalf a command comes: a role and the subject's id (an entity's ref for system).

    `ties`: what the door found it to be to patients, in the moment it asked; never out of a token
    and never kept. They travel with the command, for an entity knows of no relationships.
    """

    role: Role
    subject: str
    ties: tuple[Tie, ...] = ()


class Command(Struct, frozen=True, forbid_unknown_fields=True, tag=True, kw_only=True, gc=False):
    """Base of every command: imperative name; the tag is the class name; unknown fields refused."""


class Event(Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of every event: past tense; new fields need defaults, for old journals are replayed."""


class Wake(Command, frozen=True):
    """Sent by the runtime when the time `wake_at(state)` named has come; at least once."""


class DomainError(Exception):
    """A command was refused. `code` is stable, for machines; `allowed` says what was possible."""

    def __init__(self, code: str, message: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.allowed = allowed


class Send(Struct, frozen=True, gc=False):
    """A message to another entity: brought at least once after commit, handled exactly once."""

    to: EntityRef
    command: Command


Sends = tuple[Send, ...]


class Claim(Struct, frozen=True, order=True):
    """`key` has at most one holder in the whole system: a unique constraint in PostgreSQL."""

    key: str
    holder: str


class Publication(Struct, frozen=True):
    """What subscribers get. `fact`: offset = journal version. `latest`: conflated by key."""

    channel: str
    data: Struct
    delivery: Literal["fact", "latest"] = "fact"
    key: str | None = None


class Signal(Struct, frozen=True, tag=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every telemetry message: best effort, never journaled, the newest wins."""


class Later(Struct, frozen=True, gc=False):
    """An answer that is made when somebody wants it: `of(state)`."""

    of: Callable[[Any], Struct]
    state: Any


class Context(Struct, frozen=True, gc=False):
    """What a decision may depend on besides state and command.

    `id` is the command's id (decisions derive new ids from it: see ids.derive_id).
    `telemetry` is the entity's volatile memory, filled by `absorb`, empty after a restart.
    """

    now: float
    by: Sender
    id: str
    telemetry: Mapping[str, Any] = NO_TELEMETRY


class Decision(Struct, frozen=True, gc=False):
    """What a command leads to. No events: nothing changes (a read, or an idempotent repeat).

    `after`: the state that the events lead to, where deciding took to fold them; so nobody has to
    do it again. None: it did not.
    """

    events: tuple[Event, ...] = ()
    sends: tuple[Send, ...] = ()
    answer: Struct | Later | None = None
    after: Struct | None = None

    def told(self) -> Struct | None:
        """The answer, made if it was left for later."""
        return self.answer.of(self.answer.state) if isinstance(self.answer, Later) else self.answer


class Absorbed(Struct, frozen=True):
    """What a signal leads to: publications of class `latest`, and signals to other entities."""

    publications: tuple[Publication, ...] = ()
    forwards: tuple[tuple[EntityRef, Signal], ...] = ()


S = TypeVar("S")


def _never(_state: Any) -> None:
    return None


def _nothing(*_args: Any) -> tuple[()]:
    return ()


def _nobody(_before: Any, _event: Any, _after: Any) -> None:
    return None


def _ignore(_state: Any, _telemetry: dict[str, Any], _signal: Any, _now: float) -> Absorbed:
    return Absorbed()


@dataclass(frozen=True, slots=True)
class Behaviour(Generic[S]):
    """One kind of entity, as data and pure functions.

    `command_type` and `event_type` are unions of tagged Structs. `initial(id)` is the state before
    the first event. `decide` may raise DomainError. `publications(before, event, after)` runs for
    each event; its `fact` publication, if any, must be exactly one per event, on
    `fact_channel(id)`, so that offsets (= journal versions) have no holes.
    `concerns(before, event, after)` says whose private data (privacy.py) the event, what is
    published of it and what it is answered with may hold, where they do not say so themselves: a
    patient's id, or None.
    `snapshot_every`: 1 stores the state with each commit; n > 1 each n-th version (large states).
    `absorb` may mutate the telemetry dict it is given; nothing else in here mutates anything.
    """

    kind: str
    state_type: type[S]
    command_type: Any
    event_type: Any
    initial: Callable[[str], S]
    decide: Callable[[S, Any, Context], Decision]
    apply: Callable[[S, Any], S]
    wake_at: Callable[[S], float | None] = _never
    claims: Callable[[S], tuple[Claim, ...]] = _nothing
    publications: Callable[[S, Any, S], tuple[Publication, ...]] = _nothing
    fact_channel: Callable[[str], str] | None = None
    concerns: Callable[[S, Any, S], str | None] = _nobody
    signal_type: Any = None
    absorb: Callable[[S, dict[str, Any], Any, float], Absorbed] = _ignore
    urgent: bool = False
    snapshot_every: int = 1


E = TypeVar("E")


def fold(apply: Callable[[S, E], S], state: S, events: Iterable[E]) -> S:
    """The state after `events`, in order."""
    for event in events:
        state = apply(state, event)
    return state
