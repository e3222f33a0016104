"""How the web answers TLS, and how our own programs (status, replay, demo) call it."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from config import Settings
from web.tls.folder import AUTHORITY, CERTIFICATE, Files

FOLDER: Final = "tls"
# Of TLS 1.2 only what has forward secrecy and authenticated encryption (RFC 9325 §4.2).
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


class CertificateRefused(Exception):
    """A certificate or its key cannot be used."""

    def __init__(self, files: Files, reason: str) -> None:
        super().__init__(f"the certificate {files.certificate} cannot be used: {reason}")


def server_context(files: Files) -> ssl.SSLContext:
    """TLS 1.2 or 1.3 with this certificate. Raises CertificateRefused."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # A client that renegotiates makes us work without working itself.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    load(context, files)
    return context


def load(context: ssl.SSLContext, files: Files) -> None:
    """From now on, handshakes use this certificate. Raises CertificateRefused and leaves all as it
    was."""
    try:
        # On another context first: one that fails half-way has the one without the other.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*_chain(files))
        context.load_cert_chain(*_chain(files))
    except ssl.SSLError as error:
        reason = (error.reason or "").replace("_", " ").lower() or "it is not PEM"
        raise CertificateRefused(files, reason) from None
    except OSError as error:
        raise CertificateRefused(files, error.strerror or str(error)) from None


def _chain(files: Files) -> tuple[Path, Path]:
    return files.certificate, files.key


def files_of(settings: Settings) -> Files | None:
    """What settings with TLS name; None without TLS. Raises ValueError where they name none."""
    if settings.tls == "off":
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise ValueError("with TLS a web worker needs the settings tls_cert and tls_key")
    return Files(settings.tls_cert, settings.tls_key)


def names_for(settings: Settings) -> frozenset[str]:
    """What the web may be called by, as far as we know: this machine, where it listens, and its
    public name."""
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname()}
    if settings.host not in EVERYWHERE:
        names.add(settings.host)
    if settings.public_url is not None:
        names.add(urlsplit(settings.public_url).hostname or "localhost")
    return frozenset(names)


def client_context(settings: Settings) -> ssl.SSLContext | None:
    """For calls to the service with these (resolved) settings on its own machine; None without TLS.

    A certificate of our own authority is held against that. One that was given is trusted itself,
    under whatever name we call: it was issued for the service's public one. Raises OSError.
    """
    if settings.tls == "off" or settings.tls_cert is None:
        return None
    folder = settings.data.absolute() / FOLDER
    if settings.tls_cert == folder / CERTIFICATE:
        return trusting(folder / AUTHORITY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # The first of the file is the service's own; what issued it has issued others as well.
    certificate = settings.tls_cert.read_text()
    end = "-----END CERTIFICATE-----"
    context.load_verify_locations(cadata=certificate.partition(end)[0] + end + "\n")
    return context


def trusting(authority: Path) -> ssl.SSLContext:
    """For calls to servers with certificates of this authority only. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=authority)
    return context
