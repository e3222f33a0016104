"""Who connects: the same signed bearer token that opens the REST API."""

from __future__ import annotations

from collections.abc import Callable

from actors.domain.kernel import Sender
from realtime.errors import InvalidToken, NotAuthenticated, TokenExpired
from realtime.ports import ConnectContext, Identity
from web.tokens import Principal, TokenError


class TokenAuthenticator:
    """`realtime.ports.Authenticator`. `info` is the Sender its commands go under."""

    def __init__(self, verify: Callable[[str], Principal]) -> None:
        self._verify = verify

    async def authenticate(self, token: str, context: ConnectContext) -> Identity:
        if not token:
            raise NotAuthenticated("connect with a token; see `maxray token --help`")
        return self._identity(token)

    async def refresh(self, identity: Identity, token: str) -> Identity:
        return self._identity(token)

    def _identity(self, token: str) -> Identity:
        try:
            principal = self._verify(token)
        except TokenError as error:
            kind = TokenExpired if error.problem == "expired" else InvalidToken
            raise kind(str(error)) from None
        return Identity(
            # One user per role and subject, so that no id of one role is mistaken for another's.
            user=f"{principal.role}:{principal.subject}",
            expires_at=principal.expires_at,
            info=Sender(principal.role, principal.subject),
            # So that the end of the session closes the socket (web/accounts/revocation.py).
            token_id=principal.session_id,
        )
