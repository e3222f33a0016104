"""Lines of sockets whose patients are looked up first: batched, kept while that fails, never
lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from actors.clock import SystemClock
from actors.domain.kernel import Sender
from realtime.ports import Identity
from storage.audit import MemoryAuditTrail
from storage.encryption.key_store_memory import MemoryKeyStore
from storage.records import RecordsUnavailable
from tests.integration.realtime.waiting import until
from tests.unit.storage.encryption.vaults import opened
from web.access.caller import Caller
from web.access.decision import Decision
from web.audit import socket_audit
from web.audit.socket_audit import SocketAudit

WHO = Identity(
    user="paramedic:u7", info=Caller(Sender("paramedic", "u7"), "192.0.2.7", "c1"), token_id="s1"
)
WHOSE = {"e1": "p1", "e2": "p2"}


class Index:
    """Whose emergencies are. `away` as PostgreSQL may be; `asked` of each look-up."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[frozenset[str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def whose(self, emergencies: Collection[str]) -> Mapping[str, str]:
        self.asked.append(frozenset(emergencies))
        await self.open.wait()
        if self.away:
            raise RecordsUnavailable("away")
        return {one: WHOSE[one] for one in emergencies if one in WHOSE}


class Patience(SystemClock):
    """Sleeps no longer than it takes to give others a turn."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def about(*emergencies: str, written: str = "") -> Decision:
    return Decision(
        identity=WHO,
        action="task.answer",
        kind="task",
        id="t1",
        outcome="allowed",
        emergencies=emergencies,
        written=written,
        details={"call": "task.accept", "command": "abc"},
    )


async def test_a_line_says_who_of_whom_from_where_and_which_order() -> None:
    trail, index = MemoryAuditTrail(), Index()
    async with opened(MemoryKeyStore(), "0" * 32) as vault:
        audit = SocketAudit(trail, SystemClock(), vault, index.whose)
        audit(about("e2", "e1", "unknown"))
        assert trail.entries == []  # nobody waited
        await audit.close()
    (line,) = trail.entries
    assert (line.role, line.subject, line.address) == ("paramedic", "u7", "192.0.2.7")
    assert line.patients == ("p2", "p1")
    assert line.details == {
        "call": "task.accept",
        "command": "abc",
        "connection": "c1",
        "emergency": "e2",
        "session": "s1",
    }


async def test_lines_that_come_during_a_look_up_share_the_next_one() -> None:
    trail, index = MemoryAuditTrail(), Index()
    async with opened(MemoryKeyStore(), "0" * 32) as vault:
        audit = SocketAudit(trail, SystemClock(), vault, index.whose)
        index.open.clear()
        audit(about("e1"))
        await until(lambda: index.asked)
        for _ in range(50):
            audit(about("e1"))
            audit(about("e2"))
        index.open.set()
        await audit.close()
    assert index.asked == [{"e1"}, {"e1", "e2"}]
    assert len(trail.entries) == 101 and all(line.patients for line in trail.entries)


async def test_what_cannot_be_looked_up_waits_and_at_the_end_goes_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket_audit, "CLOSE_WITHIN_S", 0.01)
    trail, index, clock = MemoryAuditTrail(), Index(), Patience()
    async with opened(MemoryKeyStore(), "0" * 32) as vault:
        audit = SocketAudit(trail, clock, vault, index.whose)
        index.away = True
        audit(about("e1", written="no fuel"))
        await until(lambda: len(clock.slept) > 3)
        assert trail.entries == []
        index.away = False
        await until(lambda: trail.entries)
        index.open.clear()  # and does not answer any more
        audit(about("e2", written="a flat tyre"))
        await audit.close()
    kept, bare = trail.entries
    assert kept.patients == ("p1",) and kept.note is not None
    assert (bare.patients, bare.note, bare.details["emergency"]) == ((), None, "e2")


async def test_a_reason_is_sealed_for_the_patient_whose_task_it_is_and_never_for_another() -> None:
    trail, index = MemoryAuditTrail(), Index()
    async with opened(MemoryKeyStore(), "0" * 32) as vault:
        audit = SocketAudit(trail, SystemClock(), vault, index.whose)
        audit(about("e2", "e1", written="no fuel"))
        audit(about("unknown", "e1", written="whose is it"))
        await audit.close()
        mine, nobodys = trail.entries
        assert mine.note is not None
        assert vault.open("p2", mine.note, b"audit.note") == b"no fuel"
    assert nobodys.note is None and nobodys.patients == ("p1",)


async def test_what_is_about_no_emergency_goes_at_once() -> None:
    trail, index = MemoryAuditTrail(), Index()
    async with opened(MemoryKeyStore(), "0" * 32) as vault:
        audit = SocketAudit(trail, SystemClock(), vault, index.whose)
        audit(Decision(identity=WHO, action="subscribe.ops", kind="ops", id="r", outcome="denied"))
        (line,) = trail.entries
    assert (line.outcome, line.reason, index.asked) == ("denied", "not-related", [])
