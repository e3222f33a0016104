"""One connection to PostgreSQL for the trail, with "not now" told apart from faults of ours."""

from __future__ import annotations

from typing import Final

import asyncpg

# Together not longer than a caller waits for an answer (web.services, `answer_timeout_s`).
CONNECT_TIMEOUT_S: Final = 3.0
COMMAND_TIMEOUT_S: Final = 5.0
# One statement at a time, of known shape: planning it anew each time costs more than it saves.
_SESSION: Final = {"application_name": "maxray audit", "jit": "off"}

# What asyncpg raises when the server is gone, restarting, full, or does not answer in time.
LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


async def connect(url: str) -> asyncpg.Connection:
    """Raises what is in LOST."""
    return await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=_SESSION,
    )


def why(error: BaseException) -> str:
    """The class only: messages of the driver may quote a statement's values."""
    return f"PostgreSQL is out of reach or refuses ({type(error).__name__})"
