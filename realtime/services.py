"""What all connections of a node share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from realtime.archive import Archive
from realtime.attendance import Attendance
from realtime.broker import Broker
from realtime.clock import Clock
from realtime.hub import Hub
from realtime.keyed import KeyedStore
from realtime.metrics import Metrics
from realtime.ports import Authenticator, ChannelPolicy, RpcHandler
from realtime.presence import Presence
from realtime.settings import RealtimeSettings
from realtime.turn import Turn
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
