"""The JavaScript SDK: one Node process (js/driver.mjs) that runs the clients of all tests.

A line to it is `{"id", "client", "call", "args"}`; a line from it either answers one,
`{"id", "result" | "error"}`, or reports a handler's call, `{"client", "channel", "event"}`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from tests.acceptance.sdk import node
from tests.acceptance.sdk.sdk import (
    PATIENCE_S,
    Event,
    History,
    Info,
    Kind,
    Log,
    Refused,
    Subscribe,
    Transport,
    ready,
)

_LINE_BYTES = 8 * 1024 * 1024  # a snapshot of a large map is one line


class _Failure(msgspec.Struct, frozen=True):
    code: int
    message: str
    temporary: bool


class _Line(msgspec.Struct, frozen=True):
    id: int = 0
    result: Any = None
    error: _Failure | None = None
    client: str = ""
    channel: str | None = None
    event: Event | None = None


_decode = msgspec.json.Decoder(_Line).decode


class Driver:
    """The Node process. What it prints on stderr shows among the test's own output."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._logs: dict[tuple[str, str | None], Log] = {}
        self._ids = itertools.count(1)

    async def start(self) -> None:
        await asyncio.to_thread(node.install)
        self._process = await asyncio.create_subprocess_exec(
            str(node.executable()),
            "--experimental-eventsource",  # browsers have one; Node's is behind this switch
            "--disable-warning=ExperimentalWarning",
            str(node.FOLDER / "driver.mjs"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        ended: Exception = ConnectionError("the Node process ended")
        try:
            async for text in self._process.stdout:
                self._take(_decode(text))
        except msgspec.MsgspecError as error:
            ended = error
            raise
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ended)

    def _take(self, line: _Line) -> None:
        if line.event is not None:
            self._logs[line.client, line.channel].add(line.event)
            return
        answer = self._answers.pop(line.id)
        if answer.done():
            return  # nobody waits for it any longer
        if line.error is not None:
            error = line.error
            answer.set_exception(Refused(error.code, error.message, error.temporary))
        else:
            answer.set_result(line.result)

    def log(self, client: str, channel: str | None = None) -> Log:
        """Where the events of this client, or of one of its subscriptions, go."""
        return self._logs.setdefault((client, channel), Log())

    async def call(self, client: str, call: str, **args: Any) -> Any:
        """Raises Refused for what the SDK rejects."""
        assert self._process is not None and self._process.stdin is not None
        if self._reader is None or self._reader.done():
            raise ConnectionError("nobody reads what the Node process says")
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        line = {"id": number, "client": client, "call": call, "args": args}
        self._process.stdin.write(msgspec.json.encode(line) + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            return await answer


class JavaScriptSubscription:
    def __init__(
        self, driver: Driver, client: str, channel: str, kind: Kind, options: Subscribe
    ) -> None:
        self.log = driver.log(client, channel)
        self._driver = driver
        self._client = client
        self._channel = channel
        self._kind = kind
        # The SDK's words are in camel case.
        self._options = msgspec.to_builtins(
            {_camel(name): value for name, value in msgspec.to_builtins(options).items()}
        )

    async def subscribe(self) -> None:
        await self._call("subscribe", kind=self._kind, options=self._options)

    async def unsubscribe(self) -> None:
        await self._call("unsubscribe")

    async def unsubscribe_on(self, event: str) -> None:
        """From within the handler of this event, the next time it is called."""
        await self._call("unsubscribeOn", event=event)

    async def ready(self) -> Event:
        return await ready(self.log)

    async def publish(self, key: str, data: Any) -> None:
        await self._call("mapPublish", key=key, data=data)

    async def remove(self, key: str) -> None:
        await self._call("mapRemove", key=key)

    async def deltas(self) -> int:
        """How many publications came as a difference to the one before."""
        number: int = await self._call("deltas")
        return number

    async def _call(self, call: str, **args: Any) -> Any:
        return await self._driver.call(self._client, call, channel=self._channel, **args)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


class JavaScriptClient:
    """Of one connection to `http`, the address of the server as http://host:port."""

    _numbers = itertools.count(1)

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._name = f"client-{next(self._numbers)}"
        self.log = driver.log(self._name)

    @classmethod
    async def create(
        cls,
        driver: Driver,
        http: str,
        *,
        transport: Transport,
        protobuf: bool,
        token: str = "",
        tokens: Sequence[str] | None = None,
        data: Any = None,
    ) -> JavaScriptClient:
        client = cls(driver)
        scheme = "ws" + http.removeprefix("http") if transport == "websocket" else http
        await client._call(
            "create",
            endpoints=[{"transport": transport, "endpoint": f"{scheme}/connection/{transport}"}],
            emulation=f"{http}/emulation",
            protobuf=protobuf,
            token=token,
            tokens=tokens,
            data=data,
        )
        return client

    async def connect(self) -> None:
        await self._call("connect")

    async def disconnect(self) -> None:
        await self._call("disconnect")

    async def close(self) -> None:
        await self._call("close")

    async def new_subscription(
        self, channel: str, options: Subscribe, kind: Kind = "stream"
    ) -> JavaScriptSubscription:
        return JavaScriptSubscription(self._driver, self._name, channel, kind, options)

    async def publish(self, channel: str, data: Any) -> None:
        await self._call("publish", channel=channel, data=data)

    async def rpc(self, method: str, data: Any) -> Any:
        return await self._call("rpc", method=method, data=data)

    async def send(self, data: Any) -> None:
        await self._call("send", data=data)

    async def presence(self, channel: str) -> list[Info]:
        return msgspec.convert(await self._call("presence", channel=channel), list[Info])

    async def presence_stats(self, channel: str) -> tuple[int, int]:
        clients, users = await self._call("presenceStats", channel=channel)
        return clients, users

    async def history(
        self,
        channel: str,
        *,
        limit: int = 0,
        since: tuple[int, str] | None = None,
        reverse: bool = False,
    ) -> History:
        position = {"offset": since[0], "epoch": since[1]} if since else None
        options = {"limit": limit, "since": position, "reverse": reverse}
        return msgspec.convert(
            await self._call("history", channel=channel, options=options), History
        )

    async def _call(self, call: str, **args: Any) -> Any:
        return await self._driver.call(self._name, call, **args)
