"""Refused tokens by the thousand: one line a minute for each address and reason."""

from __future__ import annotations

from storage.audit import AuditEntry, MemoryAuditTrail
from web.audit.strangers import EACH_S, MAX_KNOWN, Strangers


def refusal(at: float, address: str = "192.0.2.1", reason: str = "invalid-token") -> AuditEntry:
    return AuditEntry(
        at=at,
        role="anonymous",
        subject="",
        action="authenticate",
        outcome="denied",
        reason=reason,
        address=address,
    )


def test_one_line_a_minute_says_how_many_there_were() -> None:
    trail = MemoryAuditTrail()
    strangers = Strangers(trail)
    for n in range(600):
        strangers.refused(refusal(n * EACH_S / 300))
    assert [line.details for line in trail.entries] == [{}, {"unsaid": 299}]


def test_other_addresses_and_reasons_have_lines_of_their_own() -> None:
    trail = MemoryAuditTrail()
    strangers = Strangers(trail)
    for address in ("192.0.2.1", "192.0.2.2"):
        for reason in ("invalid-token", "no-token"):
            strangers.refused(refusal(0.0, address, reason))
    assert len(trail.entries) == 4


def test_only_so_many_are_remembered() -> None:
    trail = MemoryAuditTrail()
    strangers = Strangers(trail)
    for n in range(MAX_KNOWN + 1):
        strangers.refused(refusal(0.0, f"2001:db8::{n:x}"))
    strangers.refused(refusal(1.0, "2001:db8::0"))
    assert len(trail.entries) == MAX_KNOWN + 2, "the one forgotten has its line at once"
    strangers.refused(refusal(1.0, f"2001:db8::{MAX_KNOWN:x}"))
    assert len(trail.entries) == MAX_KNOWN + 2
