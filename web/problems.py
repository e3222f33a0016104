"""Errors as RFC 9457 problem documents. The one place where the system's errors become HTTP.

`type` is a relative URI, `/problems/<slug>`, and stable: clients may tell problems apart by it.
What a caller may not see and what does not exist are the same problem, so that nobody learns of
other people's records by asking.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import UNSET, Struct, UnsetType

from actors.domain.kernel import DomainError
from actors.errors import BadCommand, Busy, CommandIdReused, DeadlineExceeded, Retryable
from storage.audit import AuditUnavailable
from storage.records import KeyReused, NoSuchRecord, RecordsUnavailable
from storage.spool import SpoolFull, SpoolKeyReused, SpoolUnavailable
from web.headers import request_id

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
# Seconds after which a repeat has a chance: a shard or PostgreSQL is back within a few.
RETRY_AFTER: Final = "1"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class FieldError(Struct, frozen=True):
    """What is wrong where: an RFC 6901 pointer into the body, or the name of a parameter."""

    detail: str
    pointer: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET


class Problem(Struct, frozen=True, kw_only=True):
    """A problem document. `allowed`: what would have been possible; `errors`: what is wrong."""

    type: str
    title: str
    status: int
    detail: str
    allowed: tuple[str, ...] | UnsetType = UNSET
    errors: tuple[FieldError, ...] | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


class ProblemError(Exception):
    """Raised at the web edge to answer with this problem."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        errors: Iterable[FieldError] = (),
        allowed: tuple[str, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(slug)
        self.headers = headers or {}
        self.problem = Problem(
            type=f"/problems/{slug}",
            title=slug.replace("-", " ").capitalize().replace("json", "JSON"),
            status=status,
            detail=detail,
            errors=tuple(errors) or UNSET,
            allowed=allowed or UNSET,
        )


def not_visible(kind: str) -> ProblemError:
    """Does not exist, or not for this caller: the caller cannot tell which."""
    return ProblemError(404, "not-found", f"there is no such {kind}, or it is not yours to see")


def forbidden(role: str, action: str) -> ProblemError:
    """Whatever the thing, this role may not."""
    return ProblemError(403, "forbidden", f"{role} may not do {action}")


def bad_parameter(name: str, detail: str) -> ProblemError:
    """A parameter of the address is not what it must be."""
    error = FieldError(detail, parameter=name)
    return ProblemError(400, "bad-request", "the request is malformed", errors=[error])


def invalid_body(errors: Iterable[FieldError]) -> ProblemError:
    """Well-formed, but not what this route takes."""
    return ProblemError(422, "invalid-body", "the body is not what this route takes", errors=errors)


def unaudited() -> ProblemError:
    """What must be audited cannot be just now, and so does not happen."""
    return _not_now("audit-unavailable", "it cannot be audited just now, so it was not done")


# Where a DomainError is not simply a conflict with the state as it is.
_STATUS_OF_CODE: Final[dict[str, int]] = {
    "forbidden": 403,
    "not_found": 404,
    "unknown_task": 404,
    "unknown_request": 404,
    "unknown_emergency": 404,
    "unknown_unit": 404,
    "unknown_slot": 404,
    "invalid_availability": 422,
    "invalid_range": 422,
    "queue_full": 503,
}
_UNKNOWN_OUTCOME: Final = (
    "it could not be completed just now and its outcome is unknown; "
    "repeat it with the same Idempotency-Key"
)
_NOT_TAKEN: Final = "it was neither raised nor logged: {}; ask for help in another way"
_NOT_NOW: Final = "it cannot be read just now; try again"


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The exception handler of the whole application."""
    found = _translate(request, error)
    problem = msgspec.structs.replace(found.problem, request_id=request_id(request.scope))
    return Response(
        problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=found.headers
    )


def _translate(request: Request[Any, Any, Any], error: Exception) -> ProblemError:
    match error:
        case ProblemError():
            return error
        case DomainError(code=code):
            status = _STATUS_OF_CODE.get(code, 409)
            slug = code.replace("_", "-")
            return ProblemError(status, slug, error.message, allowed=error.allowed)
        case CommandIdReused() | KeyReused() | SpoolKeyReused():
            detail = "this Idempotency-Key was used for another request; use a new one"
            return ProblemError(422, "idempotency-key-reused", detail)
        case NoSuchRecord(deleted=True):
            return ProblemError(410, "gone", f"this {error.kind} was deleted")
        case NoSuchRecord():
            return not_visible(error.kind)
        case Busy():
            return _not_now("busy", "too much is waiting; repeat it a little later")
        case SpoolFull():
            return ProblemError(507, "spool-full", _NOT_TAKEN.format(error))
        case Retryable() | DeadlineExceeded() | RecordsUnavailable() | SpoolUnavailable():
            safe = request.method in SAFE_METHODS
            return _not_now("unavailable", _NOT_NOW if safe else _UNKNOWN_OUTCOME)
        case AuditUnavailable():
            return unaudited()
        case BadCommand():
            return ProblemError(400, "bad-command", "the command was not understood")
        case HTTPException(status_code=status) if status < 500:
            return _of_framework(request, error)
        case _:
            return _fault(request, error)


def _not_now(slug: str, detail: str) -> ProblemError:
    return ProblemError(503, slug, detail, headers={"Retry-After": RETRY_AFTER})


def _of_framework(request: Request[Any, Any, Any], error: HTTPException) -> ProblemError:
    """Litestar's own refusals: no such route or method, bad parameters, a body over the limit."""
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status is HTTPStatus.BAD_REQUEST:
        errors = _parameters(error.extra)
        return ProblemError(400, "bad-request", "the request is malformed", errors=errors)
    if status is HTTPStatus.NOT_FOUND:
        return ProblemError(404, "not-found", "there is nothing at this address")
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible here"
        return ProblemError(405, "method-not-allowed", detail, headers=headers)
    slug = status.phrase.lower().replace(" ", "-")
    return ProblemError(status.value, slug, status.description or status.phrase, headers=headers)


def _parameters(extra: Any) -> Iterable[FieldError]:
    for item in extra if isinstance(extra, list) else ():
        if item.get("key") == "data":
            yield FieldError("a JSON body is expected", pointer="")
            continue
        yield FieldError(str(item.get("message")), parameter=str(item.get("key", "")) or UNSET)


def _fault(request: Request[Any, Any, Any], error: Exception) -> ProblemError:
    # Frames and the class only: an exception's text may quote what somebody sent us.
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error(
        "request %s (%s): %s\n%s",
        request_id(request.scope),
        request.method,
        type(error).__name__,
        frames,
    )
    return ProblemError(500, "internal-error", "something went wrong here; it was logged")


_STEP: Final = re.compile(r"\.(?P<name>[^.\[\]`]+)|\[(?P<index>\d+|\.\.\.)\]")


def of_validation(error: msgspec.ValidationError) -> ProblemError:
    """A decoder's refusal; its path `$.contacts[0].phone` as the pointer `/contacts/0/phone`."""
    message, _, path = str(error).partition(" - at `")
    pointer = ""
    for step in _STEP.finditer(path):
        name = step["name"] or step["index"]
        if name == "...":  # some key of a map: the decoder does not say which
            break
        pointer += "/" + name.replace("~", "~0").replace("/", "~1")
    return invalid_body([FieldError(message, pointer=pointer)])
