"""An authority of our own and the certificates it issues, as RFC 5280 wants them. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

AUTHORITY_LIFE: Final = timedelta(days=3650)
# Browsers refuse more than 398 days; less than that makes renewal something that happens.
LEAF_LIFE: Final = timedelta(days=90)
# Clocks of other machines may be behind ours.
_BACKDATED: Final = timedelta(hours=1)


class Pair(Struct, frozen=True):
    """A certificate and its key, both PEM."""

    certificate: str
    key: str


def make_authority(now: float) -> Pair:
    """A new one, good for ten years. It may issue for servers only, and appoint no other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("MaxRay local authority")
    public = key.public_key()
    certificate = (
        _builder(name, name, public, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def issue(authority: Pair, names: Iterable[str], now: float) -> Pair:
    """A server's certificate for these host names and addresses, with a key of its own."""
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    issuer_key = _private_key(authority.key)
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    certificate = (
        _builder(_name("MaxRay"), issuer.subject, public, now, LEAF_LIFE)
        .add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return _pair(certificate, key)


def ends_at(certificate: str) -> float:
    """When the (first) certificate of a PEM text ends, Unix seconds. Raises ValueError."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    return found.not_valid_after_utc.timestamp()


def names_of(certificate: str) -> frozenset[str]:
    """The host names and addresses it is for. Raises ValueError."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(str(name.value) for name in extension.value)


def belong_together(pair: Pair) -> bool:
    """Whether the key is the certificate's. Raises ValueError where one of them is none."""
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    return certificate.public_key() == _private_key(pair.key).public_key()


def issued_by(certificate: str, authority: str) -> bool:
    """Whether this authority signed it. Raises ValueError where one of them is none."""
    leaf = x509.load_pem_x509_certificate(certificate.encode())
    issuer = x509.load_pem_x509_certificate(authority.encode())
    try:
        leaf.verify_directly_issued_by(issuer)
    except Exception:  # InvalidSignature, ValueError, TypeError: all of them a no
        return False
    return True


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: float,
    life: timedelta,
) -> x509.CertificateBuilder:
    at = datetime.fromtimestamp(int(now), UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _BACKDATED)
        .not_valid_after(at + life)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private_key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not a key of our authority's kind")
    return key


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(certificate.public_bytes(Encoding.PEM).decode(), private.decode())
