"""How a supervised process says that it is ready."""

from __future__ import annotations

from pathlib import Path

from config.ready import READY_VARIABLE, announce_ready


def test_the_named_file_is_made(tmp_path: Path) -> None:
    announce_ready({READY_VARIABLE: str(tmp_path / "worker")})
    assert (tmp_path / "worker").exists()


def test_outside_of_a_supervisor_nothing_happens() -> None:
    announce_ready({})
