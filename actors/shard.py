"""A shard: the home of thousands of entities, and the group commit that makes them durable.

Commands wait in two lanes (intake.py); the pump takes urgent ones first, executes them
synchronously (decide, apply: no await, so an entity handles one command at a time by construction)
into a batch, and commits one batch while the next is being filled (group_commit.py). Nothing is
answered, published or sent on before the batch that contains it is committed. Entities therefore
run ahead of the database by at most two batches; when a commit fails they are thrown away, loaded
again, and the same commands are executed again, which is safe because deciding is pure and command
ids make a repeat harmless.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from actors.activation import Activations
from actors.courier import Courier
from actors.domain.kernel import Behaviour, Context, DomainError, EntityRef, Sender, Wake
from actors.entity import Entity
from actors.envelope import Envelope, Reply, SignalEnvelope, Status, refused
from actors.errors import BadCommand
from actors.group_commit import FAULT, GroupCommit
from actors.intake import ID_LENGTH, Call, Entry, Intake, nameable
from actors.limits import Limits
from actors.placement import slot_of, slots_of
from actors.ports import (
    Clock,
    Journal,
    JournalUnavailable,
    Publisher,
    Transport,
)
from actors.relay import Relay
from actors.stats import Stats
from actors.sweep import Sweep
from actors.telemetry import Telemetry
from actors.timers import Timers

log = logging.getLogger(__name__)

# Deadlines have a resolution of a second (DESIGN §3).
TICK_S: Final = 1.0
# Should a wake be lost (no room, journal away), it is sent again after this long.
WAKE_AGAIN_S: Final = 5.0
WAKE: Final = b'{"type":"Wake"}'

_EXPIRED: Final = Reply(Status.UNAVAILABLE, b"the deadline passed before")
_STOPPING: Final = Reply(Status.WRONG_SHARD, b"the shard is stopping")


class Shard:
    """One shard. `start` takes its slots; after that `submit` and `signal` may be called.

    `owner` names this very incarnation and nothing else, ever: its audit chains bear that name.
    `on_fenced` is called once when a newer owner has taken over; the process must then end.
    """

    def __init__(
        self,
        index: int,
        kinds: Mapping[str, Behaviour[Any]],
        journal: Journal,
        publisher: Publisher,
        transport: Transport,
        clock: Clock,
        owner: str,
        on_fenced: Callable[[], None],
        limits: Limits | None = None,
    ) -> None:
        self.index = index
        self.stats = Stats(shard=index)
        self._kinds = kinds
        self._journal = journal
        self._clock = clock
        self._on_fenced = on_fenced
        self._limits = limits or Limits()
        self._slots = slots_of(index, transport.shards)
        self._intake = Intake(self._limits, self.stats)
        self._entities = Activations(
            kinds, journal, clock, self._limits, self._put_back, self._not_loaded
        )
        self._parked: set[str] = set()
        # Patients who were erased, and of whom entities in memory may still know.
        self._erased: set[str] = set()
        self._timers = Timers()
        self._relay = Relay(
            journal, publisher, lambda: self._commits.epochs, self._channel_of, clock
        )
        self._courier = Courier(transport, index, self._accept_messages)
        self._work = asyncio.Event()
        self._commits = GroupCommit(
            journal,
            self._slots,
            owner,
            clock,
            self.stats,
            self._intake,
            self._entities,
            self._timers,
            self._relay,
            self._courier,
            progress=self._work.set,
            park=self._fail,
            fenced=self._fenced,
        )
        self._telemetry = Telemetry(
            self._entities, self._owns, self._courier, self._relay.put, clock, self.stats
        )
        self._sweep = Sweep(
            index,
            journal,
            self._slots,
            clock,
            self._courier,
            self._commits,
            self._limits.answer_retention_s,
            self._parked,
            self._accept_messages,
            self._fenced,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._open = False

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Take the slots (fencing whoever had them), arm the timers, and begin to work.

        Raises JournalError when that cannot be done now; it may be called again then.
        """
        await self._commits.take()
        self._open = True
        self._tasks = [
            asyncio.create_task(task)
            for task in (
                self._pump(),
                self._entities.run(),
                self._relay.run(),
                self._tick_loop(),
                self._sweep.run(),
                self._sweep.prune(),
            )
        ]
        for task in self._tasks:
            task.add_done_callback(self._task_ended)

    async def stop(self) -> None:
        """Answer what waits, publish what was committed, then end. New commands are refused."""
        if not self._open:
            return
        self._open = False
        await self._intake.drained()
        if self._commits.ended:
            return
        self._commits.ended = True
        await self._courier.settle()
        self._courier.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._relay.settle()
        except Exception as error:  # the successor republishes from the watermark
            log.warning("shard %d: last publications left to a successor: %s", self.index, error)

    def kill(self) -> None:
        """End at once, as a process does that is killed: nothing more is answered or written.

        Callers are told to ask the successor.
        """
        self._open, self._commits.ended = False, True
        self._intake.abandon()
        self._courier.cancel()
        for task in (*self._tasks, self._commits.task):
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    def _give_up(self) -> None:
        """Fenced, or broken: answer nobody, write nothing, tell the process to end."""
        if not self._commits.ended:
            self.kill()
            self._on_fenced()

    def _fenced(self) -> None:
        log.warning("shard %d was fenced: a newer owner has its slots", self.index)
        self._give_up()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("shard %d stops: a loop of it failed", self.index, exc_info=error)
            self._give_up()

    def forget(self, patient: str) -> None:
        """This patient's data was erased from the journal: drop it from memory as well.

        Done at the next tick, and again until no entity with work in progress is left.
        """
        self._erased.add(patient)

    async def check(self) -> None:
        """Raise JournalUnavailable unless commands can be handled now."""
        if not self._open:
            raise JournalUnavailable(f"shard {self.index} is not open")
        await self._journal.check()

    # ------------------------------------------------------------------ commands in

    async def submit(self, envelopes: Sequence[Envelope]) -> Sequence[Reply]:
        """Take commands in; return when each has its reply. No command's fault is raised."""
        if not envelopes:
            return []
        call = Call(len(envelopes))
        for index, envelope in enumerate(envelopes):
            reply = self._accept(envelope, call, index)
            if reply is not None:
                call.answer(index, reply)
        self._work.set()
        await call.done
        return [reply for reply in call.replies if reply is not None]

    def signal(self, signals: Iterable[SignalEnvelope]) -> None:
        """Let entities absorb telemetry."""
        if self._open:
            self._telemetry.take(signals)

    def _owns(self, kind: str, entity: str) -> bool:
        return kind in self._kinds and slot_of(kind, entity) in self._commits.epochs

    def _accept(self, envelope: Envelope, call: Call | None, index: int) -> Reply | None:
        if not self._open:
            return _STOPPING
        behaviour = self._kinds.get(envelope.kind)
        if behaviour is None:
            text = f"no entity is of kind {envelope.kind!r}; kinds: {', '.join(self._kinds)}"
            return Reply(Status.BAD_COMMAND, text.encode())
        if not (nameable(envelope.entity) and nameable(envelope.id)):
            text = f"ids have 1 to {ID_LENGTH} characters, none of them a control character"
            return Reply(Status.BAD_COMMAND, text.encode())
        slot = slot_of(envelope.kind, envelope.entity)
        if slot not in self._commits.epochs:
            return Reply(Status.WRONG_SHARD, f"shard {self.index} does not own the slot".encode())
        urgent = envelope.urgent or behaviour.urgent
        return self._intake.accept(envelope, slot, urgent, call, index)

    def _accept_messages(self, envelopes: Iterable[Envelope]) -> None:
        """Messages out of the outbox: nobody waits; one that finds no room is swept up later."""
        for envelope in envelopes:
            if envelope.id not in self._parked:
                reply = self._accept(envelope, None, 0)
                if reply is not None and reply.status is Status.BAD_COMMAND:
                    self._park(envelope, reply.body.decode())
        self._work.set()

    def _park(self, envelope: Envelope, reason: str) -> None:
        """A message that cannot be handled stays in the outbox, and is let lie until a restart."""
        log.error("message %s to %s is parked: %s", envelope.id, envelope.ref, reason)
        self._parked.add(envelope.id)
        self.stats.parked = len(self._parked)

    # ------------------------------------------------------------------ the pump

    async def _pump(self) -> None:
        while True:
            more = self._fill()
            staged = self._commits.staged
            # What waits joins this commit rather than the next, but nothing urgent waits for it.
            whole = not more or staged.urgent or len(staged) >= self._limits.batch
            if self._commits.task is None and staged.entries and whole:
                self._commits.begin().add_done_callback(self._task_ended)
            elif not more:
                self._work.clear()
                await self._work.wait()
            await asyncio.sleep(0)  # others of the loop have their turn between two slices

    def _fill(self) -> bool:
        """Execute a slice of what waits, urgent first. True: more could be executed at once."""
        urgent, normal = self._intake.urgent, self._intake.normal
        budget = self._limits.slice
        # One moment for a slice, which takes a few ms: to write a time as text costs 2 µs each.
        now = self._clock.now()
        while budget and urgent and self._may_join(urgent[0]):
            self._run(urgent.popleft(), now)
            budget -= 1
        while (
            budget
            and normal
            and len(self._commits.staged) < self._limits.batch
            and self._may_join(normal[0])
        ):
            self._run(normal.popleft(), now)
            budget -= 1
        return not budget

    def _may_join(self, entry: Entry) -> bool:
        staged = self._commits.staged
        return not staged.sealed and not (entry.suspect and staged.entries)

    def _run(self, entry: Entry, now: float) -> None:
        entity = self._entities.get(entry.ref, now)
        if entity is None:
            self._entities.wait(entry)
        elif entry.envelope.expires_at < now:
            self._commits.staged.finish(entry, _EXPIRED, store=False)
        else:
            self._execute(entry, entity, now)
            self._commits.staged.sealed = entry.suspect and bool(self._commits.staged.entries)

    def _execute(self, entry: Entry, entity: Entity, now: float) -> None:
        envelope, staged, behaviour = entry.envelope, self._commits.staged, entity.behaviour
        if envelope.refusal:
            # Kept as the answer by the commit, which finds the one that was there before.
            staged.finish(entry, Reply(Status.REFUSED, envelope.refusal), store=True)
            return
        by = Sender(envelope.role, envelope.subject, envelope.ties)
        context = Context(now, by, envelope.id, entity.telemetry or {})
        # The answers of reads are not kept, nor those of wakes that found nothing to do.
        store = not envelope.read
        try:
            command = entity.command(envelope.body)
            wake = isinstance(command, Wake)
            if wake and not envelope.outbox:
                store = False
            decision = behaviour.decide(entity.state, command, context)
            if envelope.read and (decision.events or decision.sends):
                raise BadCommand(f"{type(command).__name__} is not a read: it changes state")
            staged.record(
                entry,
                entity,
                type(command).__name__,
                decision,
                context,
                self._commits.chain,
                store=store,
            )
            if wake and not decision.events and entity.pins == 0:
                # Nothing was due (the deadline moved meanwhile): arm what the state asks for.
                # A pinned entity's timer is set by the commit that is on its way.
                due = behaviour.wake_at(entity.state)
                self._timers.set(entry.ref, None if due is None else max(due, now + TICK_S))
        except DomainError as error:
            staged.finish(entry, refused(error), store=store)
        except BadCommand as error:
            self._fail(entry, Reply(Status.BAD_COMMAND, str(error).encode()))
        except Exception:  # a bug in a behaviour must not take the other entities with it
            log.exception("%s failed on command %s", entry.ref, envelope.id)
            self._fail(entry, FAULT)

    def _fail(self, entry: Entry, reply: Reply) -> None:
        """The command could not be carried out, and changed nothing."""
        if entry.envelope.outbox and not reply.status.retryable:
            self._park(entry.envelope, reply.body.decode())
        self._intake.resolve(entry, reply)

    def _not_loaded(self, entry: Entry, reply: Reply) -> None:
        self._fail(entry, reply)
        self._work.set()

    def _put_back(self, entries: Sequence[Entry]) -> None:
        self._intake.put_back(entries)
        self._work.set()

    # ------------------------------------------------------------------ time

    async def _tick_loop(self) -> None:
        """Second resolution: wake entities whose time has come, drop idle ones."""
        while True:
            now = self._clock.now()
            for ref in self._timers.pop_due(now):
                kind, _, entity = ref.partition(":")
                wake = Envelope(kind, entity, f"wake:{now}", "system", ref, WAKE, now + 60.0)
                # Re-armed by the commit that handles it; or, should it be lost, by this.
                self._timers.set(ref, now + WAKE_AGAIN_S)
                self._accept(wake, None, 0)
            self._work.set()
            self._entities.passivate(now, self._intake)
            self._erased = {one for one in self._erased if self._entities.forget(one)}
            self._gauge()
            await self._clock.sleep(TICK_S)

    # ------------------------------------------------------------------ what others may know

    def _channel_of(self, ref: EntityRef) -> str:
        channel = self._kinds[ref.kind].fact_channel
        return channel(ref.id) if channel else str(ref)

    def _gauge(self) -> None:
        stats = self.stats
        stats.entities = len(self._entities)
        stats.waiting = len(self._intake)
        stats.timers = len(self._timers)
        stats.published = self._relay.published
        stats.catch_ups = self._relay.catch_ups
