"""The smallest real application of the ports: a journal in memory, tokens that name their user,
a policy by channel prefix and token, a few calls. Used by the unit and the integration tests.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

from realtime.errors import (
    InvalidToken,
    NotAuthenticated,
    PermissionDenied,
    Refusal,
    RpcError,
    TokenExpired,
    UnknownChannel,
)
from realtime.ports import ConnectContext, Identity, SubscribeOptions
from realtime.protocol.messages import PublishRequest, SubscribeRequest
from realtime.publication import Append, Delivery, HistorySlice, Peer, Publication


class Journal:
    """An append-only journal: the truth behind the broker. A HistorySource."""

    def __init__(self, epoch: str = "journal-1") -> None:
        self.epoch = epoch
        self.facts: dict[str, list[Publication]] = defaultdict(list)
        self.reads = 0
        self.failing = False
        self.forgotten = 0
        self.held: asyncio.Event | None = None

    def append(self, channel: str, data: bytes | None = None) -> Publication:
        """Commit the next fact of a channel."""
        offset = len(self.facts[channel]) + 1
        payload = data if data is not None else json.dumps({"n": offset}).encode()
        fact = Publication(channel, payload, offset, self.epoch)
        self.facts[channel].append(fact)
        return fact

    def restart(self, epoch: str) -> None:
        """Begin a new journal."""
        self.epoch = epoch
        self.facts.clear()

    async def since(self, channel: str, offset: int, limit: int) -> HistorySlice:
        self.reads += 1
        if self.failing:
            raise OSError("no route to the database")
        if self.held is not None:
            await self.held.wait()
        facts = self.facts[channel]
        found = tuple(facts[max(offset, self.forgotten) :][:limit])
        return HistorySlice(found, len(facts), self.epoch)


class Tokens:
    """Authenticator: "<user>", "<user>@<expiry>", or one of the bad ones below.

    `subs`: what the server subscribes each user to. `anonymous`: whether "" may come in.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, ConnectContext]] = []
        self.subs: dict[str, SubscribeOptions] = {}
        self.anonymous = False

    async def authenticate(self, token: str, context: ConnectContext) -> Identity:
        self.seen.append((token, context))
        if not token and not self.anonymous:
            raise NotAuthenticated
        return self._identity(token)

    async def refresh(self, identity: Identity, token: str) -> Identity:
        return self._identity(token)

    def _identity(self, token: str) -> Identity:
        if token == "forged":
            raise InvalidToken
        if token == "expired":
            raise TokenExpired
        if token == "broken":
            raise RuntimeError("the directory is down")
        if token == "banned":
            raise Refusal(4501, "banned")
        user, at, expiry = token.partition("@")
        return Identity(
            user,
            float(expiry) if at else None,
            data=b'{"hello":"' + user.encode() + b'"}',
            conn_info=b'{"name":"' + user.encode() + b'"}',
            subs=self.subs,
            token_id=token,
        )


class Policy:
    """ChannelPolicy by prefix; `released` users may subscribe to nothing."""

    def __init__(self) -> None:
        self.released: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.options: dict[str, SubscribeOptions] = {}
        self.held: asyncio.Event | None = None

    async def subscribe(self, identity: Identity, request: SubscribeRequest) -> SubscribeOptions:
        channel = request.channel
        self.asked.append((identity.user, channel))
        if self.held is not None:
            await self.held.wait()
        if channel in self.options:
            return self.options[channel]
        prefix = channel.partition(":")[0]
        if prefix == "secret" or identity.user in self.released:
            raise PermissionDenied
        kinds: dict[str, Delivery] = {"fact": "fact", "guarded": "fact", "latest": "latest"}
        kinds["signal"] = "signal"
        if prefix not in kinds:
            raise UnknownChannel
        return SubscribeOptions(kinds[prefix], guarded=prefix == "guarded")

    def still_allowed(self, identity: Identity, channel: str, payload: bytes) -> bool:
        return bool(json.loads(payload).get("released") != identity.user)

    async def refresh(self, identity: Identity, channel: str, token: str) -> float | None:
        if token == "forged":
            raise InvalidToken
        if token == "expired":
            raise TokenExpired
        return float(token) if token != "forever" else None

    async def access(self, identity: Identity, channel: str) -> SubscribeOptions:
        if not channel.startswith("open:"):
            raise PermissionDenied
        return self.options[channel]

    async def publish(
        self, identity: Identity, peer: Peer, request: PublishRequest, subscribed: bool
    ) -> Publication | Append:
        options = self.options.get(request.channel)
        if options is not None and options.retention is not None:
            return Append(request.channel, bytes(request.data), options.retention, peer)
        if not request.channel.startswith("signal:"):
            raise PermissionDenied
        return Publication(request.channel, bytes(request.data), delivery="signal")


class Calls:
    """RpcHandler."""

    def __init__(self) -> None:
        self.held: asyncio.Event | None = None
        self.finished: list[str] = []
        self.messages: list[tuple[str, bytes]] = []

    async def message(self, identity: Identity, data: bytes) -> None:
        if data == b'"banned"':
            raise Refusal(4501, "banned")
        if data == b'"broken"':
            raise RuntimeError("nobody listens")
        self.messages.append((identity.user, data))

    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        if method == "echo":
            return data
        if method == "whoami":
            return json.dumps(identity.user).encode()
        if method == "busy":
            raise RpcError(1001, "busy", temporary=True)
        if method == "hang":
            assert self.held is not None
            await self.held.wait()
            self.finished.append(method)
            return b"null"
        if method == "garbage":
            return b"{not json"
        raise RpcError(1000, "no such call")
