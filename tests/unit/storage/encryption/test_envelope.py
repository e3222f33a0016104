"""Sealed bytes: what opens them and what does not."""

from __future__ import annotations

import pytest

from storage.encryption import BadSeal, LocalSealer, MasterKeys
from storage.encryption.envelope import Cipher, sealed
from tests.unit.storage.encryption.vaults import MASTER, OTHER

KEY, CONTEXT = bytes(range(32)), b"patient\n7"


def test_what_is_sealed_is_opened_by_any_process_with_the_key_and_tells_nothing() -> None:
    data = Cipher(7, KEY).seal(b"chest pain", CONTEXT)
    assert sealed(data) and b"chest" not in data
    assert Cipher(7, KEY).open(data, CONTEXT) == b"chest pain"


def test_the_same_text_never_looks_the_same() -> None:
    cipher = Cipher(7, KEY)
    assert len({cipher.seal(b"same", CONTEXT) for _ in range(200)}) == 200
    assert cipher.seal(b"", CONTEXT)[1:25] != Cipher(7, KEY).seal(b"", CONTEXT)[1:25]  # a new run


def test_a_run_ends_before_its_nonces_could_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.encryption.envelope.RUN_LENGTH", 3)
    cipher = Cipher(7, KEY)
    data = [cipher.seal(b"text", CONTEXT) for _ in range(7)]
    assert len({one[9:25] for one in data}) == 3
    assert {Cipher(7, KEY).open(one, CONTEXT) for one in data} == {b"text"}


def test_many_at_once_are_sealed_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.encryption.envelope.RUN_LENGTH", 5)
    cipher = Cipher(7, KEY)
    texts = [(f"text {n}".encode(), f"place {n % 2}".encode()) for n in range(3)]
    data = [*cipher.seal_all(texts), *cipher.seal_all(texts), cipher.seal(*texts[0])]
    assert len({one[:37] for one in data}) == 7 and len({one[9:25] for one in data}) == 2
    opened = [
        Cipher(7, KEY).open(one, context)
        for one, (_, context) in zip(data, [*texts, *texts, texts[0]], strict=True)
    ]
    assert opened == [text for text, _ in [*texts, *texts, texts[0]]]
    assert cipher.seal_all([]) == []


@pytest.mark.parametrize("at", [0, 1, 8, 9, 24, 25, 36, 37, -1])
def test_altered_in_any_part_it_does_not_open(at: int) -> None:
    cipher = Cipher(7, KEY)
    data = bytearray(cipher.seal(b"text", CONTEXT))
    data[at] ^= 1
    with pytest.raises(BadSeal):
        cipher.open(bytes(data), CONTEXT)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xe1", b"\xe1" * 52])
def test_what_is_not_sealed_does_not_open(data: bytes) -> None:
    with pytest.raises(BadSeal):
        Cipher(7, KEY).open(data, CONTEXT)


def test_elsewhere_or_under_another_key_it_does_not_open() -> None:
    data = Cipher(7, KEY).seal(b"text", CONTEXT)
    for cipher, context in (
        (Cipher(7, KEY), b"patient\n8"),
        (Cipher(8, KEY), CONTEXT),
        (Cipher(7, bytes(32)), CONTEXT),
    ):
        with pytest.raises(BadSeal):
            cipher.open(data, context)


def test_keys_for_other_uses_follow_from_the_data_key_and_are_not_it() -> None:
    cipher = Cipher(7, KEY)
    assert cipher.derive("x-rays") == Cipher(9, KEY).derive("x-rays")
    assert len({KEY, cipher.derive("x-rays"), cipher.derive("else")}) == 3


def test_a_file_is_opened_under_both_master_keys_while_they_change() -> None:
    before = LocalSealer(MasterKeys(MASTER), "spool")
    data = before.seal(b"text", CONTEXT)
    changing = LocalSealer(MasterKeys(OTHER, MASTER), "spool")
    assert changing.open(data, CONTEXT) == b"text"
    assert changing.open(changing.seal(b"new", CONTEXT), CONTEXT) == b"new"
    for stranger in (
        LocalSealer(MasterKeys(OTHER), "spool"),
        LocalSealer(MasterKeys(MASTER), "else"),
    ):
        with pytest.raises(BadSeal):
            stranger.open(data, CONTEXT)
