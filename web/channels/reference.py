"""The channels and calls as tables: `python -m web.channels.reference docs/channels.md`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import msgspec

from web.channels.calls import CALLS
from web.channels.catalogue import CHANNELS, PROMISES

BEGIN: Final = "<!-- channels: written by `python -m web.channels.reference` -->"
END: Final = "<!-- end of channels -->"


def tables() -> str:
    """What docs/channels.md has between its marks."""
    rows = ["| channel | delivery | who may | carries |", "| --- | --- | --- | --- |"]
    for kind in CHANNELS.values():
        fields = ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(kind.carries))
        keyed = f", one value a {kind.keyed_by}" if kind.keyed_by else ""
        rows.append(
            f"| `{kind.name}:<{kind.subject}>` | {kind.delivery}{keyed} | {kind.readers} "
            f"| {kind.says} {fields} |"
        )
    rows += ["", "| delivery | promise |", "| --- | --- |"]
    rows += [f"| {delivery} | {promise} |" for delivery, promise in PROMISES.items()]
    rows += ["", "| call | arguments | answer | what |", "| --- | --- | --- | --- |"]
    for method, call in CALLS.items():
        given = ", ".join(
            f"`{field.name}`{'' if field.required else '?'}"
            for field in msgspec.structs.fields(call.arguments)
        )
        rows.append(f"| `{method}` | {given} | {call.answers.__name__} | {call.says} |")
    return "\n".join(rows)


def with_tables(document: str) -> str:
    """The document with its tables as they are now. Raises ValueError without a place for them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no part between {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
