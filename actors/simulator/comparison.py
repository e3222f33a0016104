"""Policies on the same scenarios: what each makes of them, and which is to be the default.

Every policy plays every replicate: each scenario as it stands, or with seeds 1 to N
(resampling.py). Differences are paired by replicate. Seeds of one scenario share its city and its
calls, so where there are several scenarios a scenario's mean over its seeds is one observation;
with a single scenario each seed is. Quantiles are over all calls of all replicates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Final

import numpy as np
from msgspec import Struct

from actors.simulator.confidence import Interval, interval, paired
from actors.simulator.engine import simulate
from actors.simulator.lower_bound import MOST_CALLS, Relaxation
from actors.simulator.resampling import resampled
from actors.simulator.scenario import Scenario
from actors.simulator.wayside import Wayside
from actors.simulator.weighing import weighted_response

BASELINE: Final = "closest_idle"
# The default may make the lowest class's p95 worse than the baseline's by this share at most:
# nobody is to pay for the urgent with much more than a day differs from the next.
LOWEST_CLASS_SLACK: Final = 0.10


class Run(Struct, frozen=True, kw_only=True):
    """One policy on one replicate. `bound_s`: no run with as few moves and preemptions is below;
    None where it was not asked for, or there are too many calls for it.
    """

    scenario: str
    seed: int
    policy: str
    responses: Mapping[int, tuple[float, ...]]
    weighted_s: float
    mean_s: float
    queued: int
    preemptions: int
    moves: int
    decisions_s: tuple[float, ...]
    bound_s: float | None


class ClassFigures(Struct, frozen=True, kw_only=True):
    """Of one priority, over all replicates. Seconds; `over_target`: a share, None: no target."""

    calls: int
    mean_s: float
    p50_s: float
    p90_s: float
    p95_s: float
    over_target: float | None


class Summary(Struct, frozen=True, kw_only=True):
    """Of one policy. `against`: its weighted response less the baseline's, replicate by replicate;
    None for the baseline itself, or without it. `bound_s`: mean of the runs' bounds.
    """

    policy: str
    weighted: Interval
    mean: Interval
    against: Interval | None
    classes: Mapping[int, ClassFigures]
    queued: int
    preemptions: int
    moves: int
    decision_p99_s: float
    bound_s: float | None

    @property
    def gap_s(self) -> float | None:
        """From the bound to the policy: what is left to be gained at most."""
        return None if self.bound_s is None else self.weighted.mean - self.bound_s

    @property
    def lowest(self) -> ClassFigures:
        """The figures of the least urgent class that called."""
        return self.classes[max(self.classes)]


class Comparison(Struct, frozen=True, kw_only=True):
    """`summaries` in the order asked for. `replicates`: how often each policy played.

    `default`: what `choose_default` says, None without the baseline.
    """

    scenarios: tuple[str, ...]
    replicates: int
    targets: Mapping[int, float]
    runs: tuple[Run, ...]
    summaries: tuple[Summary, ...]
    default: str | None


def compare(
    scenarios: Sequence[tuple[str, Scenario]],
    policies: Sequence[str],
    seeds: int = 0,
    *,
    bounds: bool = True,
    told: Callable[[Run], None] = lambda run: None,
) -> Comparison:
    """Play all. `scenarios`: by distinct names, each with calls. `seeds` 0: as they stand.
    `bounds`: with the offline bound, which takes some seconds a play. `told`: of each run.

    Raises ValueError for an unknown policy, a scenario without calls, or nothing to compare.
    """
    if not scenarios or not policies:
        raise ValueError("nothing to compare")
    runs = []
    for name, scenario in scenarios:
        if not scenario.calls:
            raise ValueError(f"{name}: no calls")
        wayside = Wayside(scenario) if bounds and len(scenario.calls) <= MOST_CALLS else None
        for seed in range(1, seeds + 1) if seeds else (0,):
            played = resampled(scenario, seed) if seed else scenario
            relaxed = Relaxation(played, wayside) if wayside is not None else None
            for policy in policies:
                runs.append(_run(name, played, policy, seed, relaxed))
                told(runs[-1])
    targets: dict[int, float] = {}
    for _, scenario in scenarios:
        targets |= scenario.targets
    summaries = tuple(_summary(policy, runs, targets) for policy in policies)
    return Comparison(
        scenarios=tuple(name for name, _ in scenarios),
        replicates=len(runs) // len(policies),
        targets=targets,
        runs=tuple(runs),
        summaries=summaries,
        default=choose_default(summaries),
    )


def choose_default(summaries: Sequence[Summary]) -> str | None:
    """The policy with the least priority-weighted response, of those that keep the lowest class's
    p95 within LOWEST_CLASS_SLACK of the baseline's; the first of equals. None without baseline.
    """
    baseline = next((s for s in summaries if s.policy == BASELINE), None)
    if baseline is None:
        return None
    most = baseline.lowest.p95_s * (1 + LOWEST_CLASS_SLACK)
    fair = [s for s in summaries if s.lowest.p95_s <= most]
    return min(fair, key=lambda s: s.weighted.mean).policy


def _run(name: str, scenario: Scenario, policy: str, seed: int, relaxed: Relaxation | None) -> Run:
    result = simulate(scenario, policy, seed)
    responses: defaultdict[int, list[float]] = defaultdict(list)
    for row in result.rows:
        responses[row.priority].append(row.response_s)
    return Run(
        scenario=name,
        seed=seed,
        policy=policy,
        responses={priority: tuple(responses[priority]) for priority in sorted(responses)},
        weighted_s=weighted_response(result),
        mean_s=fmean(row.response_s for row in result.rows),
        queued=result.queued,
        preemptions=result.preemptions,
        moves=result.moves,
        decisions_s=result.decisions_s,
        bound_s=None if relaxed is None else relaxed.bound(result.preemptions, result.moves),
    )


def _summary(policy: str, runs: Sequence[Run], targets: Mapping[int, float]) -> Summary:
    ours = [run for run in runs if run.policy == policy]
    theirs = [run for run in runs if run.policy == BASELINE]
    weighted = _observations(ours, lambda run: run.weighted_s)
    bounds = [run.bound_s for run in ours if run.bound_s is not None]
    decisions = [seconds for run in ours for seconds in run.decisions_s]
    against = None
    if theirs and policy != BASELINE:
        against = paired(weighted, _observations(theirs, lambda run: run.weighted_s))
    return Summary(
        policy=policy,
        weighted=interval(weighted),
        mean=interval(_observations(ours, lambda run: run.mean_s)),
        against=against,
        classes=_classes(ours, targets),
        queued=sum(run.queued for run in ours),
        preemptions=sum(run.preemptions for run in ours),
        moves=sum(run.moves for run in ours),
        decision_p99_s=float(np.quantile(decisions, 0.99)) if decisions else 0.0,
        bound_s=fmean(bounds) if len(bounds) == len(ours) else None,
    )


def _observations(runs: Sequence[Run], of: Callable[[Run], float]) -> list[float]:
    """A scenario's mean over its seeds each; with one scenario, its seeds."""
    by_scenario: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        by_scenario[run.scenario].append(of(run))
    if len(by_scenario) == 1:
        (values,) = by_scenario.values()
        return values
    return [fmean(values) for values in by_scenario.values()]


def _classes(runs: Sequence[Run], targets: Mapping[int, float]) -> dict[int, ClassFigures]:
    found: dict[int, ClassFigures] = {}
    for priority in sorted({priority for run in runs for priority in run.responses}):
        seconds = np.array([s for run in runs for s in run.responses.get(priority, ())])
        p50, p90, p95 = (float(q) for q in np.quantile(seconds, (0.5, 0.9, 0.95)))
        target = targets.get(priority)
        found[priority] = ClassFigures(
            calls=len(seconds),
            mean_s=float(seconds.mean()),
            p50_s=p50,
            p90_s=p90,
            p95_s=p95,
            over_target=None if target is None else float((seconds > target).mean()),
        )
    return found
