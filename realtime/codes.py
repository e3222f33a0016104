"""Every code a client can be told, in one place, each with what the client should do.

Numbers and reasons are those of the published Centrifuge client protocol, so that every official
SDK reacts as it does elsewhere. Three kinds:

* `ClientError`: the answer to one command. `temporary` says that the same command may be repeated.
* `Unsubscribe`: pushed for one channel. Below 2500 the subscription ended; from 2500 the SDK
  subscribes again by itself and recovers from its last position.
* `Disconnect`: the close code of the socket. 3000-3499 and 4000-4499: the SDK reconnects with
  backoff and recovers; 3500-3999 and 4500-4999: terminal, the application must act.
"""

from __future__ import annotations

from msgspec import Struct


class ClientError(Struct, frozen=True):
    """An error reply. `advice` is for people and papers, it does not travel."""

    code: int
    message: str
    advice: str
    temporary: bool = False


class Unsubscribe(Struct, frozen=True):
    """Why a subscription ended on the server's side."""

    code: int
    reason: str
    advice: str

    @property
    def resubscribes(self) -> bool:
        """Whether an SDK subscribes again by itself."""
        return self.code >= 2500


class Disconnect(Struct, frozen=True):
    """Why a connection ended. `reason` fits a WebSocket close frame (123 bytes)."""

    code: int
    reason: str
    advice: str

    @property
    def reconnects(self) -> bool:
        """Whether an SDK reconnects by itself."""
        return not (3500 <= self.code < 4000 or 4500 <= self.code < 5000 or self.code == 1009)


ERROR_INTERNAL = ClientError(100, "internal server error", "repeat with backoff", temporary=True)
ERROR_UNAUTHORIZED = ClientError(101, "unauthorized", "sign in, then connect with a token")
ERROR_UNKNOWN_CHANNEL = ClientError(102, "unknown channel", "do not repeat: no such channel")
ERROR_PERMISSION_DENIED = ClientError(103, "permission denied", "do not repeat as this user")
ERROR_METHOD_NOT_FOUND = ClientError(104, "method not found", "do not repeat: no such method")
ERROR_ALREADY_SUBSCRIBED = ClientError(105, "already subscribed", "use the present subscription")
ERROR_LIMIT_EXCEEDED = ClientError(106, "limit exceeded", "unsubscribe from something first")
ERROR_BAD_REQUEST = ClientError(107, "bad request", "do not repeat: the request is malformed")
ERROR_NOT_AVAILABLE = ClientError(108, "not available", "do not repeat: not offered here")
ERROR_TOKEN_EXPIRED = ClientError(109, "token expired", "get a new token and connect with it")
ERROR_EXPIRED = ClientError(110, "expired", "get a new token and connect with it")
ERROR_TOO_MANY_REQUESTS = ClientError(
    111, "too many requests", "repeat once earlier requests are answered", temporary=True
)
ERROR_UNRECOVERABLE_POSITION = ClientError(
    112, "unrecoverable position", "load the state anew and subscribe from its position"
)

UNSUBSCRIBE_SERVER = Unsubscribe(2000, "server unsubscribe", "stay away: access has ended")
UNSUBSCRIBE_INSUFFICIENT_STATE = Unsubscribe(
    2500, "insufficient state", "subscribe again with the last position"
)
UNSUBSCRIBE_EXPIRED = Unsubscribe(2501, "subscription expired", "subscribe again")
UNSUBSCRIBE_STATE_INVALIDATED = Unsubscribe(
    2502, "state invalidated", "forget token and position, subscribe again"
)

DISCONNECT_SHUTDOWN = Disconnect(
    3001, "shutdown", "reconnect with backoff and jitter: another node serves"
)
DISCONNECT_SERVER_ERROR = Disconnect(3004, "internal server error", "reconnect with backoff")
DISCONNECT_EXPIRED = Disconnect(3005, "connection expired", "reconnect with a new token")
DISCONNECT_SUB_EXPIRED = Disconnect(3006, "subscription expired", "reconnect and subscribe anew")
DISCONNECT_SLOW = Disconnect(3008, "slow", "reconnect and recover; read faster")
DISCONNECT_INSUFFICIENT_STATE = Disconnect(3010, "insufficient state", "reconnect and recover")
DISCONNECT_FORCE_RECONNECT = Disconnect(3011, "force reconnect", "reconnect with backoff")
DISCONNECT_NO_PONG = Disconnect(3012, "no pong", "reconnect; answer each ping")
DISCONNECT_TOO_MANY_REQUESTS = Disconnect(3013, "too many requests", "reconnect; send less")
DISCONNECT_STATE_INVALIDATED = Disconnect(
    3014, "state invalidated", "forget token and positions, reconnect"
)
DISCONNECT_INVALID_TOKEN = Disconnect(3500, "invalid token", "do not reconnect: sign in again")
DISCONNECT_BAD_REQUEST = Disconnect(3501, "bad request", "do not reconnect: the client is faulty")
DISCONNECT_STALE = Disconnect(3502, "stale", "do not reconnect: send connect at once after opening")
DISCONNECT_FORCE_NO_RECONNECT = Disconnect(3503, "force disconnect", "do not reconnect")
DISCONNECT_CONNECTION_LIMIT = Disconnect(
    3504, "connection limit", "do not reconnect: close another"
)
DISCONNECT_CHANNEL_LIMIT = Disconnect(3505, "channel limit", "do not reconnect: use fewer channels")
DISCONNECT_INAPPROPRIATE_PROTOCOL = Disconnect(
    3506, "inappropriate protocol", "do not reconnect: this format cannot carry the data"
)
DISCONNECT_PERMISSION_DENIED = Disconnect(
    3507, "permission denied", "do not reconnect as this user"
)
DISCONNECT_NOT_AVAILABLE = Disconnect(3508, "not available", "do not reconnect: not offered here")

DISCONNECT_MESSAGE_SIZE = Disconnect(
    1009, "message size limit", "do not reconnect: the client sends too large messages"
)
"""RFC 6455 §7.4.1. SDKs report it as their own code 3 and stay away; the Python one comes back."""
DISCONNECT_PROTOCOL_ERROR = Disconnect(1002, "protocol error", "reconnect; mend the framing")
"""RFC 6455 §7.4.1, as the one below. SDKs take any code under 3000 as a lost connection."""
DISCONNECT_INVALID_DATA = Disconnect(1007, "invalid UTF-8", "reconnect; send text as UTF-8")
