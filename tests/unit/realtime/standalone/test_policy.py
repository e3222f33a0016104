"""Who may do what on which channel, by namespaces and tokens."""

from __future__ import annotations

import time
from typing import Any

import jwt
import msgspec
import pytest

from realtime.clock import SystemClock
from realtime.errors import PermissionDenied, TokenExpired, UnknownChannel
from realtime.ports import Identity, SubscribeOptions
from realtime.protocol.messages import PublishRequest, SubscribeRequest
from realtime.publication import Append, Peer, Publication, Retention
from realtime.standalone.channels import ChannelRules
from realtime.standalone.options import ChannelOptions, Channels, Namespace, TokenOptions
from realtime.standalone.policy import NamespacePolicy
from realtime.standalone.tokens import TokenVerifier

SECRET = "a-secret-of-more-than-thirty-two-bytes"
ANNA, NOBODY = Identity("anna"), Identity("")


def policy(options: ChannelOptions | None = None, insecure: bool = False) -> NamespacePolicy:
    channels = Channels(
        without_namespace=options or ChannelOptions(), namespaces=(Namespace(name="bare"),)
    )
    verifier = TokenVerifier(TokenOptions(hmac_secret_key=SECRET))
    return NamespacePolicy(ChannelRules(channels), verifier, SystemClock(), insecure)


async def subscribed(
    identity: Identity, channel: str, options: ChannelOptions | None = None, **request: Any
) -> SubscribeOptions:
    return await policy(options).subscribe(identity, SubscribeRequest(channel=channel, **request))


def token(**claims: Any) -> str:
    return jwt.encode({"sub": "anna", "channel": "news"} | claims, SECRET, algorithm="HS256")


async def test_nothing_is_open_by_default() -> None:
    for identity in (ANNA, NOBODY):
        with pytest.raises(PermissionDenied):
            await subscribed(identity, "news")
    with pytest.raises(UnknownChannel):
        await subscribed(ANNA, "none:news")


@pytest.mark.parametrize(
    ("options", "who"),
    [
        (ChannelOptions(allow_subscribe_for_client=True), ANNA),
        (ChannelOptions(allow_subscribe_for_anonymous=True), NOBODY),
    ],
)
async def test_a_namespace_may_let_everybody_of_a_kind_in(
    options: ChannelOptions, who: Identity
) -> None:
    assert (await subscribed(who, "news", options)).delivery == "signal"
    with pytest.raises(PermissionDenied):
        await subscribed(NOBODY if who is ANNA else ANNA, "news", options)
    with pytest.raises(PermissionDenied):
        await subscribed(who, "$news", options)


async def test_a_limited_channel_is_its_users_alone() -> None:
    options = ChannelOptions(allow_user_limited_channels=True, allow_subscribe_for_client=True)
    await subscribed(ANNA, "talk#ben,anna", options)
    for channel in ("talk#ben", "talk#", "talk#annabel"):
        with pytest.raises(PermissionDenied):
            await subscribed(ANNA, channel, options)


async def test_a_token_opens_its_channel_to_its_user_until_it_ends() -> None:
    expires = time.time() + 60
    options = await subscribed(ANNA, "news", token=token(exp=expires, info={"a": 1}))
    assert options.expires_at == expires
    assert msgspec.json.decode(options.chan_info) == {"a": 1}
    for refused in (token(channel="other"), token(sub="ben"), "x.y.z"):
        with pytest.raises(PermissionDenied):
            await subscribed(ANNA, "news", token=refused)
    with pytest.raises(TokenExpired):
        await subscribed(ANNA, "news", token=token(exp=1))


async def test_a_token_may_override_the_namespace() -> None:
    override = {"presence": {"value": True}, "join_leave": {"value": False}}
    options = ChannelOptions(join_leave=True, force_push_join_leave=True)
    found = await subscribed(ANNA, "news", options, token=token(override=override))
    assert found.presence
    assert not found.join_leave
    assert not found.push_join_leave


async def test_a_refreshed_subscription_stands_longer() -> None:
    expires = time.time() + 60
    assert await policy().refresh(ANNA, "news", token(exp=expires)) == expires
    with pytest.raises(PermissionDenied):
        await policy().refresh(ANNA, "other", token(exp=expires))


async def test_history_makes_facts_and_forcing_or_asking_makes_them_recoverable() -> None:
    kept: dict[str, Any] = {
        "history_size": 5,
        "history_ttl": 60,
        "allow_subscribe_for_client": True,
    }
    plain = await subscribed(ANNA, "news", ChannelOptions(**kept))
    assert (plain.delivery, plain.recoverable, plain.positioned) == ("fact", False, False)
    assert plain.retention == Retention(5, 60)
    forced = ChannelOptions(**kept, force_recovery=True, force_recovery_mode="cache")
    found = await subscribed(ANNA, "news", forced)
    assert (found.recoverable, found.positioned, found.recovery_mode) == (True, True, "cache")
    asked = ChannelOptions(**kept, allow_recovery=True, allow_positioning=True)
    assert not (await subscribed(ANNA, "news", asked)).recoverable
    assert (await subscribed(ANNA, "news", asked, recoverable=True)).recoverable
    assert (await subscribed(ANNA, "news", asked, positioned=True)).positioned
    useless = ChannelOptions(allow_subscribe_for_client=True, force_recovery=True)
    assert not (await subscribed(ANNA, "news", useless)).recoverable


@pytest.mark.parametrize(
    ("options", "who", "is_subscribed", "allowed"),
    [
        (ChannelOptions(), ANNA, True, False),
        (ChannelOptions(allow_publish_for_subscriber=True), ANNA, True, True),
        (ChannelOptions(allow_publish_for_subscriber=True), ANNA, False, False),
        (ChannelOptions(allow_publish_for_client=True), ANNA, False, True),
        (ChannelOptions(allow_publish_for_client=True), NOBODY, True, False),
        (ChannelOptions(allow_publish_for_anonymous=True), NOBODY, False, True),
    ],
)
async def test_who_publishes(
    options: ChannelOptions, who: Identity, is_subscribed: bool, allowed: bool
) -> None:
    peer = Peer(who.user, "c-1")
    request = PublishRequest("news", msgspec.Raw(b'"x"'))
    if not allowed:
        with pytest.raises(PermissionDenied):
            await policy(options).publish(who, peer, request, is_subscribed)
        return
    put = await policy(options).publish(who, peer, request, is_subscribed)
    assert put == Publication("news", b'"x"', delivery="signal", info=peer, whole=True)


async def test_where_history_is_kept_a_publication_is_appended() -> None:
    options = ChannelOptions(history_size=5, history_ttl=60)
    peer = Peer("anna", "c-1")
    request = PublishRequest("news", msgspec.Raw(b"1"))
    put = await policy(options, insecure=True).publish(ANNA, peer, request, False)
    assert put == Append("news", b"1", Retention(5, 60), peer, whole=True)


async def test_reading_without_being_subscribed() -> None:
    options = ChannelOptions(allow_presence_for_client=True, allow_history_for_subscriber=True)
    found = await policy(options).access(ANNA, "news")
    assert found.may_read_presence
    assert not found.may_read_history
    assert not (await policy(options).access(NOBODY, "news")).may_read_presence


async def test_insecure_opens_everything() -> None:
    found = await policy(insecure=True).subscribe(NOBODY, SubscribeRequest(channel="$bare:x"))
    assert found.may_publish
    assert found.may_read_presence
    assert found.may_read_history
