"""What the people at the dispatch desk ask of a dispatcher: to see, and to decide otherwise.

Their words are refused where they are impossible, and told what was possible. A unit that is
ordered is asked like any other: its crew may decline, and then the policy decides again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import degrees
from typing import Any

from actors.domain.dispatch import Policy
from actors.domain.dispatch.explain import explain
from actors.domain.dispatcher.case import Case, Wish, offer_of
from actors.domain.dispatcher.commands import (
    ExplainCase,
    ListDuplicates,
    ListSuggestions,
    OverrideAssignment,
)
from actors.domain.dispatcher.events import Events, OverrideOrdered
from actors.domain.dispatcher.plan import leaving
from actors.domain.dispatcher.queue import shown_waiting
from actors.domain.dispatcher.situation import Showing
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.emergency.projection import choice_view
from actors.domain.kernel import Context, DomainError, EntityRef, Send
from actors.domain.messages.card import EmergencyCard, UnitStatus
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic.machine import ON_DUTY
from actors.domain.timestamp import rfc3339
from actors.domain.travel import EARTH_RADIUS_M, TravelEstimate, great_circle_m
from actors.domain.views.dispatcher import (
    CandidateView,
    DuplicateList,
    DuplicatePair,
    Suggestion,
    SuggestionList,
)
from actors.domain.views.emergency import ChoiceList


def overridden(
    state: Dispatcher, order: OverrideAssignment, ctx: Context
) -> tuple[Events, tuple[Send, ...]]:
    """The wish, and the withdrawal of the offer that is out, if one is.

    Raises DomainError: unknown_emergency, unknown_unit, has_crew, unit_unavailable, unit_busy,
    already_asked.
    """
    case = _open_case(state, order)
    unit = state.units.get(order.unit)
    if unit is None:
        known = ", ".join(sorted(u.unit for u in state.units.values() if u.free)[:20])
        raise DomainError("unknown_unit", f"no unit {order.unit} here; free are: {known or 'none'}")
    if case.phase == "offered" and case.unit == order.unit:
        raise DomainError("already_asked", f"unit {order.unit} is asked for it just now")
    _check_unit(state, unit, order)
    wish = Wish(unit=order.unit, by=ctx.by.subject, reason=order.reason, divert=order.divert)
    event = OverrideOrdered(at=ctx.now, emergency=case.card.emergency, slot=case.slot, wish=wish)
    if case.phase != "offered" or case.unit is None or case.task is None:
        return (event,), ()
    # Answered at once; should that crew have accepted just now, it goes, and the wish is void.
    withdraw = WithdrawTask(
        task=case.task,
        reason="another unit is sent",
        offer=offer_of(case, state.id),
        only_offer=True,
    )
    return (event,), (Send(EntityRef("paramedic", case.unit), withdraw),)


def _open_case(state: Dispatcher, order: OverrideAssignment) -> Case:
    case = state.case(order.emergency, order.slot)
    if case is None or case.key not in state.cases:
        waiting = sorted(c.key for c in state.cases.values() if c.phase == "waiting")[:20]
        raise DomainError(
            "unknown_emergency",
            f"no open emergency {order.emergency} (unit {order.slot}) here",
            tuple(waiting),
        )
    if case.phase in ("engaged", "done"):
        raise DomainError(
            "has_crew",
            f"unit {case.unit} is on it; withdraw its task first, or order a further unit",
            ("WithdrawTask", "OrderUnits"),
        )
    return case


def _check_unit(state: Dispatcher, unit: UnitStatus, order: OverrideAssignment) -> None:
    if unit.status not in ON_DUTY or unit.status == "on_break" or unit.position is None:
        raise DomainError(
            "unit_unavailable", f"unit {unit.unit} is {unit.status}", ("ListSuggestions",)
        )
    if unit.free and unit.unit not in state.reserved:
        return
    left = leaving(state, unit.unit)
    if left is None:
        raise DomainError(
            "unit_busy",
            f"unit {unit.unit} is with a patient, or about to leave for another emergency",
            ("ListSuggestions",),
        )
    if not order.divert:
        raise DomainError(
            "unit_busy",
            f"unit {unit.unit} is asked for or on its way to emergency {left.card.emergency} "
            f"(priority {left.card.priority}); confirm with divert that it is to leave that one",
            ("divert",),
        )


class Desk:
    """What can be read. Bound to the policy and the travel estimate that decide."""

    def __init__(self, policy: Policy, travel: TravelEstimate, showing: Showing) -> None:
        self._policy = policy
        self._travel = travel
        self._showing = showing

    def suggestions(
        self, state: Dispatcher, command: ListSuggestions, ctx: Context
    ) -> SuggestionList:
        """For each emergency that waits, who could go, soonest first, and what the policy says."""
        waiting = sorted(
            (case for case in state.cases.values() if case.phase == "waiting"),
            key=lambda case: case.rank,
        )
        situation = self._showing.situation(
            state,
            tuple(map(shown_waiting, waiting)),
            self._policy,
            ctx.now,
            ctx.telemetry,
            everything=True,
        )
        shown = []
        for case in waiting:
            said = explain(situation, case.key, self._travel, self._policy)
            shown.append(
                Suggestion(
                    emergency=case.card.emergency,
                    slot=case.slot,
                    priority=case.card.priority,
                    raised_at=rfc3339(case.card.raised_at),
                    held=case.card.held,
                    decision=said.decision,
                    chosen=said.chosen,
                    reason=said.reason,
                    candidates=tuple(
                        CandidateView(
                            unit=one.unit,
                            eta_s=round(one.eta_s, 1),
                            free_in_s=round(one.free_in_s, 1),
                            verdict=one.verdict,
                            why=one.why,
                        )
                        for one in said.candidates[: command.limit]
                    ),
                )
            )
        return SuggestionList(state.id, self._policy.name, tuple(shown))

    def duplicates(self, state: Dispatcher, command: ListDuplicates) -> DuplicateList:
        """Pairs of open emergencies that are near in place and time; the older one first."""
        cards = sorted(
            (case.card for case in state.cases.values() if case.slot == 1 and case.phase != "done"),
            key=lambda card: (card.raised_at, card.emergency),
        )
        pairs = []
        for one, other in _near(cards, command):
            apart_s = other.raised_at - one.raised_at
            apart_m = great_circle_m(one.location, other.location)
            if apart_m <= command.within_m:
                pairs.append(
                    DuplicatePair(
                        emergency=one.emergency,
                        duplicate=other.emergency,
                        apart_m=round(apart_m, 1),
                        apart_s=round(apart_s, 1),
                    )
                )
        return DuplicateList(state.id, tuple(pairs))

    def why(self, state: Dispatcher, command: ExplainCase) -> ChoiceList:
        """The choices of the cases that are open here."""
        cases: Mapping[str, Any] = {**state.merged, **state.cases}
        choices = tuple(
            choice_view(case.slot, case.choice)
            for case in cases.values()
            if case.card.emergency == command.emergency and case.choice is not None
        )
        return ChoiceList(command.emergency, choices)


def _near(
    cards: list[EmergencyCard], command: ListDuplicates
) -> Iterator[tuple[EmergencyCard, EmergencyCard]]:
    """Pairs near enough in time, of cards by age; without most that are too far apart.

    One who reads must not hold up the shard: what is too late ends the search, and no distance is
    computed where the latitudes alone are further apart (a hair of slack, for rounding).
    """
    apart_lat = degrees(command.within_m / EARTH_RADIUS_M) + 1e-9
    for first, one in enumerate(cards, start=1):
        raised_at, lat = one.raised_at, one.location.lat
        for n in range(first, len(cards)):
            other = cards[n]
            if other.raised_at - raised_at > command.within_s:
                break
            if abs(other.location.lat - lat) <= apart_lat:
                yield one, other
