"""Joining a cluster leaves the process its own signals."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import ray

from actors import cluster


@pytest.fixture
def own_handlers() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_a_process_that_joins_still_hears_that_it_is_to_end(
    own_handlers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_options: object) -> None:  # what ray.init does to a driver's signals
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    monkeypatch.setattr(ray, "init", init)
    cluster.connect("127.0.0.1:1")
    signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
