"""The router against a transport whose calls are answered by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from actors import router as router_module
from actors.clock import ManualClock
from actors.domain.kernel import DomainError, EntityRef, Sender
from actors.envelope import Envelope, Reply, Status, decode_signals, refused
from actors.errors import (
    Busy,
    CommandIdReused,
    DeadlineExceeded,
    RuntimeFault,
    Unavailable,
)
from actors.placement import shard_of, slot_of
from actors.router import BATCH, CALLS_IN_FLIGHT, Router, RouterLimits
from tests.account import Deposit, Ping, View
from tests.waiting import until

BY = Sender("patient", "p")
OK = Reply(Status.OK, b"1")
REF = EntityRef("account", "a")
DEPOSIT = Deposit(amount=1)


class Call:
    """One call on its way: `answer` it, or let it `fail`."""

    def __init__(self, shard: int, envelopes: Sequence[Envelope]) -> None:
        self.shard = shard
        self.envelopes = envelopes
        self.reply: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()

    @property
    def ids(self) -> list[str]:
        return [envelope.id for envelope in self.envelopes]

    def answer(self, *replies: Reply) -> None:
        self.reply.set_result(list(replies) or [OK] * len(self.envelopes))

    def fail(self, error: Exception) -> None:
        self.reply.set_exception(error)


class Wire:
    """The transport: calls wait here until the test answers them, or all get `always`."""

    def __init__(self, shards: int = 1) -> None:
        self.shards = shards
        self.always: Reply | None = None
        self.calls: list[Call] = []
        self.signals: list[tuple[int, bytes]] = []

    async def submit(self, shard: int, envelopes: Sequence[Envelope]) -> Sequence[Reply]:
        call = Call(shard, envelopes)
        self.calls.append(call)
        if self.always is not None:
            call.answer(*[self.always] * len(envelopes))
        return await call.reply

    def signal(self, shard: int, payload: bytes) -> None:
        self.signals.append((shard, payload))

    async def arrived(self, how_many: int) -> None:
        async def there() -> bool:
            return len(self.calls) >= how_many

        await until(there)


class Caller:
    """Asks with ids that count up: "0", "1", …"""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.asked = 0

    def ask(
        self,
        ref: EntityRef = REF,
        *,
        times: int = 1,
        urgent: bool = False,
        timeout_s: float = 10.0,
    ) -> list[asyncio.Task[bytes]]:
        tasks = []
        for _ in range(times):
            ask = self.router.ask(
                ref, DEPOSIT, id=str(self.asked), by=BY, urgent=urgent, timeout_s=timeout_s
            )
            tasks.append(asyncio.create_task(ask))
            self.asked += 1
        return tasks


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def limits() -> RouterLimits | None:
    return None


@pytest.fixture
async def router(wire: Wire, limits: RouterLimits | None) -> AsyncIterator[Router]:
    router = Router(wire, ManualClock(), limits)
    yield router
    await router.close()


@pytest.fixture
def caller(router: Router) -> Caller:
    return Caller(router)


# ---------------------------------------------------------------------- batching


async def test_callers_of_one_turn_share_a_call(wire: Wire, caller: Caller) -> None:
    tasks = caller.ask(times=5)
    await wire.arrived(1)
    assert wire.calls[0].ids == ["0", "1", "2", "3", "4"]
    wire.calls[0].answer()
    assert await asyncio.gather(*tasks) == [b"1"] * 5
    assert len(wire.calls) == 1


async def test_while_two_calls_are_in_flight_the_rest_gather_in_one(
    wire: Wire, caller: Caller
) -> None:
    assert CALLS_IN_FLIGHT == 2
    tasks = caller.ask()
    await wire.arrived(1)
    tasks += caller.ask()
    await wire.arrived(2)
    for _ in range(10):
        tasks += caller.ask()
        await asyncio.sleep(0)
    assert len(wire.calls) == 2
    wire.calls[0].answer()
    await wire.arrived(3)
    assert wire.calls[2].ids == [str(n) for n in range(2, 12)]
    wire.calls[1].answer()
    wire.calls[2].answer()
    await asyncio.gather(*tasks)


async def test_a_call_has_a_limit(wire: Wire, caller: Caller) -> None:
    tasks = caller.ask(times=BATCH + 3)
    await wire.arrived(1)
    assert len(wire.calls[0].envelopes) == BATCH
    wire.calls[0].answer()
    await wire.arrived(2)
    assert len(wire.calls[1].envelopes) == 3
    wire.calls[1].answer()
    await asyncio.gather(*tasks)


async def test_urgent_commands_have_calls_of_their_own(wire: Wire, caller: Caller) -> None:
    tasks = caller.ask()
    await wire.arrived(1)
    tasks += caller.ask()
    await wire.arrived(2)
    tasks += caller.ask(times=3)
    tasks += caller.ask(urgent=True)
    await wire.arrived(3)
    assert wire.calls[2].ids == ["5"]
    assert wire.calls[2].envelopes[0].urgent
    wire.calls[2].answer()
    await tasks[5]
    for call in wire.calls[:2]:
        call.answer()
    await wire.arrived(4)
    wire.calls[3].answer()
    await asyncio.gather(*tasks)


async def test_each_shard_has_calls_of_its_own() -> None:
    wire = Wire(shards=2)
    router = Router(wire, ManualClock())
    refs = [EntityRef("account", str(n)) for n in range(20)]
    caller = Caller(router)
    tasks = [task for ref in refs for task in caller.ask(ref)]
    await wire.arrived(2)
    for call in wire.calls:
        assert {shard_of(slot_of(e.kind, e.entity), 2) for e in call.envelopes} == {call.shard}
        call.answer()
    await asyncio.gather(*tasks)
    await router.close()


# ---------------------------------------------------------------------- retries


@pytest.mark.parametrize("error", [Unavailable("gone"), ValueError("a fault of the transport")])
async def test_a_failed_call_is_sent_again_under_the_same_ids(
    wire: Wire, caller: Caller, error: Exception
) -> None:
    tasks = caller.ask(times=3)
    await wire.arrived(1)
    wire.calls[0].fail(error)
    await wire.arrived(2)
    assert wire.calls[1].envelopes == wire.calls[0].envelopes
    wire.calls[1].answer()
    assert await asyncio.gather(*tasks) == [b"1"] * 3


async def test_only_what_has_no_final_answer_is_sent_again(wire: Wire, caller: Caller) -> None:
    tasks = caller.ask(times=4)
    await wire.arrived(1)
    wire.calls[0].answer(
        OK, Reply(Status.BUSY), Reply(Status.WRONG_SHARD), Reply(Status.ID_REUSED, b"used")
    )
    await wire.arrived(2)
    assert wire.calls[1].ids == ["1", "2"]
    wire.calls[1].answer()
    assert await asyncio.gather(*tasks[:3]) == [b"1"] * 3
    with pytest.raises(CommandIdReused, match="used"):
        await tasks[3]


async def test_a_call_that_does_not_come_back_is_given_up_and_sent_again(
    wire: Wire, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router_module, "CALL_TIMEOUT_S", 0.05)
    [task] = caller.ask()
    await wire.arrived(2)
    assert wire.calls[0].reply.cancelled()
    wire.calls[1].answer()
    assert await task == b"1"


async def test_a_retry_goes_before_what_came_after_it(wire: Wire, caller: Caller) -> None:
    first = caller.ask()
    await wire.arrived(1)
    wire.calls[0].answer(Reply(Status.BUSY))
    # Both calls of the lane are taken when the retry's pause is over.
    first += caller.ask()
    await wire.arrived(2)
    first += caller.ask()
    await wire.arrived(3)
    first += caller.ask(times=2)

    async def requeued() -> bool:
        return len(caller.router._lanes[0][1].queue) == 3

    await until(requeued)
    wire.calls[1].answer()
    await wire.arrived(4)
    assert wire.calls[3].ids == ["0", "3", "4"]
    wire.calls[2].answer()
    wire.calls[3].answer()
    await asyncio.gather(*first)


# ---------------------------------------------------------------------- answers


async def test_final_answers_become_what_they_stand_for(wire: Wire, caller: Caller) -> None:
    tasks = caller.ask(times=2)
    await wire.arrived(1)
    wire.calls[0].answer(
        refused(DomainError("full", "no room", ("later",))), Reply(Status.FAULT, b"a bug")
    )
    with pytest.raises(DomainError) as caught:
        await tasks[0]
    assert (caught.value.code, caught.value.allowed) == ("full", ("later",))
    with pytest.raises(RuntimeFault, match="a bug"):
        await tasks[1]


async def test_a_read_has_an_id_that_nobody_used_and_says_that_it_is_one(
    wire: Wire, router: Router
) -> None:
    reads = [asyncio.create_task(router.read(REF, View(), by=BY)) for _ in range(2)]
    await wire.arrived(1)
    assert all(envelope.read for envelope in wire.calls[0].envelopes)
    assert len(set(wire.calls[0].ids)) == 2
    wire.calls[0].answer()
    await asyncio.gather(*reads)


# ---------------------------------------------------------------------- deadlines and bounds


async def test_without_an_answer_in_time_the_outcome_is_unknown(wire: Wire, caller: Caller) -> None:
    [task] = caller.ask(timeout_s=0.05)
    with pytest.raises(DeadlineExceeded):
        await task
    # The late answer hurts nobody, and nothing is sent again.
    wire.calls[0].answer()
    [after] = caller.ask()
    await wire.arrived(2)
    assert wire.calls[1].ids == ["1"]
    wire.calls[1].answer()
    await after


async def test_the_deadline_travels_with_the_command(wire: Wire, caller: Caller) -> None:
    [task] = caller.ask(timeout_s=7.0)
    await wire.arrived(1)
    assert wire.calls[0].envelopes[0].expires_at == ManualClock().now() + 7.0
    wire.calls[0].answer()
    await task


async def test_a_shard_without_room_until_the_deadline_is_busy(wire: Wire, caller: Caller) -> None:
    wire.always = Reply(Status.BUSY)
    [task] = caller.ask(timeout_s=0.2)
    with pytest.raises(Busy):
        await task
    assert len(wire.calls) > 1


async def test_busy_after_a_call_without_an_answer_is_an_unknown_outcome(
    wire: Wire, caller: Caller
) -> None:
    [task] = caller.ask(timeout_s=0.2)
    await wire.arrived(1)
    wire.always = Reply(Status.BUSY)
    wire.calls[0].fail(Unavailable("gone"))
    with pytest.raises(DeadlineExceeded):
        await task
    assert len(wire.calls) > 1


@pytest.mark.parametrize("limits", [RouterLimits(waiting=3)])
async def test_more_than_the_bound_is_busy_at_once_in_its_lane_alone(
    wire: Wire, caller: Caller
) -> None:
    tasks = caller.ask(times=3)
    await wire.arrived(1)
    [over] = caller.ask()
    with pytest.raises(Busy):
        await over
    tasks += caller.ask(urgent=True)
    await wire.arrived(2)
    for call in wire.calls:
        call.answer()
    await asyncio.gather(*tasks)
    [after] = caller.ask()
    await wire.arrived(3)
    wire.calls[2].answer()
    assert await after == b"1"


# ---------------------------------------------------------------------- telemetry


async def test_signals_gather_and_the_newest_of_an_entity_wins(wire: Wire, router: Router) -> None:
    for n in range(3):
        router.signal(REF, Ping(n=n))
    router.signal(EntityRef("account", "b"), Ping(n=9))

    async def sent() -> bool:
        return bool(wire.signals)

    await until(sent)
    [(shard, payload)] = wire.signals
    assert shard == 0
    assert [(one.entity, one.body) for one in decode_signals(payload)] == [
        ("a", b'{"type":"Ping","n":2}'),
        ("b", b'{"type":"Ping","n":9}'),
    ]


@pytest.mark.parametrize("limits", [RouterLimits(signals=2)])
async def test_signals_over_the_bound_are_dropped(wire: Wire, router: Router) -> None:
    for name in "abc":
        router.signal(EntityRef("account", name), Ping(n=1))
    router.signal(EntityRef("account", "a"), Ping(n=2))

    async def sent() -> bool:
        return bool(wire.signals)

    await until(sent)
    [(_, payload)] = wire.signals
    assert [(one.entity, one.body[-2:]) for one in decode_signals(payload)] == [
        ("a", b"2}"),
        ("b", b"1}"),
    ]


# ---------------------------------------------------------------------- the end


async def test_closing_ends_what_waits_what_travels_and_what_comes(
    wire: Wire, caller: Caller
) -> None:
    tasks = caller.ask()
    await wire.arrived(1)
    tasks += caller.ask()
    await wire.arrived(2)
    tasks += caller.ask()  # waits for a call
    await asyncio.sleep(0)
    wire.calls[0].answer(Reply(Status.BUSY))  # waits for its retry
    await wire.arrived(3)
    caller.router.signal(REF, Ping(n=1))
    await caller.router.close()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in outcomes] == [DeadlineExceeded] * 3
    calls = len(wire.calls)
    with pytest.raises(Unavailable):
        await caller.router.ask(REF, DEPOSIT, id="late", by=BY)
    assert (len(wire.calls), wire.signals) == (calls, [])
