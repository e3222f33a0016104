"""Every policy there is, by name."""

from __future__ import annotations

from collections.abc import Mapping

from actors.domain.dispatch.closest_idle import ClosestIdle
from actors.domain.dispatch.combined import Combined
from actors.domain.dispatch.coverage import Coverage
from actors.domain.dispatch.lookahead import Lookahead
from actors.domain.dispatch.preemptive import Preemptive
from actors.domain.dispatch.preemptive_lookahead import PreemptiveLookahead
from actors.domain.dispatch.priority import ByPriority
from actors.domain.dispatch.situation import Policy

POLICIES: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        ClosestIdle(),
        ByPriority(),
        Lookahead(),
        Preemptive(),
        Coverage(),
        PreemptiveLookahead(),
        Combined(),
    )
}


def policy_named(name: str) -> Policy:
    """Raises ValueError, with the names there are."""
    try:
        return POLICIES[name]
    except KeyError:
        raise ValueError(f"no policy {name!r}; there are {', '.join(POLICIES)}") from None
