"""Logging: one JSON object a line for machines, or plain lines for a terminal.

What must never be written is taken out at the last moment, in the handler, whoever logged it:
passwords in URLs, bearer tokens, fields named like a secret, and fields named like what patients
tell us. Messages are constants and ids; everything else belongs into `extra`, where it is seen by
name and can be held back by name.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import IO, Any, Final, Literal

import msgspec

from config.settings import LogFormat, LogLevel

REDACTED: Final = "[redacted]"

# RFC 3986 userinfo; RFC 6750 bearer tokens; a JWT wherever it stands (three base64url parts of
# which the first is a JSON object, hence "eyJ").
_PATTERNS: Final = (
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+"), rf"\1 {REDACTED}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), REDACTED),
    (
        re.compile(
            r"(?i)\b((?:\w*_)?(?:password|passwd|secret|token|api_?key|master_key))"
            r"(\"?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
        ),
        rf"\1\2{REDACTED}",
    ),
)
_SECRET_FIELD: Final = re.compile(
    r"(?i)(password|passwd|secret|token|authorization|cookie|api_?key|master_key|private_key)"
)
# Identity and health: never in a log, in whatever structure.
_PRIVATE_FIELDS: Final = frozenset(
    {
        "address", "answers", "birth_date", "caller", "complaint", "contact", "contacts",
        "date_of_birth", "diagnosis", "email", "first_name", "full_name", "history", "insurance",
        "last_name", "lat", "latitude", "location", "lon", "longitude", "medication",
        "medications", "notes", "patient_name", "phone", "position", "prescription", "symptoms",
        "triage", "upi", "upi_id", "vitals",
    }
)  # fmt: skip
# What a LogRecord has of itself; the rest came by `extra`.
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_SILENCE: Final = logging.CRITICAL + 1


def redact(text: str) -> str:
    """`text` without passwords and tokens."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _redact_field(name: str, value: Any) -> Any:
    if name.lower() in _PRIVATE_FIELDS or _SECRET_FIELD.search(name):
        return REDACTED
    if isinstance(value, dict):
        return {str(key): _redact_field(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_field(name, inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


class RedactingFilter(logging.Filter):
    """Rewrites a record in place: its message with arguments, its error, its extra fields."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        for name in vars(record).keys() - _OWN:
            setattr(record, name, _redact_field(name, getattr(record, name)))
        return True


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "message", …extra, "error"?}`, time in RFC 3339 UTC."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        # Names with an underscore are some library's own (ray marks every record of a process).
        line.update(
            {
                name: value
                for name, value in vars(record).items()
                if name not in _OWN and name not in line and not name.startswith("_")
            }
        )
        if record.exc_text:
            line["error"] = record.exc_text
        return msgspec.json.encode(line).decode()


class ConsoleFormatter(logging.Formatter):
    """One line for a person to read. What a caller chose cannot break it or steer the terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's own name
        """The line; what `logging` puts below it, a traceback, is ours and keeps its lines."""
        line = super().formatMessage(record)
        return "".join(one if one.isprintable() else repr(one)[1:-1] for one in line)


def configure_logging(
    level: LogLevel | Literal["critical", "none"] = "info",
    form: LogFormat = "auto",
    stream: IO[str] | None = None,
) -> None:
    """Set up the root logger; once a process, at its start. `auto`: console on a terminal. `none`:
    nothing is written.
    """
    sink = stream or sys.stderr
    console = form == "console" or (form == "auto" and sink.isatty())
    handler = logging.StreamHandler(sink)
    handler.addFilter(RedactingFilter())
    handler.setFormatter(ConsoleFormatter() if console else JsonFormatter())
    threshold = _SILENCE if level == "none" else level.upper()
    logging.basicConfig(level=threshold, handlers=[handler], force=True)
