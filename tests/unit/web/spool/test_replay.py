"""The replay: order, pauses, who waits for whom; in virtual time, on a real spool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from actors.clock import ManualClock
from actors.domain.timestamp import rfc3339
from actors.errors import Unavailable
from storage.audit import MemoryAuditTrail
from storage.encryption import LocalSealer, MasterKeys
from storage.spool import Spool, Spooled
from storage.spool.spool import SpoolLimits
from web.spool.replay import FAULT, FAULTS, LOOK_EVERY_S, PAUSES_S, Replayer
from web.spool.store import PURPOSE, SpoolStore

KEY = "0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000.0


class Here(Executor):
    """Runs everything at once, in the caller's thread: time stands still meanwhile."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # as an Executor does: the caller is given it
            future.set_exception(error)
        return future


class Entities:
    """Where emergencies are raised; told what goes wrong, by emergency."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.wrong: dict[str, Exception | str] = {}
        self.tried: list[tuple[str, float]] = []
        self.raised: list[str] = []

    async def reraise(self, spooled: Spooled) -> str | None:
        self.tried.append((spooled.emergency_id, self._clock.now()))
        match self.wrong.get(spooled.emergency_id):
            case Exception() as error:
                raise error
            case str() as reason:
                return reason
        self.raised.append(spooled.emergency_id)
        return None

    def times(self, emergency: str) -> list[float]:
        return [at for id_, at in self.tried if id_ == emergency]


class Stage:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.entities = Entities(self.clock)
        self.spool = Spool(folder, SpoolLimits(ballast_bytes=0))
        sealer = LocalSealer(MasterKeys(KEY), PURPOSE)
        self.store = SpoolStore(self.spool, sealer, Here())
        self.audit = MemoryAuditTrail()
        self.task: asyncio.Task[None]

    def put(self, *calls: tuple[str, str]) -> None:
        """Pairs of emergency and patient."""
        self.spool.append(
            [Spooled(f"c-{id_}", b"print", id_, patient, NOW, b"sealed") for id_, patient in calls]
        )

    def replayer(self) -> Replayer:
        lock = self.store.replayer_lock()
        return Replayer(self.store, lock, self.entities.reraise, self.audit, self.clock)

    async def look(self) -> None:
        """Time for one look, and for what it begins."""
        await self.clock.advance(LOOK_EVERY_S)

    def waiting(self) -> list[str]:
        return [one.emergency_id for one in self.spool.waiting()]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path / "spool")
    await stage.store.open()
    stage.task = asyncio.create_task(stage.replayer().run())
    await stage.clock.advance(0)
    yield stage
    stage.task.cancel()
    await asyncio.gather(stage.task, return_exceptions=True)
    await stage.store.close()


async def test_a_patients_emergencies_are_raised_in_order(stage: Stage) -> None:
    stage.put(("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a"))
    stage.entities.wrong["a1"] = Unavailable("away")
    await stage.look()
    assert stage.entities.raised == ["b1"]
    assert not stage.entities.times("a2")
    del stage.entities.wrong["a1"]
    await stage.clock.advance(10)
    assert stage.entities.raised == ["b1", "a1", "a2", "a3"]
    assert stage.waiting() == []


async def test_the_trail_says_when_the_call_came_in_and_how_long_it_waited(stage: Stage) -> None:
    stage.put(("a1", "a"))
    stage.entities.wrong["a1"] = Unavailable("away")
    await stage.clock.advance(90)
    del stage.entities.wrong["a1"]
    await stage.clock.advance(10)
    (line,) = stage.audit.entries
    assert (line.action, line.id, line.patients) == ("emergency.replay", "a1", ("a",))
    assert line.details["received_at"] == rfc3339(NOW)
    assert line.details["waited_s"] == round(line.at - NOW) > 89


async def test_what_is_away_is_asked_again_after_growing_pauses(stage: Stage) -> None:
    stage.put(("a1", "a"))
    stage.entities.wrong["a1"] = TimeoutError()
    await stage.look()
    await stage.clock.advance(sum(PAUSES_S) + 2 * PAUSES_S[-1])
    tried = stage.entities.times("a1")
    pauses = [round(after - before, 6) for before, after in pairwise(tried)]
    assert pauses == [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]]
    assert stage.waiting() == ["a1"]


async def test_what_comes_in_while_it_is_replayed_is_found(stage: Stage) -> None:
    stage.put(("a1", "a"))
    await stage.look()
    stage.put(("a2", "a"))
    await stage.look()
    assert stage.entities.raised == ["a1", "a2"]


async def test_a_dead_letter_lets_the_next_one_pass(stage: Stage) -> None:
    stage.put(("a1", "a"), ("a2", "a"))
    stage.entities.wrong["a1"] = "gone"
    await stage.look()
    assert stage.entities.raised == ["a2"]
    ((id_, reason),) = [(one.emergency_id, one.reason) for one in stage.spool.summary().dead]
    assert (id_, reason) == ("a1", "gone")
    line = next(one for one in stage.audit.entries if one.id == "a1")
    assert (line.action, line.outcome, line.reason) == ("emergency.raise", "failed", "gone")
    assert (line.id, line.patients) == ("a1", ("a",))


async def test_a_fault_of_ours_holds_a_patient_up_for_a_while_and_not_for_ever(
    stage: Stage,
) -> None:
    stage.put(("a1", "a"), ("a2", "a"))
    stage.entities.wrong["a1"] = ZeroDivisionError()
    await stage.look()
    await stage.clock.advance(sum(PAUSES_S) + PAUSES_S[-1])
    assert len(stage.entities.times("a1")) == FAULTS
    (letter,) = stage.spool.summary().dead
    assert (letter.emergency_id, letter.reason) == ("a1", FAULT)
    assert stage.entities.raised == ["a2"]


async def test_one_replays_and_another_takes_over_when_it_ends(stage: Stage) -> None:
    other = asyncio.create_task(stage.replayer().run())
    stage.put(("a1", "a"))
    stage.entities.wrong["a1"] = Unavailable("away")
    await stage.look()
    assert len(stage.entities.times("a1")) == 1  # by one of the two
    del stage.entities.wrong["a1"]
    stage_task = next(
        t for t in asyncio.all_tasks() if "Replayer.run" in repr(t) and t is not other
    )
    stage_task.cancel()
    await asyncio.gather(stage_task, return_exceptions=True)
    await stage.look()
    assert stage.entities.raised == ["a1"]
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
