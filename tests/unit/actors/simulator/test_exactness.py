"""`closest_idle` equals an independently written reference, to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.simulator import Row, load, simulate
from tests.unit.actors.simulator.folder import CALLS, write
from tests.unit.actors.simulator.reference import Figures, Reference

Files = Mapping[str, str | None]


def figures(row: Row) -> Figures:
    return (
        row.call,
        row.unit,
        row.assigned_s,
        row.response_s,
        row.arrived_s,
        row.hospital or "",
        row.cleared_s,
        row.queued,
    )


def matrix(places: str, seconds: Mapping[tuple[str, str], float], usual: float) -> str:
    rows = [f"{a},{b},{seconds.get((a, b), usual)}" for a in places for b in places if a != b]
    return "from,to,seconds\n" + "\n".join(rows) + "\n"


# What each is for, and its files where they differ from the plain ones.
FIXED: dict[str, Files] = {
    "as it stands": {},
    "no calls": {"calls.csv": CALLS},
    "all at one instant": {
        "calls.csv": CALLS + "".join(f"k{n},3,{p},1,5,0,0\n" for n, p in enumerate("bcbcdaab"))
    },
    "equal travel: the first of units.csv": {
        "units.csv": "id,base\nz,a\ny,c\nx,a\n",
        "calls.csv": CALLS + "k1,0,b,1,9,0,0\nk2,0,b,1,9,0,0\nk3,0,b,1,9,0,0\nk4,0,b,1,9,0,0\n",
    },
    "a call at the instant of clearing finds the unit free": {
        "units.csv": "id,base\nu1,b\n",
        "calls.csv": CALLS + "k1,0,b,1,10,0,0\nk2,10,b,2,10,0,0\nk3,15,b,3,0,0,0\n",
    },
    "cleared at one instant: both are free for the head of the queue": {
        "units.csv": "id,base\nu1,a\nu2,d\n",
        "calls.csv": CALLS + "k1,0,a,1,50,0,0\nk2,0,d,1,50,0,0\nk3,10,c,1,5,0,0\nk4,11,b,1,5,0,0\n",
    },
    "tasks of no time at all": {
        "units.csv": "id,base\nu1,a\nu2,a\nu3,d\n",
        "calls.csv": CALLS
        + "".join(f"k{n},{n // 4},{p},1,0,0,0\n" for n, p in enumerate("aaaadddabcdaaabb")),
    },
    "the queue's tasks take no time": {
        "units.csv": "id,base\nu1,a\nu2,b\n",
        "calls.csv": CALLS
        + "k1,0,a,1,20,0,0\nk2,0,b,1,20,0,0\nk3,1,b,1,0,0,0\nk4,1,b,1,0,0,0\nk5,2,a,1,0,0,0\n",
    },
    "intercepted on the way home": {
        "units.csv": "id,base\nu1,a\n",
        "scenario.toml": 'name = "x"\nreturn_speed_factor = 0.95\nspeed_mps = 7.0\n',
        "calls.csv": CALLS
        + "k1,0,d,1,10,0,0\nk2,60,c,1,10,0,0\nk3,90.5,d,1,1,0,0\n"
        + "k4,150,b,1,1,0,0\nk5,400,c,1,1,0,0\n",
    },
    "half-way between two places: the first of locations.csv": {
        "locations.csv": "id,x_m,y_m\nb,100,0\na,0,0\nc,200,0\nd,300,0\n",
        "units.csv": "id,base\nu1,a\n",
        "calls.csv": CALLS + "k1,0,c,1,0,0,0\nk2,250,d,1,0,0,0\nk3,700,b,1,0,0,0\n",
    },
    "two places at the same point, with travel times of their own": {
        "locations.csv": "id,x_m,y_m\na,0,0\nb,0,0\nc,9,0\n",
        "units.csv": "id,base\nu1,b\nu2,b\n",
        "hospitals.csv": "location\nb\nc\n",
        "travel.csv": matrix("abc", {("b", "c"): 2, ("c", "a"): 7, ("a", "c"): 3}, 4),
        "calls.csv": CALLS + "k1,0,c,1,1,1,1\nk2,1,b,1,2,0,0\nk3,3,a,1,2,1,3\nk4,9,c,1,0,0,0\n",
    },
    "an asymmetric matrix": {
        "travel.csv": matrix("abcd", {("a", "b"): 1, ("b", "a"): 90, ("d", "b"): 2}, 30.25),
    },
    "a matrix with its diagonal": {
        "travel.csv": matrix("abcd", {("a", "b"): 1}, 30.25) + "a,a,5\nb,b,0\nc,c,2.5\nd,d,7\n",
        "calls.csv": CALLS + "k1,0,a,1,0,0,0\nk2,3,a,1,0,1,0\nk3,5,a,1,1,0,0\nk4,20,d,1,1,0,0\n",
    },
    "equal hospitals: the first of hospitals.csv": {
        "hospitals.csv": "location\nc\na\n",
        "calls.csv": CALLS + "k1,0,b,1,10,1,5\nk2,50,b,1,10,1,5\n",
    },
    "nobody is brought anywhere": {
        "hospitals.csv": None,
        "calls.csv": CALLS + "k1,0,b,1,10,0,0\nk2,1,c,1,10,0,\n",
    },
    "strict head of the line, with skills": {
        "units.csv": "id,base,skills\nu1,a,\nu2,b,water\nu3,c,water rope\n",
        "calls.csv": CALLS.replace("\n", ",needs\n")
        + "k1,0,c,1,50,0,0,rope\nk2,1,b,4,50,0,0,rope\nk3,2,a,1,50,0,0,\nk4,3,d,1,5,0,0,water\n",
    },
    "a long queue": {
        "calls.csv": CALLS
        + "".join(
            f"k{n},{n * 1.1},{'abcd'[n % 4]},1,{n % 7}.3,{n % 2},{n % 3}\n" for n in range(60)
        )
    },
    "on the sphere": {
        "scenario.toml": 'name = "x"\nreturn_speed_factor = 0.9\nspeed_mps = 12.0\n',
        "locations.csv": "id,lat,lon\na,37.77,-122.42\nb,37.78,-122.41\n"
        "c,37.75,-122.45\nd,37.8,-122.4\n",
        "calls.csv": CALLS
        + "".join(f"k{n},{n * 190},{'dbca'[n % 4]},1,{n * 7},{n % 2},11\n" for n in range(20)),
    },
}


@pytest.mark.parametrize("files", FIXED.values(), ids=list(FIXED))
def test_equals_the_reference_on(files: Files, tmp_path: Path) -> None:
    folder = write(tmp_path / "scenario", files)
    assert [figures(row) for row in simulate(load(folder)).rows] == Reference(folder).play()


def test_the_queue_is_served_as_the_format_says(tmp_path: Path) -> None:
    """By hand, so that the reference itself is held to something."""
    rows = list(map(figures, simulate(load(write(tmp_path / "s", {}))).rows))
    assert rows == [
        ("k1", "u1", 0.0, 100.0, 100.0, "", 110.0, False),
        ("k2", "u2", 5.0, 100.0, 105.0, "a", 335.0, False),
        # u1 is cleared at b and goes straight on to c.
        ("k3", "u1", 110.0, 202.5, 210.0, "", 220.0, True),
    ]


# Points of the rules that a wrong reading would pass over in most scenarios: the files, and for
# each call by hand its unit, when it was sent, when it was there, and whether the call waited.
ON_A_LINE = "id,x_m,y_m\na,0,0\nb,10,0\nc,100,0\nd,200,0\n"
BY_HAND: dict[str, tuple[Files, list[tuple[str, float, float, bool]]]] = {
    "a call at the instant of a clearing finds that unit free, not only the farther one": (
        {
            "locations.csv": ON_A_LINE,
            "units.csv": "id,base\nfar,c\nnear,b\n",
            "calls.csv": CALLS + "k1,0,b,1,10,0,0\nk2,10,a,1,5,0,0\n",
        },
        [("near", 0.0, 0.0, False), ("near", 10.0, 20.0, False)],
    ),
    "several clear at one instant: all are free, then the nearest goes": (
        {
            "locations.csv": ON_A_LINE,
            "units.csv": "id,base\nu1,d\nu2,c\nu3,b\n",
            "calls.csv": CALLS
            + "k1,0,d,1,50,0,0\nk2,0,c,1,50,0,0\nk3,0,b,1,50,0,0\nk4,1,a,1,5,0,0\n"
            + "k5,2,c,1,5,0,0\n",
        },
        [
            ("u1", 0.0, 0.0, False),
            ("u2", 0.0, 0.0, False),
            ("u3", 0.0, 0.0, False),
            ("u3", 50.0, 60.0, True),
            ("u2", 50.0, 50.0, True),
        ],
    ),
    "the way home takes longer by the factor: at its share another place is the nearest": (
        {
            "locations.csv": ON_A_LINE,
            "scenario.toml": 'name = "x"\nreturn_speed_factor = 0.5\nspeed_mps = 1.0\n',
            "units.csv": "id,base\nu1,a\n",
            # Cleared at d at 200 s, home at 600 s; at 280 s it is at 160 m, nearest to d.
            "calls.csv": CALLS + "k1,0,d,1,0,0,0\nk2,280,c,1,0,0,0\nk3,480,a,1,0,0,0\n",
        },
        # Cleared at c at 380 s, home at 580 s; at 480 s it is at 50 m, nearer to b than to c.
        [("u1", 0.0, 200.0, False), ("u1", 280.0, 380.0, False), ("u1", 480.0, 490.0, False)],
    ),
    "home by the factor, not before": (
        {
            "locations.csv": ON_A_LINE,
            "scenario.toml": 'name = "x"\nreturn_speed_factor = 2.0\nspeed_mps = 1.0\n',
            "units.csv": "id,base\nu1,a\n",
            # Cleared at d at 200 s, home at 300 s.
            "calls.csv": CALLS + "k1,0,d,1,0,0,0\nk2,300,b,1,0,0,0\n",
        },
        [("u1", 0.0, 200.0, False), ("u1", 300.0, 310.0, False)],
    ),
    "a task of no time: its unit is free for the next in the queue, before a farther one": (
        {
            "locations.csv": ON_A_LINE,
            "units.csv": "id,base\nu1,a\nu2,d\n",
            "calls.csv": CALLS
            + "k1,0,a,1,20,0,0\nk2,0,d,1,20,0,0\nk3,1,a,1,0,0,0\nk4,2,a,1,0,0,0\n"
            + "k5,3,b,1,7,0,0\n",
        },
        [
            ("u1", 0.0, 0.0, False),
            ("u2", 0.0, 0.0, False),
            ("u1", 20.0, 20.0, True),
            ("u1", 20.0, 20.0, True),
            ("u1", 20.0, 30.0, True),
        ],
    ),
    "the head of the queue whom nobody free suits holds up those behind": (
        {
            "locations.csv": ON_A_LINE,
            "units.csv": "id,base,skills\nu1,a,rope\nu2,b,\n",
            "calls.csv": CALLS.replace("\n", ",needs\n")
            + "k1,0,a,1,50,0,0,rope\nk2,5,a,4,5,0,0,rope\nk3,6,b,1,5,0,0,\n",
        },
        [("u1", 0.0, 0.0, False), ("u1", 50.0, 50.0, True), ("u2", 50.0, 50.0, True)],
    ),
    "cleared where two places lie: at share 0 it starts from the first of locations.csv": (
        {
            "locations.csv": "id,x_m,y_m\na,0,0\nb,0,0\nc,90,0\n",
            "units.csv": "id,base\nu1,c\n",
            "hospitals.csv": "location\nc\n",
            "travel.csv": matrix("abc", {("a", "c"): 3, ("b", "c"): 40}, 8),
            # Cleared at b at 10 s, where a is as well.
            "calls.csv": CALLS + "k1,0,b,1,2,0,0\nk2,10,c,1,1,0,0\n",
        },
        [("u1", 0.0, 8.0, False), ("u1", 10.0, 13.0, False)],
    ),
}


@pytest.mark.parametrize(("files", "expected"), BY_HAND.values(), ids=list(BY_HAND))
def test_by_hand(
    files: Files, expected: list[tuple[str, float, float, bool]], tmp_path: Path
) -> None:
    folder = write(tmp_path / "s", files)
    rows = simulate(load(folder)).rows
    assert [(row.unit, row.assigned_s, row.arrived_s, row.queued) for row in rows] == expected
    assert list(map(figures, rows)) == Reference(folder).play()


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, str]:
    """Small, with many ties: few places on a small grid, small whole numbers everywhere."""

    def pick(values: list[str]) -> str:
        return draw(st.sampled_from(values))

    small = st.integers(0, 4)
    places = [f"p{n}" for n in range(draw(st.integers(1, 6)))]
    sphere = draw(st.integers(0, 4)) == 0
    units, hospitals = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    at, calls = 0, []
    for n in range(draw(st.integers(0, 14))):
        at += draw(small)
        needs = pick(["", "", "bls", "als bls"])
        calls.append(
            f"k{n},{at},{pick(places)},{draw(st.integers(1, 4))},{draw(small)},"
            f"{draw(st.integers(0, 1))},{draw(small)},{needs}"
        )
    head = "id,lat,lon" if sphere else "id,x_m,y_m"
    factor = pick(["1.0", "0.95", "0.5", "2", "3.0"])
    speed = "50000.0" if sphere else pick(["1.0", "0.7"])
    files = {
        "scenario.toml": f'name = "s"\nreturn_speed_factor = {factor}\nspeed_mps = {speed}\n',
        "locations.csv": "\n".join([head, *(f"{p},{draw(small)},{draw(small)}" for p in places)]),
        "units.csv": "\n".join(
            [
                "id,base,skills",
                "u0," + pick(places) + ",bls als",
                # `als` alone does not stand for `bls` here, as it does live.
                *(f"u{n},{pick(places)},{pick(['', 'bls', 'als'])}" for n in range(1, units)),
            ]
        ),
        "hospitals.csv": "\n".join(
            ["location", *dict.fromkeys(pick(places) for _ in range(hospitals))]
        ),
        "calls.csv": "\n".join([CALLS.rstrip() + ",needs", *calls]),
    }
    if draw(st.booleans()):
        diagonal = draw(st.booleans())
        files["travel.csv"] = "\n".join(
            [
                "from,to,seconds",
                *(f"{a},{b},{draw(small)}" for a in places for b in places if a != b or diagonal),
            ]
        )
    return files


@settings(max_examples=150)
@given(scenarios())
def test_equals_the_reference_on_whatever_scenario(files: dict[str, str]) -> None:
    with TemporaryDirectory() as name:
        folder = write(Path(name), files)
        assert [figures(row) for row in simulate(load(folder)).rows] == Reference(folder).play()
