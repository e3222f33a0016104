"""Idempotency-Key: the id of the command that a request stands for.

With the header a repeat has the same id, hence changes nothing and gets what the first one got;
without it each request is a command of its own. The id is bound to caller, method and path, so no
key of one caller reaches what another caller did.
"""

from __future__ import annotations

from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from web.audit.draft import audited
from web.auth import Authenticated
from web.command_id import derived_id, random_id

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        min_length=1,
        max_length=200,
        description=(
            "Names this request: repeated with the same key and body it is done once, and "
            "answered alike. Kept for 48 hours."
        ),
    ),
]

# For handlers: what `provide_command_id` provides under the name `command_id`.
CommandId = NamedDependency[str]


def provide_command_id(request: Authenticated, idempotency_key: IdempotencyKey = None) -> str:
    """The id for the command behind this request."""
    if idempotency_key is None:
        id_ = random_id()
    else:
        path = request.scope["path"].rstrip("/")
        id_ = derived_id(request.user, f"{request.method} {path}", idempotency_key)
    # So that the trail's line about the request leads to those about the entities' steps.
    audited(details={"command": id_})
    return id_
