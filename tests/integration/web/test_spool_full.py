"""A disk that is really full: what is asked for is found once, in order, or refused and said so."""

from __future__ import annotations

from pathlib import Path

from storage.spool.spool import SpoolLimits
from tests.integration.web.api import Api, problem
from tests.integration.web.conftest import Stack
from tests.integration.web.machine import Machine, machine_of
from tests.integration.web.small_disk import fill, small_disk

DISK, BALLAST = 4 << 20, 1 << 20
# More than fit into what is left of the last pages of the spool's files.
ASKED = 40


class Caller:
    """A patient, and what was answered: ids in the order of asking, and how many refusals."""

    def __init__(self, machine: Machine, patient: str) -> None:
        self.patient = patient
        self.ids: list[str] = []
        self.refused = 0
        self._machine = machine

    async def ask(self, n: int) -> None:
        answer = await self._machine.ask(self.patient, worker=n % 2)
        if answer.status_code == 202:
            self.ids.append(answer.json()["id"])
        else:
            said = problem(answer, 507, "spool-full")
            assert "disk" in said["detail"]
            self.refused += 1


async def test_on_a_full_disk_each_is_found_once_in_order_or_refused(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    limits = SpoolLimits(per_patient=4 * ASKED, ballast_bytes=BALLAST)
    async with (
        small_disk(tmp_path, DISK) as disk,
        machine_of(stack, api, disk / "spool", limits) as machine,
    ):
        callers = [Caller(machine, (await api.patient())["id"]) for _ in range(2)]

        async def everybody(rounds: int) -> tuple[int, int]:
            """How many were taken and refused."""
            before = [(len(one.ids), one.refused) for one in callers]
            for n in range(rounds):
                for one in callers:
                    await one.ask(n)
            after = [(len(one.ids), one.refused) for one in callers]
            taken, refused = (
                sum(new[at] - old[at] for new, old in zip(after, before, strict=True))
                for at in range(2)
            )
            return taken, refused

        machine.gate.shut()
        assert await everybody(1) == (2, 0)
        filler = fill(disk)
        # Into the room that was kept for them.
        assert await everybody(ASKED // 2) == (ASKED, 0)
        assert (disk / "spool" / "ballast").stat().st_size < BALLAST
        fill(disk)
        _, refused = await everybody(ASKED)
        assert refused > ASKED
        filler.unlink()
        assert await everybody(1) == (2, 0)
        machine.gate.open()
        await machine.replayed()
        for one in callers:
            found = [emergency["id"] for emergency in await machine.history(one.patient)]
            assert found == one.ids
