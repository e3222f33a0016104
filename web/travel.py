"""What travel is estimated by, live: roads where the settings name a network, else the air line."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from actors.csv_table import FileRefused
from actors.domain.travel import GreatCircle, TravelEstimate
from config.settings import Settings
from config.source import variable

# Within the data folder: shortest paths that were computed before.
_CACHE = "roads"


class RoadsRefused(Exception):
    """The settings name roads that cannot be used. `setting`: which of them is wrong."""

    def __init__(self, setting: str, why: str) -> None:
        super().__init__(f"{variable(setting)}: {why}")
        self.setting = setting


def travel_estimate(roads: Path | None, zone: str, data: Path) -> TravelEstimate:
    """Over `roads`, a folder (actors/roads/network.py), whose hours are local to `zone`.

    Takes seconds to minutes for a network that is new in the `data` folder, then milliseconds.
    Raises RoadsRefused.
    """
    if roads is None:
        return GreatCircle()
    # Only here: whoever has no roads is not to wait for scipy when a shard comes back.
    from actors.roads.travel import load_roads

    try:
        hours = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RoadsRefused("roads_zone", f"there is no time zone {zone!r}") from None
    try:
        return load_roads(roads, data / _CACHE, hours)
    except (FileRefused, ValueError, OSError) as error:
        raise RoadsRefused("roads", str(error)) from error


def travel_of(settings: Settings) -> TravelEstimate:
    """As the settings say. Raises RoadsRefused."""
    return travel_estimate(settings.roads, settings.roads_zone, settings.data)
