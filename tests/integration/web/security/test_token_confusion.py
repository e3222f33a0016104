"""Tokens that are none, or not what they are shown for: at the REST doors and at the socket's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from realtime.errors import InvalidToken, TokenExpired
from realtime.ports import ConnectContext
from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.api import problem
from tests.integration.web.conftest import SECRET
from tests.waiting import until
from web.channels.authenticator import TokenAuthenticator

PEM: Final = serialization.Encoding.PEM
RAW: Final = serialization.Encoding.Raw
FOREIGN: Final = Ed25519PrivateKey.generate()


class Known(Struct, frozen=True):
    """What an attacker has: a good token of their own, and all that the service publishes."""

    token: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    jwk: Mapping[str, Any]
    public_pem: bytes
    public_raw: bytes
    now: float

    def forged(self, changes: Mapping[str, Any], key: Any = FOREIGN, **header: Any) -> str:
        """These claims under a key of the attacker's choice."""
        headers = {"kid": self.header["kid"], **header}
        kept = {name: value for name, value in headers.items() if value is not None}
        return jwt.encode({**self.claims, **changes}, key, algorithm="EdDSA", headers=kept)

    def by_hand(self, header: Mapping[str, Any], changes: Mapping[str, Any], secret: bytes) -> str:
        """What libraries refuse to make: HMAC with a key that is meant to be public."""
        signed = ".".join(map(_part, (header, {**self.claims, **changes})))
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64url(mac)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _part(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value).encode())


@pytest.fixture(scope="module")
async def holder(stage: Stage) -> Caller:
    return await stage.patient()


@pytest.fixture(scope="module")
async def known(stage: Stage, holder: Caller) -> Known:
    header = jwt.get_unverified_header(holder.access_token)
    keys = (await stage.stranger().get("/.well-known/jwks.json")).json()["keys"]
    jwk = next(key for key in keys if key["kid"] == header["kid"])
    assert "d" not in jwk  # the private half
    key: Any = jwt.PyJWK(jwk).key
    return Known(
        holder.access_token,
        header,
        jwt.decode(holder.access_token, options={"verify_signature": False}),
        jwk,
        key.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(RAW, serialization.PublicFormat.Raw),
        stage.clock.now(),
    )


ADMIN: Final = {"role": "admin", "sub": "root"}
HS: Final = {"alg": "HS256", "typ": "JWT"}
Forgery = Callable[[Known], str]
FORGERIES: Final[dict[str, Forgery]] = {
    "no algorithm": lambda k: f"{_part({'alg': 'none'})}.{_part({**k.claims, **ADMIN})}.",
    "no algorithm, oddly written": lambda k: (
        f"{_part({'alg': 'nOnE', 'kid': k.header['kid']})}.{_part(k.claims)}."
    ),
    "no algorithm named": lambda k: f"{_part({'typ': 'JWT'})}.{_part(k.claims)}.",
    "signature taken off": lambda k: k.token.rpartition(".")[0] + ".",
    "signature of another's claims": lambda k: ".".join(
        (k.token.split(".")[0], _part({**k.claims, **ADMIN}), k.token.split(".")[2])
    ),
    "a letter of the signature changed": lambda k: (
        f"{k.token[:-10]}{'A' if k.token[-10] != 'A' else 'B'}{k.token[-9:]}"
    ),
    "HS256 with the public key as PEM": lambda k: k.by_hand(HS, ADMIN, k.public_pem),
    "HS256 with the public key's bytes": lambda k: k.by_hand(HS, ADMIN, k.public_raw),
    "HS256 with the public key as published": lambda k: k.by_hand(
        {**HS, "kid": k.header["kid"]}, ADMIN, k.jwk["x"].encode()
    ),
    "HS256 with an empty secret": lambda k: k.by_hand(HS, ADMIN, b""),
    "EdDSA named, HMAC made": lambda k: k.by_hand(k.header, ADMIN, k.public_raw),
    "HS384 with the operators' secret": lambda k: jwt.encode(
        dict(k.claims), SECRET * 2, algorithm="HS384"
    ),
    "another's key under our kid": lambda k: k.forged(ADMIN),
    "another's key that the token brings": lambda k: k.forged(
        ADMIN, jwk={"kty": "OKP", "crv": "Ed25519", "x": _base64url(_public(FOREIGN))}
    ),
    "another's key at an address": lambda k: k.forged(ADMIN, jku="http://127.0.0.1:1/jwks"),
    "another's certificate at an address": lambda k: k.forged(ADMIN, x5u="http://127.0.0.1:1/x"),
    "a kid of nobody's": lambda k: k.forged(ADMIN, kid="no-such-key"),
    "no kid": lambda k: k.forged(ADMIN, kid=None),
    "a kid that is a path": lambda k: k.forged(ADMIN, kid="../../../../dev/null"),
    "a kid that is a query": lambda k: k.forged(ADMIN, kid="' UNION SELECT 'key' --"),
    "a critical extension": lambda k: k.forged(ADMIN, crit=["b64"], b64=False),
    "encrypted, it says": lambda k: f"{k.token}.x.y",
    "two tokens": lambda k: f"{k.token},{k.token}",
    "very long": lambda k: k.token + "A" * 100_000,
}


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(RAW, serialization.PublicFormat.Raw)


async def refused_everywhere(stage: Stage, token: str) -> None:
    """A whole token's door, one for enrolling, and the socket's."""
    caller = stage.stranger()
    caller.access_token = token
    problem(await caller.get("/api/sessions", expect=401), 401, "unauthorized")
    offer = await caller.post("/api/accounts/me/totp", {}, expect=401)
    problem(offer, 401, "unauthorized")
    door = TokenAuthenticator(stage.accounts.verifier.verify)
    with pytest.raises((InvalidToken, TokenExpired)):
        await door.authenticate(token, ConnectContext("c"))


