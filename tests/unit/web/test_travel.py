"""Live dispatch over roads: whoever is nearest by road is sent; unusable roads are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.domain.emergency.commands import TakeOverEmergency
from actors.domain.kernel import Sender
from actors.domain.paramedic.commands import GoOnDuty, RegisterParamedic
from actors.domain.travel import GreatCircle
from actors.domain.values import Location, Position
from actors.simulator.runner import Runner
from config.source import load_settings, variable
from web.shard_factory import ShardConfig, behaviours_of
from web.travel import RoadsRefused, travel_of

SYSTEM = Sender("system", "test")
# Over the river it is 1.1 km to the scene, by the bridge 30 km; on this side of it 3.3 km.
SCENE, OVER_THE_RIVER, THIS_SIDE = (12.90, 77.60), (12.91, 77.60), (12.87, 77.60)
NODES = "id,lat,lon\nscene,12.90,77.60\nover,12.91,77.60\nthis,12.87,77.60\n"
ARCS = (
    "from,to,metres,speed_mps\n"
    "scene,over,30000,12\nover,scene,30000,12\nscene,this,3400,12\nthis,scene,3400,12\n"
)


def roads(folder: Path, nodes: str = NODES) -> Path:
    folder.mkdir()
    (folder / "nodes.csv").write_text(nodes)
    (folder / "arcs.csv").write_text(ARCS)
    return folder


def sent(config: ShardConfig) -> str | None:
    """The unit that a dispatcher of such a shard asks, of one on each side of the river."""
    runner = Runner(behaviours_of(config))
    for name, at in (("over", OVER_THE_RIVER), ("this", THIS_SIDE)):
        register = RegisterParamedic(name=name, region="city", skills=(), vehicle="ambulance")
        runner.ask("paramedic", name, register, SYSTEM)
        runner.ask("paramedic", name, GoOnDuty(position=Position(*at, 0.0)), SYSTEM)
    raised = TakeOverEmergency(
        patient_id=None, region="city", location=Location(*SCENE), priority=1
    )
    runner.ask("emergency", "e1", raised, SYSTEM)
    unit: str | None = runner.entity("dispatcher", "city").state.cases["e1"].unit
    return unit


def test_a_shard_with_roads_sends_whom_the_road_is_shortest_for(tmp_path: Path) -> None:
    config = ShardConfig("postgresql://none", "redis://none", "00" * 32, data=str(tmp_path))
    assert sent(config) == "over", "by the straight line"
    folder = str(roads(tmp_path / "network"))
    by_road = ShardConfig(
        "postgresql://none", "redis://none", "00" * 32, data=str(tmp_path), roads=folder
    )
    assert sent(by_road) == "this"
    assert list((tmp_path / "roads").iterdir()), "what was computed is kept"


def test_without_roads_travel_is_the_air_line() -> None:
    assert travel_of(load_settings({})) == GreatCircle()


@pytest.mark.parametrize(
    ("nodes", "zone", "setting", "why"),
    [
        ("id,lat\na,1\n", "UTC", "roads", "nodes.csv, line 1"),
        ("id,x,y\nscene,0,0\nover,0,1\nthis,0,2\n", "UTC", "roads", "id,lat,lon"),
        (NODES, "Mars/Olympus_Mons", "roads_zone", "no time zone 'Mars/Olympus_Mons'"),
    ],
)
def test_what_cannot_be_used_is_refused_by_the_settings_name(
    nodes: str, zone: str, setting: str, why: str, tmp_path: Path
) -> None:
    environ = {
        variable("data"): str(tmp_path),
        variable("roads"): str(roads(tmp_path / "network", nodes)),
        variable("roads_zone"): zone,
    }
    with pytest.raises(RoadsRefused, match=why) as refused:
        travel_of(load_settings(environ))
    assert refused.value.setting == setting
    assert str(refused.value).startswith(variable(setting))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    environ = {variable("data"): str(tmp_path), variable("roads"): str(tmp_path / "nowhere")}
    with pytest.raises(RoadsRefused, match=r"nodes\.csv"):
        travel_of(load_settings(environ))
