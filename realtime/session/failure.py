"""Where exceptions become what a client is told."""

from __future__ import annotations

import logging

from realtime import codes
from realtime.codes import ClientError, Disconnect
from realtime.errors import (
    BadRequest,
    BrokerUnavailable,
    HistoryUnavailable,
    InvalidToken,
    LimitExceeded,
    NotAuthenticated,
    NotAvailable,
    PermissionDenied,
    Refusal,
    RpcError,
    TokenExpired,
    UnknownChannel,
    UnrecoverablePosition,
)
from realtime.protocol.messages import Error

log = logging.getLogger(__name__)

_ERRORS: tuple[tuple[type[Exception], ClientError], ...] = (
    (PermissionDenied, codes.ERROR_PERMISSION_DENIED),
    (UnknownChannel, codes.ERROR_UNKNOWN_CHANNEL),
    (BadRequest, codes.ERROR_BAD_REQUEST),
    (LimitExceeded, codes.ERROR_LIMIT_EXCEEDED),
    (NotAvailable, codes.ERROR_NOT_AVAILABLE),
    (UnrecoverablePosition, codes.ERROR_UNRECOVERABLE_POSITION),
    (NotAuthenticated, codes.ERROR_UNAUTHORIZED),
    (TokenExpired, codes.ERROR_TOKEN_EXPIRED),
    # Of a subscription: the connection itself is in order.
    (InvalidToken, codes.ERROR_PERMISSION_DENIED),
    (BrokerUnavailable, codes.ERROR_INTERNAL),
    (HistoryUnavailable, codes.ERROR_INTERNAL),
    (TimeoutError, codes.ERROR_INTERNAL),
)


def error_message(error: ClientError) -> Error:
    """An error of ours as it travels."""
    return Error(error.code, error.message, error.temporary)


def disconnect(refusal: Refusal) -> Disconnect:
    return Disconnect(refusal.code, refusal.reason, "as the application says")


def failure(error: Exception, doing: str) -> Error | Disconnect:
    """What to tell. What nobody foresaw is logged, and a temporary internal error."""
    if isinstance(error, RpcError):
        return Error(error.code, error.message, error.temporary)
    if isinstance(error, Refusal):
        return disconnect(error)
    for kind, code in _ERRORS:
        if isinstance(error, kind):
            return error_message(code)
    log.error("%s failed", doing, exc_info=error)
    return error_message(codes.ERROR_INTERNAL)
