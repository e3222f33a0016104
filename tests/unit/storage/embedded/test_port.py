"""Ports: kept where they are free, chosen anew where they are not."""

from __future__ import annotations

import socket

import pytest

from storage.embedded import port


def test_a_kept_port_stays_while_it_is_free() -> None:
    first = port.choose(["a", "b"], {})
    assert port.choose(["b", "a"], first) == first
    assert len(set(first.values())) == 2


def test_a_kept_port_that_is_taken_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        taken = foreign.getsockname()[1]
        assert not port.is_free(taken)
        assert port.choose(["a"], {"a": taken})["a"] != taken


def test_a_port_with_an_offset_wants_both_free() -> None:
    kept = port.choose(["admin"], {}, {"admin": 10_000})
    with socket.create_server(("127.0.0.1", kept["admin"] + 10_000)):
        assert port.choose(["admin"], kept, {"admin": 10_000}) != kept


def test_no_free_port_is_an_error_that_says_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "is_free", lambda _: False)
    with pytest.raises(OSError, match="for redis"):
        port.choose(["redis"], {})
