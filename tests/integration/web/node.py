"""A node of the realtime server as the composition root builds it, on any broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from msgspec.structs import replace

from actors.domain.kernel import Sender
from actors.domain.registry import KINDS
from actors.ports import Clock, Journal
from actors.router import Router
from realtime.broker.broker import Broker
from realtime.maps.keyed_memory import MemoryKeyedStore
from realtime.node import RealtimeServer
from realtime.nodes.control import ControlBus
from realtime.settings import RealtimeSettings
from storage.audit import AuditTrail
from storage.relationships import Relationships
from tests.integration.realtime.service import Device
from tests.integration.realtime.waiting import until
from web import tokens
from web.access.decision import Told, untold
from web.access.grants import Grants
from web.access.live import LiveAccess
from web.access.standing import Standing
from web.audit.sockets import AuditedAuthenticator
from web.channels.authenticator import TokenAuthenticator
from web.channels.controller import SOCKET_PATH
from web.channels.policy import READ_TIMEOUT_S, AccessPolicy
from web.channels.rpc import DeviceRpc
from web.entities import Entities
from web.publishing import JournalHistory

EPOCH = "rest"


def session_of(role: str, subject: str) -> str:
    """What the session of a device in these tests is called."""
    return f"session-{role}-{subject}"


class Node:
    """`grants` are those of its policy."""

    def __init__(
        self,
        broker: Broker,
        router: Router,
        relationships: Relationships,
        journal: Journal,
        clock: Clock,
        secret: str,
        *,
        control: ControlBus | None = None,
        told: Told = untold,
        audit: AuditTrail | None = None,
    ) -> None:
        self.secret = secret
        self.grants = Grants(relationships, clock)
        standing = Standing(relationships, Entities(router, READ_TIMEOUT_S), clock)

        def verified(token: str) -> tokens.Principal:
            """As if each token came of a session of its bearer's."""
            found = tokens.verify(secret, token, clock.now())
            return replace(found, session_id=session_of(found.role, found.subject))

        authenticator = TokenAuthenticator(verified)
        self.realtime = RealtimeServer(
            authenticator if audit is None else AuditedAuthenticator(authenticator, audit, clock),
            AccessPolicy(router, clock, standing.held, self.grants.add, told),
            DeviceRpc(router, clock, told),
            broker,
            JournalHistory(journal, EPOCH, KINDS),
            RealtimeSettings(),
            control=control,
            keyed=MemoryKeyedStore(broker),
        )


class Worker:
    """A node behind an address of its own, for SDKs to connect to."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.live = LiveAccess(node.realtime)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                node.realtime.app,
                host="127.0.0.1",
                port=0,
                interface="asgi3",
                ws="websockets-sansio",
                ws_ping_interval=None,
                lifespan="off",
                log_config=None,
            )
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Its node was started before, and is stopped after."""
        serving = asyncio.create_task(self._uvicorn.serve())
        await until(lambda: self._uvicorn.started)
        try:
            yield
        finally:
            self._uvicorn.should_exit = True
            await serving

    def device(self, who: Sender) -> Device:
        """Not connected yet. Its ties stay behind: tokens hold none."""
        assert who.role != "system"
        port = self._uvicorn.servers[0].sockets[0].getsockname()[1]
        token = tokens.issue(self.node.secret, who.role, who.subject, 600.0, time.time())
        return Device(f"ws://127.0.0.1:{port}{SOCKET_PATH}", token)
