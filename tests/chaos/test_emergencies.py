"""Rules `emergency-ends` and `not-stuck`: mergers, and who waits although help could come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.chaos.sample import NOW, Writer, closed, made, two_waiting
from tests.chaos.verdict import said_by


def merges(*more: Mapping[str, Any]) -> list[str]:
    """e1 was merged into e2; then these happened to e1."""
    writer = two_waiting().write("emergency:e1", {"type": "EmergencyMerged", "into": "e2"})
    gone = {"type": "EmergencyRemoved", "emergency": "e1", "reason": "merged"}
    writer.write("dispatcher:city", gone)
    for event in more:
        writer.write("emergency:e1", event)
    return said_by("emergency-ends", writer)


def test_one_that_was_merged_is_in_the_other_ones_hands() -> None:
    assert merges({"type": "PrimaryFollowed"}) == []
    assert merges({"type": "UnitAssigned"}) == ["UnitAssigned while merged into emergency:e2"]
    assert merges({"type": "DuplicateReturned", "primary": "e2"}) == [
        "has not ended, and no dispatcher has it"
    ]


def test_one_that_was_merged_does_not_end_with_the_other_ones_cancellation() -> None:
    writer = two_waiting().write("emergency:e1", {"type": "EmergencyMerged", "into": "e2"})
    writer.removed("e1").write("emergency:e2", {"type": "EmergencyCancelled"}).removed("e2")
    (said,) = said_by("emergency-ends", writer)
    assert said == "was merged into emergency:e2, which has ended"


def stuck(writer: Writer) -> list[str]:
    return said_by("not-stuck", writer)


def test_one_that_waits_beside_a_free_unit_is_stuck() -> None:
    assert stuck(Writer().at(900).queued("e1", 3).unit("A")) == [
        "dispatcher:city did not ask A, free since 900.000"
    ]


def test_one_that_has_just_begun_to_wait_is_not() -> None:
    assert stuck(Writer().at(NOW - 10).queued("e1", 3).unit("A")) == []


def test_one_that_no_free_unit_suits_waits_rightly() -> None:
    assert stuck(Writer().queued("e1", 1, "als").unit("A").unit("B", "als", free=False)) == []


def test_an_offer_that_should_have_expired_is_stuck() -> None:
    late = {**made("e1", "A", "t1"), "expires_at": 500.0}
    writer = Writer().queued("e1", 3).unit("A").write("dispatcher:city", late)
    assert stuck(writer) == ["dispatcher:city has it at an offer to A that expired since 500.000"]


def test_a_deferral_that_did_not_end_is_stuck_and_a_hold_is_not() -> None:
    later = {"type": "EmergencyDeferred", "emergency": "e1", "slot": 1, "until": 500.0}
    writer = Writer().queued("e1", 3).write("dispatcher:city", later)
    assert stuck(writer) == [
        "dispatcher:city waits for a certain unit, and did not ask again since 500.000"
    ]
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"], "held": True}
    writer = Writer().queued("e1", 3).unit("A")
    writer.write("dispatcher:city", {"type": "EmergencyUpdated", "card": card})
    assert stuck(writer) == []


def all_refused(retry_at: float) -> Writer:
    writer = Writer().queued("e1", 3).unit("A").offers(("e1", "A", "t1"))
    over = {"type": "AllRefused", "emergency": "e1", "retry_at": retry_at}
    return writer.write("dispatcher:city", closed("e1", "A", "t1", "declined"), over)


def test_a_round_of_refusals_that_did_not_end_is_stuck() -> None:
    assert stuck(all_refused(500)) == ["dispatcher:city did not begin its next round since 500.000"]
    assert stuck(all_refused(NOW + 5)) == []


def test_who_lost_its_unit_to_another_one_waits_again() -> None:
    writer = Writer().queued("e2", 3).queued("e1", 1).unit("A").offers(("e2", "A", "t1"))
    writer.offers(("e1", "A", "t2"))
    left = {"from_task": "t1", "from_emergency": "e2", "from_slot": 1, "accepted": True}
    to = {"unit": "A", "task": "t2", "emergency": "e1", "slot": 1}
    writer.at(900).write("dispatcher:city", {"type": "UnitTakenOver", **left, **to})
    assert stuck(writer.unit("A", free=False).unit("B")) == [
        "dispatcher:city did not ask B, free since 900.000"
    ]
