"""What a dispatcher decides. Its table and who may send what: machine.py.

Each command is first taken in (intake.py: what entities say is so; desk.py: what people want), then
the policy is asked who is to be sent where as things stand now (plan.py). All of it are events of
the same commit.
"""

from __future__ import annotations

from typing import cast, get_args

from actors.domain.access import require, roles_of
from actors.domain.dispatch import Policy
from actors.domain.dispatcher.apply import apply_all
from actors.domain.dispatcher.commands import (
    DispatcherCommand,
    ExplainCase,
    ListDuplicates,
    ListSuggestions,
    OverrideAssignment,
    PlanNow,
    ViewDispatcher,
)
from actors.domain.dispatcher.desk import Desk, overridden
from actors.domain.dispatcher.events import DispatcherEvent, Events, OfferClosed
from actors.domain.dispatcher.intake import TAKEN, alert, woken
from actors.domain.dispatcher.plan import Planning, restands
from actors.domain.dispatcher.projection import case_view, dispatcher_view
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.kernel import Context, Decision, Send
from actors.domain.travel import TravelEstimate

_OfPeople = OverrideAssignment | ViewDispatcher | ListSuggestions | ListDuplicates | ExplainCase
_NOTHING = Decision()
_SENDERS = roles_of("dispatcher.message")
# By type: asking a union of classes costs as much as taking a message in.
_OF_PEOPLE = frozenset(get_args(_OfPeople))


class Dispatching:
    """The decisions, bound to a policy, a travel estimate and an operator's rules."""

    def __init__(self, policy: Policy, travel: TravelEstimate, rules: DispatchRules) -> None:
        self._rules = rules
        self._planning = Planning(policy, travel, rules)
        self._desk = Desk(policy, travel, self._planning.showing)

    def decide(self, state: Dispatcher, command: DispatcherCommand, ctx: Context) -> Decision:
        """See machine.py. Messages are refused only to senders that may not send them.

        Raises DomainError: forbidden, and what desk.overridden raises.
        """
        kind = type(command)
        take = TAKEN.get(kind)
        if take is not None:
            if ctx.by.role not in _SENDERS:
                require(ctx.by, "dispatcher.message")
            events, sends = take(state, command, ctx.now)
            return self._concluded(state, events, sends, ctx) if events else _NOTHING
        if kind in _OF_PEOPLE:
            return self._ordered(state, cast("_OfPeople", command), ctx)
        require(ctx.by, "dispatcher.message")
        if kind is PlanNow:
            limit = cast("PlanNow", command).limit
            planned, offers = self._planning.planned(state, ctx, restand=True, limit=limit)
            return Decision(planned, offers)
        events = woken(state, ctx.now, self._rules)
        return self._concluded(state, events, (), ctx) if events else _NOTHING

    def _ordered(self, state: Dispatcher, command: _OfPeople, ctx: Context) -> Decision:
        if isinstance(command, OverrideAssignment):
            require(ctx.by, "dispatcher.assign")
            events, sends = overridden(state, command, ctx)
            decision = self._concluded(state, events, sends, ctx)
            after = cast("Dispatcher", decision.after)
            case = after.case(command.emergency, command.slot)
            assert case is not None, "an override is of an open case"
            return Decision(decision.events, decision.sends, case_view(case), after)
        require(ctx.by, "dispatcher.view")
        match command:
            case ViewDispatcher():
                return Decision(answer=dispatcher_view(state))
            case ListSuggestions():
                return Decision(answer=self._desk.suggestions(state, command, ctx))
            case ListDuplicates():
                return Decision(answer=self._desk.duplicates(state, command))
            case ExplainCase():
                return Decision(answer=self._desk.why(state, command))

    def _concluded(
        self, state: Dispatcher, events: Events, sends: tuple[Send, ...], ctx: Context
    ) -> Decision:
        taken = apply_all(state, events)
        alerts: Events = ()
        if type(events[-1]) is OfferClosed:  # the last of what an answer says, if at all
            alerts = self._alerts(state, taken, events, ctx)
            taken = apply_all(taken, alerts)
        if self._rules.plans_when_asked:
            return Decision(events + alerts, sends, None, taken)
        planned, offers = self._planning.planned(taken, ctx, restand=restands(events))
        if planned:
            taken = apply_all(taken, planned)
        if alerts or planned:
            events, sends = (*events, *alerts, *planned), (*sends, *offers)
        return Decision(events, sends, None, taken)

    def _alerts(
        self, before: Dispatcher, state: Dispatcher, events: Events, ctx: Context
    ) -> Events:
        """A human is called when `max_tries` crews did not take it, and after each as many more."""
        alerts: tuple[DispatcherEvent, ...] = ()
        for event in events:
            if type(event) is not OfferClosed:
                continue
            case = state.case(event.emergency, event.slot)
            known = before.case(event.emergency, event.slot)
            if case is None or known is None or case.tries <= known.tries:
                continue
            if case.tries % self._rules.max_tries == 0:
                alerts += (alert(case, ctx.now, self._rules),)
        return alerts
