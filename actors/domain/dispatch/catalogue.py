"""Every policy there is, by name."""

from __future__ import annotations

from collections.abc import Mapping

from actors.domain.dispatch.closest_idle import ClosestIdle
from actors.domain.dispatch.priority import ByPriority
from actors.domain.dispatch.situation import Policy

POLICIES: Mapping[str, Policy] = {policy.name: policy for policy in (ClosestIdle(), ByPriority())}


def policy_named(name: str) -> Policy:
    """Raises ValueError, with the names there are."""
    try:
        return POLICIES[name]
    except KeyError:
        raise ValueError(f"no policy {name!r}; there are {', '.join(POLICIES)}") from None
