"""Who may do what, and through which door: `python -m web.access.reference docs/access.md`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from actors.domain import access, relationship
from actors.domain.access import PRINCIPALS, RULES, by_role_alone, could
from actors.domain.kernel import Role
from web.access.doors import DOORS, OPEN_DOOR
from web.channels.calls import CALLS
from web.channels.catalogue import CHANNELS

_NOTE: Final = "<!-- Generated: python -m web.access.reference docs/access.md -->\n"
_LEGEND: Final = """\
A cell says which of these things a role may do it to: `all` of them, or those that are its `own`,
of a `family` it acts for, of a child whose `guardian` it is, its `own link` to a family, whose
`crew` it is, that wait for its `consultation`, that it opened by `break-glass`. — is none, whatever
the thing; then the answer is 403. Where it depends on the thing, another's is answered with 404, as
what does not exist is. A family manager is a patient's account as it stands to those it acts for.
"""


def page() -> str:
    """docs/access.md as it is now."""
    return "\n".join(
        [
            _NOTE,
            f"# Who may do what\n\n{(access.__doc__ or '').strip()}\n",
            f"{_LEGEND}\n{access.table()}",
            f"## Relationships\n\n{(relationship.__doc__ or '').strip()}\n",
            "## Routes\n\nWhat a route asks for before anything else, and who can come in by it: "
            "everybody of a role, or, in brackets, who stands in the right relation.\n",
            _table("route", {f"{method} {path}": door for (method, path), door in DOORS.items()}),
            "## Calls of devices\n\nA device speaks for its own unit and nobody else; whoever is "
            "no device is answered with 403, also where the same is his by another door.\n",
            _calls(),
            "## Channels\n",
            _table(
                "channel",
                {kind.address: f"subscribe.{kind.name}" for kind in CHANNELS.values()},
            ),
        ]
    )


def _table(what: str, asks: dict[str, str]) -> str:
    rows = [f"| `{name}` | {_action(action)} | {_who(action)} |" for name, action in asks.items()]
    return "\n".join([f"| {what} | asks for | who |", "| --- | --- | --- |", *rows]) + "\n"


def _calls() -> str:
    """Whoever calls is a device: of the roles that the action's rule names, those that hold one."""
    rows = ["| call | asks for | who |", "| --- | --- | --- |"]
    for method, call in CALLS.items():
        roles = (_as_seen(role, call.action) for role in PRINCIPALS if call.serves(role))
        rows.append(f"| `{method}` | {_action(call.action)} | {', '.join(roles) or 'nobody'} |")
    return "\n".join(rows) + "\n"


def _action(action: str) -> str:
    return "no token" if action == OPEN_DOOR else f"`{action}`"


def _who(action: str) -> str:
    if action == OPEN_DOOR:
        return "everybody"
    roles = (_as_seen(role, action) for role in PRINCIPALS if could(role, action))
    return ", ".join(roles) if action in RULES else "nobody"


def _as_seen(role: Role, action: str) -> str:
    return role if by_role_alone(role, action) else f"({role})"


def main() -> None:
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
