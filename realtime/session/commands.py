"""What each command of a connected client leads to (and `connect`, of a new one).

A client that breaks the protocol is disconnected; one that asks for what cannot be is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from realtime import codes
from realtime.protocol.messages import (
    EMPTY,
    ChannelRequest,
    ConnectRequest,
    Empty,
    HistoryRequest,
    PublishRequest,
    RefreshRequest,
    Reply,
    RpcRequest,
    SendRequest,
    SubRefreshRequest,
    SubscribeRequest,
)
from realtime.session.effect import (
    Authenticate,
    Call,
    Effect,
    Join,
    Publish,
    ReadHistory,
    ReadPresence,
    ReadPresenceStats,
    Refresh,
    RefreshSubscription,
)
from realtime.session.membership import Membership

if TYPE_CHECKING:
    from realtime.session.session import Session


def carry_out(session: Session, method: str, id_: int, request: Any) -> list[Effect]:
    """The effects of one command. `method` is one of `protocol.METHODS`."""
    return _METHODS[method](session, id_, request)


def _connect(session: Session, id_: int, request: ConnectRequest) -> list[Effect]:
    if not session.begin():
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    return [Authenticate(id_, request)]


def _subscribe(session: Session, id_: int, request: SubscribeRequest) -> list[Effect]:
    channel = request.channel
    if not channel:
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    if len(channel) > session.settings.max_channel_length:
        return session.error(id_, codes.ERROR_BAD_REQUEST)
    if channel in session.channels:
        return session.error(id_, codes.ERROR_ALREADY_SUBSCRIBED)
    if len(session.channels) >= session.settings.max_channels:
        return session.error(id_, codes.ERROR_LIMIT_EXCEEDED)
    session.channels[channel] = Membership(id_)
    return [Join(id_, request)]


def _unsubscribe(session: Session, id_: int, request: ChannelRequest) -> list[Effect]:
    if not request.channel:
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    return [*session.leave(request.channel), session.reply(Reply(id_, unsubscribe=EMPTY))]


def _publish(session: Session, id_: int, request: PublishRequest) -> list[Effect]:
    if not request.channel or not (bytes(request.data) or request.removed):
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    if len(request.channel) > session.settings.max_channel_length:
        return session.error(id_, codes.ERROR_BAD_REQUEST)
    return session.work(id_, Publish(id_, request))


def _presence(session: Session, id_: int, request: ChannelRequest) -> list[Effect]:
    if not request.channel:
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    return session.work(id_, ReadPresence(id_, request.channel))


def _presence_stats(session: Session, id_: int, request: ChannelRequest) -> list[Effect]:
    if not request.channel:
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    return session.work(id_, ReadPresenceStats(id_, request.channel))


def _history(session: Session, id_: int, request: HistoryRequest) -> list[Effect]:
    if not request.channel:
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    return session.work(id_, ReadHistory(id_, request))


def _ping(session: Session, id_: int, _request: Empty) -> list[Effect]:
    return [session.reply(Reply(id_, ping=EMPTY))]


def _send(session: Session, _id: int, request: SendRequest) -> list[Effect]:
    return session.hand_over(request.data)


def _rpc(session: Session, id_: int, request: RpcRequest) -> list[Effect]:
    return session.work(id_, Call(id_, request.method, request.data))


def _refresh(session: Session, id_: int, request: RefreshRequest) -> list[Effect]:
    if not request.token:
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    return session.work(id_, Refresh(id_, request.token))


def _sub_refresh(session: Session, id_: int, request: SubRefreshRequest) -> list[Effect]:
    if not request.channel:
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    member = session.channels.get(request.channel)
    if member is None or member.pending:
        return session.error(id_, codes.ERROR_PERMISSION_DENIED)
    if member.server_side:  # the client cannot have a token for it
        return session.close(codes.DISCONNECT_BAD_REQUEST)
    if not request.token:
        return session.error(id_, codes.ERROR_BAD_REQUEST)
    return session.work(id_, RefreshSubscription(id_, request.channel, request.token))


_METHODS: dict[str, Callable[[Session, int, Any], list[Effect]]] = {
    "connect": _connect,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "publish": _publish,
    "presence": _presence,
    "presence_stats": _presence_stats,
    "history": _history,
    "ping": _ping,
    "send": _send,
    "rpc": _rpc,
    "refresh": _refresh,
    "sub_refresh": _sub_refresh,
}
