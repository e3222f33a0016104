"""What goes in and out of passkeys' routes.

What the browser makes and takes is in its words (WebAuthn level 3, 5.1): binary values as base64url
without padding, names in camel case. Members that a newer browser adds are passed over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from actors.domain.values import Name
from storage.accounts.passkey_row import PasskeyRow
from web.accounts.account_schemas import Opaque, Password, SessionOpened

# A credential's id has 1023 bytes at most, a user handle 64.
Binary = Annotated[str, Meta(min_length=1, max_length=1400, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
# Client data names an origin, an attestation object may hold certificates.
LongBinary = Annotated[
    str, Meta(min_length=1, max_length=65_536, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")
]
Transport = Annotated[str, Meta(max_length=32)]
Transports = Annotated[tuple[Transport, ...], Meta(max_length=16)]
Kind = Literal["public-key"]


class _Body(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Browser(Struct, frozen=True, kw_only=True, rename="camel"):
    """A dictionary of the browser's."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


# Out: what `navigator.credentials` is asked.


class Descriptor(_Browser, frozen=True, kw_only=True):
    id: str
    type: Kind
    transports: tuple[str, ...] | UnsetType = UNSET


class Party(_Browser, frozen=True, kw_only=True):
    id: str
    name: str


class User(_Browser, frozen=True, kw_only=True):
    id: str
    name: str
    display_name: str


class KeyParameters(_Browser, frozen=True, kw_only=True):
    type: Kind
    alg: int


class Selection(_Browser, frozen=True, kw_only=True):
    resident_key: Literal["required"]
    require_resident_key: bool
    user_verification: Literal["required"]


class CreationOptions(_Browser, frozen=True, kw_only=True):
    """For `PublicKeyCredential.parseCreationOptionsFromJSON`. `timeout` in milliseconds."""

    rp: Party
    user: User
    challenge: str
    pub_key_cred_params: tuple[KeyParameters, ...]
    timeout: int
    exclude_credentials: tuple[Descriptor, ...]
    authenticator_selection: Selection
    attestation: Literal["none"]


class RequestOptions(_Browser, frozen=True, kw_only=True):
    """For `PublicKeyCredential.parseRequestOptionsFromJSON`. `timeout` in milliseconds."""

    challenge: str
    timeout: int
    rp_id: str
    allow_credentials: tuple[Descriptor, ...]
    user_verification: Literal["required"]


# In: what it answers.


class AttestationResponse(_Browser, frozen=True, kw_only=True):
    client_data_json: LongBinary = field(name="clientDataJSON")
    attestation_object: LongBinary
    transports: Transports = ()


class CreatedCredential(_Browser, frozen=True, kw_only=True):
    """`toJSON()` of the credential that was made."""

    id: Binary
    raw_id: Binary
    type: Kind
    response: AttestationResponse


class AssertionResponse(_Browser, frozen=True, kw_only=True):
    client_data_json: LongBinary = field(name="clientDataJSON")
    authenticator_data: LongBinary
    signature: LongBinary
    user_handle: Binary | None = None


class AssertedCredential(_Browser, frozen=True, kw_only=True):
    """`toJSON()` of the credential that was used."""

    id: Binary
    raw_id: Binary
    type: Kind
    response: AssertionResponse


# Ours.


class PasskeyOfferBody(_Body, frozen=True, kw_only=True):
    """`password`: asked for unless the session is there to set up a second factor."""

    password: Password | None = None


class PasskeyBody(_Body, frozen=True, kw_only=True):
    """A new passkey, and what its owner calls it."""

    name: Name
    credential: CreatedCredential


class PasskeyRemovalBody(_Body, frozen=True, kw_only=True):
    password: Password


class PasskeyRequestBody(_Body, frozen=True, kw_only=True):
    """`ticket`: of the login whose second factor it is to be; without one it is the login."""

    ticket: Opaque | None = None


class PasskeyLoginBody(_Body, frozen=True, kw_only=True):
    """As the options were asked for: with the same ticket, or without one."""

    credential: AssertedCredential
    ticket: Opaque | None = None
    device_token: Opaque | None = None


class PasskeyView(Struct, frozen=True, kw_only=True):
    """`synced`: its owner's other devices may have it as well. `used_at`: null for never yet."""

    id: str
    name: str
    synced: bool
    created_at: datetime
    used_at: datetime | None


class PasskeysView(Struct, frozen=True, kw_only=True):
    """Oldest first."""

    items: tuple[PasskeyView, ...]


class PasskeyAdded(Struct, frozen=True, kw_only=True):
    """`recovery_codes`: ten, shown this once, if there were none left; else (). `session`: the
    whole one, where this was what it lacked."""

    passkey: PasskeyView
    recovery_codes: tuple[str, ...]
    session: SessionOpened | None


def passkey_view(row: PasskeyRow) -> PasskeyView:
    return PasskeyView(
        id=row.id,
        name=row.name,
        synced=row.synced,
        created_at=row.created_at,
        used_at=row.used_at,
    )
