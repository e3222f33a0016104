"""The methods of the server API: what each of `api_requests.py` does to the server."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from realtime import codes
from realtime.errors import (
    BrokerUnavailable,
    HistoryUnavailable,
    NotAvailable,
    PermissionDenied,
    RealtimeError,
    UnknownChannel,
    UnrecoverablePosition,
)
from realtime.maps.keyed import MAX_KEY_LENGTH, KeyedChange, KeyedOptions
from realtime.node import RealtimeServer
from realtime.nodes.control import Target
from realtime.protocol.messages import SubscribeRequest
from realtime.publication import Append, Peer, Publication, StreamPosition
from realtime.standalone.api_requests import (
    Broadcast,
    Disconnect,
    History,
    Info,
    MapPublish,
    MapRemove,
    OfChannel,
    OfPattern,
    Publish,
    Refresh,
    Subscribe,
    Unsubscribe,
)
from realtime.standalone.channels import ChannelRules
from realtime.standalone.policy import publication, subscribe_options

_PAGE: Final = 500


class ApiError(Exception):
    """A call was refused, with a code of the published list."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


_ERRORS: Final[Mapping[type[Exception], codes.ClientError]] = {
    UnknownChannel: codes.ERROR_UNKNOWN_CHANNEL,
    PermissionDenied: codes.ERROR_PERMISSION_DENIED,
    NotAvailable: codes.ERROR_NOT_AVAILABLE,
    UnrecoverablePosition: codes.ERROR_UNRECOVERABLE_POSITION,
    BrokerUnavailable: codes.ERROR_INTERNAL,
    HistoryUnavailable: codes.ERROR_INTERNAL,
}


def error_of(error: Exception) -> tuple[int, str]:
    """How an error is told: a code of the published list and a message."""
    if isinstance(error, ApiError):
        return error.code, str(error)
    known = _ERRORS.get(type(error), codes.ERROR_INTERNAL)
    return known.code, known.message


