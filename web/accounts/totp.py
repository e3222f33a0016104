"""Codes from an authenticator app (RFC 6238): HMAC-SHA-1 over steps of 30 s, six digits, which is
what all apps understand."""

from __future__ import annotations

import hmac
from io import BytesIO
from typing import Final

import pyotp
import segno

STEP_S: Final = 30
DIGITS: Final = 6
ISSUER: Final = "MaxRay"
# A telephone's clock may be a step off, either way.
_DRIFT: Final = (-1, 0, 1)


def new_secret() -> str:
    """160 random bits, as RFC 4226 advises, in base32."""
    return pyotp.random_base32()


def step_of(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is, of those around `now`; None where it is none of them.

    All of them are compared, so that no time shows which was nearly right. A step's code is good
    once: that is the caller's to see to (storage.accounts: `take_step`).
    """
    generator = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S)
    present = int(now) // STEP_S
    found = None
    for step in (present + drift for drift in _DRIFT):
        if hmac.compare_digest(generator.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def uri(secret: str, account: str) -> str:
    """What an authenticator takes: the `otpauth:` address of this secret."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(
        name=account, issuer_name=ISSUER
    )


def qr_svg(text: str) -> str:
    """A QR code of it, as an SVG document."""
    out = BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", scale=4, xmldecl=False)
    return out.getvalue().decode()
