"""What goes into a line, and what is taken out of it on the way."""

from __future__ import annotations

from storage.audit.chain import AccessChain, covers
from storage.audit.entry import MAX_DETAILS, MAX_PATIENTS, MAX_TEXT, AuditEntry


def entry(**changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "at": 1.0,
        "role": "ops",
        "subject": "alice",
        "action": "patient.view",
        "outcome": "allowed",
    }
    return AuditEntry(**{**values, **changes})  # type: ignore[arg-type]  # its fields, of several types


def test_no_text_can_forge_a_line_or_break_the_table() -> None:
    made = entry(subject="a\nb\x00c\ud800d", address="x" * 500, details={"k\r": "v\x1b[0m"})
    assert made.subject == "a�b�c�d"
    assert len(made.address) == MAX_TEXT
    assert made.details == {"k�": "v�[0m"}


def test_a_line_is_bounded() -> None:
    made = entry(
        patients=tuple(f"p{n}" for n in range(MAX_PATIENTS + 5)),
        details={f"k{n:03}": n for n in range(50)},
    )
    assert len(made.patients) == MAX_PATIENTS
    assert len(made.details) == MAX_DETAILS


def test_of_whom_is_said_once() -> None:
    assert entry(patients=("b", "a", "b", "")).patients == ("b", "a")


def test_a_chain_covers_what_stands_before_a_row_and_the_row_itself() -> None:
    chain = AccessChain("w")
    first, second = chain.append(entry()), chain.append(entry(details={"b": 1, "a": True}))
    assert (first.seq, first.prev, second.seq, second.prev) == (1, bytes(32), 2, first.hash)
    assert second.details == '{"a":true,"b":1}'
    assert covers(second, 2, first.hash, second.hash)
    assert not covers(second, 3, first.hash, second.hash)
    assert not covers(second, 2, bytes(32), second.hash)
    for name in ("role", "subject", "action", "kind", "reason", "address", "request_id"):
        assert AccessChain("w").append(entry(**{name: "other"})).hash != first.hash, name