class Methods:
    """Calls come decoded. Each returns the `result` object, or raises ApiError or RealtimeError."""

    def __init__(self, server: RealtimeServer, rules: ChannelRules, max_length: int) -> None:
        self._server = server
        self._rules = rules
        self._max_length = max_length

    async def call(self, name: str, request: Any) -> dict[str, Any]:
        result = await getattr(self, f"_{name}")(request)
        assert isinstance(result, dict)
        return result

    async def _publish(self, request: Publish) -> dict[str, Any]:
        return await self._put(request.channel, request)

    async def _broadcast(self, request: Broadcast) -> dict[str, Any]:
        if not request.channels:
            raise _bad_request("channels must name at least one")
        responses: list[dict[str, Any]] = []
        for channel in request.channels:
            try:
                responses.append({"result": await self._put(channel, request)})
            except (ApiError, RealtimeError) as error:
                code, message = error_of(error)
                responses.append({"error": {"code": code, "message": message}})
        return {"responses": responses}

    async def _put(self, channel: str, request: Publish | Broadcast) -> dict[str, Any]:
        self._check_channel(channel)
        data = _payload(request.data, request.b64data)
        if not data:
            raise _bad_request("data must be a JSON value, or b64data base64")
        key = f"{channel}\0{request.idempotency_key}" if request.idempotency_key else ""
        put = publication(
            self._rules,
            channel,
            data,
            None,
            dict(request.tags) or None,
            key,
            request.skip_history,
            request.delta,
        )
        if isinstance(put, Append):
            position = await self._server.append(put)
            return {"offset": position.offset, "epoch": position.epoch}
        await self._server.publish([put])
        return {}

    async def _subscribe(self, request: Subscribe) -> dict[str, Any]:
        self._check_channel(request.channel)
        target = _target(request)
        options = subscribe_options(
            self._rules,
            self._rules.of(request.channel),
            SubscribeRequest(channel=request.channel),
            insecure=False,
            anonymous=not request.user,
            override=request.override,
            chan_info=_payload(request.info, request.b64info),
            data=_payload(request.data, request.b64data) or None,
        )
        since = request.recover_since
        position = StreamPosition(since.offset, since.epoch) if since is not None else None
        await self._server.subscribe(target, request.channel, options, position)
        return {}

    async def _unsubscribe(self, request: Unsubscribe) -> dict[str, Any]:
        await self._server.unsubscribe(_target(request), request.channel)
        return {}

    async def _disconnect(self, request: Disconnect) -> dict[str, Any]:
        why = codes.DISCONNECT_FORCE_NO_RECONNECT
        if request.disconnect is not None and request.disconnect.code:
            given = request.disconnect
            if not 3000 <= given.code <= 4999 or len(given.reason.encode()) > 123:
                raise _bad_request("disconnect: a code of 3000-4999, a reason of up to 123 bytes")
            why = codes.Disconnect(given.code, given.reason, "as the application says")
        target = _target(request, except_clients=request.whitelist)
        await self._server.disconnect(target, why)
        return {}

    async def _refresh(self, request: Refresh) -> dict[str, Any]:
        await self._server.refresh(_target(request), request.expire_at or None, request.expired)
        return {}

    async def _presence(self, request: OfChannel) -> dict[str, Any]:
        self._check_presence(request.channel)
        clients = await self._server.presence(request.channel)
        return {"presence": {client: _peer(peer) for client, peer in clients.items()}}

    async def _presence_stats(self, request: OfChannel) -> dict[str, Any]:
        self._check_presence(request.channel)
        stats = await self._server.presence_stats(request.channel)
        return {"num_clients": stats.clients, "num_users": stats.users}

    async def _history(self, request: History) -> dict[str, Any]:
        self._check_channel(request.channel)
        retention = self._rules.retention(self._rules.of(request.channel))
        if retention is None:
            raise NotAvailable("history is not kept in this namespace")
        since = request.since
        found = await self._server.history(
            request.channel,
            retention,
            StreamPosition(since.offset, since.epoch) if since is not None else None,
            max(request.limit, -1),
            request.reverse,
        )
        publications = [_publication(one) for one in found.publications]
        return {"publications": publications, "offset": found.top_offset, "epoch": found.epoch}

    async def _history_remove(self, request: OfChannel) -> dict[str, Any]:
        self._check_channel(request.channel)
        if self._rules.retention(self._rules.of(request.channel)) is None:
            raise NotAvailable("history is not kept in this namespace")
        await self._server.clear_history(request.channel)
        return {}

    async def _map_publish(self, request: MapPublish) -> dict[str, Any]:
        data = _payload(request.data, request.b64data)
        if not data:
            raise _bad_request("data must be a JSON value, or b64data base64")
        retention = self._keyed(request.channel).retention
        delta = request.delta or self._rules.of(request.channel).delta_publish
        return await self._change(
            KeyedChange(
                request.channel,
                _key(request.key),
                retention,
                data,
                tags=dict(request.tags) or None,
                score=request.score,
                mode=request.key_mode,
                whole=not delta,
            )
        )

    async def _map_remove(self, request: MapRemove) -> dict[str, Any]:
        retention = self._keyed(request.channel).retention
        return await self._change(
            KeyedChange(request.channel, _key(request.key), retention, removed=True)
        )

    async def _change(self, change: KeyedChange) -> dict[str, Any]:
        outcome = await self._server.publish_keyed(change)
        told = {"offset": outcome.position.offset, "epoch": outcome.position.epoch}
        if not outcome.applied:
            return told | {"suppressed": True, "suppress_reason": outcome.reason}
        return told

    async def _map_read_state(self, request: OfChannel) -> dict[str, Any]:
        self._keyed(request.channel)
        entries: list[dict[str, Any]] = []
        since = 0
        while True:
            page = await self._server.read_keyed(request.channel, since, _PAGE)
            entries += [
                _publication(one) | {"key": one.key} for one in page.changes if not one.removed
            ]
            if len(page.changes) < _PAGE:
                break
            since = page.changes[-1].offset
        position = page.position
        return {"publications": entries, "offset": position.offset, "epoch": position.epoch}

    async def _map_clear(self, request: OfChannel) -> dict[str, Any]:
        self._keyed(request.channel)
        await self._server.clear_keyed(request.channel)
        return {}

    def _keyed(self, channel: str) -> KeyedOptions:
        self._check_channel(channel)
        keyed = self._rules.keyed(self._rules.of(channel))
        if keyed is None:
            raise NotAvailable("the channels of this namespace are no maps")
        return keyed

    async def _info(self, request: Info) -> dict[str, Any]:
        nodes = await self._server.info()
        return {
            "nodes": [
                {
                    "uid": one.id,
                    "name": one.name,
                    "version": one.version,
                    "num_clients": one.clients,
                    "num_users": one.users,
                    "num_subs": one.subscriptions,
                    "num_channels": one.channels,
                    "uptime": int(one.uptime_s),
                }
                for one in nodes
            ]
        }

    async def _channels(self, request: OfPattern) -> dict[str, Any]:
        found = await self._server.channels(request.pattern)
        return {"channels": {name: {"num_clients": count} for name, count in found.items()}}

    def _check_channel(self, channel: str) -> None:
        if not channel or len(channel) > self._max_length:
            raise _bad_request(f"channel must have 1 to {self._max_length} characters")

    def _check_presence(self, channel: str) -> None:
        self._check_channel(channel)
        if not self._rules.of(channel).presence:
            raise NotAvailable("presence is not kept in this namespace")


def _bad_request(message: str) -> ApiError:
    return ApiError(codes.ERROR_BAD_REQUEST.code, message)


def _key(key: str) -> str:
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise _bad_request(f"key must have 1 to {MAX_KEY_LENGTH} characters")
    return key


def _target(request: Any, except_clients: tuple[str, ...] = ()) -> Target:
    """Whom a call is about. An empty user alone would be every anonymous connection."""
    if not request.user and not request.client and not request.session:
        raise _bad_request("user, client or session must be given")
    return Target(
        user=request.user or None,
        client=request.client,
        session=request.session,
        except_clients=except_clients,
    )


def _payload(json_value: Raw, b64: str) -> bytes:
    if not b64:
        return bytes(json_value)
    try:
        return base64.b64decode(b64, validate=True)
    except binascii.Error:
        raise _bad_request("not base64") from None


def _json(payload: bytes) -> Any:
    """A payload inside a JSON answer: as it stands where it is JSON, else as base64 text."""
    try:
        msgspec.json.decode(payload, type=Raw)
    except msgspec.MsgspecError:
        return base64.b64encode(payload).decode()
    return Raw(payload)


def _peer(peer: Peer) -> dict[str, Any]:
    told: dict[str, Any] = {"user": peer.user, "client": peer.client}
    if peer.conn_info:
        told["conn_info"] = _json(peer.conn_info)
    if peer.chan_info:
        told["chan_info"] = _json(peer.chan_info)
    return told


def _publication(one: Publication) -> dict[str, Any]:
    told: dict[str, Any] = {"data": _json(one.data), "offset": one.offset}
    if one.info is not None:
        told["info"] = _peer(one.info)
    if one.tags:
        told["tags"] = one.tags
    return told
