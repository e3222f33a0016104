"""What a route owes the trail, said in its `opt`.

| route | its line |
| --- | --- |
| reads (GET) | durable before the answer leaves; without it 503, and nothing was shown |
| changes (POST, PUT, DELETE, …) | one is durable before the handler runs ("begun"), one says how it ended |
| `opt=COMMAND` | offered: the entity that is asked commits a line of its own; never refused |
| `opt=unaudited(why)` | none: there is nothing of anybody's in it |
| `opt=OPEN` (web.auth) | none of the hook: logins write their own (web/accounts/trail.py) |

So a route that says nothing is held to the strictest.
"""  # noqa: E501 - a row of a table is one line

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

_OPT: Final = "audit"
SAFE: Final = frozenset({"GET", "HEAD"})


class Duty(enum.Enum):
    """See above."""

    READ = "read"
    CHANGE = "change"
    COMMAND = "command"
    NONE = "none"


COMMAND: Final[dict[str, Any]] = {_OPT: Duty.COMMAND}


def unaudited(why: str) -> dict[str, Any]:
    """For what is nobody's record. `why` is for the reader, and for the test that lists them."""
    return {_OPT: Duty.NONE, "unaudited": why}


def why_unaudited(opt: Mapping[str, Any]) -> str | None:
    """What `unaudited` was given; None where the route is audited."""
    found: str | None = opt.get("unaudited")
    return found


def duty(method: str, opt: Mapping[str, Any], *, is_open: bool) -> Duty:
    """What a request of this method owes on a route with this `opt`."""
    if method == "OPTIONS":
        return Duty.NONE
    said = opt.get(_OPT)
    if isinstance(said, Duty):
        return said
    if is_open:
        return Duty.NONE
    return Duty.READ if method in SAFE else Duty.CHANGE
