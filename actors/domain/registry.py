"""Every kind of entity there is, by name: what shards, journals and simulators are driven by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.domain import dispatcher_decide, doctor_decide, emergency_decide, paramedic_decide
from actors.domain.dispatch import ByPriority
from actors.domain.dispatcher import DispatchRules
from actors.domain.kernel import Behaviour
from actors.domain.travel import GreatCircle


def kinds(rules: DispatchRules) -> Mapping[str, Behaviour[Any]]:
    """All kinds, with dispatchers under an operator's rules."""
    return {
        behaviour.kind: behaviour
        for behaviour in (
            emergency_decide.BEHAVIOUR,
            paramedic_decide.BEHAVIOUR,
            doctor_decide.BEHAVIOUR,
            dispatcher_decide.behaviour(ByPriority(), GreatCircle(), rules),
        )
    }


KINDS: Mapping[str, Behaviour[Any]] = kinds(DispatchRules())
