"""Proves from the database alone that nothing was lost and nobody was sent twice.

    python tests/acceptance/check_journal.py --database-file FILE --master-key-file FILE
        [--acknowledged FILE]

A separate program on purpose: it imports nothing of ours, so no fault of the code under test can
hide in it. It reads the journal's rows and derives from the events alone what must hold. Events
are opened as docs/deploy.md says they are sealed; what is a patient's own in them stays sealed.
Status 0 and `journal: whole …` when all of it does; 1 and each violation when not.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHOWN = 20
ENDS_OF_TASK = {"TaskCompleted", "TaskHandedBack", "TaskWithdrawn", "TaskDeclined", "TaskExpired"}
ENDS_OF_EMERGENCY = {"EmergencyClosed", "EmergencyCancelled"}


@dataclass(frozen=True)
class Row:
    """One event. `seq` orders all of them: what follows from an event has a higher one."""

    seq: int
    ref: str
    version: int
    command_id: str
    event: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.event["type"])


@dataclass(frozen=True)
class Claim:
    key: str
    holder: str


@dataclass(frozen=True)
class AuditRow:
    writer: str
    seq: int
    prev: bytes
    hash: bytes


@dataclass(frozen=True)
class Database:
    """What was read. `versions`: entity -> the version its own row says."""

    journal: Sequence[Row]
    versions: Mapping[str, int]
    claims: Sequence[Claim] = ()
    audit: Sequence[AuditRow] = ()
    outbox: int = 0


@dataclass
class _Crew:
    unit: str
    task: str
    from_seq: int
    to_seq: int | None = None


@dataclass
class _Fleet:
    """Read off the paramedics' events: crews by emergency, live tasks by unit."""

    crews: defaultdict[str, list[_Crew]] = field(default_factory=lambda: defaultdict(list))
    live: dict[str, dict[str, str]] = field(default_factory=dict)


def violations(database: Database, acknowledged: Iterable[str] = ()) -> Iterator[str]:
    """Everything that does not hold, in words."""
    by_ref: defaultdict[str, list[Row]] = defaultdict(list)
    for row in sorted(database.journal, key=lambda row: (row.ref, row.version)):
        by_ref[row.ref].append(row)
    yield from _versions(by_ref, database.versions)
    yield from _commands(by_ref)
    fleet = _Fleet()
    for ref, rows in by_ref.items():
        if ref.startswith("paramedic:"):
            yield from _paramedic(ref.partition(":")[2], rows, fleet)
    yield from _crews(fleet)
    yield from _emergencies(by_ref)
    yield from _acknowledged(by_ref, acknowledged)
    yield from _claims(fleet, database.claims)
    yield from _audit(database.audit)
    if database.outbox:
        yield f"outbox: {database.outbox} messages were never handled"


def _versions(by_ref: Mapping[str, list[Row]], versions: Mapping[str, int]) -> Iterator[str]:
    for ref, rows in by_ref.items():
        found = [row.version for row in rows]
        if found != list(range(1, len(found) + 1)):
            yield f"{ref}: versions are not 1 to {len(found)} without a hole"
        if versions.get(ref) != found[-1]:
            yield f"{ref}: its row says version {versions.get(ref)}, its journal {found[-1]}"
    for ref in versions.keys() - by_ref.keys():
        yield f"{ref}: has a row at version {versions[ref]} and no journal"


def _commands(by_ref: Mapping[str, list[Row]]) -> Iterator[str]:
    """A command's events are one run of versions; a second run is the command handled twice."""
    for ref, rows in by_ref.items():
        done: set[str] = set()
        before = ""
        for row in rows:
            if row.command_id != before and row.command_id in done:
                yield f"{ref}: command {row.command_id} was handled again at version {row.version}"
            done.add(row.command_id)
            before = row.command_id


