"""/.well-known/jwks.json: the public keys that access tokens are verified with."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response, get

from web.accounts.account_schemas import JwksView
from web.accounts.session_controller import AccountsPart
from web.auth import OPEN

# A key is published ten minutes before it signs, and verifies for a quarter of an hour after.
MAX_AGE_S: Final = 300


@get(
    "/.well-known/jwks.json",
    opt=OPEN,
    tags=["accounts"],
    summary="The keys that access tokens are signed with",
)
async def jwks(accounts: AccountsPart) -> Response[JwksView]:
    return Response(
        msgspec.convert(accounts.keys.jwks(), JwksView),
        headers={"Cache-Control": f"public, max-age={MAX_AGE_S}"},
    )
