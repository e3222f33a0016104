"""What a group commit gathers before it is sent: the entries to answer and the rows to write."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from hashlib import blake2b

from actors.audit import AuditChain
from actors.domain.kernel import Claim, Context, Decision, DomainError, Send
from actors.entity import Entity
from actors.envelope import Reply, Status, to_json
from actors.intake import Entry
from actors.placement import slot_of
from actors.ports import (
    AnswerRow,
    AuditRow,
    ClaimRow,
    Commit,
    EntityRow,
    JournalRow,
    OutboxRow,
    Outgoing,
)

log = logging.getLogger(__name__)


class Batch:
    """Rows of one commit in the making. Executing into it changes entities speculatively.

    `sealed`: it holds a suspect, which is committed alone. `urgent`: it holds an urgent command, so
    it does not wait for company. `wakes`: the deadline of each changed entity, as of this batch.
    """

    def __init__(self) -> None:
        self.entries: list[tuple[Entry, Reply]] = []
        self.changed: dict[str, Entity] = {}
        self.wakes: dict[str, float | None] = {}
        self.publications: list[Outgoing] = []
        self.outbox: list[OutboxRow] = []
        self.sealed = False
        self.urgent = False
        self._journal: list[JournalRow] = []
        self._answers: list[AnswerRow] = []
        self._handled: list[str] = []
        self._audit: list[AuditRow] = []
        # By key, then by entity: two rows for one key are a conflict that the journal will name.
        self._claims: dict[str, dict[str, ClaimRow]] = {}
        self._releases: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def writes(self) -> bool:
        """False: nothing to commit, only reads to answer in their turn."""
        return bool(self._journal or self._answers or self._handled or self.outbox)

    @property
    def claimants(self) -> Mapping[str, Collection[str]]:
        """Which entities want which claim: more than one, where the holder and another do."""
        return self._claims

    def finish(
        self, entry: Entry, reply: Reply, *, store: bool, patient: str | None = None
    ) -> None:
        """Answer `entry` after the commit; `store` keeps the answer with the command's id.

        A final answer to a message takes it out of the outbox, a retryable one leaves it there.
        `patient`: see ports.
        """
        self.entries.append((entry, reply))
        self.urgent = self.urgent or entry.urgent
        if entry.envelope.outbox and not reply.status.retryable:
            self._handled.append(entry.envelope.id)
        if store:
            self._answers.append(
                AnswerRow(
                    entry.ref,
                    entry.envelope.id,
                    entry.fingerprint,
                    reply.status,
                    reply.body,
                    patient,
                )
            )

    def record(
        self,
        entry: Entry,
        entity: Entity,
        action: str,
        decision: Decision,
        context: Context,
        chain: AuditChain,
        *,
        store: bool,
    ) -> None:
        """Fold a decision into the entity and take down its rows.

        Raises DomainError where a claim is known to be held by another, or whatever a faulty
        behaviour raises; in either case nothing has changed.
        """
        answer = decision.told()
        body = b"null" if answer is None else to_json(answer)
        sends = [to_json(send.command) for send in decision.sends]
        patient = None
        if decision.events:
            patient = self._fold(entry, entity, decision, context)
            self._audit.append(
                chain.append(
                    context.now, context.by, action, entry.ref, entity.version, entry.envelope.id
                )
            )
        self.outbox += [
            _outbox_row(entry, n, send, text, context.now, patient)
            for n, (send, text) in enumerate(zip(decision.sends, sends, strict=True))
        ]
        store = store or bool(decision.events or sends)
        self.finish(entry, Reply(Status.OK, body), store=store, patient=patient)

    def _fold(
        self, entry: Entry, entity: Entity, decision: Decision, context: Context
    ) -> str | None:
        """The patient whom the last event with a patient concerns."""
        behaviour = entity.behaviour
        state, version = entity.state, entity.version
        concerned: str | None = None
        rows: list[JournalRow] = []
        publications: list[Outgoing] = []
        last = len(decision.events) - 1
        for n, event in enumerate(decision.events):
            before, version = state, version + 1
            # Where the decision has folded them itself, the last one need not be done again.
            if n == last and decision.after is not None:
                state = decision.after
            else:
                state = behaviour.apply(before, event)
            fact: bytes | None = None
            patient = behaviour.concerns(before, event, state)
            concerned = patient or concerned
            for item in behaviour.publications(before, event, state):
                data = to_json(item.data)
                if item.delivery == "fact":
                    fact = data
                    publications.append(Outgoing(item.channel, data, "fact", version, "", patient))
                else:
                    key = item.key or ""
                    publications.append(Outgoing(item.channel, data, "latest", 0, key, patient))
            command_id, text = entry.envelope.id, to_json(event)
            rows.append(
                JournalRow(entry.ref, version, context.now, command_id, text, fact, patient)
            )
        wake_at = behaviour.wake_at(state)
        self._move_claims(entity, frozenset(behaviour.claims(state)), entry.taken)
        entity.state, entity.version = state, version
        self._journal += rows
        self.publications += publications
        self.wakes[entity.ref] = wake_at
        if entity.ref not in self.changed:
            self.changed[entity.ref] = entity
            entity.pins += 1
        return concerned

    def _move_claims(self, entity: Entity, claims: frozenset[Claim], taken: frozenset[str]) -> None:
        if claims == entity.claims:
            return
        wanted = sorted(claims - entity.claims)
        dropped = entity.claims - claims
        free = {claim.key for claim in dropped}
        seen: set[str] = set()
        for claim in wanted:
            elsewhere = claim.key in taken or bool(self._claims.get(claim.key))
            if claim.key in seen or (elsewhere and claim.key not in free):
                raise claim_taken(claim.key)
            seen.add(claim.key)
        for claim in dropped:
            rows = self._claims.get(claim.key, {})
            if entity.ref in rows and rows[entity.ref].holder == claim.holder:
                del rows[entity.ref]
            else:
                self._releases.add((claim.key, claim.holder))
        for claim in wanted:
            if (claim.key, claim.holder) in self._releases:
                self._releases.discard((claim.key, claim.holder))
            else:
                row = ClaimRow(claim.key, claim.holder, entity.ref)
                self._claims.setdefault(claim.key, {})[entity.ref] = row
        entity.claims = claims

    def close(self, epochs: Mapping[int, int], now: float) -> Commit:
        """The finished commit: one upsert per entity however many commands changed it."""
        rows: list[EntityRow] = []
        slots = {entry.slot for entry, _ in self.entries}
        for entity in self.changed.values():
            snapshot = _snapshot(entity)
            rows.append(
                EntityRow(entity.ref, entity.slot, entity.version, self.wakes[entity.ref], snapshot)
            )
        return Commit(
            at=now,
            epochs={slot: epochs[slot] for slot in sorted(slots)},
            journal=self._journal,
            entities=rows,
            answers=self._answers,
            outbox=self.outbox,
            handled=self._handled,
            # In one order, so that two shards never wait for each other.
            claims=[row for key in sorted(self._claims) for row in self._claims[key].values()],
            releases=sorted(self._releases),
            audit=self._audit,
        )


def claim_taken(key: str) -> DomainError:
    """The refusal that a caller gets when a claim is held by another."""
    return DomainError("conflict", f"{key} is held by another")


def _snapshot(entity: Entity) -> bytes | None:
    """The state to store with this commit, if it is time for one."""
    age = entity.version - entity.stored_version
    if entity.stored_version != 0 and age < entity.behaviour.snapshot_every:
        return None
    try:
        snapshot = to_json(entity.state)
    except Exception:  # one entity's fault: its events are enough to load it again
        log.exception("the state of %s cannot be stored", entity.ref)
        return None
    entity.stored_version = entity.version
    return snapshot


def _outbox_row(
    entry: Entry, n: int, send: Send, text: bytes, now: float, patient: str | None
) -> OutboxRow:
    # The id follows from the command, so a decision made again sends the same message.
    seed = f"{entry.ref}\n{entry.envelope.id}\n{n}".encode()
    return OutboxRow(
        id=blake2b(seed, digest_size=16).hexdigest(),
        source=entry.ref,
        kind=send.to.kind,
        entity=send.to.id,
        slot=slot_of(send.to.kind, send.to.id),
        body=text,
        at=now,
        urgent=entry.urgent,
        patient=patient,
    )
