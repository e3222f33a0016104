"""The engine of the stand-alone server on Redis: where it writes, and what comes back whole."""

from __future__ import annotations

from realtime.clock import SystemClock
from realtime.maps.keyed import KeyedChange, KeyedRetention
from realtime.presence.presence import Present
from realtime.publication import Append, Peer, Publication, Retention
from realtime.standalone import options
from realtime.standalone.engine import engine
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.waiting import until


async def test_all_it_writes_and_says_is_under_the_prefix_of_the_file(
    redis_server: RedisServer,
) -> None:
    at = options.Redis(address=(redis_server.url,), prefix="mine")
    made = engine(options.Engine(type="redis", redis=at), SystemClock())
    heard: list[Publication] = []
    await made.broker.start(heard.append, lambda names: None)
    with redis_server.client() as client:
        before = set(client.scan_iter())
        try:
            await made.broker.subscribe("s:1")
            assert {b"mine:control", b"mine:c:s:1"} <= set(client.pubsub_channels("mine:*"))
            await made.broker.append(Append("s:1", b"1", Retention(5, 60), whole=True))
            await made.keyed.change(
                [KeyedChange("m:1", "k", KeyedRetention(key_ttl_s=60), b"1", whole=True)]
            )
            await made.presence.add([Present("s:1", "c-1", Peer("ann", "c-1"))])
            await until(lambda: bool(heard))
            written = set(client.scan_iter()) - before
            assert len(written) > 5
            assert all(name.startswith(b"mine:") for name in written)
            (kept,) = (await made.broker.stream("s:1", None, -1, Retention(5, 60))).publications
            (change,) = (await made.keyed.changes("m:1", 0, 10)).changes
            assert (heard[0].whole, kept.whole, change.whole) == (True, True, True)
        finally:
            await made.broker.stop()
            await made.close()
            if written := set(client.scan_iter("mine:*")):
                client.delete(*written)
