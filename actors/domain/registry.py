"""Every kind of entity there is, by name: what shards, journals and simulators are driven by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.domain import (
    dispatcher_decide,
    doctor_decide,
    emergency_decide,
    hospital_decide,
    paramedic_decide,
    shift,
)
from actors.domain.dispatch import ByPriority, Policy
from actors.domain.dispatcher import DispatchRules
from actors.domain.kernel import Behaviour
from actors.domain.travel import GreatCircle, TravelEstimate

_BY_PRIORITY = ByPriority()
_GREAT_CIRCLE = GreatCircle()


def kinds(
    rules: DispatchRules, policy: Policy = _BY_PRIORITY, travel: TravelEstimate = _GREAT_CIRCLE
) -> Mapping[str, Behaviour[Any]]:
    """All kinds, with dispatchers that follow `policy` under an operator's rules."""
    return {
        behaviour.kind: behaviour
        for behaviour in (
            emergency_decide.BEHAVIOUR,
            paramedic_decide.behaviour(travel),
            doctor_decide.BEHAVIOUR,
            hospital_decide.BEHAVIOUR,
            shift.BEHAVIOUR,
            dispatcher_decide.behaviour(policy, travel, rules),
        )
    }


KINDS: Mapping[str, Behaviour[Any]] = kinds(DispatchRules())
