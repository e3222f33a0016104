"""A whole server: what was said on a channel before."""

from __future__ import annotations

from typing import Any

from realtime.ports import SubscribeOptions
from realtime.publication import Append, Retention, StreamPosition
from realtime.settings import RealtimeSettings
from tests.unit.realtime.server import running

STREAM = SubscribeOptions("fact", retention=Retention(size=10, ttl_s=60))


class TestHistory:
    async def test_of_the_journal_forwards_and_backwards(self) -> None:
        async with running() as node:
            for _ in range(5):
                await node.publish("fact:a")
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "fact:a"})

            async def read(**request: Any) -> list[int]:
                reply = await socket.ask(history={"channel": "fact:a", **request})
                assert (reply["history"]["offset"], reply["history"]["epoch"]) == (5, "journal-1")
                return [one["offset"] for one in reply["history"].get("publications", ())]

            since = {"offset": 3, "epoch": "journal-1"}
            assert await read() == []
            assert await read(limit=-1) == [1, 2, 3, 4, 5]
            assert await read(limit=2, since=since) == [4, 5]
            assert await read(limit=2, reverse=True) == [5, 4]
            assert await read(limit=9, reverse=True, since=since) == [2, 1]
            assert await read(limit=0, reverse=True) == []
            stale = {"channel": "fact:a", "limit": 1, "since": {"offset": 1, "epoch": "old"}}
            for reverse in (False, True):
                reply = await socket.ask(history={**stale, "reverse": reverse})
                assert reply["error"]["code"] == 112

    async def test_of_a_stream_that_the_broker_counts(self) -> None:
        async with running() as node:
            node.policy.options["stream"] = STREAM
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "stream"})
            for number in range(3):
                reply = await socket.ask(publish={"channel": "stream", "data": number})
                assert "publish" in reply
            assert socket.publications("stream") == [0, 1, 2]
            reply = await socket.ask(history={"channel": "stream", "limit": 2, "reverse": True})
            assert [one["data"] for one in reply["history"]["publications"]] == [2, 1]
            assert reply["history"]["publications"][0]["info"]["user"] == "ann"
            assert reply["history"]["offset"] == 3
            found = await node.server.history("stream", STREAM.retention, limit=-1)
            assert [one.data for one in found.publications] == [b"0", b"1", b"2"]
            await node.server.clear_history("stream")
            found = await node.server.history("stream", STREAM.retention, limit=-1)
            assert (found.publications, found.top_offset) == ((), 3)
            assert STREAM.retention is not None
            position = await node.server.append(Append("stream", b"3", STREAM.retention))
            assert position == StreamPosition(4, found.epoch)

    async def test_who_may_not_and_where_there_is_none(self) -> None:
        async with running() as node:
            node.policy.options["secret"] = SubscribeOptions("fact", may_read_history=False)
            socket = node.socket()
            await socket.connect()
            for channel, code in (("secret", 103), ("signal:1", 108)):
                await socket.ask(subscribe={"channel": channel})
                reply = await socket.ask(history={"channel": channel})
                assert reply["error"]["code"] == code
            reply = await socket.ask(history={"channel": "fact:unsubscribed"})
            assert reply["error"]["code"] == 103

    async def test_a_reply_has_its_limit(self) -> None:
        async with running(RealtimeSettings(history_limit=2)) as node:
            for _ in range(5):
                await node.publish("fact:a")
            found = await node.server.history("fact:a", None, limit=100)
            assert len(found.publications) == 2
