"""One client's protocol state, without I/O: bytes and outcomes in, effects out.

The shell (`connection.py`) feeds it what the socket receives and how each effect ended. Times are
monotonic seconds, given by the shell.

| state          | connect command    | other commands         | empty command    |
| -------------- | ------------------ | ---------------------- | ---------------- |
| NEW            | → AUTHENTICATING   | close 3501             | close 3501       |
| AUTHENTICATING | close 3501         | wait for the outcome   | wait             |
| CONNECTED      | close 3501         | effect or error reply  | the pong         |
| CLOSED         | ignored            | ignored                | ignored          |
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Raw
from msgspec.structs import replace

from realtime import codes
from realtime.codes import ClientError, Disconnect, Unsubscribe
from realtime.errors import MalformedFrame
from realtime.ports import SubscribeOptions
from realtime.protocol.codec import Codec
from realtime.protocol.messages import (
    METHODS,
    Command,
    ConnectResult,
    Error,
    MessagePush,
    Push,
    RefreshPush,
    RefreshResult,
    Reply,
    SubRefreshResult,
    SubscribePush,
    SubscribeRequest,
    SubscribeResult,
    UnsubscribePush,
)
from realtime.session.allowance import Allowance
from realtime.session.commands import carry_out
from realtime.session.deadlines import Deadlines, whole_seconds
from realtime.session.effect import Close, Effect, HandOver, Send
from realtime.session.failure import error_message
from realtime.session.membership import Memberships
from realtime.session.outcome import Joined, Welcome
from realtime.settings import RealtimeSettings


class State(enum.Enum):
    NEW = "new"
    AUTHENTICATING = "authenticating"
    CONNECTED = "connected"
    CLOSED = "closed"


class Session:
    """`channels`: what it is subscribed to, or about to be."""

    __slots__ = (
        "_allowance",
        "_codec",
        "_deadlines",
        "_handed_over",
        "_outstanding",
        "_waiting",
        "channels",
        "client",
        "settings",
        "state",
    )

    def __init__(self, client: str, codec: Codec, settings: RealtimeSettings, now: float) -> None:
        self.client = client
        self.state = State.NEW
        self.settings = settings
        self.channels = Memberships(settings.expired_subscription_delay_s)
        self._codec = codec
        self._deadlines = Deadlines(settings, now)
        self._allowance: Allowance | None = None
        if settings.command_rate:
            self._allowance = Allowance(settings.command_rate, settings.command_burst, now)
        self._outstanding = 0
        self._handed_over = 0
        self._waiting: list[Command] = []

    @property
    def deadline(self) -> float:
        """When `tick` has something to do at the earliest."""
        return min(self._deadlines.next, self.channels.expires_at)

    # What the client says.

    def receive(self, message: bytes, now: float) -> list[Effect]:
        """A message from the socket."""
        if self.state is State.CLOSED:
            return []
        if len(message) > self.settings.max_message_bytes:
            return self.close(codes.DISCONNECT_MESSAGE_SIZE)
        try:
            commands = self._codec.decode(message, self.settings.max_commands_per_frame)
        except MalformedFrame:
            commands = []
        # An empty message is no less malformed: even a pong is an (empty) command.
        return self._take(commands, now) if commands else self.close(codes.DISCONNECT_BAD_REQUEST)

    def _take(self, commands: list[Command], now: float) -> list[Effect]:
        effects: list[Effect] = []
        for command in commands:
            effects += self._command(command, now)
            if self.state is State.CLOSED:
                break
        return effects

    def _command(self, command: Command, now: float) -> list[Effect]:
        given = [method for method in METHODS if getattr(command, method) is not None]
        if len(given) > 1 or (self.state is State.NEW and given != ["connect"]):
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        if self.state is State.AUTHENTICATING and given != ["connect"]:
            # SDKs may send their subscriptions right behind the connect command.
            self._waiting.append(command)
            if len(self._waiting) > self.settings.max_commands_per_frame:
                return self.close(codes.DISCONNECT_BAD_REQUEST)
            return []
        if not given:
            return self._bare(command.id)
        method = given[0]
        if not command.id and method != "send":
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        if self._allowance is not None and not self._allowance.take(now):
            if self._allowance.abused:
                return self.close(codes.DISCONNECT_TOO_MANY_REQUESTS)
            return self.error(command.id, codes.ERROR_TOO_MANY_REQUESTS) if command.id else []
        return carry_out(self, method, command.id, getattr(command, method))

    def _bare(self, id_: int) -> list[Effect]:
        if id_:
            return self.error(id_, codes.ERROR_METHOD_NOT_FOUND)
        return [] if self._deadlines.pong() else self.close(codes.DISCONNECT_BAD_REQUEST)

    def begin(self) -> bool:
        """A connect command came; whether it may."""
        if self.state is not State.NEW:
            return False
        self.state = State.AUTHENTICATING
        return True

    def work(self, id_: int, effect: Effect) -> list[Effect]:
        """An effect whose outcome will be replied: so many at a time, no more."""
        if self._outstanding >= self.settings.max_outstanding:
            return self.error(id_, codes.ERROR_TOO_MANY_REQUESTS)
        self._outstanding += 1
        return [effect]

    def hand_over(self, data: Raw) -> list[Effect]:
        """A message that is not answered: too many under way cannot be refused, only ended."""
        if self._handed_over >= self.settings.max_commands_per_frame:
            return self.close(codes.DISCONNECT_TOO_MANY_REQUESTS)
        self._handed_over += 1
        return [HandOver(data)]

    def leave(self, channel: str) -> list[Effect]:
        """The client does not want a channel any more."""
        member = self.channels.get(channel)
        if member is None:
            return []
        effects: list[Effect] = [self.channels.drop(channel)]
        if member.pending > 0:
            effects += self.error(member.pending, codes.ERROR_INTERNAL)
        return effects

    # How effects ended.

    def authenticated(
        self, subs: Mapping[str, SubscribeOptions], requests: Mapping[str, SubscribeRequest]
    ) -> list[Effect]:
        """The server subscribes the client to these channels: joins to be done before `connected`.

        `requests`: the client's, with the positions to recover from.
        """
        if self.state is not State.AUTHENTICATING:
            return []
        if len(subs) > self.settings.max_channels:
            return self.close(codes.DISCONNECT_CHANNEL_LIMIT)
        joins: list[Effect] = []
        for channel, options in subs.items():
            asked = requests.get(channel, SubscribeRequest())
            request = SubscribeRequest(
                channel, recover=asked.recover, offset=asked.offset, epoch=asked.epoch
            )
            joins.append(self.channels.server_join(request, options))
        return joins

    def connected(
        self,
        id_: int,
        welcome: Welcome,
        joined: Mapping[str, Joined],
        now: float,
        first_ping_s: float,
    ) -> list[Effect]:
        """Authenticated, and subscribed to what the server wished. What waited is done now."""
        if self.state is not State.AUTHENTICATING:
            return []
        self.state = State.CONNECTED
        self._deadlines.connected(now, first_ping_s)
        ttl = self._deadlines.extend(welcome.ttl_s, now)
        # One may have been ended again while others were still being joined.
        present = {channel: one for channel, one in joined.items() if channel in self.channels}
        result = ConnectResult(
            self.client,
            self.settings.server_version,
            expires=ttl > 0,
            ttl=ttl,
            data=welcome.data,
            subs={channel: one.result for channel, one in present.items()},
            ping=self.settings.ping_interval_s,
            pong=True,
            session=welcome.session,
            node=welcome.node,
            time=welcome.time,
        )
        effects: list[Effect] = [self.reply(Reply(id_, connect=result))]
        for channel, one in present.items():
            if one.options is not None:
                effects.append(self.channels.establish(channel, one.options, one.ttl_s, now))
        waiting, self._waiting = self._waiting, []
        return effects + self._take(waiting, now)

    def connect_refused(self, id_: int, error: Error) -> list[Effect]:
        """Not authenticated; the client may try again on this socket, until it is stale."""
        if self.state is not State.AUTHENTICATING:
            return []
        self.state = State.NEW
        self._waiting.clear()
        return [*self.channels.drop_all(), self.reply(Reply(id_, error=error))]

    def refreshed(self, id_: int, ttl_s: float | None, now: float) -> list[Effect]:
        """A new token was accepted."""
        if self.state is State.CLOSED:
            return []
        ttl = self._deadlines.extend(ttl_s, now)
        result = RefreshResult(self.client, self.settings.server_version, expires=ttl > 0, ttl=ttl)
        return self.finished(Reply(id_, refresh=result))

    def subscribed(self, id_: int, channel: str, joined: Joined, now: float) -> list[Effect]:
        """Joined. Call it in the same breath in which the hub established the subscription."""
        member = self.channels.pending(id_, channel)
        if member is None:
            return []
        result = joined.result
        if joined.options is None:
            del self.channels[channel]
            return [self.reply(Reply(id_, subscribe=result))]
        arrive = self.channels.establish(channel, joined.options, joined.ttl_s, now)
        if member.server_side:
            return [*self._subscribe_pushes(channel, result), arrive]
        if joined.ttl_s is not None:
            result = replace(result, expires=True, ttl=whole_seconds(joined.ttl_s))
        return [self.reply(Reply(id_, subscribe=result)), arrive]

    def subscribe_refused(self, id_: int, channel: str, error: Error) -> list[Effect]:
        member = self.channels.pending(id_, channel)
        if member is None:
            return []
        leave = self.channels.drop(channel)
        return [leave] if member.server_side else [leave, self.reply(Reply(id_, error=error))]

    def subscription_refreshed(
        self, id_: int, channel: str, ttl_s: float | None, now: float
    ) -> list[Effect]:
        """A new token for a subscription was accepted."""
        if self.state is State.CLOSED:
            return []
        self.channels.prolong(channel, ttl_s, now)
        ttl = 0 if ttl_s is None else whole_seconds(ttl_s)
        return self.finished(Reply(id_, sub_refresh=SubRefreshResult(ttl > 0, ttl)))

    def finished(self, reply: Reply) -> list[Effect]:
        """A piece of work came to its end, well or not."""
        if self.state is State.CLOSED:
            return []
        self._outstanding -= 1
        return [self.reply(reply)]

    def handed_over(self) -> None:
        """The application has taken a message."""
        self._handed_over -= 1

    def refused(self, id_: int, error: Error) -> list[Effect]:
        return self.finished(Reply(id_, error=error))

    # What the server wants.

    def subscribe(
        self, channel: str, options: SubscribeOptions, offset: int | None, epoch: str
    ) -> list[Effect]:
        """Subscribe the client to a channel, recovering from a position if one is given. Nothing
        is done where it is subscribed already, or about to be.
        """
        if self.state is not State.CONNECTED or channel in self.channels:
            return []
        if len(self.channels) >= self.settings.max_channels:
            return self.close(codes.DISCONNECT_CHANNEL_LIMIT)
        request = SubscribeRequest(
            channel, recover=offset is not None, offset=offset or 0, epoch=epoch
        )
        return [self.channels.server_join(request, options)]

    def unsubscribed(self, channel: str, why: Unsubscribe) -> list[Effect]:
        """The server has ended a subscription, or stopped one that was still to be answered."""
        member = self.channels.get(channel)
        if member is None:
            return []
        if member.server_side and why.resubscribes:
            # A client has no way to subscribe again to what it did not ask for.
            return self.close(_OF_SERVER_SIDE.get(why.code, codes.DISCONNECT_INSUFFICIENT_STATE))
        leave = self.channels.drop(channel)
        if not member.pending:
            push = Push(channel=channel, unsubscribe=UnsubscribePush(why.code, why.reason))
            return [leave, Send(self._codec.push(push))]
        if member.server_side:
            return [leave]
        return [leave, *self.error(member.pending, codes.ERROR_PERMISSION_DENIED)]

    def prolonged(self, ttl_s: float | None, now: float) -> list[Effect]:
        """The server has decided until when the connection stands."""
        if self.state is not State.CONNECTED:
            return []
        ttl = self._deadlines.extend(ttl_s, now)
        return [Send(self._codec.push(Push(refresh=RefreshPush(ttl > 0, ttl))))]

    def message(self, data: Raw) -> list[Effect]:
        """Something for this client that belongs to no channel."""
        if self.state is not State.CONNECTED:
            return []
        return [Send(self._codec.push(Push(message=MessagePush(data))))]

    def close(self, why: Disconnect) -> list[Effect]:
        """End it. Whatever comes later is ignored."""
        return [*self.gone(), Close(why)] if self.state is not State.CLOSED else []

    def gone(self) -> list[Effect]:
        """The client is no more: as `close`, with nobody to tell."""
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        self._waiting.clear()
        self._deadlines.clear()
        return [*self.channels.drop_all()]

    def tick(self, now: float) -> list[Effect]:
        """Time has come to `now`."""
        why = self._deadlines.passed(now)
        if why is not None:
            return self.close(why)
        effects: list[Effect] = []
        for channel in self.channels.expired(now):
            effects += self.unsubscribed(channel, codes.UNSUBSCRIBE_EXPIRED)
        if self.state is not State.CLOSED and self._deadlines.ping(now):
            effects.append(Send(self._codec.ping))
        return effects

    def _subscribe_pushes(self, channel: str, result: SubscribeResult) -> list[Effect]:
        """The server's subscription, and what was recovered as if it were published now."""
        push = SubscribePush(
            result.recoverable, result.epoch, result.offset, result.positioned, result.data
        )
        frames = [Push(channel=channel, subscribe=push)]
        frames += [Push(channel=channel, pub=one) for one in result.publications]
        return [Send(self._codec.push(frame)) for frame in frames]

    def reply(self, reply: Reply) -> Send:
        return Send(self._codec.reply(reply))

    def error(self, id_: int, error: ClientError) -> list[Effect]:
        return [self.reply(Reply(id_, error=error_message(error)))]


_OF_SERVER_SIDE = {
    codes.UNSUBSCRIBE_INSUFFICIENT_STATE.code: codes.DISCONNECT_INSUFFICIENT_STATE,
    codes.UNSUBSCRIBE_EXPIRED.code: codes.DISCONNECT_SUB_EXPIRED,
    codes.UNSUBSCRIBE_STATE_INVALIDATED.code: codes.DISCONNECT_STATE_INVALIDATED,
}
"""How the end of one of the server's subscriptions is told, where the client should come back."""
