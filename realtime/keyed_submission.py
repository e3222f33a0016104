"""Changing maps for clients and for the application."""

from __future__ import annotations

from realtime.errors import BadRequest, LimitExceeded, NotAvailable
from realtime.keyed import MAX_KEY_LENGTH, KeyedChange, KeyedOutcome, KeyedStore
from realtime.protocol import SUBSCRIPTION_MAP, SUBSCRIPTION_STREAM, PublishRequest


def check_key(request: PublishRequest) -> None:
    """Raises BadRequest for a publish command that makes no sense, whoever sent it."""
    if request.type == SUBSCRIPTION_STREAM:
        if request.removed:
            raise BadRequest("only keys of maps can be removed")
    elif request.type != SUBSCRIPTION_MAP:
        raise BadRequest("no such type of publication")
    elif not 1 <= len(request.key) <= MAX_KEY_LENGTH:
        raise BadRequest(f"a key has 1 to {MAX_KEY_LENGTH} characters")


async def change_key(store: KeyedStore | None, change: KeyedChange) -> KeyedOutcome:
    """Make one change. That a key is already as it should be is no error.

    Raises NotAvailable, LimitExceeded, BrokerUnavailable.
    """
    if store is None:
        raise NotAvailable("there are no maps here")
    (outcome,) = await store.change([change])
    if outcome.reason == "limit":
        raise LimitExceeded(f"the map {change.channel!r} has as many keys as it may")
    return outcome
