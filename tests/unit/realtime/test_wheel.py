"""Timers fire once, never early, never not."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.wheel import TimerWheel
from tests.unit.realtime.clock import VirtualClock


class SteppedClock:
    """Time as a number; nobody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, delay_s: float) -> None:
        raise NotImplementedError


@given(
    st.lists(st.floats(0, 50), max_size=20),
    st.lists(st.floats(0.01, 20), min_size=1, max_size=20),
)
def test_every_timer_fires_once_and_within_a_tick(delays: list[float], steps: list[float]) -> None:
    clock = SteppedClock()
    wheel = TimerWheel(clock, 0.1)
    fired: dict[int, float] = {}
    for number, delay in enumerate(delays):

        def fire(number: int = number) -> None:
            assert number not in fired
            fired[number] = clock.time

        wheel.after(delay, fire)
    for step in steps:
        clock.time += step
        wheel.advance()
        for number, delay in enumerate(delays):
            if number in fired:
                assert fired[number] >= 1000.0 + delay - 1e-6
            else:
                assert clock.time < 1000.0 + delay + 0.2 + 1e-6


def test_a_cancelled_timer_does_not_fire_and_a_failing_one_does_no_harm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = SteppedClock()
    wheel = TimerWheel(clock, 0.1)
    fired: list[str] = []

    def fail() -> None:
        raise RuntimeError("broken")

    wheel.after(1, lambda: fired.append("cancelled")).cancel()
    wheel.after(1, fail)
    wheel.after(1, lambda: fired.append("after"))
    clock.time += 2
    with caplog.at_level(logging.CRITICAL, "realtime.wheel"):
        wheel.advance()
    assert fired == ["after"]


def test_a_timer_set_by_a_timer_fires_later() -> None:
    clock = SteppedClock()
    wheel = TimerWheel(clock, 0.1)
    fired: list[float] = []

    def again() -> None:
        wheel.after(0, lambda: fired.append(clock.time))

    wheel.after(0, again)
    clock.time += 0.5
    wheel.advance()
    assert fired == []
    clock.time += 0.1
    wheel.advance()
    assert len(fired) == 1


async def test_it_turns_by_itself() -> None:
    clock = VirtualClock()
    wheel = TimerWheel(clock, 0.1)
    fired: list[float] = []
    wheel.after(1.0, lambda: fired.append(clock.monotonic()))
    turning = asyncio.create_task(wheel.run())
    await clock.advance(0.9)
    assert fired == []
    await clock.advance(0.3)
    assert len(fired) == 1
    turning.cancel()
    await asyncio.gather(turning, return_exceptions=True)
