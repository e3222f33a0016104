"""Sees every address that this process looks up or connects to, whichever library does it."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Final

_EVENTS: Final = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"})
_watching: list[Outbound] = []
_installed: list[bool] = []


class Outbound:
    """A context manager. `targets`: hosts, or paths of unix sockets, in the order of the calls."""

    def __init__(self) -> None:
        self.targets: list[tuple[str, int | str | None]] = []

    def __enter__(self) -> Outbound:
        if not _installed:  # a hook cannot be taken away again
            sys.addaudithook(_hook)
            _installed.append(True)
        _watching.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _watching.remove(self)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event not in _EVENTS:
        return
    target: Any = arguments[1] if event == "socket.connect" else arguments[:2]
    if isinstance(target, tuple):
        host, port = target[0], target[1] if len(target) > 1 else None
    else:
        host, port = target, None
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    for watcher in _watching:
        watcher.targets.append((name, port))
