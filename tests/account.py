"""A small kind of entity that uses everything the runtime offers; the runtime's tests drive it.

Invariant over all accounts: the sum of balances and of payments on their way never changes. An
account that holds the key `JINX` has a bug: it fails on what it receives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from msgspec import Struct, structs

from actors.domain.kernel import (
    Absorbed,
    Behaviour,
    Claim,
    Command,
    Context,
    Decision,
    DomainError,
    EntityRef,
    Event,
    Publication,
    Send,
    Signal,
    Wake,
)

JINX = "jinx"


class Deposit(Command, frozen=True):
    amount: int


class Pay(Command, frozen=True):
    to: str
    amount: int


class Receive(Command, frozen=True):
    amount: int


class Remind(Command, frozen=True):
    at: float


class Hold(Command, frozen=True):
    key: str


class Release(Command, frozen=True):
    key: str


class Explode(Command, frozen=True):
    pass


class View(Command, frozen=True):
    pass


class Deposited(Event, frozen=True):
    amount: int


class Paid(Event, frozen=True):
    to: str
    amount: int


class ReminderSet(Event, frozen=True):
    at: float


class Reminded(Event, frozen=True):
    at: float


class Held(Event, frozen=True):
    key: str


class Released(Event, frozen=True):
    key: str


class Ping(Signal, frozen=True):
    n: int


class Account(Struct, frozen=True):
    id: str
    balance: int = 0
    remind_at: float | None = None
    reminded: tuple[float, ...] = ()
    holds: tuple[str, ...] = ()


class Balance(Struct, frozen=True):
    balance: int
    reminded: tuple[float, ...] = ()
    seen: int = 0


def _view(state: Account, context: Context) -> Balance:
    return Balance(state.balance, state.reminded, context.telemetry.get("n", 0))


def decide(state: Account, command: Any, context: Context) -> Decision:
    match command:
        case Receive() if any(key.startswith(JINX) for key in state.holds):
            raise ZeroDivisionError("a bug in a behaviour")
        case Deposit(amount=amount) | Receive(amount=amount):
            if amount <= 0:
                raise DomainError("bad_amount", "an amount is above 0", ("1", "2"))
            return Decision((Deposited(amount=amount),), (), Balance(state.balance + amount))
        case Pay(to=to, amount=amount):
            if amount > state.balance:
                raise DomainError("too_little", f"the balance is {state.balance}")
            send = Send(EntityRef("account", to), Receive(amount=amount))
            return Decision((Paid(to=to, amount=amount),), (send,), Balance(state.balance - amount))
        case Remind(at=at):
            if at == state.remind_at:
                return Decision()
            return Decision((ReminderSet(at=at),))
        case Wake():
            if state.remind_at is None or context.now < state.remind_at:
                return Decision()
            return Decision((Reminded(at=state.remind_at),))
        case Hold(key=key):
            return Decision((Held(key=key),))
        case Release(key=key):
            return Decision((Released(key=key),))
        case Explode():
            raise ZeroDivisionError("a bug in a behaviour")
        case _:
            return Decision((), (), _view(state, context))


def apply(state: Account, event: Any) -> Account:
    match event:
        case Deposited(amount=amount):
            return structs.replace(state, balance=state.balance + amount)
        case Paid(amount=amount):
            return structs.replace(state, balance=state.balance - amount)
        case ReminderSet(at=at):
            return structs.replace(state, remind_at=at)
        case Reminded(at=at):
            return structs.replace(state, remind_at=None, reminded=(*state.reminded, at))
        case Held(key=key):
            return structs.replace(state, holds=(*state.holds, key))
        case Released(key=key):
            return structs.replace(state, holds=tuple(k for k in state.holds if k != key))
        case _:
            raise AssertionError(event)


def absorb(_state: Account, telemetry: dict[str, Any], signal: Ping, _now: float) -> Absorbed:
    telemetry["n"] = signal.n
    return Absorbed(
        (Publication(f"ticks:{_state.id}", Balance(signal.n), "latest", _state.id),),
        ((EntityRef("account", f"{_state.id}-echo"), signal),) if signal.n < 0 else (),
    )


def _publications(_before: Account, _event: Any, after: Account) -> tuple[Publication, ...]:
    return (Publication(f"account:{after.id}", Balance(after.balance, after.reminded)),)


def _no_publications(_before: Account, _event: Any, _after: Account) -> tuple[Publication, ...]:
    return ()


def _claims(state: Account) -> tuple[Claim, ...]:
    return tuple(Claim(key, f"{state.id}/{n}") for n, key in enumerate(state.holds))


ACCOUNT: Behaviour[Account] = Behaviour(
    kind="account",
    state_type=Account,
    command_type=Deposit | Pay | Receive | Remind | Wake | Hold | Release | Explode | View,
    event_type=Deposited | Paid | ReminderSet | Reminded | Held | Released,
    initial=lambda id_: Account(id_),
    decide=decide,
    apply=apply,
    wake_at=lambda state: state.remind_at,
    claims=_claims,
    publications=_publications,
    fact_channel=lambda id_: f"account:{id_}",
    signal_type=Ping,
    absorb=absorb,
    snapshot_every=3,
)
# The same with a lane of its own, and without facts.
ALARM: Behaviour[Account] = replace(
    ACCOUNT, kind="alarm", urgent=True, publications=_no_publications, fact_channel=None
)
KINDS: Mapping[str, Behaviour[Any]] = {"account": ACCOUNT, "alarm": ALARM}
