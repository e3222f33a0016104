"""docs/access.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from actors.domain.access import PRINCIPALS, RULES, could
from web.access.doors import DOORS, OPEN_DOOR
from web.access.reference import page
from web.channels.calls import CALLS
from web.channels.catalogue import CHANNELS

PAGE = Path(__file__).parents[4] / "docs" / "access.md"


def test_the_page_is_made_from_the_tables_of_today() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: make docs"


def test_every_door_call_and_channel_asks_for_an_action_that_somebody_may() -> None:
    asked = {door for door in DOORS.values() if door != OPEN_DOOR}
    asked |= {call.action for call in CALLS.values()}
    asked |= {f"subscribe.{name}" for name in CHANNELS}
    assert asked <= set(RULES)
    for action in asked:
        assert any(could(role, action) for role in PRINCIPALS), action


def test_calls_are_for_devices_only_whatever_else_the_action_allows() -> None:
    assert could("ops", CALLS["tasks"].action) and not CALLS["tasks"].serves("ops")
    text = page()
    for name, call in CALLS.items():
        assert f"| `{name}` | `{call.action}` | (paramedic) |" in text


def test_the_page_shows_them_all() -> None:
    text = page()
    for method, path in DOORS:
        assert f"| `{method} {path}` |" in text
    for name in CALLS:
        assert f"| `{name}` |" in text
    for kind in CHANNELS.values():
        assert f"| `{kind.address}` |" in text
