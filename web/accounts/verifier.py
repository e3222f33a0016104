"""Whom a bearer token speaks for: signed by us, not over, and of a session that has not ended."""

from __future__ import annotations

from collections.abc import Container

from actors.ports import Clock
from config import Secret
from web import tokens
from web.tokens import Principal, TokenError, VerifyingKeys


class TokenVerifier:
    """`verify` and `verify_enrolling` raise TokenError; no I/O in them."""

    def __init__(
        self, secret: Secret, keys: VerifyingKeys, ended: Container[str], clock: Clock
    ) -> None:
        self._secret = secret
        self._keys = keys
        self._ended = ended
        self._clock = clock

    def verify(self, token: str) -> Principal:
        """A whole token."""
        return self._verify(token, enrolment=False)

    def verify_enrolling(self, token: str) -> Principal:
        """A whole token, or one that is good for setting up a second factor."""
        return self._verify(token, enrolment=True)

    def _verify(self, token: str, *, enrolment: bool) -> Principal:
        principal = tokens.verify(
            self._secret.reveal(), token, self._clock.now(), self._keys, enrolment=enrolment
        )
        if principal.session_id and principal.session_id in self._ended:
            raise TokenError("revoked", "the token's session has ended")
        return principal
