"""`DATA/tls`: our authority and the web's certificate, all files for their owner only.

ca.pem       what callers trust
ca.key       never leaves this folder
server.pem   the web's certificate
server.key
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from storage.embedded.folder import write_private
from web.tls.certificate import (
    Pair,
    belong_together,
    ends_at,
    issue,
    issued_by,
    make_authority,
    names_of,
)

AUTHORITY: Final = "ca.pem"
CERTIFICATE: Final = "server.pem"
_AUTHORITY_KEY: Final = "ca.key"
_KEY: Final = "server.key"

# A certificate is renewed when no more than this is left of it, an authority when what it would
# issue might outlive it.
RENEW_LEAF_S: Final = 30 * 86400.0
RENEW_AUTHORITY_S: Final = 120 * 86400.0


class Files(Struct, frozen=True):
    """Where what the web answers with is."""

    certificate: Path
    key: Path


def keep(folder: Path, names: Iterable[str], now: float) -> Files:
    """Make or renew what is missing, about to end, unreadable or for other names.

    Raises OSError where the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(folder, now)
    wanted = frozenset(names)
    files = Files(folder / CERTIFICATE, folder / _KEY)
    if not _good(files, authority, wanted, now):
        _write(files.certificate, files.key, issue(authority, sorted(wanted), now))
    return files


def _authority(folder: Path, now: float) -> Pair:
    certificate, key = folder / AUTHORITY, folder / _AUTHORITY_KEY
    try:
        found = Pair(certificate.read_text(), key.read_text())
        if ends_at(found.certificate) - now > RENEW_AUTHORITY_S and belong_together(found):
            return found
    except (FileNotFoundError, ValueError):
        pass
    made = make_authority(now)
    _write(certificate, key, made)
    return made


def _good(files: Files, authority: Pair, names: frozenset[str], now: float) -> bool:
    try:
        found = Pair(files.certificate.read_text(), files.key.read_text())
        return (
            ends_at(found.certificate) - now > RENEW_LEAF_S
            and names_of(found.certificate) == names
            and issued_by(found.certificate, authority.certificate)
            and belong_together(found)
        )
    except (FileNotFoundError, ValueError):
        return False


def _write(certificate: Path, key: Path, pair: Pair) -> None:
    # The certificate last: it is what readers look at to see that there is a new one.
    write_private(key, pair.key)
    write_private(certificate, pair.certificate)
