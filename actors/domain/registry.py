"""Every kind of entity there is, by name: what shards, journals and simulators are driven by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.domain.dispatch import ByPriority, Policy
from actors.domain.dispatcher import behaviour as dispatcher
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.doctor import behaviour as doctor
from actors.domain.emergency import behaviour as emergency
from actors.domain.hospital import behaviour as hospital
from actors.domain.kernel import Behaviour
from actors.domain.paramedic import behaviour as paramedic
from actors.domain.shift import behaviour as shift
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
            emergency.BEHAVIOUR,
            paramedic.behaviour(travel),
            doctor.BEHAVIOUR,
            hospital.BEHAVIOUR,
            shift.BEHAVIOUR,
            dispatcher.behaviour(policy, travel, rules),
        )
    }


KINDS: Mapping[str, Behaviour[Any]] = kinds(DispatchRules())
