"""The server's own subscriptions, expiring ones, and what a client may not do too often."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from realtime import codes
from realtime.ports import SubscribeOptions
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import Error, PublicationMessage, SubscribeRequest, SubscribeResult
from realtime.session.effect import (
    Arrive,
    Close,
    Effect,
    HandOver,
    Join,
    Leave,
    ReadHistory,
    ReadPresence,
    ReadPresenceStats,
    RefreshSubscription,
    Send,
)
from realtime.session.outcome import Joined, Welcome
from realtime.session.session import Session, State
from realtime.settings import RealtimeSettings

SETTINGS = RealtimeSettings(
    max_channels=3, max_commands_per_frame=5, expired_subscription_delay_s=20.0
)
OPTIONS = SubscribeOptions("fact", presence=True)


def frame(*commands: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(command) for command in commands).encode()


def frames(effects: list[Effect]) -> list[Any]:
    return [json.loads(effect.frame) for effect in effects if isinstance(effect, Send)]


def new(settings: RealtimeSettings = SETTINGS) -> Session:
    session = Session("c-1", JSON, settings, now=100.0)
    session.receive(frame({"id": 1, "connect": {}}), 100.0)
    return session


def connected(settings: RealtimeSettings = SETTINGS) -> Session:
    session = new(settings)
    session.connected(1, Welcome(), {}, 100.0, 25.0)
    return session


def subscribed(session: Session, channel: str, ttl_s: float | None = None) -> list[Effect]:
    session.receive(frame({"id": 2, "subscribe": {"channel": channel}}), 100.0)
    return session.subscribed(2, channel, Joined(SubscribeResult(), OPTIONS, ttl_s), 100.0)


def server_side(session: Session, channel: str, ttl_s: float | None = None) -> list[Effect]:
    (join,) = session.subscribe(channel, OPTIONS, None, "")
    assert isinstance(join, Join)
    return session.subscribed(join.id, channel, Joined(SubscribeResult(), OPTIONS, ttl_s), 100.0)


class TestAtConnect:
    def test_channels_are_joined_where_the_client_was_and_told_in_the_reply(self) -> None:
        session = new()
        asked = {"a": SubscribeRequest(recover=True, offset=7, epoch="e"), "x": SubscribeRequest()}
        first, second = session.authenticated({"a": OPTIONS, "b": OPTIONS}, asked)
        assert isinstance(first, Join)
        assert isinstance(second, Join)
        assert first.options == OPTIONS
        assert (first.request.recover, first.request.offset, first.request.epoch) == (True, 7, "e")
        assert (second.request.channel, second.request.recover) == ("b", False)
        result = SubscribeResult(recovered=True, offset=7, epoch="e")
        joined = {"a": Joined(result, OPTIONS), "b": Joined(SubscribeResult(), OPTIONS)}
        reply, *arrivals = session.connected(1, Welcome(), joined, 100.0, 25.0)
        subs = frames([reply])[0]["connect"]["subs"]
        assert subs == {"a": {"recovered": True, "offset": 7, "epoch": "e"}, "b": {}}
        assert arrivals == [Arrive("a", OPTIONS), Arrive("b", OPTIONS)]

    def test_more_than_a_client_may_have_is_terminal(self) -> None:
        session = new()
        effects = session.authenticated(dict.fromkeys("abcd", OPTIONS), {})
        assert effects == [Close(codes.DISCONNECT_CHANNEL_LIMIT)]

    def test_one_that_ended_meanwhile_is_not_in_the_reply(self) -> None:
        session = new()
        session.authenticated({"a": OPTIONS, "b": OPTIONS}, {})
        assert session.unsubscribed("a", codes.UNSUBSCRIBE_SERVER) == [Leave("a")]
        joined = dict.fromkeys("ab", Joined(SubscribeResult(), OPTIONS))
        reply, arrive = session.connected(1, Welcome(), joined, 100.0, 25.0)
        assert frames([reply])[0]["connect"]["subs"] == {"b": {}}
        assert arrive == Arrive("b", OPTIONS)

    def test_a_refusal_leaves_what_was_being_joined(self) -> None:
        session = new()
        session.authenticated({"a": OPTIONS}, {})
        leave, reply = session.connect_refused(1, Error(100, "internal server error"))
        assert leave == Leave("a")
        assert frames([reply])[0]["error"]["code"] == 100
        assert session.state is State.NEW

    def test_it_comes_too_late_for_a_closed_one(self) -> None:
        session = new()
        session.close(codes.DISCONNECT_SHUTDOWN)
        assert session.authenticated({"a": OPTIONS}, {}) == []


class TestByTheServer:
    def test_a_push_says_so_and_what_was_recovered_follows(self) -> None:
        session = connected()
        (join,) = session.subscribe("a", OPTIONS, 3, "e")
        assert isinstance(join, Join)
        assert (join.request.recover, join.request.offset, join.request.epoch) == (True, 3, "e")
        missed = tuple(PublicationMessage(Raw(b"%d" % n), offset=n) for n in (4, 5))
        result = SubscribeResult(
            recoverable=True, positioned=True, epoch="e", offset=3, publications=missed
        )
        *pushes, arrive = session.subscribed(join.id, "a", Joined(result, OPTIONS), 100.0)
        told, *publications = [one["push"] for one in frames(pushes)]
        assert told == {
            "channel": "a",
            "subscribe": {"recoverable": True, "positioned": True, "epoch": "e", "offset": 3},
        }
        assert [one["pub"] for one in publications] == [
            {"data": 4, "offset": 4},
            {"data": 5, "offset": 5},
        ]
        assert arrive == Arrive("a", OPTIONS)

    def test_what_is_there_already_stays_as_it_is(self) -> None:
        session = connected()
        subscribed(session, "a")
        session.receive(frame({"id": 3, "subscribe": {"channel": "b"}}), 100.0)
        assert session.subscribe("a", OPTIONS, None, "") == []
        assert session.subscribe("b", OPTIONS, None, "") == []

    def test_one_too_many_is_terminal(self) -> None:
        session = connected()
        for channel in "abc":
            server_side(session, channel)
        *leaves, close = session.subscribe("d", OPTIONS, None, "")
        assert leaves == [Leave(channel, OPTIONS) for channel in "abc"]
        assert close == Close(codes.DISCONNECT_CHANNEL_LIMIT)

    def test_one_that_cannot_be_joined_is_nobodys_error(self) -> None:
        session = connected()
        (join,) = session.subscribe("a", OPTIONS, None, "")
        assert isinstance(join, Join)
        refused = session.subscribe_refused(join.id, "a", Error(100, "x"))
        assert refused == [Leave("a")]

    @pytest.mark.parametrize(
        ("why", "code"),
        [
            (codes.UNSUBSCRIBE_INSUFFICIENT_STATE, codes.DISCONNECT_INSUFFICIENT_STATE),
            (codes.UNSUBSCRIBE_STATE_INVALIDATED, codes.DISCONNECT_STATE_INVALIDATED),
            (codes.UNSUBSCRIBE_EXPIRED, codes.DISCONNECT_SUB_EXPIRED),
        ],
    )
    def test_where_the_client_should_come_back_it_has_to_reconnect(
        self, why: codes.Unsubscribe, code: codes.Disconnect
    ) -> None:
        session = connected()
        server_side(session, "a")
        assert session.unsubscribed("a", why) == [Leave("a", OPTIONS), Close(code)]

    def test_either_side_may_end_it(self) -> None:
        session = connected()
        server_side(session, "a")
        server_side(session, "b")
        leave, push = session.unsubscribed("a", codes.UNSUBSCRIBE_SERVER)
        assert leave == Leave("a", OPTIONS)
        assert frames([push])[0]["push"]["unsubscribe"]["code"] == 2000
        leave, reply = session.receive(frame({"id": 3, "unsubscribe": {"channel": "b"}}), 100.0)
        assert leave == Leave("b", OPTIONS)
        assert frames([reply]) == [{"id": 3, "unsubscribe": {}}]


class TestMaps:
    def test_a_page_of_the_state_leaves_the_channel_free_for_the_next(self) -> None:
        session = connected()
        for number in (2, 3):
            request = {"channel": "m", "type": 1, "phase": 2}
            (join,) = session.receive(frame({"id": number, "subscribe": request}), 100.0)
            assert isinstance(join, Join)
            page = SubscribeResult(type=1, phase=2, cursor="k")
            (reply,) = frames(session.subscribed(number, "m", Joined(page, None), 100.0))
            assert reply["subscribe"] == {"type": 1, "phase": 2, "cursor": "k"}
        assert not session.channels


class TestExpiry:
    def test_the_reply_says_when_and_the_end_comes_after_a_grace(self) -> None:
        session = connected()
        reply, _ = subscribed(session, "a", ttl_s=30.0)
        assert frames([reply])[0]["subscribe"] == {"expires": True, "ttl": 30}
        subscribed(session, "b", ttl_s=10.0)
        assert session.deadline == 125.0  # the first ping
        session.tick(125.0)
        session.receive(b"{}", 125.0)
        assert session.deadline == 130.0
        leave, push = session.tick(130.0)
        assert leave == Leave("b", OPTIONS)
        assert frames([push])[0]["push"]["unsubscribe"] == {
            "code": 2501,
            "reason": "subscription expired",
        }
        assert session.deadline == 150.0
        assert len(session.tick(150.0)) == 3  # the other one, and the next ping
        assert not session.channels

    def test_a_refresh_moves_it(self) -> None:
        session = connected()
        subscribed(session, "a", ttl_s=10.0)
        command = frame({"id": 3, "sub_refresh": {"channel": "a", "token": "new"}})
        assert session.receive(command, 100.0) == [RefreshSubscription(3, "a", "new")]
        (reply,) = frames(session.subscription_refreshed(3, "a", 1000.0, 120.0))
        assert reply == {"id": 3, "sub_refresh": {"expires": True, "ttl": 1000}}
        session.tick(130.0)
        assert "a" in session.channels
        session.receive(command, 100.0)
        (reply,) = frames(session.subscription_refreshed(3, "a", None, 120.0))
        assert reply == {"id": 3, "sub_refresh": {}}
        session.tick(130.0)
        session.receive(b"{}", 130.0)
        assert session.deadline > 150.0

    def test_a_refresh_that_comes_after_the_end_brings_nothing_back(self) -> None:
        session = connected()
        subscribed(session, "a", ttl_s=10.0)
        session.receive(frame({"id": 3, "sub_refresh": {"channel": "a", "token": "n"}}), 100.0)
        session.receive(frame({"id": 4, "unsubscribe": {"channel": "a"}}), 100.0)
        assert len(session.subscription_refreshed(3, "a", 5.0, 120.0)) == 1
        assert "a" not in session.channels

    def test_of_the_servers_own_it_ends_the_connection(self) -> None:
        session = connected()
        server_side(session, "a", ttl_s=1.0)
        subscribed(session, "b", ttl_s=1.0)
        assert session.tick(121.0)[-1] == Close(codes.DISCONNECT_SUB_EXPIRED)
        assert session.deadline == float("inf")

    @pytest.mark.parametrize(
        ("request_", "outcome"),
        [
            ({"channel": "x", "token": "t"}, 103),
            ({"channel": "a"}, 107),
            ({"channel": "server", "token": "t"}, codes.DISCONNECT_BAD_REQUEST),
            ({"token": "t"}, codes.DISCONNECT_BAD_REQUEST),
        ],
    )
    def test_what_cannot_be_refreshed(
        self, request_: dict[str, str], outcome: int | codes.Disconnect
    ) -> None:
        session = connected()
        subscribed(session, "a")
        server_side(session, "server")
        effects = session.receive(frame({"id": 3, "sub_refresh": request_}), 100.0)
        if isinstance(outcome, int):
            assert frames(effects)[0]["error"]["code"] == outcome
        else:
            assert effects[-1] == Close(outcome)

    def test_the_server_can_prolong_the_connection_itself(self) -> None:
        session = connected()
        (push,) = frames(session.prolonged(60.0, 100.0))
        assert push == {"push": {"refresh": {"expires": True, "ttl": 60}}}
        (push,) = frames(session.prolonged(None, 100.0))
        assert push == {"push": {"refresh": {}}}


class TestQuestions:
    def test_of_a_channel(self) -> None:
        session = connected()
        (effect,) = session.receive(frame({"id": 2, "presence": {"channel": "a"}}), 100.0)
        assert effect == ReadPresence(2, "a")
        (effect,) = session.receive(frame({"id": 3, "presence_stats": {"channel": "a"}}), 100.0)
        assert effect == ReadPresenceStats(3, "a")
        command = {"channel": "a", "limit": -1, "reverse": True, "since": {"offset": 4}}
        (effect,) = session.receive(frame({"id": 4, "history": command}), 100.0)
        assert isinstance(effect, ReadHistory)
        assert effect.request.since is not None
        assert (effect.request.since.offset, effect.request.reverse) == (4, True)

    @pytest.mark.parametrize("method", ["presence", "presence_stats", "history"])
    def test_without_one_they_are_malformed(self, method: str) -> None:
        effects = connected().receive(frame({"id": 2, method: {}}), 100.0)
        assert effects == [Close(codes.DISCONNECT_BAD_REQUEST)]


class TestTooMuch:
    def test_a_pong_without_a_ping_is_a_fault(self) -> None:
        effects = connected().receive(b"{}", 100.0)
        assert effects == [Close(codes.DISCONNECT_BAD_REQUEST)]

    def test_messages_need_no_id_and_get_no_answer(self) -> None:
        session = connected()
        (effect,) = session.receive(frame({"send": {"data": [1]}}), 100.0)
        assert isinstance(effect, HandOver)
        assert bytes(effect.data) == b"[1]"

    def test_messages_that_pile_up_end_it(self) -> None:
        session = connected()
        message = frame(*[{"send": {"data": 1}}] * 5)
        assert len(session.receive(message, 100.0)) == 5
        session.handed_over()
        assert len(session.receive(frame({"send": {}}), 100.0)) == 1
        effects = session.receive(frame({"send": {}}), 100.0)
        assert effects == [Close(codes.DISCONNECT_TOO_MANY_REQUESTS)]

    def test_commands_above_the_rate_are_refused_and_then_end_it(self) -> None:
        settings = RealtimeSettings(command_rate=2.0, command_burst=3)
        session = connected(settings)  # connecting took one of the three
        ping = frame({"id": 2, "ping": {}})
        for _ in range(2):
            assert frames(session.receive(ping, 100.0)) == [{"id": 2, "ping": {}}]
        (refusal,) = frames(session.receive(ping, 100.0))
        assert (refusal["error"]["code"], refusal["error"]["temporary"]) == (111, True)
        assert frames(session.receive(ping, 100.5)) == [{"id": 2, "ping": {}}]
        assert session.receive(frame({"send": {}}), 100.5) == []
        for _ in range(2):
            assert frames(session.receive(ping, 100.5))[0]["error"]["code"] == 111
        effects = session.receive(ping, 100.5)
        assert effects == [Close(codes.DISCONNECT_TOO_MANY_REQUESTS)]
