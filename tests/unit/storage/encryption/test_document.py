"""Documents: nothing clear in them, whole again when opened, and of the erased only markers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.domain.privacy import ERASED, PRIVATE
from storage.encryption import SYSTEM, BadSeal, Vault
from storage.encryption.document import Document, open_all, seal_all
from storage.encryption.key_store_memory import MemoryKeyStore
from tests.unit.storage.encryption.vaults import opened

HERE = b"event\nemergency:e1\n1"
CALL = {
    "type": "EmergencyRaised",
    "patient_id": "ann",
    "location": {"lat": 12.97, "lon": 77.59},
    "symptoms": ["chest pain"],
    "answers": {"conscious": "yes"},
    "address": None,
    "needs": [],
    "priority": 1,
}
encode = msgspec.json.encode


async def one(vault: Vault, value: Any, patient: str | None = None) -> bytes:
    (data,) = await seal_all(vault, [Document(encode(value), HERE, patient)])
    return data


async def back(vault: Vault, data: bytes) -> Any:
    (found,) = await open_all(vault, [(data, HERE)])
    return msgspec.json.decode(found.text)


async def test_a_patients_part_is_under_their_key_and_the_rest_is_not() -> None:
    async with opened(MemoryKeyStore()) as vault:
        data = await one(vault, CALL)
        assert b"Raised" not in data
        inside = msgspec.json.decode(vault.open(SYSTEM, data, HERE))
        assert inside["priority"] == 1 and inside["sealed"]["of"] == "ann"
        assert [inside[name] for name in ("location", "symptoms", "answers")] == [0, 0, 0]
        assert inside["address"] is None and inside["needs"] == []
        (found,) = await open_all(vault, [(data, HERE)])
        assert found.text == encode(CALL) and found.patient == "ann"


async def test_of_an_erased_patient_markers_come_back_and_all_else_stays() -> None:
    bob = {"id": "t2", "patient_id": "bob", "symptoms": ["fever"], "address": "Elm St"}
    both = {"tasks": [{**CALL, "address": "Oak St"}, bob]}
    async with opened(MemoryKeyStore()) as vault:
        data = await one(vault, both)
        await vault.destroy("ann")
        ann, still = (await back(vault, data))["tasks"]
        assert still == bob
        assert ann == {
            **CALL,
            "location": {"lat": 0.0, "lon": 0.0},
            "symptoms": [ERASED],
            "answers": {},
            "address": ERASED,
        }


async def test_what_is_said_of_somebody_erased_is_not_kept() -> None:
    async with opened(MemoryKeyStore()) as vault:
        await vault.destroy("ann")
        data = await one(vault, CALL)
        assert b"pain" not in vault.open(SYSTEM, data, HERE)
        assert (await back(vault, data))["symptoms"] == [ERASED]


async def test_whose_it_is_may_be_said_beside_it() -> None:
    declined = {"type": "TaskDeclined", "task": "t1", "reason": "too far for a child"}
    async with opened(MemoryKeyStore()) as vault:
        data = await one(vault, declined, "ann")
        assert b"child" not in vault.open(SYSTEM, data, HERE)
        assert await back(vault, data) == declined
        await vault.destroy("ann")
        assert await back(vault, data) == {**declined, "reason": ERASED}


async def test_the_systems_own_words_stay_what_they_are() -> None:
    word = {"type": "NoUnitFree", "emergency": "e1", "reason": "all_busy"}
    async with opened(MemoryKeyStore()) as vault:
        data = await one(vault, word, "ann")
        await vault.destroy("ann")
        assert await back(vault, data) == word


async def test_a_part_cannot_be_moved_to_another_document() -> None:
    async with opened(MemoryKeyStore()) as vault:
        inside = vault.open(SYSTEM, await one(vault, CALL), HERE)
        moved = vault.seal(SYSTEM, inside, b"event\nemergency:e2\n1")
        with pytest.raises(BadSeal):
            await open_all(vault, [(moved, b"event\nemergency:e2\n1")])


async def test_clear_text_of_an_older_version_is_read_as_it_is() -> None:
    async with opened(MemoryKeyStore()) as vault:
        assert await back(vault, encode(CALL)) == CALL


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["ann", "bob", '"sealed":{"of":"ann"', '"patient_id":"ann"'])
)
names = st.sampled_from([*PRIVATE, "patient_id", "id", "tasks", "task"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(values, max_size=3), st.sampled_from([None, "ann"]))
@example([{"address": "Oak St", "answers": 0}], "ann")  # a 0 of its own, beside what is taken out
async def test_whatever_is_sealed_is_opened_byte_for_byte(
    them: list[Any], patient: str | None
) -> None:
    texts = [encode(value) for value in them]
    async with opened(MemoryKeyStore()) as vault:
        data = await seal_all(vault, [Document(text, HERE, patient) for text in texts])
        assert [one.text for one in await open_all(vault, [(d, HERE) for d in data])] == texts
