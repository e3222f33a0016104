"""A made-up city: determined by its seed, and shaped as said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from actors.domain.dispatch import provides
from actors.simulator.demand_profile import HOURLY, when
from actors.simulator.generate import CityChoices, generate
from actors.simulator.writer import write

SMALL = CityChoices(seed=1, hours=6, calls_per_hour=8, units=5, stations=3, hospitals=6, spots=2)


def written(choices: CityChoices, folder: Path) -> dict[str, bytes]:
    write(generate(choices), folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_same_seed_is_the_same_bytes(tmp_path: Path) -> None:
    one = written(SMALL, tmp_path / "one")
    assert one == written(SMALL, tmp_path / "again")
    assert one["calls.csv"] != written(replace(SMALL, seed=2), tmp_path / "two")["calls.csv"]


def test_a_busier_day_is_in_the_same_city() -> None:
    calm, busy = generate(SMALL), generate(replace(SMALL, calls_per_hour=20))
    fixed = SMALL.stations + SMALL.hospitals
    assert calm.places[:fixed] == busy.places[:fixed]
    assert len(busy.calls) > len(calm.calls)


def test_a_city_is_whole() -> None:
    city = generate(SMALL)
    places = {place.id for place in city.places}
    assert {call.location for call in city.calls} <= places
    assert {unit.base for unit in city.units} | set(city.hospitals) <= places
    assert (len(city.units), len(city.hospitals)) == (5, 6)
    times = [call.at_s for call in city.calls]
    assert times == sorted(times)
    assert all(0 <= at < 6 * 3600 for at in times)
    for call in city.calls:
        assert call.on_scene_s > 0
        assert (call.handover_s > 0) == call.transport
        assert any(provides(unit.skills, call.needs) for unit in city.units)
    assert all(0 <= place.x <= 12_250 and 0 <= place.y <= 12_250 for place in city.places)


def test_calls_follow_the_hours_of_the_day() -> None:
    """10,000 calls: an hour's share is within four standard deviations of the curve's."""
    at = when(24 * 100, 10.0, np.random.Generator(np.random.PCG64(7)))
    found = np.bincount((at % 86_400 // 3600).astype(int), minlength=24)
    expected = np.array(HOURLY) / sum(HOURLY) * 24_000
    assert abs(len(at) - 24_000) < 4 * 24_000**0.5
    assert (abs(found - expected) < 4 * expected**0.5).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"units": 0}, "at least one of units"),
        ({"hours": 0.0}, "more than 0 for hours"),
        ({"als_share": 0.0}, "als_share"),
    ],
)
def test_what_cannot_be_a_city_is_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        generate(replace(SMALL, **change))
