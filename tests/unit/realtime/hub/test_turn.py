"""What leaves at the end of a turn of the event loop."""

from __future__ import annotations

import pytest

from realtime.hub.turn import Turn
from realtime.metrics import Metrics
from tests.unit.realtime.clock import settle


class Recorder:
    def __init__(self, said: list[str], name: str) -> None:
        self._said = said
        self._name = name

    def flush(self) -> None:
        self._said.append(self._name)


async def test_runs_come_before_writers_and_each_once() -> None:
    turn, said = Turn(Metrics()), list[str]()
    turn.write(Recorder(said, "writer"))
    turn.give_out(lambda: said.append("run"))
    assert said == []
    await settle()
    assert said == ["run", "writer"]


async def test_writers_that_a_run_asks_for_write_in_the_same_turn() -> None:
    turn, said = Turn(Metrics()), list[str]()
    turn.give_out(lambda: turn.write(Recorder(said, "writer")))
    await settle(1)
    assert said == ["writer"]


async def test_many_writers_leave_room_for_others() -> None:
    turn, said = Turn(Metrics()), list[str]()
    for number in range(1200):
        turn.write(Recorder(said, str(number)))
    written = []
    while len(said) < 1200:
        await settle(1)
        written.append(len(said))
    assert len(written) > 2
    assert said == [str(number) for number in range(1200)]


async def test_a_failure_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    turn, said = Turn(Metrics()), list[str]()
    turn.give_out(fail)
    turn.give_out(lambda: said.append("run"))
    turn.write(Recorder(said, "writer"))
    await settle()
    assert said == ["run", "writer"]
    assert "could not be given out" in caplog.text


async def test_the_time_to_the_write_is_observed_for_each_run() -> None:
    metrics = Metrics()
    turn = Turn(metrics)
    turn.give_out(lambda: None)
    turn.give_out(lambda: None)
    turn.write(Recorder([], ""))
    await settle()
    assert sum(metrics.publish_to_write_s.counts) == 2
