"""`closest_idle` after the letter of the scenario format: simple, slow, and nobody else's code.

Written from the format's description alone. It shares nothing with what it judges: it reads the
files with `csv`, looks at every unit and every place each time, and keeps its state in dicts.
"""

from __future__ import annotations

import csv
import math
import tomllib
from pathlib import Path
from typing import Any

EARTH_M = 6_371_008.8

# call, unit, assigned_s, response_s, arrived_s, hospital, cleared_s; whether it waited in the queue
Figures = tuple[str, str, float, float, float, str, float, bool]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Reference:
    """One scenario's folder, played by `play`."""

    def __init__(self, folder: Path) -> None:
        self.settings: dict[str, Any] = tomllib.loads((folder / "scenario.toml").read_text())
        self.locations = rows_of(folder / "locations.csv")
        self.sphere = "lat" in self.locations[0]
        self.where = {row["id"]: self.coordinates(row) for row in self.locations}
        self.units = rows_of(folder / "units.csv")
        self.calls = rows_of(folder / "calls.csv")
        hospitals = folder / "hospitals.csv"
        self.hospitals = [r["location"] for r in rows_of(hospitals)] if hospitals.exists() else []
        self.matrix: dict[tuple[str, str], float] | None = None
        if (folder / "travel.csv").exists():
            self.matrix = {(id_, id_): 0.0 for id_ in self.where}
            for row in rows_of(folder / "travel.csv"):
                self.matrix[row["from"], row["to"]] = float(row["seconds"])

    def coordinates(self, row: dict[str, str]) -> tuple[float, float]:
        if self.sphere:
            return float(row["lat"]), float(row["lon"])
        return float(row["x_m"]), float(row["y_m"])

    def distance(self, a: tuple[float, float], b: tuple[float, float]) -> float:
        if not self.sphere:
            return math.hypot(b[0] - a[0], b[1] - a[1])
        lat_a, lat_b = math.radians(a[0]), math.radians(b[0])
        half = (
            math.sin((lat_b - lat_a) / 2) ** 2
            + math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(b[1] - a[1]) / 2) ** 2
        )
        return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, half)))

    def travel(self, origin: str, target: str) -> float:
        if self.matrix is not None:
            return self.matrix[origin, target]
        metres = self.distance(self.where[origin], self.where[target])
        return metres / float(self.settings["speed_mps"])

    # --- units

    def place_now(self, unit: dict[str, Any], now: float) -> str:
        """Where a free unit starts from: on its way home, the location nearest to where it is."""
        if unit["cleared_at"] is None:
            return str(unit["base"])
        cleared_at, here, base = unit["cleared_at"], unit["cleared_where"], unit["base"]
        way_home = self.travel(here, base) / float(self.settings["return_speed_factor"])
        if now - cleared_at >= way_home:
            return str(base)
        share = (now - cleared_at) / way_home
        a, b = self.where[here], self.where[base]
        point = (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
        nearest, least = "", math.inf
        for row in self.locations:
            metres = self.distance(point, self.where[row["id"]])
            if metres < least:
                nearest, least = row["id"], metres
        return nearest

    def chosen(self, units: list[dict[str, Any]], call: dict[str, str], now: float) -> Any:
        """The free unit that suits with the shortest travel; the first of the file among equals."""
        best, shortest = None, math.inf
        for unit in units:
            suits = set((call.get("needs") or "").split()) <= unit["skills"]
            if unit["free"] and suits:
                seconds = self.travel(self.place_now(unit, now), call["location"])
                if seconds < shortest:
                    best, shortest = unit, seconds
        return best

    # --- the run

    def play(self) -> list[Figures]:
        """See Figures; in the order of calls."""
        units: list[dict[str, Any]] = [
            {
                "id": row["id"],
                "base": row["base"],
                "skills": set((row.get("skills") or "").split()),
                "free": True,
                "clears_at": None,
                "clears_where": None,
                "cleared_at": None,
                "cleared_where": None,
            }
            for row in self.units
        ]
        queue: list[dict[str, str]] = []
        result: dict[str, Any] = {}
        queued: set[str] = set()
        coming = list(self.calls)
        while coming or queue:
            times = [unit["clears_at"] for unit in units if not unit["free"]]
            times += [float(coming[0]["at_s"])] if coming else []
            now = min(times)
            # Clearing comes before arrival, and all that clear in one instant do so together.
            cleared = False
            for unit in units:
                if not unit["free"] and unit["clears_at"] == now:
                    unit["free"] = cleared = True
                    unit["cleared_at"], unit["cleared_where"] = now, unit["clears_where"]
            if not cleared:
                queue.append(coming.pop(0))
            # From the head; a unit whose whole task takes no time is free again for the next one.
            while queue:
                unit = self.chosen(units, queue[0], now)
                if unit is None:
                    break
                call = queue.pop(0)
                result[call["id"]] = self.serve(unit, call, now)
                if unit["clears_at"] == now:
                    unit["free"] = True
                    unit["cleared_at"], unit["cleared_where"] = now, unit["clears_where"]
            queued.update(call["id"] for call in queue)
        return [(*result[call["id"]], call["id"] in queued) for call in self.calls]

    def serve(
        self, unit: dict[str, Any], call: dict[str, str], now: float
    ) -> tuple[str, str, float, float, float, str, float]:
        arrived = now + self.travel(self.place_now(unit, now), call["location"])
        leaves = arrived + float(call["on_scene_s"])
        hospital, cleared, where = "", leaves, call["location"]
        if call["transport"] == "1":
            seconds = [self.travel(call["location"], place) for place in self.hospitals]
            hospital = self.hospitals[seconds.index(min(seconds))]
            there = leaves + self.travel(call["location"], hospital)
            cleared, where = there + float(call["handover_s"]), hospital
        unit.update(free=False, clears_at=cleared, clears_where=where)
        response = arrived - float(call["at_s"])
        return call["id"], unit["id"], now, response, arrived, hospital, cleared
