"""Timeouts that share a timer: each expires at its own time, and only if it was not dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.deadlines import Deadlines


class Loop:
    """A loop's clock and timers, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[..., None], *args: Any) -> Loop:
        return self.call_at(self.now + delay, call, *args)

    def call_at(self, at: float, call: Callable[..., None], *args: Any) -> Loop:
        self.timers.append((at, call, args))
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def run_to(self, moment: float) -> None:
        while due := [timer for timer in self.timers if timer[0] <= moment]:
            timer = min(due, key=lambda one: one[0])
            self.timers.remove(timer)
            self.now = timer[0]
            timer[1](*timer[2])
        self.now = moment


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


def test_each_expires_at_its_own_time_whatever_the_others_do(loop: Loop) -> None:
    expired: list[tuple[str, float]] = []
    deadlines: Deadlines[str] = Deadlines(lambda one: expired.append((one, loop.now)))
    deadlines.add("long", 5.0)
    deadlines.add("a", 1.0)
    loop.run_to(0.4)
    deadlines.add("b", 1.0)
    deadlines.add("dropped", 1.0)
    loop.run_to(0.7)
    deadlines.add("c", 1.0)
    deadlines.drop("dropped", 1.0)
    loop.run_to(10.0)
    assert expired == [("a", 1.0), ("b", 1.4), ("c", 1.7), ("long", 5.0)]
    assert len(deadlines) == 0 and loop.timers == []


def test_who_comes_after_all_others_are_gone_has_its_full_time(loop: Loop) -> None:
    expired: list[float] = []
    deadlines: Deadlines[str] = Deadlines(lambda _: expired.append(loop.now))
    deadlines.add("a", 1.0)
    deadlines.drop("a", 1.0)
    loop.run_to(0.9)
    deadlines.add("b", 1.0)
    loop.run_to(3.0)
    deadlines.drop("b", 1.0)
    deadlines.add("c", 1.0)
    loop.run_to(9.0)
    assert expired == [1.9, 4.0]


def test_cleared_nothing_expires(loop: Loop) -> None:
    expired: list[str] = []
    deadlines: Deadlines[str] = Deadlines(expired.append)
    deadlines.add("a", 1.0)
    deadlines.clear()
    loop.run_to(9.0)
    assert expired == [] and len(deadlines) == 0
