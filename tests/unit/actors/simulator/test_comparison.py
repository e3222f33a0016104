"""Comparing policies: intervals, pairing, and the rule that chooses the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.simulator import Scenario, load
from actors.simulator.comparison import ClassFigures, Summary, choose_default, compare
from actors.simulator.confidence import Interval, interval, paired
from actors.simulator.generate import CityChoices, generate
from actors.simulator.writer import write


def summary(policy: str, weighted_s: float, lowest_p95_s: float) -> Summary:
    figures = ClassFigures(
        calls=1, mean_s=1, p50_s=1, p90_s=1, p95_s=lowest_p95_s, over_target=None
    )
    return Summary(
        policy=policy,
        weighted=Interval(weighted_s, None),
        mean=Interval(1.0, None),
        against=None,
        classes={1: figures, 3: figures},
        queued=0,
        preemptions=0,
        moves=0,
        decision_p99_s=0.0,
        bound_s=None,
    )


BASE = summary("closest_idle", 500, 1000)


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ((), "closest_idle"),
        ((summary("better", 400, 1100),), "better"),
        ((summary("unfair", 300, 1101), summary("better", 400, 900)), "better"),
        ((summary("unfair", 300, 1101),), "closest_idle"),
        ((summary("first", 400, 900), summary("second", 400, 900)), "first"),
    ],
)
def test_the_default_is_the_best_that_is_fair_to_the_last(
    others: tuple[Summary, ...], chosen: str
) -> None:
    assert choose_default((BASE, *others)) == chosen


def test_without_the_baseline_nothing_is_fair() -> None:
    assert choose_default((summary("priority", 1, 1),)) is None


def test_an_interval_is_students() -> None:
    """By hand: mean 3, s = sqrt(2.5), t(4) at 97.5 % = 2.7764."""
    found = interval([1, 2, 3, 4, 5])
    assert found.mean == 3
    assert found.half == pytest.approx(2.7764 * (2.5 / 5) ** 0.5, rel=1e-4)
    assert found.clear
    assert interval([7.0]) == Interval(7.0, None)


def test_pairing_takes_out_what_days_do_to_both() -> None:
    difference = paired([110, 210, 311], [100, 200, 300])
    assert difference.clear
    assert not interval([110, 210, 311]).clear or difference.half < 5  # type: ignore[operator]  # three pairs


def scenario(folder: Path, seed: int) -> tuple[str, Scenario]:
    choices = CityChoices(seed=seed, hours=5, units=3, calls_per_hour=6, size_km=8)
    write(generate(choices), folder / str(seed))
    return str(seed), load(folder / str(seed))


def test_policies_play_the_same_days(tmp_path: Path) -> None:
    days = [scenario(tmp_path, seed) for seed in (1, 2)]
    found = compare(days, ["closest_idle", "priority"], seeds=2)
    base, other = found.summaries
    assert (found.replicates, len(found.runs)) == (4, 8)
    assert base.against is None
    assert other.against is not None
    assert other.against.mean == pytest.approx(other.weighted.mean - base.weighted.mean)
    calls = 2 * sum(len(one.calls) for _, one in days)
    for one in found.summaries:
        assert sum(figures.calls for figures in one.classes.values()) == calls
        assert one.gap_s is not None
        assert one.gap_s >= 0
    assert found.default in {"closest_idle", "priority"}
    assert [(r.policy, r.weighted_s) for r in found.runs] == [
        (r.policy, r.weighted_s) for r in compare(days, ["closest_idle", "priority"], 2).runs
    ]


def test_one_day_as_it_stands_has_no_interval(tmp_path: Path) -> None:
    found = compare([scenario(tmp_path, 1)], ["closest_idle"])
    assert found.summaries[0].weighted.half is None
    with pytest.raises(ValueError, match="no policy 'fastest'"):
        compare([scenario(tmp_path, 1)], ["fastest"])
    with pytest.raises(ValueError, match="nothing to compare"):
        compare([], ["closest_idle"])
