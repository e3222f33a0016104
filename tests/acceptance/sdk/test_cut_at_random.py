"""The promise itself: however it is cut, all comes once and in order, or is said to be lost."""

from __future__ import annotations

import asyncio
import random

from tests.acceptance.sdk import tokens
from tests.acceptance.sdk.conftest import EVERY, Bench, Dialect, subscribed
from tests.acceptance.sdk.proxy import Proxy
from tests.acceptance.sdk.sdk import Log
from tests.acceptance.sdk.server import Server

PUBLICATIONS = 500
# Enough for the handshake and for what was missed since, seldom for all that comes.
_MOST_BYTES = 30_000


def follow(log: Log) -> tuple[int, int]:
    """Check a whole log. Returns the last offset received and how often a loss was said.

    A publication is the next one; or the first after a plain `recovered: false`, which says from
    where on.
    """
    expected, losses = 1, 0
    for event in log.events:
        if event.name == "subscribed":
            if event.was_recovering and not event.recovered:
                losses += 1
                assert event.offset + 1 >= expected, f"back from {expected} to {event.offset}"
                expected = event.offset + 1
            elif not event.was_recovering:
                assert expected == 1, "a recovery that was not asked for"
        elif event.name == "publication":
            assert event.offset == expected, f"{event.offset} where {expected} is next"
            assert event.data["n"] == event.offset
            expected += 1
    return expected - 1, losses


async def _stream(server: Server, channel: str, rng: random.Random) -> None:
    """Publish in bursts, now and then with a breath between them."""
    n = 1
    while n <= PUBLICATIONS:
        burst = [
            {"n": m, "text": "x" * rng.randint(0, 300)} for m in range(n, n + rng.randint(1, 9))
        ]
        burst = burst[: PUBLICATIONS - n + 1]
        await server.publish_many(channel, burst)
        n += len(burst)
        await asyncio.sleep(rng.random() * 0.02)  # so that some of the cuts fall between bursts


async def _cut_while_streaming(
    bench: Bench, server: Server, channel: str, **options: object
) -> dict[Dialect, tuple[Log, Proxy]]:
    """All SDKs, formats and transports on one channel, each behind a proxy that cuts it."""
    followers: dict[Dialect, tuple[Log, Proxy]] = {}
    for seed, dialect in enumerate(EVERY):
        proxy = await bench.proxy(server)
        client = await bench.client(dialect, proxy, token=tokens.connection(f"cut-{dialect}"))
        await client.connect()
        subscription = await subscribed(client, channel, **options)
        proxy.go_wild(seed, _MOST_BYTES)
        proxy.cut()
        followers[dialect] = (subscription.log, proxy)
    await _stream(server, channel, random.Random(7))
    for log, proxy in followers.values():
        proxy.calm_down()
        proxy.cut()
        back = len(log.named("subscribed")) + 1
        await log.nth("subscribed", back)
    # Whoever was told that the end is lost hears no more of it: one more, for everybody.
    await server.publish(channel, {"n": PUBLICATIONS + 1})
    for log, _ in followers.values():
        await log.until(lambda log: log.data and log.data[-1]["n"] == PUBLICATIONS + 1)
    return followers


async def test_every_publication_comes_once_and_in_order(
    bench: Bench, server: Server, name: str
) -> None:
    followers = await _cut_while_streaming(bench, server, f"fact:{name}")
    for dialect, (log, proxy) in followers.items():
        assert follow(log) == (PUBLICATIONS + 1, 0), dialect
        assert len(log.data) == PUBLICATIONS + 1
        assert proxy.cuts > 3, dialect
        assert len(log.named("subscribed")) > 2, dialect


async def test_with_deltas_too(bench: Bench, server: Server, name: str) -> None:
    followers = await _cut_while_streaming(bench, server, f"wide:{name}", delta="fossil")
    for dialect, (log, _) in followers.items():
        assert follow(log) == (PUBLICATIONS + 1, 0), dialect
        assert len(log.data) == PUBLICATIONS + 1


async def test_what_cannot_be_recovered_is_said_and_never_skipped_in_silence(
    bench: Bench, server: Server, name: str
) -> None:
    followers = await _cut_while_streaming(bench, server, f"short:{name}")
    losses = 0
    for dialect, (log, _) in followers.items():
        last, lost = follow(log)
        assert last == PUBLICATIONS + 1, dialect
        losses += lost
    assert losses  # three are kept: some of the bursts were longer than that
