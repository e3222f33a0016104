"""The smallest real application of the ports: a journal in memory, tokens that name their user,
a policy by channel prefix, a few calls. Used by the unit and the integration tests.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

from realtime.errors import (
    InvalidToken,
    NotAuthenticated,
    PermissionDenied,
    RpcError,
    TokenExpired,
    UnknownChannel,
)
from realtime.ports import Identity, SubscribeOptions
from realtime.publication import Delivery, HistorySlice, Publication


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
    """Authenticator: "<user>", "<user>@<expiry>", or one of the bad ones below."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes | None]] = []

    async def authenticate(self, token: str, data: bytes | None) -> Identity:
        self.seen.append((token, data))
        if not token:
            raise NotAuthenticated
        if token == "forged":
            raise InvalidToken
        if token == "expired":
            raise TokenExpired
        if token == "broken":
            raise RuntimeError("the directory is down")
        user, at, expiry = token.partition("@")
        return Identity(
            user, float(expiry) if at else None, data=b'{"hello":"' + user.encode() + b'"}'
        )


class Policy:
    """ChannelPolicy by prefix; `released` users may subscribe to nothing."""

    def __init__(self) -> None:
        self.released: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.options: dict[str, SubscribeOptions] = {}
        self.held: asyncio.Event | None = None

    async def subscribe(self, identity: Identity, channel: str) -> SubscribeOptions:
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

    async def publish(self, identity: Identity, channel: str, data: bytes) -> Publication:
        if not channel.startswith("signal:"):
            raise PermissionDenied
        return Publication(channel, data, delivery="signal")


class Calls:
    """RpcHandler."""

    def __init__(self) -> None:
        self.held: asyncio.Event | None = None
        self.finished: list[str] = []

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
