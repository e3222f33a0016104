"""Any sequence of commands, outcomes and events: a session never raises, answers each command at
most once, tells every arrival and every leaving once, and ends with nobody anywhere.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import Raw

from realtime import codes
from realtime.ports import SubscribeOptions
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import METHODS, Error, Reply, RpcResult, SubscribeResult
from realtime.session.effect import (
    Arrive,
    Authenticate,
    Close,
    Effect,
    HandOver,
    Join,
    Leave,
    Refresh,
    RefreshSubscription,
    Send,
)
from realtime.session.outcome import Joined, Welcome
from realtime.session.session import Session, State
from realtime.settings import RealtimeSettings

SETTINGS = RealtimeSettings(
    max_channels=3,
    max_outstanding=4,
    max_commands_per_frame=6,
    command_rate=5.0,
    command_burst=20,
    expired_subscription_delay_s=3.0,
    expired_close_delay_s=5.0,
)
OPTIONS = SubscribeOptions("fact")
CHANNELS = st.sampled_from(["a", "b", "c", "d"])
TTLS = st.none() | st.floats(0.5, 30)
METHOD = st.sampled_from([name for name in METHODS if name != "connect"])
REQUESTS = st.fixed_dictionaries(
    {"channel": CHANNELS, "token": st.just("t"), "data": st.sampled_from([1, {}, "x"])},
    optional={
        "recover": st.booleans(),
        "type": st.integers(0, 2),
        "phase": st.integers(0, 2),
        "removed": st.booleans(),
        "limit": st.integers(-2, 2),
    },
)
UNSUBSCRIBES = st.sampled_from(
    [
        codes.UNSUBSCRIBE_SERVER,
        codes.UNSUBSCRIBE_INSUFFICIENT_STATE,
        codes.UNSUBSCRIBE_STATE_INVALIDATED,
    ]
)
ERROR = Error(103, "permission denied")


class Sequences(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.session = Session("c-1", JSON, SETTINGS, self.now)
        self.number = 0
        self.work: list[Effect] = []
        self.server_joins: list[Join] = []
        self.asked: set[int] = set()
        self.present: set[str] = set()
        self.closes = 0
        self.pinged = False

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            assert not self.closes, "nothing comes after the close"
            if isinstance(effect, Send):
                self.sent(effect.frame)
            elif isinstance(effect, Arrive):
                assert effect.channel not in self.present
                self.present.add(effect.channel)
            elif isinstance(effect, Leave):
                assert (effect.options is not None) == (effect.channel in self.present)
                self.present.discard(effect.channel)
            elif isinstance(effect, Close):
                self.closes += 1
            else:
                self.work.append(effect)

    def sent(self, frame: bytes) -> None:
        self.pinged = self.pinged or frame == JSON.ping
        number = msgspec.json.decode(frame).get("id", 0)
        if number:
            assert number in self.asked, "answered twice, or never asked"
            self.asked.discard(number)

    @rule(commands=st.lists(st.tuples(METHOD, REQUESTS), min_size=1, max_size=3))
    def the_client_says(self, commands: list[tuple[str, dict[str, Any]]]) -> None:
        if self.session.state is State.NEW:
            commands = [("connect", {}), *commands]
        lines = []
        for method, request in commands:
            command: dict[str, Any] = {method: request}
            if method != "send":
                self.number += 1
                self.asked.add(self.number)
                command["id"] = self.number
            lines.append(json.dumps(command))
        self.take(self.session.receive("\n".join(lines).encode(), self.now))

    @rule(
        strange=st.sampled_from(
            [
                {"id": 1_000_000, "connect": {}},
                {"id": 1_000_001, "teleport": {}},
                {"id": 1_000_002, "subscribe": {}},
                {"id": 1_000_003, "refresh": {}},
                {"subscribe": {"channel": "a"}},
                {},
            ]
        ),
        seldom=st.integers(0, 9),
    )
    def the_client_is_strange(self, strange: dict[str, Any], seldom: int) -> None:
        if not seldom:
            self.asked.add(strange.get("id", 0))
            self.take(self.session.receive(json.dumps(strange).encode(), self.now))

    @rule()
    def the_client_answers_a_ping(self) -> None:
        if self.pinged:
            self.pinged = False
            self.take(self.session.receive(b"{}", self.now))

    @rule(ttl_s=TTLS, subs=st.sets(CHANNELS.filter(bool), max_size=2), goes_well=st.booleans())
    def it_is_authenticated(self, ttl_s: float | None, subs: set[str], goes_well: bool) -> None:
        found = [effect for effect in self.work if isinstance(effect, Authenticate)]
        if not found:
            return
        self.work.remove(found[0])
        if not goes_well:
            self.take(self.session.connect_refused(found[0].id, ERROR))
            return
        joins = self.session.authenticated(dict.fromkeys(subs, OPTIONS), {})
        joined = {
            join.request.channel: Joined(SubscribeResult(), OPTIONS, ttl_s)
            for join in joins
            if isinstance(join, Join)
        }
        welcome = Welcome(ttl_s)
        self.take(self.session.connected(found[0].id, welcome, joined, self.now, 5.0))

    @rule(index=st.integers(0, 20), ttl_s=TTLS, goes_well=st.booleans(), page=st.booleans())
    def some_work_ends(self, index: int, ttl_s: float | None, goes_well: bool, page: bool) -> None:
        found = [effect for effect in self.work if not isinstance(effect, Authenticate)]
        if not found:
            return
        effect = found[index % len(found)]
        self.work.remove(effect)
        self.take(self.outcome(effect, ttl_s, goes_well, page))

    def outcome(
        self, effect: Effect, ttl_s: float | None, goes_well: bool, page: bool
    ) -> list[Effect]:
        session = self.session
        if isinstance(effect, HandOver):
            session.handed_over()
            return []
        if isinstance(effect, Join):
            channel = effect.request.channel
            if not goes_well:
                return session.subscribe_refused(effect.id, channel, ERROR)
            options = None if page and effect.options is None else OPTIONS
            joined = Joined(SubscribeResult(), options, ttl_s)
            return session.subscribed(effect.id, channel, joined, self.now)
        assert not isinstance(effect, Send | Close | Arrive | Leave | Authenticate)
        if not goes_well:
            return session.refused(effect.id, ERROR)
        if isinstance(effect, Refresh):
            return session.refreshed(effect.id, ttl_s, self.now)
        if isinstance(effect, RefreshSubscription):
            return session.subscription_refreshed(effect.id, effect.channel, ttl_s, self.now)
        return session.finished(Reply(effect.id, rpc=RpcResult()))

    @rule(channel=CHANNELS.filter(bool))
    def the_server_subscribes_it(self, channel: str) -> None:
        self.take(self.session.subscribe(channel, OPTIONS, None, ""))

    @rule(channel=CHANNELS, why=UNSUBSCRIBES)
    def the_server_unsubscribes_it(self, channel: str, why: codes.Unsubscribe) -> None:
        self.take(self.session.unsubscribed(channel, why))

    @rule(ttl_s=TTLS)
    def the_server_pushes(self, ttl_s: float | None) -> None:
        self.take(self.session.message(Raw(b"1")))
        self.take(self.session.prolonged(ttl_s, self.now))

    @rule(seconds=st.floats(0, 12))
    def time_goes_by(self, seconds: float) -> None:
        self.now = max(self.now, min(self.now + seconds, self.session.deadline))
        self.take(self.session.tick(self.now))
        assert self.session.state is State.CLOSED or self.session.deadline > self.now

    @invariant()
    def it_is_in_a_named_state_and_within_its_limits(self) -> None:
        session = self.session
        assert (session.state is State.CLOSED) == bool(self.closes)
        assert len(session.channels) <= SETTINGS.max_channels
        established = {name for name, member in session.channels.items() if not member.pending}
        assert established == self.present

    def teardown(self) -> None:
        self.take(self.session.close(codes.DISCONNECT_SHUTDOWN))
        assert self.present == set()
        assert self.session.deadline == float("inf")
        assert self.session.receive(b'{"id":1,"rpc":{}}', self.now) == []


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=120, stateful_step_count=40)
