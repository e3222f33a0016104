"""Names for the lives of streams that a broker counts."""

from __future__ import annotations

import secrets


def new_epoch() -> str:
    """Eight characters, random: the same stream begun anew never takes an earlier name.

    48 bits: after a million restarts of one stream a repeat is still less likely than 1 in 500.
    """
    return secrets.token_urlsafe(6)
