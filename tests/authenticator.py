"""A WebAuthn authenticator in software, with the browser in front of it: ES256, attestation "none".

It makes what `PublicKeyCredential.toJSON()` gives. `origin` is the page it thinks it is on; a test
that attacks says what is to be different from what a browser would have done.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

# Flags of authenticator data (WebAuthn level 3, 6.1).
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """Holds one passkey. `synced`: as a provider's that copies it to other devices."""

    def __init__(self, origin: str, *, synced: bool = False, counts: bool = True) -> None:
        self.origin = origin
        self.count = 0
        self.credential_id = secrets.token_bytes(32)
        self.user_handle = b""
        self._counts = counts
        self._synced = ELIGIBLE | BACKED_UP if synced else 0
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(
        self,
        options: Mapping[str, Any],
        *,
        origin: str | None = None,
        rp_id: str | None = None,
        challenge: str | None = None,
        flags: int = PRESENT | VERIFIED,
        cross_origin: bool = False,
        public_key: bytes | None = None,
    ) -> dict[str, Any]:
        """navigator.credentials.create()"""
        self.user_handle = unb64(options["user"]["id"])
        client_data = self._client_data(
            "webauthn.create", challenge or options["challenge"], origin, cross_origin
        )
        attested = (
            bytes(16)
            + len(self.credential_id).to_bytes(2)
            + self.credential_id
            + (self._cose() if public_key is None else public_key)
        )
        data = self._data(rp_id or options["rp"]["id"], flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential(
            {
                "clientDataJSON": b64(client_data),
                "attestationObject": b64(attestation),
                "transports": ["internal", "hybrid", "telepathy"],
                "publicKeyAlgorithm": -7,
            }
        )

    def show(
        self,
        options: Mapping[str, Any],
        *,
        origin: str | None = None,
        rp_id: str | None = None,
        challenge: str | None = None,
        flags: int = PRESENT | VERIFIED,
        cross_origin: bool = False,
        user_handle: bytes | None = None,
        named: bool = True,
    ) -> dict[str, Any]:
        """navigator.credentials.get()"""
        self.count += self._counts
        client_data = self._client_data(
            "webauthn.get", challenge or options["challenge"], origin, cross_origin
        )
        data = self._data(rp_id or options["rpId"], flags)
        signature = self._key.sign(data + sha256(client_data).digest(), ec.ECDSA(SHA256()))
        handle = self.user_handle if user_handle is None else user_handle
        return self._credential(
            {
                "clientDataJSON": b64(client_data),
                "authenticatorData": b64(data),
                "signature": b64(signature),
                "userHandle": b64(handle) if named and handle else None,
            }
        )

    def _client_data(
        self, kind: str, challenge: str, origin: str | None, cross_origin: bool
    ) -> bytes:
        return json.dumps(
            {
                "type": kind,
                "challenge": challenge,
                "origin": origin or self.origin,
                "crossOrigin": cross_origin,
            }
        ).encode()

    def _data(self, rp_id: str, flags: int) -> bytes:
        hashed = sha256(rp_id.encode()).digest()
        return hashed + bytes([flags | self._synced]) + self.count.to_bytes(4)

    def _cose(self) -> bytes:
        point = self._key.public_key().public_numbers()
        x, y = point.x.to_bytes(32), point.y.to_bytes(32)
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _credential(self, response: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": b64(self.credential_id),
            "rawId": b64(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": True}},
            "response": dict(response),
        }
