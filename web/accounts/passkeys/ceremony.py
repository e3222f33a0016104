"""The two ceremonies of WebAuthn: a passkey is made, and a passkey is used.

Everything here is synchronous and without I/O; of what a device sends, py_webauthn judges form and
signature against the challenge that we gave, and our host name and origin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    encode_cbor,
    options_to_json_dict,
    parse_client_data_json,
)
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from storage.accounts.passkey_row import PasskeyRow
from storage.accounts.row import AccountRow
from web.accounts.passkeys.relying_party import RelyingParty
from web.accounts.passkeys.schemas import (
    AssertedCredential,
    CreatedCredential,
    CreationOptions,
    RequestOptions,
)

T = TypeVar("T")

# To find a security key, plug it in, and miss its button once.
VALID_S: Final = 300.0
_TIMEOUT_MS: Final = int(VALID_S * 1000)
# WebAuthn level 3, 5.8.3: no credential's id is longer.
_LONGEST_ID: Final = 1023


def _nobodys_key() -> bytes:
    """A COSE key whose private half is thrown away: it gives a credential that we do not know the
    same work as one that we do."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = point.x.to_bytes(32), point.y.to_bytes(32)
    return encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})  # RFC 9053: EC2, ES256, P-256


_NOBODYS_KEY: Final = _nobodys_key()


class Refused(Exception):
    """What the device sent is not what was asked for. `why`: a code, for the audit alone."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Made(Struct, frozen=True):
    """A new passkey's credential, as `PasskeyRow` has it."""

    credential_id: bytes
    public_key: bytes
    transports: tuple[str, ...]
    synced: bool
    sign_count: int


def user_handle(account_id: str) -> bytes:
    """What the authenticator keeps of whose passkey it is: nothing that says who that is."""
    return account_id.encode()


# Made.


def creation_options(
    party: RelyingParty, account: AccountRow, challenge: bytes, known: Iterable[PasskeyRow]
) -> CreationOptions:
    """`known`: what the account has. A device that holds one of them makes no second one."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=user_handle(account.id),
        user_name=account.email,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        # We trust no maker more than another, so we ask for no proof of who made it.
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[_descriptor(passkey) for passkey in known],
    )
    return msgspec.convert(options_to_json_dict(options), CreationOptions)


def made(party: RelyingParty, challenge: bytes, credential: CreatedCredential) -> Made:
    """Raises Refused."""

    def verified() -> Made:
        found = verify_registration_response(
            credential=msgspec.to_builtins(credential),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
        # Without attestation nothing was verified with this key yet: is it one at all?
        key = decode_credential_public_key(found.credential_public_key)
        decoded_public_key_to_cryptography(key)
        if not 0 < len(found.credential_id) <= _LONGEST_ID:
            raise ValueError("a credential's id of no length that there is")
        if found.credential_id != base64url_to_bytes(credential.raw_id):
            raise ValueError("two ids of one credential")
        return Made(
            credential_id=found.credential_id,
            public_key=found.credential_public_key,
            transports=_transports(credential.response.transports),
            synced=found.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
            sign_count=found.sign_count,
        )

    return _judged("passkey-not-made", verified)


# Used.


def request_options(
    party: RelyingParty, challenge: bytes, known: Iterable[PasskeyRow]
) -> RequestOptions:
    """`known`: those that will do; none for whichever the device has for us."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        allow_credentials=[_descriptor(passkey) for passkey in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return msgspec.convert(options_to_json_dict(options), RequestOptions)


def asserted(
    party: RelyingParty,
    challenge: bytes,
    credential: AssertedCredential,
    passkey: PasskeyRow | None,
    *,
    named: bool,
) -> int:
    """The authenticator's count that was signed with it, which the caller holds against the known
    one. None of a passkey: the same work, and then refused. `named`: it must say whose it is.

    Raises Refused.
    """

    def verified() -> int:
        handle = credential.response.user_handle
        found = verify_authentication_response(
            credential=msgspec.to_builtins(credential),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=_NOBODYS_KEY if passkey is None else passkey.public_key,
            # That comparison is the caller's: it is one step with keeping the new count.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        if passkey is None or found.credential_id != passkey.credential_id:
            raise ValueError("of no passkey that we know")
        if handle is None:
            if named:
                raise ValueError("says nothing of whose it is")
        elif base64url_to_bytes(handle) != user_handle(passkey.account_id):
            raise ValueError("says that it is somebody else's")
        return found.new_sign_count

    return _judged("passkey-unknown" if passkey is None else "passkey-wrong", verified)


# Of both.


def challenge_of(client_data_json: str) -> bytes:
    """Which challenge this answers, as it says itself. Raises Refused.

    Not from inside a frame of somebody else's page: there people do not see whom they answer.
    """

    def parsed() -> bytes:
        client_data = parse_client_data_json(base64url_to_bytes(client_data_json))
        if client_data.cross_origin:
            raise ValueError("from a frame of another page")
        return client_data.challenge

    return _judged("passkey-malformed", parsed)


def credential_id(credential: AssertedCredential) -> bytes:
    """Raises Refused."""
    return _judged("passkey-malformed", lambda: base64url_to_bytes(credential.raw_id))


def _judged(why: str, judge: Callable[[], T]) -> T:
    """Base64, JSON, CBOR, COSE and ASN.1 of a stranger: whatever the parsers raise, from KeyError
    to RecursionError, says that this is not what was asked for."""
    try:
        return judge()
    except Exception as error:  # as said: the parsers' errors have nothing in common
        raise Refused(why) from error


def _descriptor(passkey: PasskeyRow) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(name) for name in passkey.transports]
    return PublicKeyCredentialDescriptor(id=passkey.credential_id, transports=transports or None)


def _transports(told: tuple[str, ...]) -> tuple[str, ...]:
    """Those that there are, as a hint to the browser at the next time."""
    known: dict[str, Any] = {transport.value: None for transport in AuthenticatorTransport}
    return tuple(name for name in dict.fromkeys(told) if name in known)
