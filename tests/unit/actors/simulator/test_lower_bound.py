"""The offline bound: below every policy on every scenario, and met where nothing can be gained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.domain.dispatch.catalogue import POLICIES
from actors.simulator import Scenario, load, simulate
from actors.simulator.generate import CityChoices, generate
from actors.simulator.lower_bound import Relaxation
from actors.simulator.resampling import resampled
from actors.simulator.weighing import weighted_response
from actors.simulator.writer import write, write_travel


def city(folder: Path, choices: CityChoices, return_speed_factor: float = 1.0) -> Scenario:
    draft = replace(generate(choices), return_speed_factor=return_speed_factor)
    write(draft, folder)
    return load(folder)


def mazy(folder: Path, scenario: Scenario, seed: int) -> Scenario:
    """With travel that no map could have: no triangle inequality, and not the same both ways."""
    size = len(scenario.places)
    times = np.random.Generator(np.random.PCG64(seed)).uniform(0, 1500, (size, size))
    np.fill_diagonal(times, 0.0)
    write_travel(folder, scenario.place_ids, times.tolist())
    return load(folder)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    units=st.integers(1, 6),
    per_hour=st.floats(1, 12),
    factor=st.sampled_from([0.5, 0.95, 1.0, 3.0]),
    matrix=st.booleans(),
)
def test_no_policy_is_below_it(
    tmp_path: Path, seed: int, units: int, per_hour: float, factor: float, matrix: bool
) -> None:
    choices = CityChoices(
        seed=seed, hours=4, calls_per_hour=per_hour, units=units, stations=3, size_km=6
    )
    scenario = city(tmp_path, choices, factor)
    if not scenario.calls:
        return
    if matrix:
        scenario = mazy(tmp_path, scenario, seed)
    relaxation = Relaxation(scenario)
    for policy in POLICIES:
        result = simulate(scenario, policy)
        bound = relaxation.bound(result.preemptions, result.moves)
        assert bound <= weighted_response(result), policy


def test_more_freedom_lowers_it(tmp_path: Path) -> None:
    scenario = city(tmp_path, CityChoices(seed=3, hours=8, units=3, calls_per_hour=4))
    relaxation = Relaxation(scenario)
    as_they_stand, diverted, moved = (
        relaxation.bound(), relaxation.bound(preemptions=3), relaxation.bound(moves=1000)
    )  # fmt: skip
    assert 0 < moved < diverted < as_they_stand


def test_a_quiet_day_with_one_station_meets_it(tmp_path: Path) -> None:
    """One unit, always home again before the next call: nothing could have been gained."""
    (tmp_path / "scenario.toml").write_text(
        'name = "quiet"\nspeed_mps = 10.0\nreturn_speed_factor = 1.0\n'
    )
    (tmp_path / "locations.csv").write_text("id,x_m,y_m\nhome,0,0\nwest,-4000,0\neast,6000,0\n")
    (tmp_path / "units.csv").write_text("id,base\nonly,home\n")
    (tmp_path / "hospitals.csv").write_text("location\nhome\n")
    (tmp_path / "calls.csv").write_text(
        "id,at_s,location,priority,on_scene_s,transport,handover_s\n"
        "a,0,west,1,600,1,600\nb,9000,east,4,600,1,600\n"
    )
    scenario = load(tmp_path)
    result = simulate(scenario)
    assert weighted_response(result) == pytest.approx((8 * 400 + 600) / 9)
    assert Relaxation(scenario).bound() == pytest.approx(weighted_response(result), abs=1e-3)
    # Moved in time, it could have stood next door.
    assert Relaxation(scenario).bound(moves=2) == 0


def test_calls_at_once_must_wait_for_each_other(tmp_path: Path) -> None:
    scenario = city(tmp_path, CityChoices(seed=1, hours=4, units=1, calls_per_hour=5))
    one = Relaxation(scenario).bound()
    two = replace(scenario, units=scenario.units + scenario.units)
    assert Relaxation(two).bound() < 0.7 * one


def test_what_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    scenario = city(tmp_path, CityChoices(seed=1, hours=2, units=1))
    with pytest.raises(ValueError, match="0 calls"):
        Relaxation(replace(scenario, calls=())).bound()


def test_other_luck_changes_the_work_and_nothing_else(tmp_path: Path) -> None:
    scenario = city(tmp_path, CityChoices(seed=5, hours=24))
    other, again = resampled(scenario, 1), resampled(scenario, 1)
    assert other == again != resampled(scenario, 2)
    work = {(c.priority, c.on_scene_s, c.transport, c.handover_s) for c in scenario.calls}
    for before, after in zip(scenario.calls, other.calls, strict=True):
        assert (after.id, after.at_s, after.place) == (before.id, before.at_s, before.place)
        assert (after.priority, after.needs) == (before.priority, before.needs)
        assert (after.priority, after.on_scene_s, after.transport, after.handover_s) in work
