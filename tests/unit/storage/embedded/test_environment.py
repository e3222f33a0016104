"""What a server inherits."""

from __future__ import annotations

from storage.embedded.environment import inherited


def test_nothing_that_would_reconfigure_a_server_is_inherited() -> None:
    kept = {"PATH": "/bin", "HOME": "/h", "LANG": "C", "SPG": "1"}
    dropped = dict.fromkeys(
        ["PGDATA", "PGHOST", "RAY_ADDRESS", "MAXRAY_PORT", "WEED_X", "AWS_PROFILE", "S3_BUCKET"],
        "x",
    )
    assert inherited({**kept, **dropped}) == kept
