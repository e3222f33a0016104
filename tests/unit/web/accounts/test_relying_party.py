"""Who we are to authenticators, from the address of the service."""

from __future__ import annotations

import pytest

from web.accounts.passkeys.relying_party import relying_party


@pytest.mark.parametrize(
    ("public_url", "id_", "origin"),
    [
        ("https://care.example.org", "care.example.org", "https://care.example.org"),
        ("https://Care.Example.org:443/", "care.example.org", "https://care.example.org"),
        ("https://care.example.org:8443/app", "care.example.org", "https://care.example.org:8443"),
        ("http://localhost:8000", "localhost", "http://localhost:8000"),
        # Browsers take no digits for a name; this machine has another one.
        ("http://127.0.0.1:8000", "localhost", "http://localhost:8000"),
        ("http://0.0.0.0:8000", "localhost", "http://localhost:8000"),
        ("https://[::1]:8443", "localhost", "https://localhost:8443"),
        ("http://192.0.2.7:8000", "192.0.2.7", "http://192.0.2.7:8000"),
    ],
)
def test_it_is_the_host_and_its_origin(public_url: str, id_: str, origin: str) -> None:
    party = relying_party(public_url)
    assert (party.id, party.origin) == (id_, origin)
