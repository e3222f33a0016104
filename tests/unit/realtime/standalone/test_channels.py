"""Channel names: namespaces, private channels, channels of some users."""

from __future__ import annotations

import pytest

from realtime.errors import UnknownChannel
from realtime.publication import Retention
from realtime.standalone.channels import ChannelRules
from realtime.standalone.options import ChannelOptions, Channels, Namespace

WITHOUT = ChannelOptions(history_size=2, history_ttl=3)
CHAT = Namespace(name="chat", channel_regex=r"^[a-z]+$")
RULES = ChannelRules(Channels(without_namespace=WITHOUT, namespaces=(CHAT,), history_meta_ttl=60))


@pytest.mark.parametrize("channel", ["news", "$news", "#anna", "news#anna,ben"])
def test_without_a_boundary_the_options_without_namespace_hold(channel: str) -> None:
    assert RULES.of(channel) is WITHOUT


@pytest.mark.parametrize("channel", ["chat:room", "$chat:room"])
def test_the_part_before_the_boundary_names_the_namespace(channel: str) -> None:
    assert RULES.of(channel) is CHAT


@pytest.mark.parametrize("channel", ["other:room", ":room", "chat:room7", "chat:"])
def test_no_such_namespace_or_name(channel: str) -> None:
    with pytest.raises(UnknownChannel):
        RULES.of(channel)


@pytest.mark.parametrize(
    ("channel", "users"),
    [("news", None), ("#anna", ("anna",)), ("a#b#anna,ben", ("anna", "ben")), ("a#", ("",))],
)
def test_users_of_a_limited_channel(channel: str, users: tuple[str, ...] | None) -> None:
    assert RULES.users(channel) == users


def test_private_and_personal_channels() -> None:
    assert RULES.private("$news")
    assert not RULES.private("news")
    assert RULES.personal("anna", "") == "#anna"
    assert RULES.personal("anna", "chat") == "chat:#anna"


def test_history_is_kept_where_size_and_ttl_are_given() -> None:
    assert RULES.retention(WITHOUT) == Retention(2, 3, 60)
    assert RULES.retention(CHAT) is None
    assert RULES.retention(ChannelOptions(history_size=1)) is None
    longer = ChannelOptions(history_size=1, history_ttl=90, history_meta_ttl=30)
    assert RULES.retention(longer) == Retention(1, 90, 90)
