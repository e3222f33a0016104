"""What carries publications and keeps what was missed: in this process, or in Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from realtime.broker.broker import Broker
from realtime.broker.broker_memory import MemoryBroker
from realtime.broker.broker_redis import RedisBroker
from realtime.clock import Clock
from realtime.maps.keyed import KeyedStore
from realtime.maps.keyed_memory import MemoryKeyedStore
from realtime.maps.keyed_redis import RedisKeyedStore
from realtime.nodes.control import ControlBus
from realtime.nodes.control_memory import MemoryControlBus
from realtime.presence.presence import Presence
from realtime.presence.presence_memory import MemoryPresence
from realtime.presence.presence_redis import RedisPresence
from realtime.settings import BrokerSettings
from realtime.standalone import options


@dataclass(frozen=True, slots=True)
class Engine:
    """The ports that need a place to keep things, all of one kind. `close` after the server."""

    broker: Broker
    presence: Presence
    control: ControlBus
    keyed: KeyedStore
    close: Callable[[], Awaitable[None]]


def engine(chosen: options.Engine, clock: Clock) -> Engine:
    """Connects to nothing yet."""
    if chosen.type == "memory":
        return _in_memory(clock)
    settings = BrokerSettings(prefix=chosen.redis.prefix)
    urls = ",".join(chosen.redis.address)
    broker = RedisBroker(urls, settings, clock)
    presence, keyed = RedisPresence(urls, settings), RedisKeyedStore(urls, settings)

    async def close() -> None:
        await presence.close()
        await keyed.close()

    return Engine(broker, presence, broker, keyed, close)


def _in_memory(clock: Clock) -> Engine:
    broker = MemoryBroker(clock=clock)

    async def close() -> None:
        """All of it goes with the process."""

    return Engine(
        broker,
        MemoryPresence(clock=clock),
        MemoryControlBus(),
        MemoryKeyedStore(broker, clock),
        close,
    )
