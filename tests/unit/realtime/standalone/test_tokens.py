"""JSON Web Tokens: only those signed with a configured key of the right family are believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from realtime.errors import InvalidToken, RealtimeError, TokenExpired
from realtime.standalone.options import TokenOptions
from realtime.standalone.tokens import Claims, TokenVerifier

SECRET = "a-secret-of-more-than-thirty-two-bytes"
NOW = 1_800_000_000.0
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ECDSA = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> str:
    public = key.public_key()
    return str(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


async def verified(token: str, **options: Any) -> Claims:
    return await TokenVerifier(TokenOptions(hmac_secret_key=SECRET, **options)).verify(token, NOW)


@contextmanager
def serving(document: object) -> Iterator[str]:
    """A document on loopback, by HTTP; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        # The name is that of BaseHTTPRequestHandler's.
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()
        thread.join()


def signed(**claims: Any) -> str:
    return jwt.encode(claims, SECRET, algorithm="HS256")


async def test_the_claims_of_a_connection_token() -> None:
    token = signed(
        sub="anna",
        exp=NOW + 60,
        info={"name": "Anna"},
        channels=["news"],
        subs={"chat:1": {"info": {"a": 1}, "override": {"presence": {"value": True}}}},
        jti="t-1",
    )
    claims = await verified(token)
    assert (claims.user, claims.token_id, claims.channels) == ("anna", "t-1", ("news",))
    assert claims.expires_at == NOW + 60
    assert json.loads(claims.info) == {"name": "Anna"}
    override = claims.subs["chat:1"].override.presence
    assert override is not None
    assert override.value


@pytest.mark.parametrize(
    ("claims", "expires_at"),
    [
        ({}, None),
        ({"exp": NOW + 60}, NOW + 60),
        ({"exp": NOW + 60, "expire_at": 0}, None),
        ({"exp": NOW + 60, "expire_at": NOW + 90}, NOW + 90),
    ],
)
async def test_until_when_it_stands(claims: dict[str, float], expires_at: float | None) -> None:
    assert (await verified(signed(sub="anna", **claims))).expires_at == expires_at


async def test_binary_info_comes_as_base64() -> None:
    info = base64.b64encode(b"\x00\xff").decode()
    assert (await verified(signed(sub="anna", b64info=info))).info == b"\x00\xff"
    with pytest.raises(InvalidToken):
        await verified(signed(sub="anna", b64info="?"))


async def test_an_expired_one_is_told_apart() -> None:
    with pytest.raises(TokenExpired):
        await verified(signed(sub="anna", exp=NOW))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        jwt.encode({"sub": "anna"}, SECRET[::-1], algorithm="HS256"),
        jwt.encode({"sub": "anna"}, RSA, algorithm="RS256"),
        jwt.encode({"sub": "anna", "nbf": NOW + 60}, SECRET, algorithm="HS256"),
        jwt.encode({"sub": 7}, SECRET, algorithm="HS256"),
        jwt.encode({"sub": "anna", "channels": "news"}, SECRET, algorithm="HS256"),
    ],
)
async def test_all_else_is_invalid(token: str) -> None:
    with pytest.raises(InvalidToken):
        await verified(token)


async def test_none_is_no_algorithm() -> None:
    key: Any = None
    with pytest.raises(InvalidToken):
        await verified(jwt.encode({"sub": "anna"}, key, algorithm="none"))


async def test_a_public_key_is_no_secret() -> None:
    """The old confusion: HS256 with the published RSA key as the secret."""

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    body = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(b'{"sub":"anna"}')
    signature = hmac.digest(pem(RSA).encode(), body, hashlib.sha256)
    verifier = TokenVerifier(TokenOptions(rsa_public_key=pem(RSA)))
    with pytest.raises(InvalidToken):
        await verifier.verify((body + b"." + part(signature)).decode(), NOW)


async def test_public_keys_verify_their_own_families() -> None:
    verifier = TokenVerifier(TokenOptions(rsa_public_key=pem(RSA), ecdsa_public_key=pem(ECDSA)))
    for key, algorithm in ((RSA, "RS256"), (ECDSA, "ES256")):
        token = jwt.encode({"sub": "anna"}, key, algorithm=algorithm)
        assert (await verifier.verify(token, NOW)).user == "anna"


async def test_audience_and_issuer_where_they_are_demanded() -> None:
    options = {"audience": "us", "issuer": "them"}
    assert (await verified(signed(sub="a", aud="us", iss="them"), **options)).user == "a"
    for claims in ({"aud": "us"}, {"iss": "them"}, {"aud": "x", "iss": "them"}):
        with pytest.raises(InvalidToken):
            await verified(signed(sub="a", **claims), **options)
    assert (await verified(signed(sub="a", aud="x", iss="y"))).user == "a"


async def test_another_claim_may_name_the_user() -> None:
    assert (await verified(signed(sub="a", uid=7), user_id_claim="uid")).user == "7"


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="PEM"):
        TokenVerifier(TokenOptions(rsa_public_key="no key"))


async def test_keys_come_from_a_key_set_by_their_id() -> None:
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    with serving({"keys": [{**numbers, "kid": "now", "alg": "RS256", "use": "sig"}]}) as url:
        verifier = TokenVerifier(TokenOptions(jwks_public_endpoint=url))
        token = jwt.encode({"sub": "anna"}, RSA, algorithm="RS256", headers={"kid": "now"})
        assert (await verifier.verify(token, NOW)).user == "anna"
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        for forged in (
            jwt.encode({"sub": "anna"}, other, algorithm="RS256", headers={"kid": "now"}),
            jwt.encode({"sub": "anna"}, RSA, algorithm="RS256", headers={"kid": "never"}),
            jwt.encode({"sub": "anna"}, SECRET, algorithm="HS256", headers={"kid": "now"}),
        ):
            with pytest.raises(InvalidToken):
                await verifier.verify(forged, NOW)


async def test_a_key_set_out_of_reach_is_no_verdict_on_the_token() -> None:
    with serving({}) as url:
        gone = url
    verifier = TokenVerifier(TokenOptions(jwks_public_endpoint=gone))
    token = jwt.encode({"sub": "anna"}, RSA, algorithm="RS256", headers={"kid": "now"})
    with pytest.raises(RealtimeError) as caught:
        await verifier.verify(token, NOW)
    assert not isinstance(caught.value, InvalidToken)
