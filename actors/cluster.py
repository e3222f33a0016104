"""Shards as Ray actors: the only file that imports ray.

A shard runs in a thread of its own inside its actor process, with its own event loop, so that it
takes its slots and works from the moment the process lives, also after Ray restarted it, and not
only when somebody calls. The actor's methods hand bytes over to that loop.

What was learned of Ray and is minded here: the class is plain and wrapped late (a decorated class
is pickled by value, with its module's globals); refs are awaited, never `ray.get` in async code;
handles are looked up by name, and again after an error; an error may follow a call that succeeded,
so every command has an id and a repeat is harmless. That also allows `max_task_retries=-1`: calls
to a dead shard wait and go out when it is back, after 1.5 s, where without it each fails after 2 s
and the next one may again. A call never waits for what may not come (1,000 slots).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from importlib import import_module
from typing import Any, Final, Protocol

import msgspec
import ray
import ray.exceptions
import uvloop
from msgspec import Struct

from actors.envelope import (
    Envelope,
    Reply,
    Status,
    decode_envelopes,
    decode_replies,
    decode_signals,
    encode,
)
from actors.errors import Unavailable
from actors.ports import JournalError, Transport
from actors.shard import Shard
from actors.stats import Stats
from config.collector import relax_collector

log = logging.getLogger(__name__)

NAMESPACE: Final = "maxray"
# Between attempts to take the slots: PostgreSQL restarts in seconds, and callers wait for them.
START_BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
# How long a shard that is asked to stop may take to answer what waits.
STOP_GRACE_S: Final = 10.0
# How long a shard may take to say who it is; it says so even while it waits for its journal.
DESCRIBE_TIMEOUT_S: Final = 5.0


class ShardFactory(Protocol):
    """Builds a shard from the bytes given to `start_shards`; named `module:function`.

    Raises JournalError while the database cannot be reached; it is called again then.
    """

    def __call__(
        self, index: int, transport: Transport, on_fenced: Callable[[], None], config: bytes
    ) -> Awaitable[Shard]: ...


class Described(Struct, frozen=True):
    """Who a running shard is: enough to tell whether it is the one that is wanted."""

    index: int
    shards: int
    digest: str
    pid: int
    node: str


def actor_name(index: int) -> str:
    return f"shard-{index}"


def _digest(factory: str, config: bytes) -> str:
    return sha256(factory.encode() + b"\0" + config).hexdigest()


class ShardHost:
    """The Ray actor around one shard."""

    def __init__(self, index: int, shards: int, factory: str, config: bytes) -> None:
        self._index = index
        self._shards = shards
        self._digest = _digest(factory, config)
        module, _, function = factory.partition(":")
        self._build: ShardFactory = getattr(import_module(module), function)
        self._config = config
        self._shard: Shard | None = None
        self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        threading.Thread(target=self._run, name=f"shard-{index}", daemon=True).start()

    def _run(self) -> None:
        relax_collector()
        asyncio.set_event_loop(self._loop)
        self._starting = self._loop.create_task(self._start())
        self._loop.run_forever()

    async def _start(self) -> None:
        shard: Shard | None = None
        failures = 0
        while self._shard is None:
            try:
                if shard is None:
                    shard = await self._build(
                        self._index, RayTransport(self._shards), _end_process, self._config
                    )
                await shard.start()
                self._shard = shard
            except JournalError as error:
                delay = START_BACKOFF_S[min(failures, len(START_BACKOFF_S) - 1)]
                log.warning("shard %d waits for its journal: %s", self._index, error)
                failures += 1
                await asyncio.sleep(delay)
            except Exception:  # Ray starts the actor again; half a shard must not stay
                log.critical("shard %d cannot start", self._index, exc_info=True)
                _end_process()

    async def _in_shard(self, work: Callable[[Shard], Awaitable[bytes]]) -> bytes:
        shard = self._shard
        if shard is None:
            raise RuntimeError(f"shard {self._index} is starting")

        async def run() -> bytes:
            return await work(shard)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._loop))

    async def submit(self, payload: bytes) -> bytes:
        if self._shard is None:
            starting = Reply(Status.UNAVAILABLE, b"the shard is starting")
            return encode([starting] * len(decode_envelopes(payload)))

        async def work(shard: Shard) -> bytes:
            return encode(await shard.submit(decode_envelopes(payload)))

        return await self._in_shard(work)

    async def signal(self, payload: bytes) -> None:
        shard = self._shard
        if shard is not None:
            self._loop.call_soon_threadsafe(lambda: shard.signal(decode_signals(payload)))

    async def stats(self) -> bytes:
        async def work(shard: Shard) -> bytes:
            return msgspec.json.encode(shard.stats)

        return await self._in_shard(work)

    async def check(self) -> None:
        async def work(shard: Shard) -> bytes:
            await shard.check()
            return b""

        await self._in_shard(work)

    async def stop(self) -> None:
        async def work(shard: Shard) -> bytes:
            async with asyncio.timeout(STOP_GRACE_S):
                await shard.stop()
            return b""

        if self._shard is not None:
            await self._in_shard(work)

    async def describe(self) -> bytes:
        node = ray.get_runtime_context().get_node_id()
        described = Described(self._index, self._shards, self._digest, os.getpid(), node)
        return msgspec.json.encode(described)


def _end_process() -> None:
    # Not sys.exit: a fenced writer must not run another line, not even its exit handlers.
    os._exit(70)


class RayTransport:
    """Reaches shards by name on the cluster this process is connected to."""

    def __init__(self, shards: int) -> None:
        self.shards = shards
        self._handles: dict[int, Any] = {}

    async def _handle(self, shard: int) -> Any:
        handle = self._handles.get(shard)
        if handle is None:
            try:
                # A blocking call to the cluster's directory: not in the event loop.
                handle = await asyncio.to_thread(
                    ray.get_actor, actor_name(shard), namespace=NAMESPACE
                )
            except (ValueError, ray.exceptions.RayError) as error:
                raise Unavailable(f"shard {shard} is not running") from error
            self._handles[shard] = handle
        return handle

    async def _call(self, shard: int, method: str, *args: bytes) -> Any:
        handle = await self._handle(shard)
        try:
            return await getattr(handle, method).remote(*args)
        except ray.exceptions.RayError as error:
            self._handles.pop(shard, None)
            raise Unavailable(f"shard {shard}: {type(error).__name__}") from error

    async def submit(self, shard: int, envelopes: Sequence[Envelope]) -> Sequence[Reply]:
        return decode_replies(await self._call(shard, "submit", encode(envelopes)))

    def signal(self, shard: int, payload: bytes) -> None:
        handle = self._handles.get(shard)
        if handle is None:
            # Best effort: this one is lost, the handle will be there for the next.
            self._lookup(shard)
            return
        try:
            handle.signal.options(num_returns=0).remote(payload)
        except ray.exceptions.RayError:
            self._handles.pop(shard, None)

    def _lookup(self, shard: int) -> None:
        task = asyncio.ensure_future(self._handle(shard))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def stats(self, shard: int) -> Stats:
        return msgspec.json.decode(await self._call(shard, "stats"), type=Stats)

    async def check(self, shard: int) -> None:
        """Raise Unavailable unless the shard can handle commands."""
        await self._call(shard, "check")

    async def describe(self, shard: int) -> Described:
        return msgspec.json.decode(await self._call(shard, "describe"), type=Described)


def connect(address: str) -> None:
    """Join the cluster at `address` (`host:port`) as a driver. Once per process, at start-up."""
    # ray.init takes SIGTERM for itself, and a worker that cannot be told to end does not drain.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    ray.init(
        address=address,
        namespace=NAMESPACE,
        log_to_driver=False,
        configure_logging=False,
        logging_level=logging.WARNING,
    )
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)


def disconnect() -> None:
    ray.shutdown()


async def start_shards(shards: int, factory: str, config: bytes) -> None:
    """See to it that exactly `shards` shards of this configuration run, and return when all answer.

    One that runs already as wanted is left alone; all others are stopped before any is started,
    for one that is cut differently would fence the new ones, and they it. Shards outlive this
    process; Ray restarts a dead one, on another node if need be.
    """
    wanted = {actor_name(index): index for index in range(shards)}
    running = await asyncio.to_thread(_running)
    keep = {
        name
        for name in running & wanted.keys()
        if await _is_wanted(wanted[name], shards, _digest(factory, config))
    }
    await asyncio.gather(*(_end(name) for name in running - keep))
    for name in wanted.keys() - keep:
        _create(wanted[name], shards, factory, config)
    transport = RayTransport(shards)
    for index in range(shards):
        await _answering(transport, index)


async def _is_wanted(index: int, shards: int, digest: str) -> bool:
    """Whether this is how a running shard is cut and configured; one that is silent is not."""
    try:
        async with asyncio.timeout(DESCRIBE_TIMEOUT_S):
            described = await RayTransport(shards).describe(index)
    except (Unavailable, TimeoutError):
        return False
    return described.shards == shards and described.digest == digest


def _create(index: int, shards: int, factory: str, config: bytes) -> None:
    ray.remote(ShardHost).options(
        name=actor_name(index),
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=1_000,
        num_cpus=0,
        scheduling_strategy="SPREAD",
    ).remote(index, shards, factory, config)


async def _end(name: str) -> None:
    """Stop a shard cleanly, then for good."""
    try:
        handle = await asyncio.to_thread(ray.get_actor, name, namespace=NAMESPACE)
    except ValueError:
        return
    try:
        async with asyncio.timeout(STOP_GRACE_S + DESCRIBE_TIMEOUT_S):
            await handle.stop.remote()
    except (ray.exceptions.RayError, TimeoutError) as error:
        log.warning("%s did not stop cleanly: %s", name, type(error).__name__)
    await asyncio.to_thread(ray.kill, handle, no_restart=True)
    # The name is free a moment after the kill.
    while name in await asyncio.to_thread(_running):  # noqa: ASYNC110  Ray has no event for it
        await asyncio.sleep(0.05)  # each look is a call to the cluster's directory


def _running() -> set[str]:
    """Names of the shards that the cluster knows."""
    return {
        entry["name"]
        for entry in ray.util.list_named_actors(all_namespaces=True)
        if entry["namespace"] == NAMESPACE and entry["name"].startswith("shard-")
    }


async def stop_shards() -> None:
    """Stop every shard of this cluster cleanly: answers given, publications out."""
    await asyncio.gather(*(_end(name) for name in await asyncio.to_thread(_running)))


async def _answering(transport: RayTransport, index: int) -> None:
    delay = 0.02  # most answer at once; one that has to take its slots needs a second or two
    while True:
        try:
            await transport.check(index)
            return
        except Unavailable:
            await asyncio.sleep(delay)
            delay = min(delay * 2, 0.5)
