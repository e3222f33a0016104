"""The server's side of the WebSocket opening handshake (RFC 6455 §4.2), without I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from http import HTTPStatus

from msgspec import Struct

from realtime.protocol.codec import Codec
from realtime.transport.negotiation import negotiate
from realtime.transport.origin import OriginCheck

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = "13"


class Accepted(Struct, frozen=True):
    """Send `response`; then WebSocket frames follow.

    No codec: the format that the client wants is not spoken here, which a close code tells it.
    """

    response: bytes
    codec: Codec | None


class Refused(Struct, frozen=True):
    """Send `response` and close the TCP connection."""

    response: bytes


def shake_hands(
    headers: Mapping[str, str], query: str, accepting: bool, check_origin: OriginCheck
) -> Accepted | Refused:
    """Answer a GET request to upgrade. Header names in lower case, repeated ones joined by commas;
    that `connection` and `upgrade` ask for a WebSocket has been seen to.
    """
    if headers.get("sec-websocket-version") != _VERSION:
        return _refuse(HTTPStatus.UPGRADE_REQUIRED, f"sec-websocket-version: {_VERSION}\r\n")
    key = headers.get("sec-websocket-key", "")
    if not _well_formed(key):
        return _refuse(HTTPStatus.BAD_REQUEST)
    if not accepting:
        return _refuse(HTTPStatus.SERVICE_UNAVAILABLE)
    if not check_origin(headers.get("origin"), headers.get("host", "")):
        return _refuse(HTTPStatus.FORBIDDEN)
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
    subprotocol, codec = negotiate(offered, query)
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "upgrade: websocket",
        "connection: Upgrade",
        f"sec-websocket-accept: {_accept(key)}",
    ]
    if subprotocol is not None:
        lines.append(f"sec-websocket-protocol: {subprotocol}")
    return Accepted("\r\n".join((*lines, "", "")).encode(), codec)


def _well_formed(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _accept(key: str) -> str:
    # The protocol's own use of SHA-1: it proves that we read the request, it guards nothing.
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _refuse(status: HTTPStatus, extra: str = "") -> Refused:
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n"
    return Refused(f"{head}{extra}\r\n".encode())
