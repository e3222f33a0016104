"""Reads the public fire-calls export: DataSF nuek-vuh3, "Fire Department Calls for Service".

CSV, one row per unit sent to a call, columns found by name, times local to San Francisco. Rows are
streamed, for the whole export has millions. What cannot be used is left out, what is odd is used
with care; both are counted by reason, none is fatal. A file without a needed column is refused.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from actors.domain.values import Location
from actors.fire_calls.call import Call, call_of
from actors.fire_calls.errors import ExportRefused
from actors.fire_calls.row import Row

ZONE: Final = ZoneInfo("America/Los_Angeles")

# In the order of a unit's life; a row whose times are not in it is odd.
_LIFE: Final = {
    "Dispatch": "Dispatch DtTm",
    "Response": "Response DtTm",
    "On Scene": "On Scene DtTm",
    "Transport": "Transport DtTm",
    "Hospital": "Hospital DtTm",
    "Available": "Available DtTm",
}
# Times that every unit's life has; without transport and hospital it treated on scene.
_EXPECTED: Final = ("Response", "On Scene", "Available")
_RECEIVED: Final = "Received DtTm"
_COLUMNS: Final = (
    "Call Number", "Unit ID", "Call Type", _RECEIVED, *_LIFE.values(), "Address", "Station Area",
    "Original Priority", "Final Priority", "ALS Unit", "Unit Type",
    "Unit sequence in call dispatch",
)  # fmt: skip
# Exports of different years name it differently.
_LOCATIONS: Final = ("Location", "case_location")
_PRIORITIES: Final = frozenset({"2", "3"})

_PAIR: Final = re.compile(r"^\((-?\d+\.?\d*), *(-?\d+\.?\d*)\)$")
_POINT: Final = re.compile(r"^POINT ?\((-?\d+\.?\d*) (-?\d+\.?\d*)\)$")
_LOCAL: Final = re.compile(r"^(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d):(\d\d) ([AP])M$")


class Window(Struct, frozen=True):
    """Which calls are taken, by when they were received: [from_s, to_s), epoch seconds."""

    from_s: float = float("-inf")
    to_s: float = float("inf")

    def __contains__(self, at: float) -> bool:
        return self.from_s <= at < self.to_s


class Record(Struct, frozen=True):
    """What a file holds of a window. `dirty`: reason -> rows. `skipped`: rows not used at all."""

    calls: tuple[Call, ...]
    rows: tuple[Row, ...]
    dirty: Mapping[str, int]
    skipped: int


class _Unusable(Exception):
    """A row that cannot be used, and why."""


def read_file(path: Path, window: Window | None = None) -> Record:
    """The calls of a file, in the order they were received. Raises ExportRefused."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return read(file, path.name, window)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExportRefused(f"{path}: cannot be read: {error}") from error


def read(lines: Iterable[str], name: str, window: Window | None = None) -> Record:
    """The same of open lines; `name` is for refusals."""
    dirty: Counter[str] = Counter()
    rows: list[Row] = []
    seen: set[tuple[str, str]] = set()
    skipped = 0
    for record, where in _records(lines, name):
        try:
            row = _row(record, where, window or Window(), dirty)
            if row is None:
                continue
            if (row.call, row.unit) in seen:
                raise _Unusable("repeated row of a unit")
        except _Unusable as reason:
            dirty[str(reason)] += 1
            skipped += 1
            continue
        seen.add((row.call, row.unit))
        rows.append(row)
    return Record(_calls(rows), tuple(rows), dict(dirty), skipped)


def _records(lines: Iterable[str], name: str) -> Iterator[tuple[dict[str, str | None], str]]:
    reader = csv.DictReader(lines)
    header = reader.fieldnames or ()
    missing = [column for column in _COLUMNS if column not in header]
    where = next((column for column in _LOCATIONS if column in header), None)
    if where is None:
        missing.append(_LOCATIONS[0])
    if missing or where is None:
        raise ExportRefused(
            f"{name}: no column {', '.join(map(repr, missing))}; expected the columns of the "
            "DataSF export 'Fire Department Calls for Service' as CSV, named in its first line"
        )
    for record in reader:
        yield record, where


