"""Where the demo finds the service it was started beside."""

from __future__ import annotations

import pytest

from config import Secret, Settings
from web.demo.__main__ import target_of


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8123"),
        ("0.0.0.0", "http://127.0.0.1:8123"),
        ("::", "http://[::1]:8123"),
        ("::1", "http://[::1]:8123"),
        ("10.1.2.3", "http://10.1.2.3:8123"),
    ],
)
def test_the_service_is_reached_where_it_listens(host: str, url: str) -> None:
    secret = Secret("s" * 40)
    settings = Settings(host=host, port=8123, region="north", token_secret=secret)
    target = target_of(settings)
    assert (target.url, target.region, target.secret) == (url, "north", secret)
