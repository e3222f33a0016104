"""The environment our child processes get: the caller's, without what would reconfigure them."""

from __future__ import annotations

import os
from collections.abc import Mapping

# Each of these prefixes is read by a server or client we start; a variable left in the caller's
# shell (PGDATABASE, RAY_ADDRESS, AWS_PROFILE, WEED_…) must not change what an embedded one does.
# Our own settings are passed on by name, resolved.
_REFUSED_PREFIXES = ("MAXRAY_", "RAY_", "PG", "POSTGRES", "REDIS", "WEED_", "AWS_", "S3_")


def inherited(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    source = os.environ if environ is None else environ
    return {name: value for name, value in source.items() if not name.startswith(_REFUSED_PREFIXES)}
