"""What the kill tests replay: two busy hours of the public record where it lies beside the
checkout, else two hours of a made-up one in the same format."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from tests.unit.actors.fire_calls.export_file import export

_RECORD = Path(__file__).resolve().parents[3] / "shared" / "data"
_FORMAT = "%m/%d/%Y %I:%M:%S %p"
_BEGIN = datetime(2020, 4, 9, 17)  # noqa: DTZ001 - the export's times are local and say no zone
_HOURS, _CALLS, _UNITS = 2, 75, 40


def calls(folder: Path, record: Path = _RECORD) -> tuple[str, ...]:
    """The arguments for `maxray replay` that name them; `folder` takes what is made up."""
    window = [f"{at:%Y-%m-%dT%H:%M}" for at in (_BEGIN, _BEGIN + timedelta(hours=_HOURS))]
    found = sorted(record.glob("sf_calls_*.csv")) if record.is_dir() else []
    file = found[0] if found else folder / "calls.csv"
    if not found:
        file.write_text("".join(export(*_made_up())))
    return (str(file), "--from", window[0], "--to", window[1])


def _made_up() -> list[dict[str, str]]:
    """One unit a call, in turn; each third call is treated on scene, each tenth is the worst."""
    chance = Random(20200409)
    rows = []
    for number in range(_CALLS):
        received = _BEGIN + timedelta(seconds=chance.uniform(0, _HOURS * 3600))
        life = (
            "Received",
            "Dispatch",
            "Response",
            "On Scene",
            "Transport",
            "Hospital",
            "Available",
        )
        at, times = received, {}
        for step, minutes in zip(life, (0, 2, 1, 6, 20, 15, 30), strict=True):
            at += timedelta(minutes=minutes * chance.uniform(0.5, 1.5))
            times[f"{step} DtTm"] = at.strftime(_FORMAT)
        if number % 3 == 0:
            times["Transport DtTm"] = times["Hospital DtTm"] = ""
        place = chance.uniform(37.71, 37.80), chance.uniform(-122.50, -122.39)
        rows.append(
            {
                **times,
                "Call Number": str(1000 + number),
                "Unit ID": str(50 + number % _UNITS),
                "Station Area": f"{number % 20:02}",
                "Original Priority": "E" if number % 10 == 0 else "3",
                "Location": f"({place[0]:.6f}, {place[1]:.6f})",
            }
        )
    return rows
