"""What goes in and out of /api/tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from actors.domain.values import Id


class TokenBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For whom, and for how long: a day at most.

    Never for an administrator: a token that makes its like would outlive every expiry.
    """

    role: Literal["patient", "paramedic", "doctor", "ops"]
    subject: Id
    ttl_s: Annotated[float, Meta(gt=0, le=86_400)] = 3600.0


class TokenView(Struct, frozen=True, kw_only=True):
    """The bearer token. It is shown this once and kept nowhere."""

    token: str
    role: str
    subject: str
    expires_at: datetime
