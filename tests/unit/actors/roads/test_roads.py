"""Roads: files refused by line, times against a plain search, FIFO, and the cache."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.csv_table import FileRefused
from actors.domain.places import Array, Places
from actors.domain.travel import great_circle_m
from actors.domain.values import Location
from actors.roads.grid import write_grid
from actors.roads.network import RoadNetwork, read_network
from actors.roads.times import road_times
from actors.roads.travel import RoadTravel, between, load_roads

NODES = "id,x,y\na,0,0\nb,1000,0\nc,1000,1000\nisland,9000,9000\n"
ARCS = (
    "from,to,metres,speed_mps,class\n"
    "a,b,1000,10,\nb,a,1000,10,\nb,c,1000,,residential\na,c,1500,5,\na,b,1000,4,\n"
)
HOURS = "hour,class,factor\n8,residential,0.5\n9,,2\n"


def files(
    folder: Path, nodes: str = NODES, arcs: str = ARCS, hours: str | None = None
) -> tuple[Path, Path, Path | None]:
    folder.mkdir(exist_ok=True)
    (folder / "nodes.csv").write_text(nodes)
    (folder / "arcs.csv").write_text(arcs)
    if hours is not None:
        (folder / "hours.csv").write_text(hours)
    return folder / "nodes.csv", folder / "arcs.csv", folder / "hours.csv" if hours else None


def at(x: float, y: float) -> Location:
    return Location(lat=y, lon=x)


A, B, C, ISLAND = at(0, 0), at(1000, 0), at(1000, 1000), at(9000, 9000)


def test_ways_are_the_fastest_and_one_way(tmp_path: Path) -> None:
    travel = between(read_network(*files(tmp_path)), [A, B, C, ISLAND])
    assert travel.seconds(A, B) == 100  # the faster of two streets between the same corners
    assert travel.seconds(A, C) == 225  # over b: 100 + 1000/8, not 300
    assert travel.seconds(B, A) == 100
    assert travel.seconds(A, A) == 0
    assert travel.seconds(C, A) > 2 * 1414 / 9  # no way back: far, not impossible
    assert travel.seconds(A, ISLAND) < 1e5
    assert travel.fastest_mps is None


def test_the_last_yards_are_slow(tmp_path: Path) -> None:
    travel = between(read_network(*files(tmp_path)), [A, B])
    assert travel.seconds(at(0, 50), at(1000, -20)) == pytest.approx(10 + 100 + 4)
    assert travel.farthest_m([A, at(0, 50)]) == 50


def test_hours_change_the_way_and_are_crossed_in_parts(tmp_path: Path) -> None:
    travel = between(read_network(*files(tmp_path, hours=HOURS)), [A, B, C])
    assert travel.seconds(B, C, 7 * 3600) == 125
    assert travel.seconds(B, C, 8 * 3600) == 250
    assert travel.seconds(B, C, 9 * 3600) == 62.5
    # 50 s are a fifth of the way at eight; the rest takes four fifths of nine's time.
    assert travel.seconds(B, C, 9 * 3600 - 50) == pytest.approx(50 + 0.8 * 62.5)
    assert travel.seconds(B, C, 24 * 3600 + 8 * 3600) == 250


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nodes": "id,lat,lon\na,1,181\n"}, "nodes.csv, line 2: expected lon to be a finite"),
        ({"nodes": NODES + "a,1,1\n"}, "nodes.csv, line 6: expected each id once, not 'a'"),
        ({"nodes": "id,lat\na,1\n"}, "nodes.csv, line 1: expected the columns id,lat,lon or"),
        ({"arcs": ARCS + "a,z,10,5,\n"}, "arcs.csv, line 7: expected to to be a node's id"),
        ({"arcs": ARCS + "a,b,10,5,\n"}, "line 7: expected metres of at least the .* 1000, not"),
        ({"arcs": ARCS + "a,b,1000,0,\n"}, "line 7: expected speed_mps to be a finite number"),
        ({"arcs": ARCS + "a,b,1000,,path\n"}, "line 7: expected a speed_mps, or a class of"),
        ({"arcs": "from,to,metres,class\n"}, "arcs.csv, line 1: expected at least one arc"),
        ({"hours": "hour,class,factor\n24,,1\n"}, "hours.csv, line 2: expected hour to be 0 to"),
        ({"hours": "hour,class,factor\n3,lane,1\n"}, "line 2: expected a class that arcs have"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_line(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    with pytest.raises(FileRefused, match=said):
        read_network(*files(tmp_path, **change))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> RoadNetwork:
    return read_network(*write_grid(tmp_path_factory.mktemp("roads"), 2000, seed=3))


@pytest.fixture(scope="module")
def travel(city: RoadNetwork) -> RoadTravel:
    nodes = range(len(city.ids))
    return RoadTravel(city, road_times(city, nodes, None), nodes)


def asked(travel: RoadTravel, origins: list[Location], targets: list[Location], at: float) -> Array:
    each = [travel.seconds(a, b, at) for b in targets for a in origins]
    return np.array(each).reshape(len(targets), len(origins))


coordinates = st.floats(-100, 2100, allow_nan=False)
points = st.builds(at, coordinates, coordinates)


@settings(max_examples=200)
@given(points, points, st.floats(0, 200_000), st.floats(0, 4000))
def test_who_leaves_later_does_not_arrive_earlier(
    travel: RoadTravel, origin: Location, target: Location, leaves: float, later: float
) -> None:
    first = leaves + travel.seconds(origin, target, leaves)
    second = leaves + later + travel.seconds(origin, target, leaves + later)
    assert first <= second + 1e-6


@settings(max_examples=200)
@given(
    st.lists(points, max_size=6),
    st.lists(points, max_size=6),
    st.one_of(st.floats(0, 200_000), st.sampled_from([7 * 3600.0 - 20, 8 * 3600.0 - 100])),
)
def test_the_table_says_what_is_said_of_each_pair(
    travel: RoadTravel, origins: list[Location], targets: list[Location], at: float
) -> None:
    origins += targets[:2]  # who is there already
    table = travel.table(Places(origins), Places(targets), at)
    np.testing.assert_array_equal(table, asked(travel, origins, targets, at))


def test_the_table_knows_no_way_and_ways_of_hours(tmp_path: Path) -> None:
    hours = "hour,class,factor\n8,,0.01\n9,,0.01\n"
    travel = between(read_network(*files(tmp_path, hours=hours)), [A, B, C, ISLAND])
    places = [A, B, C, ISLAND]
    # All that is left of eight, all of nine, and the rest at ten.
    assert travel.seconds(B, C, 8 * 3600 + 600) > 5400
    for at in (7 * 3600.0, 8 * 3600.0 - 30, 8 * 3600.0 + 600):
        table = travel.table(Places(places), Places(places), at)
        np.testing.assert_allclose(table, asked(travel, places, places, at), rtol=1e-9)


def test_where_clocks_change_each_trip_has_its_own_hour(tmp_path: Path) -> None:
    nodes = "id,lat,lon\na,40.70,-74.00\nb,40.71,-74.00\n"
    arcs = "from,to,metres,speed_mps\na,b,1200,12\nb,a,1200,12\n"
    files(tmp_path, nodes, arcs, "hour,class,factor\n3,,0.5\n")
    travel = load_roads(tmp_path, None, ZoneInfo("America/New_York"))
    # The first is 220 s from its street, and on it when two o'clock has become three.
    places = [Location(40.69, -74.0), Location(40.70, -74.0), Location(40.71, -74.0)]
    spring = datetime(2024, 3, 10, 6, 58, tzinfo=UTC).timestamp()
    table = travel.table(Places(places), Places(places), spring)
    np.testing.assert_array_equal(table, asked(travel, places, places, spring))
    assert table[2, 0] > table[2, 1] + 222.0


def test_what_was_snapped_may_be_forgotten(city: RoadNetwork, travel: RoadTravel) -> None:
    some = [at(x * 0.25, 7.0) for x in range(8000)]
    before = travel.nearest(some[0])
    for _ in range(9):
        some = [at(place.lon + 0.01, place.lat) for place in some]
        table = travel.table(Places(some), Places(some[:1]))
    assert travel.nearest(at(0.0, 7.0)) == before
    assert table[0, 0] == 0.0


def test_times_are_those_of_a_plain_search(city: RoadNetwork) -> None:
    """Against Floyd and Warshall's three loops."""
    for hour in (3, 8):
        size = len(city.ids)
        best = np.full((size, size), np.inf)
        np.fill_diagonal(best, 0.0)
        np.minimum.at(best, (city.tail, city.head), city.seconds_by_hour(hour))
        for over in range(size):
            best = np.minimum(best, best[:, over, None] + best[None, over, :])
        times = road_times(city, range(size), None)
        np.testing.assert_allclose(times.seconds[times.kind_of_hour[hour]], best, rtol=1e-6)


