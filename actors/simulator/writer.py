"""Writes a scenario's folder: the files that reading.py reads. Same draft, same bytes.

Times are seconds, distances metres.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from actors.simulator.reading import CALLS, HOSPITALS, LOCATIONS, SETTINGS, TRAVEL, UNITS


class DraftPlace(Struct, frozen=True):
    """`x`, `y`: metres on a plane; or, in a draft that is not planar, longitude and latitude."""

    id: str
    x: float
    y: float


class DraftUnit(Struct, frozen=True):
    """`base`: a place's id."""

    id: str
    base: str
    skills: tuple[str, ...] = ()


class DraftCall(Struct, frozen=True, kw_only=True):
    """`at_s`: seconds since the scenario's start. `handover_s` counts only with `transport`."""

    id: str
    at_s: float
    location: str
    priority: int
    on_scene_s: float
    transport: bool
    handover_s: float
    needs: tuple[str, ...] = ()


class Draft(Struct, frozen=True, kw_only=True):
    """A scenario to be written. `hospitals`: places' ids. `targets`: priority -> seconds.

    `speed_mps`: along the straight line, for the travel that no matrix gives.
    """

    name: str
    planar: bool
    places: tuple[DraftPlace, ...]
    units: tuple[DraftUnit, ...]
    hospitals: tuple[str, ...]
    calls: tuple[DraftCall, ...]
    speed_mps: float
    return_speed_factor: float = 1.0
    targets: Mapping[int, float] = {}


def write(draft: Draft, folder: Path) -> None:
    """Write the folder, which is made where it is not there. A travel.csv in it is removed: it
    was of other places. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRAVEL).unlink(missing_ok=True)
    axes = ("x_m", "y_m") if draft.planar else ("lat", "lon")
    _put(folder / SETTINGS, _settings(draft))
    _put(
        folder / LOCATIONS,
        _table(
            ("id", *axes),
            ((p.id, *((p.x, p.y) if draft.planar else (p.y, p.x))) for p in draft.places),
        ),
    )
    _put(
        folder / UNITS,
        _table(("id", "base", "skills"), ((u.id, u.base, " ".join(u.skills)) for u in draft.units)),
    )
    _put(folder / HOSPITALS, _table(("location",), ((place,) for place in draft.hospitals)))
    _put(folder / CALLS, _calls(draft.calls))


def write_travel(folder: Path, ids: Sequence[str], seconds: Sequence[Sequence[float]]) -> None:
    """Write travel.csv: `seconds[i][j]` from ids[i] to ids[j], to a tenth of a second.

    Raises OSError.
    """
    rows = (
        (origin, target, round(took, 1))
        for origin, row in zip(ids, seconds, strict=True)
        for target, took in zip(ids, row, strict=True)
    )
    _put(folder / TRAVEL, _table(("from", "to", "seconds"), rows))


def _settings(draft: Draft) -> str:
    # TOML's basic strings are JSON's, for what a name has in it.
    lines = [
        f"name = {json.dumps(draft.name)}",
        f"speed_mps = {draft.speed_mps!r}",
        f"return_speed_factor = {draft.return_speed_factor!r}",
    ]
    if draft.targets:
        lines += ["", "[targets]"]
        lines += [f"p{priority} = {at!r}" for priority, at in sorted(draft.targets.items())]
    return "\n".join(lines) + "\n"


def _calls(calls: Iterable[DraftCall]) -> str:
    calls = tuple(calls)
    needy = any(call.needs for call in calls)
    header = ("id", "at_s", "location", "priority", "on_scene_s", "transport", "handover_s")
    rows = (
        (
            call.id, call.at_s, call.location, call.priority, call.on_scene_s,
            int(call.transport), call.handover_s, *((" ".join(call.needs),) if needy else ()),
        )
        for call in calls
    )  # fmt: skip
    return _table((*header, "needs") if needy else header, rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _put(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")
