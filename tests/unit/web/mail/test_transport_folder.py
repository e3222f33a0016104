"""Mail of a machine without a mail server: files, for their owner only."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

import pytest

from tests.letters import AT, LINK, letters
from web.mail.letter import VerifyEmail
from web.mail.message import Envelope, Sender, compose
from web.mail.transport import NotSent
from web.mail.transport_folder import FolderTransport


def envelope(number: int = 1, at: float = AT) -> Envelope:
    id_ = UUID(int=number)
    return compose(
        VerifyEmail(link=LINK, valid_s=60), Sender.of("a@b.example"), "c@d.example", id_, at
    )


async def test_a_message_is_a_private_file_and_the_answer_links_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    where = await FolderTransport(folder).send(envelope())
    [file] = folder.iterdir()
    assert file.name == "20270115T080000-00000000-0000-0000-0000-000000000001.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert file.read_bytes() == envelope().message
    assert Path(unquote(urlsplit(where).path)) == file
    assert urlsplit(where).scheme == "file"


async def test_a_message_sent_twice_is_there_once_and_others_are_in_order(tmp_path: Path) -> None:
    transport = FolderTransport(tmp_path)
    await transport.send(envelope(1, AT + 5))
    for _ in range(2):
        await transport.send(envelope(2, AT))
    found = [message["Message-ID"] for message in letters(tmp_path)]
    assert found == [f"<{UUID(int=number)}@b.example>" for number in (2, 1)]


async def test_a_folder_that_cannot_be_written_is_no_reason_to_lose_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotSent, match="cannot be written"):
        await FolderTransport(tmp_path / "file" / "mail").send(envelope())
