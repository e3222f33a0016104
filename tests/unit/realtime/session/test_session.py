"""The protocol of one client, command by command, without any I/O."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from realtime import codes
from realtime.ports import SubscribeOptions
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import Error, PublishResult, Reply, SubscribeResult
from realtime.session.effect import (
    Arrive,
    Authenticate,
    Call,
    Close,
    Effect,
    Join,
    Leave,
    Publish,
    Refresh,
    Send,
)
from realtime.session.failure import error_message
from realtime.session.outcome import Joined, Welcome
from realtime.session.session import Session, State
from realtime.settings import RealtimeSettings

SETTINGS = RealtimeSettings(max_channels=3, max_outstanding=2, max_commands_per_frame=5)
OPTIONS = SubscribeOptions("fact")


def frame(*commands: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(command) for command in commands).encode()


def take(session: Session, message: bytes, now: float = 100.0) -> list[Effect]:
    return session.receive(message, now)


def sent(effects: list[Effect]) -> list[Any]:
    """The frames among the effects, decoded; and that there is nothing else."""
    frames = [effect.frame for effect in effects if isinstance(effect, Send)]
    assert len(frames) == len(effects), effects
    return [json.loads(one) for one in frames]


def new() -> Session:
    return Session("c-1", JSON, SETTINGS, now=100.0)


def connected(ttl_s: float | None = None) -> Session:
    session = new()
    take(session, frame({"id": 1, "connect": {"token": "t"}}))
    session.connected(1, Welcome(ttl_s), {}, 100.0, 25.0)
    assert session.state is State.CONNECTED
    return session


def closes_with(effects: list[Effect], why: codes.Disconnect) -> None:
    assert effects[-1] == Close(why)


class TestConnect:
    def test_the_token_and_the_data_are_handed_out_and_the_reply_says_how_to_live(self) -> None:
        session = new()
        command = {"id": 1, "connect": {"token": "t", "data": {"a": 1}, "name": "js"}}
        (effect,) = take(session, frame(command))
        assert isinstance(effect, Authenticate)
        assert (effect.id, effect.request.token, effect.request.name) == (1, "t", "js")
        assert bytes(effect.request.data) == b'{"a": 1}'
        (reply,) = sent(
            session.connected(1, Welcome(60.5, Raw(b'{"b":2}'), time=5), {}, 100.0, 20.0)
        )
        assert reply == {
            "id": 1,
            "connect": {
                "client": "c-1",
                "version": "maxray",
                "expires": True,
                "ttl": 60,
                "data": {"b": 2},
                "ping": 25,
                "pong": True,
                "time": 5,
            },
        }

    def test_a_token_without_end_has_no_ttl(self) -> None:
        session = new()
        take(session, frame({"id": 1, "connect": {}}))
        (reply,) = sent(session.connected(1, Welcome(None), {}, 100.0, 20.0))
        assert set(reply["connect"]) == {"client", "version", "ping", "pong"}

    @pytest.mark.parametrize("command", [{"id": 1, "rpc": {}}, {}, {"id": 3}, {"send": {}}])
    def test_nothing_else_may_come_first(self, command: dict[str, Any]) -> None:
        closes_with(take(new(), frame(command)), codes.DISCONNECT_BAD_REQUEST)

    def test_only_once(self) -> None:
        again = frame({"id": 2, "connect": {}})
        closes_with(take(connected(), again), codes.DISCONNECT_BAD_REQUEST)
        session = new()
        take(session, frame({"id": 1, "connect": {}}))
        closes_with(take(session, again), codes.DISCONNECT_BAD_REQUEST)

    def test_commands_right_behind_it_wait_for_its_outcome(self) -> None:
        session = new()
        effects = take(
            session, frame({"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": "a"}})
        )
        assert [type(effect) for effect in effects] == [Authenticate]
        reply, join = session.connected(1, Welcome(None), {}, 100.0, 20.0)
        assert isinstance(reply, Send)
        assert isinstance(join, Join)
        assert join.request.channel == "a"

    def test_not_too_many_of_them(self) -> None:
        session = new()
        take(session, frame({"id": 1, "connect": {}}))
        take(session, frame(*[{"id": n, "rpc": {}} for n in range(2, 7)]))
        closes_with(take(session, frame({"id": 7, "rpc": {}})), codes.DISCONNECT_BAD_REQUEST)

    def test_after_a_refusal_it_may_be_tried_again_and_what_waited_is_gone(self) -> None:
        session = new()
        take(session, frame({"id": 1, "connect": {}}, {"id": 2, "rpc": {}}))
        (reply,) = sent(session.connect_refused(1, error_message(codes.ERROR_TOKEN_EXPIRED)))
        assert reply == {"id": 1, "error": {"code": 109, "message": "token expired"}}
        (effect,) = take(session, frame({"id": 3, "connect": {"token": "new"}}))
        assert isinstance(effect, Authenticate)
        assert len(session.connected(3, Welcome(None), {}, 100.0, 20.0)) == 1

    def test_an_outcome_that_comes_too_late_is_nothing(self) -> None:
        session = new()
        take(session, frame({"id": 1, "connect": {}}))
        session.close(codes.DISCONNECT_SHUTDOWN)
        assert session.connected(1, Welcome(None), {}, 100.0, 20.0) == []
        assert session.connect_refused(1, error_message(codes.ERROR_INTERNAL)) == []
        assert session.state is State.CLOSED


class TestChannels:
    def test_subscribe_carries_the_position_to_recover_from(self) -> None:
        session = connected()
        request = {"channel": "a", "recover": True, "offset": 7, "epoch": "e", "flag": 1}
        (effect,) = take(session, frame({"id": 2, "subscribe": request}))
        assert isinstance(effect, Join)
        assert (effect.request.recover, effect.request.offset) == (True, 7)
        result = SubscribeResult(recoverable=True, epoch="e", offset=9, recovered=False)
        reply, arrive = session.subscribed(2, "a", Joined(result, OPTIONS), 100.0)
        assert arrive == Arrive("a", OPTIONS)
        assert sent([reply])[0]["subscribe"] == {
            "recoverable": True,
            "epoch": "e",
            "offset": 9,
            "recovered": False,
        }

    def test_twice_is_an_error_also_while_the_first_is_pending(self) -> None:
        session = connected()
        take(session, frame({"id": 2, "subscribe": {"channel": "a"}}))
        (reply,) = sent(take(session, frame({"id": 3, "subscribe": {"channel": "a"}})))
        assert reply["error"]["code"] == 105
        session.subscribed(2, "a", Joined(SubscribeResult(), OPTIONS), 100.0)
        (reply,) = sent(take(session, frame({"id": 4, "subscribe": {"channel": "a"}})))
        assert reply["error"]["code"] == 105

    def test_a_refused_one_may_be_tried_again(self) -> None:
        session = connected()
        take(session, frame({"id": 2, "subscribe": {"channel": "a"}}))
        leave, refusal = session.subscribe_refused(2, "a", Error(103, "permission denied"))
        assert leave == Leave("a")
        (reply,) = sent([refusal])
        assert reply == {"id": 2, "error": {"code": 103, "message": "permission denied"}}
        (effect,) = take(session, frame({"id": 3, "subscribe": {"channel": "a"}}))
        assert isinstance(effect, Join)

    def test_so_many_channels_and_no_more(self) -> None:
        session = connected()
        for name in "abc":
            take(session, frame({"id": 2, "subscribe": {"channel": name}}))
        (reply,) = sent(take(session, frame({"id": 3, "subscribe": {"channel": "d"}})))
        assert reply["error"]["code"] == 106
        take(session, frame({"id": 4, "unsubscribe": {"channel": "a"}}))
        (effect,) = take(session, frame({"id": 5, "subscribe": {"channel": "d"}}))
        assert isinstance(effect, Join)

    def test_names_have_a_length(self) -> None:
        session = connected()
        (reply,) = sent(take(session, frame({"id": 2, "subscribe": {"channel": "x" * 256}})))
        assert reply["error"]["code"] == 107
        publish = {"channel": "x" * 256, "data": 1}
        (reply,) = sent(take(session, frame({"id": 3, "publish": publish})))
        assert reply["error"]["code"] == 107
        closes_with(take(session, frame({"id": 4, "subscribe": {}})), codes.DISCONNECT_BAD_REQUEST)

    def test_leaving_comes_before_the_reply_that_says_so(self) -> None:
        session = connected()
        take(session, frame({"id": 2, "subscribe": {"channel": "a"}}))
        session.subscribed(2, "a", Joined(SubscribeResult(), OPTIONS), 100.0)
        leave, *rest = take(session, frame({"id": 3, "unsubscribe": {"channel": "a"}}))
        assert leave == Leave("a", OPTIONS)
        assert sent(rest) == [{"id": 3, "unsubscribe": {}}]

    def test_leaving_a_pending_one_answers_both_commands(self) -> None:
        session = connected()
        take(session, frame({"id": 2, "subscribe": {"channel": "a"}}))
        leave, *rest = take(session, frame({"id": 3, "unsubscribe": {"channel": "a"}}))
        assert leave == Leave("a")
        refusal, reply = sent(rest)
        assert (refusal["id"], refusal["error"]["temporary"]) == (2, True)
        assert reply == {"id": 3, "unsubscribe": {}}
        assert session.subscribed(2, "a", Joined(SubscribeResult(), OPTIONS), 100.0) == []

    def test_leaving_what_one_is_not_in_is_fine(self) -> None:
        (reply,) = sent(take(connected(), frame({"id": 3, "unsubscribe": {"channel": "a"}})))
        assert reply == {"id": 3, "unsubscribe": {}}

    def test_the_server_may_end_a_subscription(self) -> None:
        session = connected()
        take(session, frame({"id": 2, "subscribe": {"channel": "a"}}))
        session.subscribed(2, "a", Joined(SubscribeResult(), OPTIONS), 100.0)
        leave, push = session.unsubscribed("a", codes.UNSUBSCRIBE_INSUFFICIENT_STATE)
        assert leave == Leave("a", OPTIONS)
        assert sent([push])[0] == {
            "push": {
                "channel": "a",
                "unsubscribe": {"code": 2500, "reason": "insufficient state"},
            }
        }
        assert session.unsubscribed("a", codes.UNSUBSCRIBE_SERVER) == []

    def test_a_pending_one_that_the_server_ends_is_refused(self) -> None:
        session = connected()
        take(session, frame({"id": 2, "subscribe": {"channel": "a"}}))
        leave, refusal = session.unsubscribed("a", codes.UNSUBSCRIBE_SERVER)
        assert leave == Leave("a")
        (reply,) = sent([refusal])
        assert (reply["id"], reply["error"]["code"]) == (2, 103)


class TestWork:
    def test_rpc(self) -> None:
        session = connected()
        (effect,) = take(session, frame({"id": 2, "rpc": {"method": "m", "data": [1]}}))
        assert effect == Call(2, "m", effect.data) if isinstance(effect, Call) else False
        (reply,) = sent(session.refused(2, Error(1000, "no", temporary=True)))
        assert reply == {"id": 2, "error": {"code": 1000, "message": "no", "temporary": True}}

    def test_publish(self) -> None:
        session = connected()
        (effect,) = take(session, frame({"id": 2, "publish": {"channel": "a", "data": {}}}))
        assert isinstance(effect, Publish)
        (reply,) = sent(session.finished(Reply(2, publish=PublishResult())))
        assert reply == {"id": 2, "publish": {}}

    def test_so_much_at_a_time_and_no_more(self) -> None:
        session = connected()
        for number in (2, 3):
            (effect,) = take(session, frame({"id": number, "rpc": {}}))
            assert isinstance(effect, Call)
        (reply,) = sent(take(session, frame({"id": 4, "rpc": {}})))
        assert reply["error"] == {
            "code": 111,
            "message": "too many requests",
            "temporary": True,
        }
        session.refused(2, Error(100, "x"))
        (effect,) = take(session, frame({"id": 5, "rpc": {}}))
        assert isinstance(effect, Call)

    def test_ping_command(self) -> None:
        assert sent(take(connected(), frame({"id": 2, "ping": {}}))) == [{"id": 2, "ping": {}}]

    def test_an_unknown_method_is_an_error_and_an_unknown_field_is_not(self) -> None:
        session = connected()
        (reply,) = sent(take(session, frame({"id": 2, "teleport": {}})))
        assert reply["error"]["code"] == 104
        (effect,) = take(session, frame({"id": 3, "rpc": {"method": "m", "hint": 1}, "x": 2}))
        assert isinstance(effect, Call)


class TestTime:
    def test_pings_are_due_and_answered(self) -> None:
        session = connected()
        assert session.deadline == 125.0
        assert session.tick(124.0) == []
        assert sent(session.tick(125.0)) == [{}]
        assert session.deadline == 135.0
        assert take(session, b"{}") == []
        assert session.tick(135.0) == []
        assert sent(session.tick(150.0)) == [{}]

    def test_no_pong_is_the_end(self) -> None:
        session = connected()
        session.tick(125.0)
        closes_with(session.tick(135.0), codes.DISCONNECT_NO_PONG)

    def test_who_opens_and_says_nothing_is_stale(self) -> None:
        session = new()
        assert session.tick(114.9) == []
        closes_with(session.tick(115.0), codes.DISCONNECT_STALE)

    def test_an_expired_token_has_a_grace_and_then_ends_it(self) -> None:
        session = connected(ttl_s=10.0)
        session.tick(125.0)
        take(session, b"{}")
        closes_with(session.tick(135.0), codes.DISCONNECT_EXPIRED)

    def test_a_refresh_moves_the_end(self) -> None:
        session = connected(ttl_s=10.0)
        (effect,) = take(session, frame({"id": 2, "refresh": {"token": "new"}}))
        assert effect == Refresh(2, "new")
        (reply,) = sent(session.refreshed(2, 100.0, now=110.0))
        assert reply["refresh"] == {
            "client": "c-1",
            "version": "maxray",
            "expires": True,
            "ttl": 100,
        }
        assert sent(session.tick(200.0)) == [{}]
        take(session, b"{}")
        closes_with(session.tick(235.0), codes.DISCONNECT_EXPIRED)

    def test_a_closed_one_wants_nothing(self) -> None:
        session = connected()
        closes_with(session.close(codes.DISCONNECT_SHUTDOWN), codes.DISCONNECT_SHUTDOWN)
        assert session.deadline == float("inf")
        assert session.tick(1e9) == []
        assert take(session, b"{}") == []
        assert session.close(codes.DISCONNECT_SLOW) == []
        assert session.message(Raw(b"1")) == []
        assert session.finished(Reply(1, publish=PublishResult())) == []


class TestMalformed:
    @pytest.mark.parametrize(
        "message",
        [
            b"",
            b"\n",
            b"[]",
            b"null",
            b'{"id":-1}',
            b'{"id":"1"}',
            b'{"id":4294967296,"rpc":{}}',
            b'{"id":1,"rpc":[]}',
            b'{"id":1,"rpc":{},"publish":{}}',
            b'{"rpc":{}}',
            b'{"id":1,"subscribe":{"channel":"a","offset":-1}}',
            b'{"id":1,"subscribe":{"channel":"a","offset":1e30}}',
            b'{"id":1,"publish":{"channel":"a"}}',
            b'{"id":1,"refresh":{}}',
            b'{"id":1,"rpc":{"data":"\xff"}}',
            b'{"id":1,"rpc":{"data":' + b"[" * 20_000,
            b"{}\n" * 6,
            b"{",
        ],
    )
    def test_it_is_a_bad_request_and_terminal(self, message: bytes) -> None:
        closes_with(take(connected(), message), codes.DISCONNECT_BAD_REQUEST)

    def test_too_large_is_said_by_its_own_code(self) -> None:
        large = frame({"id": 1, "rpc": {"data": "x" * SETTINGS.max_message_bytes}})
        closes_with(take(connected(), large), codes.DISCONNECT_MESSAGE_SIZE)

    def test_what_comes_after_the_fault_is_not_looked_at(self) -> None:
        effects = take(connected(), frame({"rpc": {}}, {"id": 2, "rpc": {}}))
        assert effects == [Close(codes.DISCONNECT_BAD_REQUEST)]

    @given(st.binary(max_size=300))
    def test_arbitrary_bytes_never_crash(self, message: bytes) -> None:
        for session in (new(), connected()):
            effects = take(session, message)
            assert all(isinstance(effect, Send | Close) for effect in effects) or b"{" in message

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["id", "connect", "subscribe", "rpc", "channel", "data", "x"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        )
    )
    def test_arbitrary_json_never_crashes(self, command: Any) -> None:
        message = json.dumps(command).encode()
        for session in (new(), connected()):
            take(session, message)
            assert session.state in State

    @given(st.lists(st.sampled_from("abcdefgh"), max_size=40))
    def test_arbitrary_orders_of_sane_commands_keep_the_limits(self, steps: list[str]) -> None:
        session = connected()
        number = 1
        for step in steps:
            number += 1
            commands: dict[str, dict[str, Any]] = {
                "a": {"subscribe": {"channel": "a"}},
                "b": {"subscribe": {"channel": "b"}},
                "c": {"subscribe": {"channel": "c"}},
                "d": {"subscribe": {"channel": "d"}},
                "e": {"unsubscribe": {"channel": "a"}},
                "f": {"rpc": {}},
                "g": {"publish": {"channel": "a", "data": 1}},
                "h": {"unsubscribe": {"channel": "b"}},
            }
            effects = take(session, frame({"id": number, **commands[step]}))
            assert not any(isinstance(effect, Close) for effect in effects)
            assert len(session.channels) <= SETTINGS.max_channels
            replied = [json.loads(one.frame)["id"] for one in effects if isinstance(one, Send)]
            started = [one.id for one in effects if isinstance(one, Join | Call | Publish)]
            # Each command is answered at once or begun, never both, never neither.
            assert (number in replied) != (number in started)


def test_a_message_to_a_client_belongs_to_no_channel() -> None:
    assert sent(connected().message(Raw(b'{"a":1}'))) == [{"push": {"message": {"data": {"a": 1}}}}]