def test_what_was_computed_is_kept_until_something_changes(tmp_path: Path) -> None:
    network = read_network(*files(tmp_path / "roads", hours=HOURS))
    cache = tmp_path / "cache"
    fresh = road_times(network, [0, 2], cache)
    (kept,) = cache.iterdir()
    written = kept.stat().st_mtime_ns
    again = road_times(network, [0, 2], cache)
    np.testing.assert_array_equal(fresh.seconds, again.seconds)
    assert [(file, file.stat().st_mtime_ns) for file in cache.iterdir()] == [(kept, written)]
    road_times(network, [0, 1], cache)
    road_times(read_network(*files(tmp_path / "roads")), [0, 2], cache)
    assert len(list(cache.iterdir())) == 3


def test_live_roads_know_the_zone_and_bound_the_speed(tmp_path: Path) -> None:
    nodes = "id,lat,lon\na,12.90,77.60\nb,12.91,77.60\n"
    arcs = "from,to,metres,speed_mps\na,b,1200,12\nb,a,1200,12\n"
    files(tmp_path, nodes, arcs, "hour,class,factor\n9,,0.5\n")
    a, b = Location(12.90, 77.60), Location(12.91, 77.60)
    india = load_roads(tmp_path, tmp_path / "cache", ZoneInfo("Asia/Kolkata"))
    # 04:00 UTC is 09:30 in India: slow; at 03:29 it was not nine yet.
    assert india.seconds(a, b, 4 * 3600) == 200
    assert india.seconds(a, b, 3 * 3600) == pytest.approx(100)
    assert load_roads(tmp_path, tmp_path / "cache", UTC).seconds(a, b, 4 * 3600) == 100
    assert india.fastest_mps is not None
    assert great_circle_m(a, b) <= india.fastest_mps * india.seconds(a, b, 3 * 3600)
