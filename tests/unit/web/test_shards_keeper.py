"""The shards' keeper starts nothing under settings that make no sense."""

from __future__ import annotations

import logging

import pytest

from config.source import variable
from web import shards


def test_a_policy_that_is_none_is_refused_by_name_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {
        "database_url": "postgres://nobody@127.0.0.1:1/none",
        "redis_url": "redis://127.0.0.1:1/0",
        "ray_address": "127.0.0.1:1",
        "master_key": "00" * 32,
        "dispatch_policy": "astrology",
    }.items():
        monkeypatch.setenv(variable(name), value)
    # The test's own handlers are to stay.
    monkeypatch.setattr(shards, "configure_logging", lambda *_: None)
    with caplog.at_level(logging.CRITICAL):
        assert shards.main() == 2
    assert variable("dispatch_policy") in caplog.text and "astrology" in caplog.text
    assert "closest_idle" in caplog.text, "it says which there are"
