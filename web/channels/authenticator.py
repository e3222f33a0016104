"""Who connects: the same signed bearer token that opens the REST API."""

from __future__ import annotations

from collections.abc import Callable

from actors.domain.kernel import Sender
from realtime.errors import InvalidToken, NotAuthenticated, TokenExpired
from realtime.ports import ConnectContext, Identity
from web.access.caller import Caller, caller_of
from web.tokens import Principal, TokenError


class TokenAuthenticator:
    """`realtime.ports.Authenticator`. `info` is a Caller."""

    def __init__(self, verify: Callable[[str], Principal]) -> None:
        self._verify = verify

    async def authenticate(self, token: str, context: ConnectContext) -> Identity:
        if not token:
            raise NotAuthenticated("connect with a token; see `maxray token --help`")
        return self._identity(token, context.address, context.client)

    async def refresh(self, identity: Identity, token: str) -> Identity:
        known = caller_of(identity)
        return self._identity(token, known.address, known.client)

    def _identity(self, token: str, address: str, client: str) -> Identity:
        try:
            principal = self._verify(token)
        except TokenError as error:
            kind = TokenExpired if error.problem == "expired" else InvalidToken
            raise kind(str(error)) from None
        return Identity(
            # One user per role and subject, so that no id of one role is mistaken for another's.
            user=f"{principal.role}:{principal.subject}",
            expires_at=principal.expires_at,
            info=Caller(Sender(principal.role, principal.subject), address, client),
            # So that the end of the session closes the socket (web/accounts/revocation.py).
            token_id=principal.session_id,
        )
