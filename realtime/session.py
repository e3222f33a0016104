"""One client's protocol state, without I/O: bytes and outcomes in, effects out.

The shell (`connection.py`) feeds it what the socket receives and how each effect ended. Times are
monotonic seconds, given by the shell.

| state          | connect command    | other commands         | empty command |
| -------------- | ------------------ | ---------------------- | ------------- |
| NEW            | → AUTHENTICATING   | close 3501             | close 3501    |
| AUTHENTICATING | close 3501         | wait for the outcome   | wait          |
| CONNECTED      | close 3501         | effect or error reply  | the pong      |
| CLOSED         | ignored            | ignored                | ignored       |
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from msgspec import Raw

from realtime import codes
from realtime.codec import Codec
from realtime.codes import ClientError, Disconnect, Unsubscribe
from realtime.effect import (
    Authenticate,
    Call,
    Close,
    Effect,
    Join,
    Leave,
    Publish,
    ReadHistory,
    Refresh,
    Send,
)
from realtime.errors import MalformedFrame
from realtime.protocol import (
    EMPTY,
    METHODS,
    ChannelRequest,
    Command,
    ConnectRequest,
    ConnectResult,
    Error,
    HistoryRequest,
    MessagePush,
    PublishRequest,
    Push,
    RefreshRequest,
    RefreshResult,
    Reply,
    RpcRequest,
    SubscribeRequest,
    SubscribeResult,
    UnsubscribePush,
)
from realtime.settings import RealtimeSettings

_NEVER = float("inf")


class State(enum.Enum):
    NEW = "new"
    AUTHENTICATING = "authenticating"
    CONNECTED = "connected"
    CLOSED = "closed"


class Session:
    """`channels`: the id of the pending subscribe command of each channel, 0 once established."""

    __slots__ = (
        "_codec",
        "_connect_by",
        "_expire_at",
        "_outstanding",
        "_ping_at",
        "_pong_by",
        "_settings",
        "_waiting",
        "channels",
        "client",
        "state",
    )

    def __init__(self, client: str, codec: Codec, settings: RealtimeSettings, now: float) -> None:
        self.client = client
        self.state = State.NEW
        self.channels: dict[str, int] = {}
        self._codec = codec
        self._settings = settings
        self._outstanding = 0
        self._waiting: list[Command] = []
        self._connect_by = now + settings.connect_timeout_s
        self._ping_at = _NEVER
        self._pong_by = _NEVER
        self._expire_at = _NEVER

    @property
    def deadline(self) -> float:
        """When `tick` has something to do at the earliest."""
        return min(self._connect_by, self._ping_at, self._pong_by, self._expire_at)

    # What the client says.

    def receive(self, message: bytes) -> list[Effect]:
        """A message from the socket."""
        if self.state is State.CLOSED:
            return []
        if len(message) > self._settings.max_message_bytes:
            return self.close(codes.DISCONNECT_MESSAGE_SIZE)
        try:
            commands = self._codec.decode(message, self._settings.max_commands_per_frame)
        except MalformedFrame:
            commands = []
        # An empty message is no less malformed: even a pong is an (empty) command.
        return self._take(commands) if commands else self.close(codes.DISCONNECT_BAD_REQUEST)

    def _take(self, commands: list[Command]) -> list[Effect]:
        effects: list[Effect] = []
        for command in commands:
            effects += self._command(command)
            if self.state is State.CLOSED:
                break
        return effects

    def _command(self, command: Command) -> list[Effect]:
        given = [method for method in METHODS if getattr(command, method) is not None]
        if len(given) > 1 or (self.state is State.NEW and given != ["connect"]):
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        if self.state is State.AUTHENTICATING and given != ["connect"]:
            # SDKs may send their subscriptions right behind the connect command.
            self._waiting.append(command)
            if len(self._waiting) > self._settings.max_commands_per_frame:
                return self.close(codes.DISCONNECT_BAD_REQUEST)
            return []
        if not given:
            if command.id:
                return self._error(command.id, codes.ERROR_METHOD_NOT_FOUND)
            self._pong_by = _NEVER
            return []
        method = given[0]
        if method == "send":
            return self.close(codes.DISCONNECT_NOT_AVAILABLE)
        if not command.id:
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        return _METHODS[method](self, command.id, getattr(command, method))

    def _connect(self, id_: int, request: ConnectRequest) -> list[Effect]:
        if self.state is not State.NEW:
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        self.state = State.AUTHENTICATING
        return [Authenticate(id_, request.token, request.data)]

    def _subscribe(self, id_: int, request: SubscribeRequest) -> list[Effect]:
        channel = request.channel
        if not channel:
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        if len(channel) > self._settings.max_channel_length:
            return self._error(id_, codes.ERROR_BAD_REQUEST)
        if channel in self.channels:
            return self._error(id_, codes.ERROR_ALREADY_SUBSCRIBED)
        if len(self.channels) >= self._settings.max_channels:
            return self._error(id_, codes.ERROR_LIMIT_EXCEEDED)
        self.channels[channel] = id_
        return [Join(id_, request)]

    def _unsubscribe(self, id_: int, request: ChannelRequest) -> list[Effect]:
        effects: list[Effect] = []
        if not request.channel:
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        pending = self.channels.pop(request.channel, None)
        if pending is not None:
            effects.append(Leave(request.channel))
        if pending:
            effects += self._error(pending, codes.ERROR_INTERNAL)
        effects.append(self._reply(Reply(id_, unsubscribe=EMPTY)))
        return effects

    def _publish(self, id_: int, request: PublishRequest) -> list[Effect]:
        if not request.channel or not bytes(request.data):
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        if len(request.channel) > self._settings.max_channel_length:
            return self._error(id_, codes.ERROR_BAD_REQUEST)
        return self._work(id_, Publish(id_, request.channel, request.data))

    def _rpc(self, id_: int, request: RpcRequest) -> list[Effect]:
        return self._work(id_, Call(id_, request.method, request.data))

    def _history(self, id_: int, request: HistoryRequest) -> list[Effect]:
        if request.reverse:
            return self._error(id_, codes.ERROR_NOT_AVAILABLE)
        if self.channels.get(request.channel) != 0:  # only of what it is subscribed to
            return self._error(id_, codes.ERROR_PERMISSION_DENIED)
        return self._work(id_, ReadHistory(id_, request))

    def _refresh(self, id_: int, request: RefreshRequest) -> list[Effect]:
        if not request.token:
            return self.close(codes.DISCONNECT_BAD_REQUEST)
        return self._work(id_, Refresh(id_, request.token))

    def _ping(self, id_: int, _request: Any) -> list[Effect]:
        return [self._reply(Reply(id_, ping=EMPTY))]

    def _not_available(self, id_: int, _request: Any) -> list[Effect]:
        return self._error(id_, codes.ERROR_NOT_AVAILABLE)

    def _work(self, id_: int, effect: Effect) -> list[Effect]:
        """An effect whose outcome will be replied: so many at a time, no more."""
        if self._outstanding >= self._settings.max_outstanding:
            return self._error(id_, codes.ERROR_TOO_MANY_REQUESTS)
        self._outstanding += 1
        return [effect]

    # How effects ended.

    def connected(
        self, id_: int, ttl_s: float | None, data: Raw, now: float, first_ping_s: float
    ) -> list[Effect]:
        """Authenticated, for `ttl_s` seconds. Commands that waited are carried out now."""
        if self.state is not State.AUTHENTICATING:
            return []
        self.state = State.CONNECTED
        self._connect_by = _NEVER
        self._ping_at = now + first_ping_s
        ttl = self._extend(ttl_s, now)
        result = ConnectResult(
            self.client,
            self._settings.server_version,
            expires=ttl > 0,
            ttl=ttl,
            data=data,
            ping=self._settings.ping_interval_s,
            pong=True,
        )
        waiting, self._waiting = self._waiting, []
        return [self._reply(Reply(id_, connect=result)), *self._take(waiting)]

    def connect_refused(self, id_: int, error: ClientError) -> list[Effect]:
        """Not authenticated; the client may try again on this socket, until it is stale."""
        if self.state is not State.AUTHENTICATING:
            return []
        self.state = State.NEW
        self._waiting.clear()
        return self._error(id_, error)

    def refreshed(self, id_: int, ttl_s: float | None, now: float) -> list[Effect]:
        """A new token was accepted."""
        if self.state is State.CLOSED:
            return []
        ttl = self._extend(ttl_s, now)
        result = RefreshResult(self.client, self._settings.server_version, expires=ttl > 0, ttl=ttl)
        return self.finished(Reply(id_, refresh=result))

    def _extend(self, ttl_s: float | None, now: float) -> int:
        """Until when the connection stands; returns the ttl as it travels, 0 for no end."""
        if ttl_s is None:
            self._expire_at = _NEVER
            return 0
        self._expire_at = now + ttl_s + self._settings.expired_close_delay_s
        return max(1, int(ttl_s))

    def subscribed(self, id_: int, channel: str, result: SubscribeResult) -> list[Effect]:
        """Joined. Call it in the same breath in which the hub established the subscription."""
        if self.channels.get(channel) != id_:
            return []
        self.channels[channel] = 0
        return [self._reply(Reply(id_, subscribe=result))]

    def subscribe_refused(self, id_: int, channel: str, error: Error) -> list[Effect]:
        if self.channels.get(channel) != id_:
            return []
        del self.channels[channel]
        return [self._reply(Reply(id_, error=error))]

    def finished(self, reply: Reply) -> list[Effect]:
        """A piece of work came to its end, well or not."""
        if self.state is State.CLOSED:
            return []
        self._outstanding -= 1
        return [self._reply(reply)]

    def refused(self, id_: int, error: Error) -> list[Effect]:
        return self.finished(Reply(id_, error=error))

    # What the server wants.

    def unsubscribed(self, channel: str, why: Unsubscribe) -> list[Effect]:
        """The server has ended a subscription, or stopped one that was still to be answered."""
        pending = self.channels.pop(channel, None)
        if pending is None:
            return []
        if pending:
            return self._error(pending, codes.ERROR_PERMISSION_DENIED)
        push = Push(channel=channel, unsubscribe=UnsubscribePush(why.code, why.reason))
        return [Send(self._codec.push(push))]

    def message(self, data: Raw) -> list[Effect]:
        """Something for this client that belongs to no channel."""
        if self.state is not State.CONNECTED:
            return []
        return [Send(self._codec.push(Push(message=MessagePush(data))))]

    def close(self, why: Disconnect) -> list[Effect]:
        """End it. Whatever comes later is ignored."""
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        self._waiting.clear()
        self._connect_by = self._ping_at = self._pong_by = self._expire_at = _NEVER
        return [Close(why)]

    def tick(self, now: float) -> list[Effect]:
        """Time has come to `now`."""
        if now >= self._connect_by:
            return self.close(codes.DISCONNECT_STALE)
        if now >= self._expire_at:
            return self.close(codes.DISCONNECT_EXPIRED)
        if now >= self._pong_by:
            return self.close(codes.DISCONNECT_NO_PONG)
        if now < self._ping_at:
            return []
        self._ping_at = now + self._settings.ping_interval_s
        self._pong_by = min(self._pong_by, now + self._settings.pong_timeout_s)
        return [Send(self._codec.ping)]

    def _reply(self, reply: Reply) -> Send:
        return Send(self._codec.reply(reply))

    def _error(self, id_: int, error: ClientError) -> list[Effect]:
        return [self._reply(Reply(id_, error=wire(error)))]


def wire(error: ClientError) -> Error:
    """An error of ours as it travels."""
    return Error(error.code, error.message, error.temporary)


_METHODS: dict[str, Callable[[Session, int, Any], list[Effect]]] = {
    "connect": Session._connect,
    "subscribe": Session._subscribe,
    "unsubscribe": Session._unsubscribe,
    "publish": Session._publish,
    "presence": Session._not_available,
    "presence_stats": Session._not_available,
    "history": Session._history,
    "ping": Session._ping,
    "rpc": Session._rpc,
    "refresh": Session._refresh,
    "sub_refresh": Session._not_available,
}
