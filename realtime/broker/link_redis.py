"""One connection to a Redis for the commands of many tasks.

Commands that are asked while others are being written leave together in one write, and answers come
in the order of the commands: a thousand callers need one connection, not a thousand. Each call ends
within `command_timeout_s`. A connection that broke, or did not
answer in time, is dropped with all that waits for it; the next call makes another.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import hiredis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from realtime.errors import BrokerUnavailable
from realtime.settings import BrokerSettings

Word: TypeAlias = str | bytes | int
Command: TypeAlias = tuple[Word, ...]


class ConnectionLost(BrokerUnavailable):
    """The connection ended before the answer came: whether Redis served the command is unknown.

    Most often it did not: the connection was dead, and nobody had noticed yet.
    """


class Script:
    """A Lua script that lies beside the module which calls it (`module`: its `__file__`)."""

    def __init__(self, module: str, name: str) -> None:
        self.text = Path(module).with_name(name).read_text(encoding="utf-8")
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], arguments: Sequence[Word]) -> Command:
        """For a Redis that knows the script already."""
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)

    def introduce(self, keys: Sequence[str], arguments: Sequence[Word]) -> Command:
        """With the text, so that Redis knows it from then on."""
        return ("EVAL", self.text, len(keys), *keys, *arguments)


class Connector:
    """Makes connections that are set up by us alone: no retries, no health checks.

    RESP2, so that pub/sub messages are plain arrays.
    """

    def __init__(self, url: str, settings: BrokerSettings) -> None:
        over_tcp: dict[str, Any] = {} if url.startswith("unix:") else {"socket_keepalive": True}
        self._pool = ConnectionPool.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=settings.connect_timeout_s,
            socket_timeout=settings.command_timeout_s,
            **over_tcp,
        )

    def new(self) -> AbstractConnection:
        """Not connected yet."""
        connection: AbstractConnection = self._pool.connection_class(**self._pool.connection_kwargs)
        return connection


def pack(commands: Sequence[Command]) -> bytes:
    """Commands as they travel."""
    # Its stub says tuples of one word; it takes any number.
    return b"".join(hiredis.pack_command(command) for command in commands)  # type: ignore[arg-type]


async def write(connection: AbstractConnection, packed: bytes) -> None:
    """Raises ConnectionLost where it did not leave, or perhaps not all of it."""
    try:
        await connection.send_packed_command(packed, check_health=False)
    # redis-py writes in a task of its own. When the reader has closed the connection by the time
    # that runs, it ends with whatever a missing writer (AttributeError) or a closed transport
    # (uvloop: RuntimeError) raises: not only with errors of redis-py and of sockets.
    except Exception as error:
        raise ConnectionLost(f"not written to Redis: {error}") from error


class _Line:
    """A connection that stands, and those who wait for its answers, in their order."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._unsent: list[bytes] = []
        self._waiting: deque[tuple[asyncio.Future[list[Any]], int]] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._reading = asyncio.create_task(self._read(), name="redis-link")
        self.broken: type[BrokerUnavailable] | None = None

    def send(self, commands: Sequence[Command]) -> asyncio.Future[list[Any]]:
        """The answers; what Redis refused is a ResponseError among them."""
        if self.broken is not None:
            raise self.broken("no connection to Redis")
        answers: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._unsent.append(pack(commands))
        self._waiting.append((answers, len(commands)))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="redis-link-write")
        return answers

    def drop(self, error: type[BrokerUnavailable], why: str) -> None:
        """Everybody who waits is told."""
        if self.broken is not None:
            return
        self.broken = error
        for task in (self._reading, self._writing):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        while self._waiting:
            answers, _ = self._waiting.popleft()
            if not answers.done():
                answers.set_exception(error(why))
                answers.exception()  # marked as seen: who asked may have gone

    async def ended(self) -> None:
        """Wait until the connection is closed, after `drop`."""
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _write(self) -> None:
        try:
            while self._unsent and self.broken is None:
                unsent, self._unsent = self._unsent, []
                await write(self._connection, b"".join(unsent))
        except ConnectionLost as error:
            self.drop(ConnectionLost, str(error))
        finally:
            self._writing = None

    async def _read(self) -> None:
        try:
            while True:
                answer = await self._answer()
                # Taken off after its first answer: a batch may break in the midst.
                answers, count = self._waiting[0]
                found = [answer]
                while len(found) < count:
                    found.append(await self._answer())
                self._waiting.popleft()
                if not answers.done():
                    answers.set_result(found)
        except (RedisError, OSError) as error:
            self.drop(ConnectionLost, str(error))
        finally:
            with contextlib.suppress(RedisError, OSError):
                await self._connection.disconnect(nowait=True)

    async def _answer(self) -> Any:
        try:
            # inf: no time limit of its own; silence is no fault where nothing was asked.
            return await self._connection.read_response(timeout=math.inf, disconnect_on_error=False)
        except ResponseError as error:
            return error


class RedisLink:
    """Connects when first used. For the tasks of one event loop."""

    def __init__(self, url: str, settings: BrokerSettings) -> None:
        self._connector = Connector(url, settings)
        self._timeout_s = settings.command_timeout_s
        self._line: _Line | None = None
        self._connecting: asyncio.Task[_Line] | None = None

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._line is not None:
            self._line.drop(BrokerUnavailable, "closed")
            await self._line.ended()
            self._line = None

    async def ask(self, *command: Word, repeat: bool = False) -> Any:
        """One command's answer. Raises BrokerUnavailable, also where Redis refuses.

        `repeat`: it may be carried out twice, so it is sent once more after ConnectionLost.
        """
        return (await self.ask_all([command], repeat))[0]

    async def ask_all(self, commands: Sequence[Command], repeat: bool = False) -> list[Any]:
        """The answers to commands that are sent together, and served one after the other.

        Raises BrokerUnavailable where one is refused; the others are carried out nevertheless.
        """
        return _granted(await self._send(commands, repeat))

    async def run(
        self, script: Script, keys: Sequence[str], *arguments: Word, repeat: bool = False
    ) -> Any:
        """A script's answer, in one round trip unless Redis has to learn it. As `ask`."""
        (answer,) = await self._send([script.call(keys, arguments)], repeat)
        if isinstance(answer, NoScriptError):
            return await self.ask(*script.introduce(keys, arguments), repeat=repeat)
        return _granted([answer])[0]

    async def _send(self, commands: Sequence[Command], repeat: bool) -> list[Any]:
        try:
            return await self._send_once(commands)
        except ConnectionLost:
            if not repeat:
                raise
        return await self._send_once(commands)

    async def _send_once(self, commands: Sequence[Command]) -> list[Any]:
        line: _Line | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                line = await self._standing()
                return await line.send(commands)
        except TimeoutError:
            if line is not None:
                line.drop(BrokerUnavailable, "Redis does not answer")
            raise BrokerUnavailable("Redis does not answer") from None

    async def _standing(self) -> _Line:
        if self._line is not None and self._line.broken is None:
            return self._line
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect(), name="redis-link-connect")
            self._connecting.add_done_callback(self._connected)
        # Shielded: one who gives up must not take the connection away from the others.
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> _Line:
        connection = self._connector.new()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py does not say
        except BaseException as error:  # also when cancelled: its socket is to be closed
            with contextlib.suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)
            if isinstance(error, (RedisError, OSError)):
                raise BrokerUnavailable(str(error)) from error
            raise
        return _Line(connection)

    def _connected(self, task: asyncio.Task[_Line]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._line = task.result()


def _granted(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, ResponseError):
            raise BrokerUnavailable(str(answer)) from answer
    return answers
