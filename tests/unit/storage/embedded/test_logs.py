"""Log files are bounded and quoted."""

from __future__ import annotations

import stat
from pathlib import Path

from storage.embedded import logs


def test_a_log_over_the_limit_moves_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with logs.appending(log) as writer:
        writer.write(b"old" * 10)
        writer.flush()
        logs.rotate(log, limit_bytes=40)
        assert not (tmp_path / "x.log.1").exists()
        logs.rotate(log, limit_bytes=20)
        writer.write(b"new")
    assert (tmp_path / "x.log.1").read_text() == "old" * 10
    assert log.read_text() == "new"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_tail_begins_no_earlier_than_asked(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("a" * 5000 + "end")
    assert logs.tail(log, offset=5000) == "end"
    assert len(logs.tail(log)) == 2000
    assert logs.tail(tmp_path / "absent") == ""
    assert logs.size(tmp_path / "absent") == 0