def _paramedic(unit: str, rows: Iterable[Row], fleet: _Fleet) -> Iterator[str]:
    emergency_of: dict[str, str] = {}
    live: dict[str, _Crew] = {}
    for row in rows:
        task = row.event.get("task")
        where = f"paramedic:{unit} at version {row.version}"
        if row.type == "TaskOffered":
            assert isinstance(task, dict)
            emergency_of[task["id"]] = task["emergency"]
        elif row.type == "TaskAccepted":
            if task not in emergency_of:
                yield f"{where}: accepted task {task}, which was not offered"
                continue
            crew = _Crew(unit, str(task), row.seq)
            live[str(task)] = crew
            fleet.crews[emergency_of[str(task)]].append(crew)
            if len(live) > 1:
                yield f"{where}: two live tasks, {' and '.join(sorted(live))}"
        elif row.type in ENDS_OF_TASK:
            ended = live.pop(str(task), None)
            if ended is not None:
                ended.to_seq = row.seq
            elif row.type == "TaskCompleted":
                yield f"{where}: completed task {task}, which was not live"
    fleet.live[unit] = {task: emergency_of[task] for task in live}


def _crews(fleet: _Fleet) -> Iterator[str]:
    for emergency, crews in fleet.crews.items():
        crews.sort(key=lambda crew: crew.from_seq)
        for earlier, later in pairwise(crews):
            if earlier.to_seq is None or later.from_seq < earlier.to_seq:
                yield f"emergency:{emergency}: {earlier.unit} and {later.unit} at the same time"


def _emergencies(by_ref: Mapping[str, list[Row]]) -> Iterator[str]:
    waiting = _cases(by_ref)
    raised_for: defaultdict[str, list[str]] = defaultdict(list)
    for ref, rows in by_ref.items():
        if not ref.startswith("emergency:"):
            continue
        kinds = Counter(row.type for row in rows)
        ends = sum(kinds[kind] for kind in ENDS_OF_EMERGENCY)
        if rows[0].type != "EmergencyRaised" or kinds["EmergencyRaised"] != 1:
            yield f"{ref}: raised {kinds['EmergencyRaised']} times, first is {rows[0].type}"
            continue
        if ends > 1:
            yield f"{ref}: ended {ends} times"
        if ends and rows[-1].type not in ENDS_OF_EMERGENCY:
            yield f"{ref}: {rows[-1].type} after its end"
        if not ends and ref.partition(":")[2] not in waiting:
            yield f"{ref}: has not ended, and no dispatcher has it"
        for name in (rows[0].event.get("symptoms") or ())[-1:]:
            if " of replay " in name:
                raised_for[name].append(ref)
    for name, refs in raised_for.items():
        if len(refs) > 1:
            yield f"{name}: became {len(refs)} emergencies, {', '.join(refs)}"


def _cases(by_ref: Mapping[str, list[Row]]) -> set[str]:
    """The emergencies that dispatchers have now."""
    cases: set[str] = set()
    for ref, rows in by_ref.items():
        if not ref.startswith("dispatcher:"):
            continue
        for row in rows:
            if row.type == "EmergencyQueued":
                cases.add(row.event["card"]["emergency"])
            elif row.type == "EmergencyRemoved":
                cases.discard(row.event["emergency"])
    return cases


def _acknowledged(by_ref: Mapping[str, list[Row]], acknowledged: Iterable[str]) -> Iterator[str]:
    for id_, times in Counter(acknowledged).items():
        if f"emergency:{id_}" not in by_ref:
            yield f"emergency:{id_}: was acknowledged and is not there"
        if times > 1:
            yield f"emergency:{id_}: was acknowledged for {times} calls"


def _claims(fleet: _Fleet, claims: Iterable[Claim]) -> Iterator[str]:
    held = {claim.key: claim.holder for claim in claims if claim.key.startswith("live-task:")}
    due: dict[str, str] = {}
    for unit, tasks in fleet.live.items():
        for task, emergency in tasks.items():
            due[f"live-task:paramedic:{unit}"] = task
            due[f"live-task:emergency:{emergency}"] = task
    for key in due.keys() - held.keys():
        yield f"claim {key}: task {due[key]} is live without it"
    for key in held.keys() - due.keys():
        yield f"claim {key}: held by {held[key]}, which is not live"
    for key in due.keys() & held.keys():
        if due[key] != held[key]:
            yield f"claim {key}: held by {held[key]}, live is {due[key]}"