async def test_a_good_token_is_good(stage: Stage, known: Known) -> None:
    caller = stage.stranger()
    caller.access_token = known.token
    await caller.get("/api/sessions", expect=200)
    door = TokenAuthenticator(stage.accounts.verifier.verify)
    identity = await door.authenticate(known.token, ConnectContext("c"))
    assert identity.user == f"patient:{known.claims['sub']}"


@pytest.mark.parametrize("how", FORGERIES)
async def test_a_forged_token_is_refused(stage: Stage, known: Known, how: str) -> None:
    await refused_everywhere(stage, FORGERIES[how](known))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-service"},
        {"aud": ["maxray", "another-service"]},
        {"aud": ["maxray", "maxray-enrol"]},
        {"aud": "maxray-enrol "},
        {"aud": None},
        {"exp": 1},
        {"exp": "never"},
        {"exp": None},
        {"iat": 4_000_000_000, "exp": 4_000_000_900},
        {"role": "system"},
        {"role": ["admin"]},
        {"sub": ""},
        {"sub": {"$ne": ""}},
        {"sid": ""},
        {"sid": None},
        {"acc": 1},
        {"amr": "mfa"},
    ],
    ids=lambda changes: next(iter(changes)) + ":" + str(next(iter(changes.values())))[:16],
)
async def test_what_our_own_key_signed_is_held_to_its_claims(
    stage: Stage, known: Known, changes: dict[str, Any]
) -> None:
    kid, key = stage.accounts.keys.signing()
    await refused_everywhere(stage, known.forged(changes, key, kid=kid))


async def test_a_token_is_good_until_its_time_and_no_longer(stage: Stage) -> None:
    caller = await stage.patient()
    token = caller.access_token
    ends = jwt.decode(token, options={"verify_signature": False})["exp"]
    assert ends - stage.clock.now() <= 900
    verify = stage.accounts.verifier.verify
    assert verify(token).expires_at == ends
    await stage.clock.advance(ends - stage.clock.now() + 5.0)
    await refused_everywhere(stage, token)


async def test_no_token_stands_for_one_of_another_kind(stage: Stage) -> None:
    owner = await stage.patient()
    await owner.post("/api/accounts/password-reset", {"email": owner.email}, expect=202)
    link = (await stage.mailbox.newest(owner.email, "reset_password")).token("reset")
    await owner.enrol()
    second = stage.stranger()
    second.email, second.password, second.totp = owner.email, owner.password, owner.totp
    ticket = (await second.try_log_in()).json()["ticket"]
    assert owner.device_token
    for token in (owner.refresh_token, owner.device_token, link, ticket, *owner.recovery_codes):
        await refused_everywhere(stage, token)

    stranger = stage.stranger()
    for token in (owner.access_token, owner.device_token, link, ticket):
        problem(await stranger.try_refresh(token[:200]), 401, "invalid-credentials")
    for token in (owner.access_token, owner.refresh_token, owner.device_token, link):
        body = {"ticket": token[:200], "code": await owner.next_code()}
        answer = await stage.stranger().post("/api/sessions/second-factor", body)
        problem(answer, 401, "invalid-credentials")
    for token in (owner.refresh_token, ticket):
        body = {"token": token, "password": "another-good-one-83-tram"}
        answer = await stage.stranger().post("/api/accounts/password-reset/confirmation", body)
        problem(answer, 410, "link-ended")
    # A link of one purpose is none of another.
    answer = await stage.stranger().post("/api/accounts/verification", {"token": link})
    problem(answer, 410, "link-ended")
    # And all of them are still good for what they are.
    await owner.refresh()
    assert (await owner.get("/api/sessions")).status_code == 200


async def test_a_token_for_enrolling_opens_nothing_else(stage: Stage) -> None:
    recruit = await stage.staff("ops")
    found = await recruit.log_in()
    assert found["status"] == "enrolment_needed"
    for path in ("/api/patients", "/api/sessions", "/metrics"):
        problem(await recruit.get(path, expect=403), 403, "second-factor-required")
    door = TokenAuthenticator(stage.accounts.verifier.verify)
    with pytest.raises(InvalidToken):
        await door.authenticate(recruit.access_token, ConnectContext("c"))
    await recruit.enrol()
    await recruit.get("/api/patients", expect=200)


async def test_the_token_of_a_session_that_ended_is_good_for_nothing(stage: Stage) -> None:
    owner = await stage.patient()
    token = owner.access_token
    await owner.call("DELETE", "/api/sessions/current", expect=204)

    async def told() -> bool:  # every worker is, this one as the others
        return owner.session_id in stage.accounts.revocations

    await until(told)
    await refused_everywhere(stage, token)
    problem(await owner.try_refresh(), 401, "invalid-credentials")


async def test_a_token_is_read_from_one_place_only(stage: Stage, holder: Caller) -> None:
    """Not from the address, which is logged on the way, nor from a cookie, which others can use."""
    await holder.log_in()
    token = holder.access_token
    async with stage.client("10.9.9.9") as client:
        for query in ("access_token", "token", "authorization", "bearer"):
            answer = await client.get("/api/sessions", params={query: token})
            problem(answer, 401, "unauthorized")
        for name in ("Cookie", "X-Access-Token", "Proxy-Authorization"):
            value = f"token={token}" if name == "Cookie" else f"Bearer {token}"
            answer = await client.get("/api/sessions", headers={name: value})
            problem(answer, 401, "unauthorized")
