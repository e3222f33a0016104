"""Which addresses the throttles count together; addresses of mail in one form."""

from __future__ import annotations

import pytest

from web.accounts.address import canonical, checked
from web.accounts.opaque import new_nonce, new_token, retry_key, successor
from web.accounts.origin import Origin
from web.problems import ProblemError


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("a-unix-socket", "a-unix-socket"),
        ("", ""),
    ],
)
def test_a_subscribers_network_counts_as_one(address: str, network: str) -> None:
    assert Origin(address).network == network


@pytest.mark.parametrize("typed", ["Asha@Example.ORG", " asha@example.org", "asha@example.org"])
def test_an_address_has_one_form(typed: str) -> None:
    assert canonical(typed) == checked(typed) == "asha@example.org"


@pytest.mark.parametrize("wrong", ["", "asha", "a@b@c", "a@b\r\nBcc: x@y.zz", "Asha <a@b.cc>"])
def test_what_no_letter_can_be_sent_to_is_refused_and_still_looked_up(wrong: str) -> None:
    with pytest.raises(ProblemError):
        checked(wrong)
    assert isinstance(canonical(wrong), str)


def test_a_successor_needs_the_token_and_the_nonce() -> None:
    token, nonce = new_token(), new_nonce()
    assert successor(token, nonce) == successor(token, nonce)
    others = {successor(new_token(), nonce), successor(token, new_nonce()), token}
    assert len(others) == 3 and successor(token, nonce) not in others
    assert retry_key(token, None) is None
    assert retry_key(token, "a") != retry_key(token, "b") != retry_key(new_token(), "b")
