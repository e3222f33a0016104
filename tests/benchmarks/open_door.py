"""The application behind the realtime server where a benchmark is about sockets alone."""

from __future__ import annotations

from realtime.errors import PermissionDenied, RpcError
from realtime.ports import ConnectContext, Identity, SubscribeOptions
from realtime.protocol.messages import PublishRequest, SubscribeRequest
from realtime.publication import Append, HistorySlice, Peer, Publication

EPOCH = "bench"


class TrustingAuthenticator:
    """A token is its user's name."""

    async def authenticate(self, token: str, context: ConnectContext) -> Identity:
        return Identity(token)

    async def refresh(self, identity: Identity, token: str) -> Identity:
        return identity


class OpenPolicy:
    """Anybody may subscribe to anything, with the same options."""

    def __init__(self, options: SubscribeOptions) -> None:
        self._options = options

    async def subscribe(self, identity: Identity, request: SubscribeRequest) -> SubscribeOptions:
        return self._options

    def still_allowed(self, identity: Identity, channel: str, payload: bytes) -> bool:
        return True

    async def refresh(self, identity: Identity, channel: str, token: str) -> float | None:
        return None

    async def access(self, identity: Identity, channel: str) -> SubscribeOptions:
        return self._options

    async def publish(
        self, identity: Identity, peer: Peer, request: PublishRequest, subscribed: bool
    ) -> Publication | Append:
        raise PermissionDenied


class Nobody:
    """No calls, and a journal without facts."""

    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        raise RpcError(404, "no methods")

    async def message(self, identity: Identity, data: bytes) -> None:
        """Nobody listens."""

    async def since(self, channel: str, offset: int, limit: int) -> HistorySlice:
        return HistorySlice((), 0, EPOCH)
