"""Which of Piccolo's engines a query runs on: the one of the context it runs in.

Piccolo's tables, and its migrations, know one engine for the whole process. They are given
`CURRENT`, which stands for the engine that `using` names, so that several can be in use at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

from piccolo.engine.postgres import PostgresEngine


class Engine(PostgresEngine):
    """Connects to nothing when it is made. Piccolo's own asks the server for its version then,
    synchronously, in the middle of our event loop."""

    def __init__(self, database_url: str, **options: Any) -> None:
        super().__init__({"dsn": database_url, **options})

    async def check_version(self) -> None:
        return

    async def prep_database(self) -> None:
        return


_engine: ContextVar[PostgresEngine] = ContextVar("piccolo_engine")


@contextmanager
def using(engine: PostgresEngine) -> Iterator[None]:
    """Queries made in this context run on that engine."""
    token = _engine.set(engine)
    try:
        yield
    finally:
        _engine.reset(token)


def current() -> PostgresEngine:
    """The engine of this context. Raises LookupError outside of `using`."""
    return _engine.get()


class _Current:
    def __getattr__(self, name: str) -> Any:
        return getattr(current(), name)


CURRENT: Final = cast(PostgresEngine, _Current())
