"""What all connections of a node share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from realtime.broker.broker import Broker
from realtime.clock import Clock
from realtime.history.archive import Archive
from realtime.hub.hub import Hub
from realtime.hub.turn import Turn
from realtime.maps.keyed import KeyedStore
from realtime.metrics import Metrics
from realtime.ports import Authenticator, ChannelPolicy, RpcHandler
from realtime.presence.attendance import Attendance
from realtime.presence.presence import Presence
from realtime.settings import RealtimeSettings
from realtime.wheel import TimerWheel


@dataclass(frozen=True, slots=True)
class Services:
    node: str
    """The id of this node."""
    authenticator: Authenticator
    policy: ChannelPolicy
    rpc: RpcHandler
    broker: Broker
    presence: Presence | None
    attendance: Attendance
    archive: Archive
    hub: Hub
    keyed: KeyedStore | None
    settings: RealtimeSettings
    clock: Clock
    wheel: TimerWheel
    turn: Turn
    metrics: Metrics
    tasks: set[asyncio.Task[None]]
    """What runs for connections, also after their end: calls of the application, good-byes."""
