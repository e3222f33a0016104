"""The heads of the chains: when they are written, and that their own loss or change is found."""

from __future__ import annotations

import pytest

from actors.clock import SystemClock
from storage.audit import HeadsUnavailable
from storage.audit.finding import Finding
from storage.audit.head_keeper import HeadKeeper, head_schedule
from tests.integration.storage.audit.tampered import Tampered, one_chain


async def test_heads_are_written_only_of_what_grew(tampered: Tampered) -> None:
    assert await tampered.keep() is None
    await one_chain(tampered.url)
    first = await tampered.keep()
    assert first is not None and next(iter(first.chains["access"].values())).seq == 12
    assert await tampered.keep() is None
    await one_chain(tampered.url)
    second = await tampered.keep()
    assert second is not None and second.number == 2
    assert second.chains["access"].keys().isdisjoint(first.chains["access"])
    assert len(tampered.store.objects) == 2
    assert (await tampered.report()).heads == 2


async def test_heads_that_cannot_be_stored_are_written_next_time(tampered: Tampered) -> None:
    await one_chain(tampered.url)
    tampered.store.available = False
    with pytest.raises(HeadsUnavailable):
        await tampered.keep()
    tampered.store.available = True
    written = await tampered.keep()
    assert written is not None and written.number == 1


async def test_heads_are_written_at_the_end(tampered: Tampered) -> None:
    clock = SystemClock()
    async with head_schedule(HeadKeeper(tampered.url, tampered.store, clock), 3600.0, clock):
        await one_chain(tampered.url)
        assert not tampered.store.objects
    assert len(tampered.store.objects) == 1


async def test_heads_that_are_gone_or_changed_are_found(tampered: Tampered) -> None:
    for _ in range(4):
        await one_chain(tampered.url, 1)
        await tampered.keep()
    whole = dict(tampered.store.objects)
    first, second, third, last = sorted(whole)

    async def heads() -> list[str]:
        found: tuple[Finding, ...] = (await tampered.report()).findings
        return [one.says for one in found if one.kind == "heads"]

    assert await heads() == []
    del tampered.store.objects[last]
    assert await heads() == ["heads 4 are gone from the object store"]
    del tampered.store.objects[second]
    assert "heads 2 to 2 are missing" in await heads()
    tampered.store.objects = {**whole, second: whole[second].replace(b'"at":', b'"at":1')}
    assert "heads 2 were changed in the object store" in await heads()
    tampered.store.objects = {**whole, second: b"{}"}
    assert f"{second} cannot be read as heads" in await heads()
    tampered.store.objects = {**whole, second: whole[third], third: whole[second]}
    assert f"{second} has the heads 3 in it" in await heads()
    tampered.store.objects = whole
    await tampered.run("DELETE FROM audit_head WHERE number > 2")
    assert await heads() == ["heads 3 to 4 are gone from PostgreSQL's list"]
    assert first
