"""The audit trail at the sockets: who connected, and who was turned away.

Around a port that the realtime server asks. Who subscribed, or was refused, and what devices order
and are shown, is told by those who decide it (web/access/decision.py).
"""

from __future__ import annotations

from typing import Final

from actors.ports import Clock
from realtime.errors import InvalidToken, NotAuthenticated, RealtimeError, TokenExpired
from realtime.ports import Authenticator, ConnectContext, Identity
from storage.audit import ANONYMOUS, AuditEntry, AuditTrail
from web.audit.line import socket_entry
from web.audit.strangers import Strangers


class AuditedAuthenticator:
    """`realtime.ports.Authenticator`, with a line for each connection and for refused tokens."""

    def __init__(self, inner: Authenticator, trail: AuditTrail, clock: Clock) -> None:
        self._inner = inner
        self._trail = trail
        self._strangers = Strangers(trail)
        self._clock = clock

    async def authenticate(self, token: str, context: ConnectContext) -> Identity:
        try:
            identity = await self._inner.authenticate(token, context)
        except (InvalidToken, TokenExpired, NotAuthenticated) as error:
            self._strangers.refused(
                AuditEntry(
                    at=self._clock.now(),
                    role=ANONYMOUS,
                    subject="",
                    action="socket.connect",
                    outcome="denied",
                    reason=_REASONS.get(type(error), "refused"),
                    address=context.address,
                )
            )
            raise
        self._trail.offer(
            socket_entry(
                identity,
                self._clock.now(),
                "socket.connect",
                "allowed",
                kind="connection",
                id=context.client,
            )
        )
        return identity

    async def refresh(self, identity: Identity, token: str) -> Identity:
        return await self._inner.refresh(identity, token)


_REASONS: Final[dict[type[RealtimeError], str]] = {
    InvalidToken: "invalid-token",
    TokenExpired: "token-expired",
    NotAuthenticated: "no-token",
}
