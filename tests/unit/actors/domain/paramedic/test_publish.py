"""What the device and the fleet see of a unit."""

from __future__ import annotations

from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic.commands import AcceptTask
from tests.unit.actors.domain.cast import SYSTEM
from tests.unit.actors.domain.paramedic.unit import ME, U, a_task, accepted, offer
from tests.unit.actors.domain.world import REGION, World


def test_the_device_gets_the_task_with_all_its_crew_needs(world: World) -> None:
    world.publications.clear()
    offer(world, a_task())
    (update,) = [p.data for p in world.publications if p.channel == "device:u"]
    assert (update.event, update.tasks) == ("TaskOffered", ("t",))
    assert update.task.symptoms == ("chest tight",)
    assert update.task.expires_at.endswith("Z")


def test_the_device_sees_what_was_taken_from_it(world: World) -> None:
    accepted(world)
    world.publications.clear()
    world.ask(U, WithdrawTask(task="t", reason="over"), SYSTEM)
    (update,) = [p.data for p in world.publications if p.channel == "device:u"]
    assert (update.task.id, update.tasks, update.reason) == ("t", (), "over")


def test_the_fleet_sees_status_and_task_but_not_offers(world: World) -> None:
    world.publications.clear()
    offer(world, a_task())
    assert not [p for p in world.publications if p.channel == f"fleet:{REGION}"]
    world.ask(U, AcceptTask(task="t"), ME)
    (row,) = [p for p in world.publications if p.channel == f"fleet:{REGION}"]
    assert (row.delivery, row.key) == ("latest", "u")
    assert (row.data.status, row.data.emergency) == ("on_task", "e-t")
    assert "chest" not in repr(row)