def _audit(audit: Iterable[AuditRow]) -> Iterator[str]:
    last: dict[str, AuditRow] = {}
    for row in sorted(audit, key=lambda row: (row.writer, row.seq)):
        before = last.get(row.writer)
        if row.seq != (1 if before is None else before.seq + 1):
            yield f"audit of {row.writer}: a hole before {row.seq}"
        elif before is not None and row.prev != before.hash:
            yield f"audit of {row.writer}: row {row.seq} is not chained to the one before"
        last[row.writer] = row


class Seal:
    """Opens events: AES-256-GCM under the service's data key, which the master key wraps."""

    def __init__(self, master_key: str, wrapped: bytes) -> None:
        info = b"maxray master key: wrap data keys"
        wrapping = HKDF(SHA256(), length=32, salt=None, info=info).derive(master_key.encode())
        self._key = AESGCM(wrapping).decrypt(wrapped[:12], wrapped[12:], b"system")
        self._runs: dict[bytes, AESGCM] = {}

    def event(self, data: bytes, ref: str, version: int) -> Mapping[str, Any]:
        """The event of that entity at that version; of another it would not open."""
        run = data[:25]
        if run not in self._runs:
            key = hmac.digest(self._key, b"maxray/1\nrun\n" + run, "sha256")
            self._runs[run] = AESGCM(key)
        place = f"event\n{ref}\n{version}".encode()
        event: Mapping[str, Any] = json.loads(
            self._runs[run].decrypt(data[25:37], data[37:], place)
        )
        return event


async def read(url: str, master_key: str) -> Database:
    """All of it, in one snapshot."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            wrapped = await connection.fetchval(
                "SELECT wrapped FROM data_key WHERE scope = 'system'"
            )
            journal = await connection.fetch(
                "SELECT seq, ref, version, command_id, event FROM journal"
            )
            versions = await connection.fetch("SELECT ref, version FROM entity WHERE version > 0")
            claims = await connection.fetch("SELECT key, holder FROM claim")
            audit = await connection.fetch("SELECT writer, seq, prev, hash FROM audit")
            outbox = await connection.fetchval("SELECT count(*) FROM outbox")
    finally:
        await connection.close()
    seal = Seal(master_key, wrapped)
    return Database(
        [
            Row(
                r["seq"],
                r["ref"],
                r["version"],
                r["command_id"],
                seal.event(r["event"], r["ref"], r["version"]),
            )
            for r in journal
        ],
        {r["ref"]: r["version"] for r in versions},
        [Claim(r["key"], r["holder"]) for r in claims],
        [AuditRow(r["writer"], r["seq"], r["prev"], r["hash"]) for r in audit],
        outbox,
    )


def verdict(database: Database, found: Sequence[str], acknowledged: Sequence[str]) -> str:
    """One line."""
    raised = sum(row.type == "EmergencyRaised" for row in database.journal)
    accepted = sum(row.type == "TaskAccepted" for row in database.journal)
    return (
        f"journal: {'BROKEN' if found else 'whole'}, {len(found)} violations in "
        f"{len(database.journal)} events of {len(database.versions)} entities; "
        f"{raised} emergencies, {accepted} crews sent, {len(acknowledged)} acknowledged checked"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--database-file", type=Path, required=True, help="holds PostgreSQL's URL")
    parser.add_argument("--master-key-file", type=Path, required=True, help="holds the master key")
    parser.add_argument("--acknowledged", type=Path, help="emergency ids, one a line")
    parser.add_argument(
        "--settle", type=float, default=10.0, help="seconds that the outbox may take to empty"
    )
    arguments = parser.parse_args()
    url = arguments.database_file.read_text().strip()
    master_key = arguments.master_key_file.read_text().strip()
    ids = arguments.acknowledged.read_text().split() if arguments.acknowledged else []
    deadline = time.monotonic() + arguments.settle
    while True:
        database = asyncio.run(read(url, master_key))
        if not database.outbox or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    found = list(violations(database, ids))
    for violation in found[:SHOWN]:
        print(violation)
    if len(found) > SHOWN:
        print(f"… and {len(found) - SHOWN} more")
    print(verdict(database, found, ids))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