def _row(
    record: Mapping[str, str | None], where: str, window: Window, dirty: Counter[str]
) -> Row | None:
    """The row, or None where its call is outside of the window. Raises _Unusable."""
    if None in record.values():
        raise _Unusable("row cut short")
    text = {column: (value or "").strip() for column, value in record.items() if column}
    received_at = _time(text[_RECEIVED], _RECEIVED)
    if received_at is None:
        raise _Unusable(f"no {_RECEIVED}")
    if received_at not in window:
        return None
    if not text["Call Number"] or not text["Unit ID"]:
        raise _Unusable("no Call Number or Unit ID")
    times = {step: _time(text[column], column) for step, column in _LIFE.items()}
    row = Row(
        call=text["Call Number"],
        unit=text["Unit ID"],
        unit_type=text["Unit Type"].upper(),
        als=text["ALS Unit"].lower() == "true",
        sequence=_sequence(text["Unit sequence in call dispatch"]),
        call_type=text["Call Type"],
        original_priority=text["Original Priority"].upper(),
        final_priority=text["Final Priority"].upper(),
        address=text["Address"],
        station=text["Station Area"],
        location=_location(text[where]),
        received_at=received_at,
        dispatch_at=times["Dispatch"],
        response_at=times["Response"],
        on_scene_at=times["On Scene"],
        transport_at=times["Transport"],
        hospital_at=times["Hospital"],
        available_at=times["Available"],
    )
    dirty.update(_oddities(row, times))
    return row


def _oddities(row: Row, times: Mapping[str, float | None]) -> Iterator[str]:
    for step in _EXPECTED:
        if times[step] is None:
            yield f"no {step}"
    before: tuple[str, float] | None = None
    for step, at in times.items():
        if at is None:
            continue
        if before is not None and at < before[1]:
            yield f"{step} before {before[0]}"
        before = (step, at)
    if row.final_priority not in _PRIORITIES:
        yield "unknown Final Priority"


def _calls(rows: Iterable[Row]) -> tuple[Call, ...]:
    units: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        units[row.call].append(row)
    return tuple(sorted(map(call_of, units.values()), key=lambda call: (call.received_at, call.id)))


def parse_time(text: str, zone: tzinfo = ZONE) -> float:
    """Epoch seconds of a local time as the export or a person writes it. Raises ValueError.

    Of the hour that the clocks repeat in autumn, the first is meant.
    """
    # Matched by hand: strptime is most of the reading time of a large export.
    matched = _LOCAL.match(text)
    if matched is None:
        at = datetime.fromisoformat(text)
        return (at.replace(tzinfo=zone) if at.tzinfo is None else at).timestamp()
    month, day, year, hour, minute, second = (int(matched[n]) for n in range(1, 7))
    if not 1 <= hour <= 12:
        raise ValueError(f"no such hour: {text!r}")
    hour = hour % 12 + (12 if matched[7] == "P" else 0)
    return datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp()


def _time(text: str, column: str) -> float | None:
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise _Unusable(f"unreadable {column}") from None


def _sequence(text: str) -> int:
    return int(text) if text.isdigit() else 1 << 16


def _location(text: str) -> Location:
    if not text:
        raise _Unusable("no Location")
    pair, point = _PAIR.match(text), _POINT.match(text)
    try:
        if pair is not None:
            lat, lon = float(pair[1]), float(pair[2])
        elif point is not None:
            lat, lon = float(point[2]), float(point[1])
        else:
            raise _Unusable("unreadable Location")
        return msgspec.convert({"lat": lat, "lon": lon}, Location)
    except (ValueError, msgspec.ValidationError):
        raise _Unusable("unreadable Location") from None
