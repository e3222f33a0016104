"""Every letter, as text and as HTML, whatever strangers put into it."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pytest

from tests.letters import AT, LETTERS, LINK
from web.mail.letter import Letter, NewSignIn, RecordOpened, StaffInvitation, VerifyEmail, kind_of
from web.mail.render import as_html, as_text
from web.mail.wording import Action, masked, words_of

HOSTILE = "<script>alert(1)</script>\r\nBcc: all@example.org\x1b[31m\u202e" + "x" * 5000


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def named(letter: Letter) -> str:
    return kind_of(letter)


@pytest.mark.parametrize("letter", LETTERS, ids=named)
class TestEveryLetter:
    def test_both_forms_say_the_same(self, letter: Letter) -> None:
        words = words_of(letter)
        text, page = as_text(words), _Page(as_html(words))
        for part in words.parts:
            assert part.text in text
            assert set(part.text.split()) <= set(page.words)

    def test_its_link_is_in_both_and_nothing_is_fetched(self, letter: Letter) -> None:
        words = words_of(letter)
        page = _Page(as_html(words))
        links = [part.link for part in words.parts if isinstance(part, Action)]
        assert page.links == links
        assert all(f"\n{link}\n" in as_text(words) for link in links)
        assert not page.tags & {"img", "script", "link", "iframe", "form", "style"}

    def test_what_strangers_wrote_is_one_short_line_of_text(self, letter: Letter) -> None:
        given = msgspec.structs.asdict(letter)
        for name in ("address", "device", "role", "invited_by", "new_email"):
            if name in given:
                given[name] = HOSTILE
        hostile = type(letter)(**given)
        words = words_of(hostile)
        page = _Page(as_html(words))
        assert "script" not in page.tags
        for part in words.parts:
            assert part.text.isprintable()
            assert len(part.text) < 800
        assert words.subject == words_of(letter).subject, "a subject has none of it"


def test_kinds_are_words_and_all_different() -> None:
    kinds = [kind_of(letter) for letter in LETTERS]
    assert kinds[0] == "verify_email"
    assert len(set(kinds)) == len(kinds)


def test_one_of_each_kind_is_tested() -> None:
    assert {type(letter) for letter in LETTERS} == set(Letter.__args__)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "/relative",
        "https://",
        "https://a b",
        "http://x\r\nBcc: y",
        "ftp://x",
    ],
)
def test_a_link_is_an_absolute_http_url(link: str) -> None:
    with pytest.raises(ValueError, match="absolute http"):
        as_html(words_of(VerifyEmail(link=link, valid_s=60)))


def test_times_and_durations_are_readable() -> None:
    text = as_text(words_of(NewSignIn(at=AT, address="203.0.113.7")))
    assert "15 January 2027 at 08:00 UTC" in text
    for valid_s, said in (
        (1800, "30 minutes"),
        (3600, "1 hour"),
        (172800, "2 days"),
        (5, "a minute"),
    ):
        assert f"within {said}." in as_text(words_of(VerifyEmail(link=LINK, valid_s=valid_s)))


def test_roles_are_said_in_words() -> None:
    letter = StaffInvitation(role="ops", link=LINK, valid_s=60)
    assert "as a dispatcher." in as_text(words_of(letter))


def test_an_address_is_masked() -> None:
    assert masked("ravi@example.org") == "r…@example.org"


def test_a_patient_is_told_that_the_record_was_opened_and_nothing_of_it() -> None:
    text = as_text(words_of(RecordOpened(at=AT, role="doctor", link=LINK)))
    assert "a doctor opened your record" in text
