"""A dispatcher as the runtime drives it."""

from __future__ import annotations

from actors.domain.dispatch import ByPriority, Policy
from actors.domain.dispatcher.apply import apply
from actors.domain.dispatcher.commands import DispatcherCommand
from actors.domain.dispatcher.decide import Dispatching
from actors.domain.dispatcher.events import DispatcherEvent
from actors.domain.dispatcher.positions import absorb
from actors.domain.dispatcher.publish import Publishing, channel, concerns
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.state import Dispatcher, wake_at
from actors.domain.kernel import Behaviour
from actors.domain.messages.telemetry import UnitPosition
from actors.domain.travel import GreatCircle, TravelEstimate


def initial(region: str) -> Dispatcher:
    """Nobody waits, no unit is known."""
    return Dispatcher(id=region)


def behaviour(
    policy: Policy, travel: TravelEstimate, rules: DispatchRules
) -> Behaviour[Dispatcher]:
    """Dispatchers that follow `policy` with `travel` under an operator's `rules`."""
    return Behaviour(
        kind="dispatcher",
        state_type=Dispatcher,
        command_type=DispatcherCommand,
        event_type=DispatcherEvent,
        initial=initial,
        decide=Dispatching(policy, travel, rules).decide,
        apply=apply,
        wake_at=wake_at,
        publications=Publishing().publications,
        concerns=concerns,
        fact_channel=channel,
        signal_type=UnitPosition,
        absorb=absorb,
        urgent=True,
        # The state is the whole region (about 100 KB with 500 units); the events are small.
        snapshot_every=50,
    )


BEHAVIOUR = behaviour(ByPriority(), GreatCircle(), DispatchRules())
