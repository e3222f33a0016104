"""The simulator decides as the live system does: the same calls through the real runtime."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from actors.domain.dispatch.catalogue import POLICIES
from actors.simulator import load, simulate
from tests.unit.actors.simulator.folder import CALLS, write
from tests.unit.actors.simulator.live import running

PLACES = "abcdefgh"


def scenario_files(seed: int, count: int, apart_s: int) -> dict[str, str]:
    """So many calls, up to so many seconds apart, with times at which sums of floats are exact.

    Calls come at whole seconds, at which the service wakes, and from places whose coordinates the
    estimate of demand keeps as they are. Work ends at odd moments, so that hardly ever two crews
    are cleared at once: a service hears of one before the other, and decides. The matrix is of city
    blocks, each way a bit different.
    """
    random = Random(seed)
    spots = random.sample([(y, x) for y in range(6) for x in range(6)], len(PLACES))
    at_of = dict(zip(PLACES, spots, strict=True))
    travel = []
    for a in PLACES:
        for b in PLACES.replace(a, ""):
            (y, x), (v, w) = at_of[a], at_of[b]
            seconds = (abs(y - v) + abs(x - w)) * 90 + random.randrange(1, 200) / 4
            travel.append(f"{a},{b},{seconds}")
    at, calls = 10, []
    for n in range(count):
        at += random.randrange(1, apart_s)
        calls.append(
            f"k{n},{at},{random.choice(PLACES)},{random.randint(1, 4)},"
            f"{random.randrange(0, 38400) / 64},{random.randint(0, 1)},"
            f"{random.randrange(0, 19200) / 64},{random.choice(['', '', '', 'rope', 'water'])}"
        )
    return {
        "scenario.toml": 'name = "live"\nreturn_speed_factor = 0.5\n',
        "locations.csv": "\n".join(
            ["id,lat,lon", *(f"{p},{y / 50},{x / 50}" for p, (y, x) in at_of.items())]
        ),
        "travel.csv": "\n".join(["from,to,seconds", *travel]),
        "units.csv": "id,base,skills\nm1,a,rope\nm2,c,\nm3,e,rope water\nm4,c,water\n"
        "m5,a,\nm6,g,rope\n",
        "hospitals.csv": "location\nf\nb\n",
        "calls.csv": CALLS.replace("\n", ",needs\n") + "\n".join(calls),
    }


# What scenario_files takes: many more calls than crews, so that some wait for hours and count as
# more urgent by their age; many that wait; and few, so that crews are moved and calls deferred.
DAYS = {"overrun": (37, 22, 60), "busy": (1, 26, 250), "quiet": (2, 40, 400)}


@pytest.mark.parametrize(
    ("policy", "day"),
    [
        *((policy, "overrun") for policy in POLICIES),
        ("preemptive", "busy"),
        ("coverage", "busy"),
        ("combined", "busy"),
        ("combined", "quiet"),
    ],
)
async def test_the_live_system_decides_the_same(policy: str, day: str, tmp_path: Path) -> None:
    scenario = replace(load(write(tmp_path, scenario_files(*DAYS[day]))), policy=policy)
    simulated = simulate(scenario)
    async with running(scenario) as live:
        await live.play()
    assert [live.outcomes[n] for n in range(len(scenario.calls))] == [
        (row.unit, row.assigned_s, row.arrived_s, row.hospital, row.cleared_s)
        for row in simulated.rows
    ]
    assert (live.preemptions, live.moves) == (simulated.preemptions, simulated.moves)
    # That there was something to decide.
    wants = POLICIES[policy].wants
    assert simulated.queued > 5
    assert live.preemptions or "preempt" not in policy
    assert live.moves or "stations" not in wants
    if day == "quiet":
        assert live.deferrals > 1
