"""What can go wrong in realtime/, as a small tree. `session/failure.py` tells clients."""

from __future__ import annotations


class RealtimeError(Exception):
    """The root: catch it to catch all that realtime/ raises on purpose."""


class PermissionDenied(RealtimeError):
    """Raised by a ChannelPolicy: this identity may not. The client gets error 103."""


class UnknownChannel(RealtimeError):
    """Raised by a ChannelPolicy: there is no such channel. The client gets error 102."""


class NotAuthenticated(RealtimeError):
    """Raised by an Authenticator: no token where one is needed. The client gets error 101."""


class InvalidToken(RealtimeError):
    """Raised by an Authenticator: forged or malformed. The client is closed with 3500, terminal."""


class TokenExpired(RealtimeError):
    """Raised by an Authenticator: was good once. The client gets error 109, fetches a new one."""


class BadRequest(RealtimeError):
    """What was asked for makes no sense. The client gets error 107."""


class LimitExceeded(RealtimeError):
    """There is as much already as there may be. The client gets error 106."""


class NotAvailable(RealtimeError):
    """What was asked for is not offered, or not for this channel. The client gets error 108."""


class Refusal(RealtimeError):
    """Raised by any port of the application: the connection is closed with this very code.

    `code` 4000-4499: the SDK reconnects; 4500-4999: it stays away. Or one of `codes.py`.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class RpcError(RealtimeError):
    """Raised by an RpcHandler: travels to the client as it stands.

    `code` is the application's own, 400-1999 (below that are the protocol's); `temporary` says
    that the same call may be repeated.
    """

    def __init__(self, code: int, message: str, temporary: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.temporary = temporary


class BrokerUnavailable(RealtimeError):
    """The broker is out of reach or refused. What was published may or may not have arrived.

    Publishing the same facts again is safe (offsets already there are dropped).
    """


class HistoryUnavailable(RealtimeError):
    """The source of history could not be read just now; nothing is known about the position."""


class UnrecoverablePosition(RealtimeError):
    """The asked position is gone and the client wished an error instead of `recovered: false`."""


class MalformedFrame(RealtimeError):
    """Bytes from a client that are not protocol. It is closed with 3501."""


class UnencodablePayload(RealtimeError):
    """A payload that the connection's format cannot carry, such as non-JSON bytes in JSON."""
