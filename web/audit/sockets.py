"""The audit trail at the sockets: who connected, who was turned away, what devices were shown.

Around the ports that the realtime server asks. Who subscribed, or was refused, is told by those who
decide it (web/access/decision.py); what devices order is in the commits of the entities.
"""

from __future__ import annotations

from typing import Final

from actors.domain.kernel import Sender
from actors.ports import Clock
from realtime.errors import InvalidToken, NotAuthenticated, RealtimeError, TokenExpired
from realtime.ports import Authenticator, ConnectContext, Identity, RpcHandler
from storage.audit import ANONYMOUS, AuditEntry, AuditTrail
from web.audit.strangers import Strangers

# Calls that show something and change nothing: no commit speaks of them.
_READS: Final = {"tasks": "task.list"}


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
        who: Sender = identity.info
        self._trail.offer(
            AuditEntry(
                at=self._clock.now(),
                role=who.role,
                subject=who.subject,
                action="socket.connect",
                outcome="allowed",
                kind="connection",
                id=context.client,
                address=context.address,
                details=_session(identity),
            )
        )
        return identity

    async def refresh(self, identity: Identity, token: str) -> Identity:
        return await self._inner.refresh(identity, token)


class AuditedCalls:
    """`realtime.ports.RpcHandler`, with a line for each call that shows something."""

    def __init__(self, inner: RpcHandler, trail: AuditTrail, clock: Clock) -> None:
        self._inner = inner
        self._trail = trail
        self._clock = clock

    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        answer = await self._inner.rpc(identity, method, data)
        if (action := _READS.get(method)) is not None:
            who: Sender = identity.info
            self._trail.offer(
                AuditEntry(
                    at=self._clock.now(),
                    role=who.role,
                    subject=who.subject,
                    action=action,
                    outcome="allowed",
                    kind="paramedic",
                    id=who.subject,
                    details=_session(identity),
                )
            )
        return answer

    async def message(self, identity: Identity, data: bytes) -> None:
        await self._inner.message(identity, data)


_REASONS: Final[dict[type[RealtimeError], str]] = {
    InvalidToken: "invalid-token",
    TokenExpired: "token-expired",
    NotAuthenticated: "no-token",
}


def _session(identity: Identity) -> dict[str, str | int | bool]:
    return {"session": identity.token_id} if identity.token_id else {}
