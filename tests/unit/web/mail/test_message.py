"""Letters as messages: one recipient, no header of a stranger's making, always the same bytes."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.letters import AT, LETTERS, LINK, read, text_of
from web.mail.letter import Letter, VerifyEmail, kind_of
from web.mail.message import AddressRefused, Sender, checked_address, compose

ID = UUID("01900000-0000-7000-8000-000000000001")
FROM = Sender.of("MaxRay <no-reply@maxray.example>")
VERIFY = VerifyEmail(link=LINK, valid_s=60)
HEADERS = {
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "content-language",
    "mime-version",
    "content-type",
}


@pytest.mark.parametrize("letter", LETTERS, ids=kind_of)
def test_it_is_a_message_with_text_and_html(letter: Letter) -> None:
    envelope = compose(letter, FROM, "asha@example.org", ID, AT)
    message = read(envelope.message)
    assert {name.lower() for name in message} == HEADERS
    assert message["From"] == "MaxRay <no-reply@maxray.example>"
    assert message["To"] == "asha@example.org"
    assert message["Message-ID"] == f"<{ID}@maxray.example>"
    assert message["Date"].datetime.timestamp() == AT
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    assert message["Subject"] in text_of(message)
    assert message["Subject"] in text_of(message, "html")
    assert max(map(len, envelope.message.split(b"\r\n"))) <= 998, "RFC 5322 §2.1.1"
    assert envelope.message.isascii()
    assert b"\n" not in envelope.message.replace(b"\r\n", b"")


def test_the_same_letter_is_the_same_bytes() -> None:
    assert compose(VERIFY, FROM, "a@b.example", ID, AT) == compose(
        VERIFY, FROM, "a@b.example", ID, AT
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "asha",
        "@example.org",
        "asha@",
        "a@b@c",
        "a@b, c@d",
        "a@b;c@d",
        "Asha <asha@example.org>",
        "<asha@example.org>",
        "asha@example.org\r\nBcc: all@example.org",
        "asha@example.org\n",
        "asha\x00@example.org",
        "as ha@example.org",
        "asha@exa mple.org",
        " asha@example.org",
        '"asha rao"@example.org',
        "asha(comment)@example.org",
        "asha@example.org(comment)",
        "asha@[127.0.0.1",
        "a" * 65 + "@example.org",
        "asha@" + "a" * 250 + ".org",
        "asha@exa..mple",
    ],
)
def test_what_is_no_single_plain_address_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        checked_address(text)
    assert not text or text not in str(refused.value)


@given(st.text(max_size=40) | st.text('a@.<>,;:"()[]\\ \r\n%!', max_size=20))
def test_whatever_is_asked_for_there_is_one_recipient_or_none(text: str) -> None:
    try:
        envelope = compose(VERIFY, FROM, text, ID, AT)
    except AddressRefused:
        return
    message = message_from_bytes(envelope.message, policy=default)
    assert {name.lower() for name in message} == HEADERS
    assert len(message["To"].addresses) == 1
    assert envelope.recipient.isprintable()
    assert " " not in envelope.recipient


def test_a_domain_is_written_in_ascii() -> None:
    assert checked_address("asha@Bücher.example") == "asha@xn--bcher-kva.example"


def test_an_address_that_is_not_ascii_is_sent_as_such() -> None:
    envelope = compose(VERIFY, FROM, "आशा@example.org", ID, AT)
    assert envelope.utf8
    assert message_from_bytes(envelope.message, policy=default)["To"] == "आशा@example.org"


@pytest.mark.parametrize("text", ["", "MaxRay", "MaxRay <no-reply>", "a@b\r\nBcc: c@d"])
def test_a_sender_without_an_address_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        Sender.of(text)
