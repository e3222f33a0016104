"""Our authority and what it issues, held against OpenSSL by a handshake in memory."""

from __future__ import annotations

import ssl
import stat
import time
from pathlib import Path

import pytest

from config import Settings
from tests.unit.web.tls.handshake import handshake
from web.demo.__main__ import target_of
from web.tls.certificate import (
    LEAF_LIFE,
    Pair,
    ends_at,
    issue,
    issued_by,
    make_authority,
    names_of,
)
from web.tls.context import (
    CertificateRefused,
    client_context,
    files_of,
    load,
    names_for,
    server_context,
    trusting,
)
from web.tls.folder import AUTHORITY, RENEW_AUTHORITY_S, RENEW_LEAF_S, Files, keep

NAMES = ["localhost", "127.0.0.1", "::1", "maxray.example"]
NOW = time.time()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return keep(tmp_path / "tls", NAMES, NOW)


@pytest.fixture
def strict(files: Files) -> ssl.SSLContext:
    """A client as strict as newer Pythons' is by default."""
    context = trusting(files.certificate.parent / AUTHORITY)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


class TestHandshake:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_name_is_vouched_for(
        self, files: Files, strict: ssl.SSLContext, name: str
    ) -> None:
        assert handshake(server_context(files), strict, name) == "TLSv1.3"

    def test_another_name_is_not(self, files: Files, strict: ssl.SSLContext) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(server_context(files), strict, "evil.example")

    def test_another_authority_does_not_vouch(self, files: Files, tmp_path: Path) -> None:
        other = keep(tmp_path / "other", NAMES, NOW)
        trust = trusting(other.certificate.parent / AUTHORITY)
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(server_context(files), trust, "localhost")

    def test_tls_1_2_is_the_least(self, files: Files, strict: ssl.SSLContext) -> None:
        strict.maximum_version = ssl.TLSVersion.TLSv1_2
        assert handshake(server_context(files), strict, "localhost") == "TLSv1.2"
        strict.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            strict.minimum_version = ssl.TLSVersion.TLSv1
            strict.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            handshake(server_context(files), strict, "localhost")

    def test_ciphers_without_forward_secrecy_are_refused(
        self, files: Files, strict: ssl.SSLContext
    ) -> None:
        strict.maximum_version = ssl.TLSVersion.TLSv1_2
        strict.set_ciphers("ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256")
        with pytest.raises(ssl.SSLError):
            handshake(server_context(files), strict, "localhost")


class TestKeeping:
    def test_all_files_are_their_owners_only(self, files: Files) -> None:
        folder = files.certificate.parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert sorted(file.name for file in folder.iterdir()) == [
            "ca.key",
            "ca.pem",
            "server.key",
            "server.pem",
        ]
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}

    def test_what_is_good_is_kept(self, files: Files) -> None:
        before = _contents(files)
        keep(files.certificate.parent, NAMES, NOW + LEAF_LIFE.total_seconds() - RENEW_LEAF_S - 60)
        assert _contents(files) == before

    def test_a_certificate_that_is_about_to_end_is_renewed_by_the_same_authority(
        self, files: Files, strict: ssl.SSLContext
    ) -> None:
        before = _contents(files)
        later = NOW + LEAF_LIFE.total_seconds() - RENEW_LEAF_S + 60
        keep(files.certificate.parent, NAMES, later)
        after = _contents(files)
        assert ends_at(after["server.pem"]) > ends_at(before["server.pem"])
        assert after["server.key"] != before["server.key"]
        assert (after["ca.pem"], after["ca.key"]) == (before["ca.pem"], before["ca.key"])
        assert issued_by(after["server.pem"], before["ca.pem"])

    def test_an_authority_that_is_about_to_end_is_made_anew_with_all_it_issued(
        self, files: Files
    ) -> None:
        before = _contents(files)
        keep(files.certificate.parent, NAMES, ends_at(before["ca.pem"]) - RENEW_AUTHORITY_S + 60)
        after = _contents(files)
        assert not set(after.values()) & set(before.values())
        assert issued_by(after["server.pem"], after["ca.pem"])

    def test_other_names_want_another_certificate(self, files: Files) -> None:
        keep(files.certificate.parent, ["localhost", "10.0.0.7"], NOW)
        assert names_of(files.certificate.read_text()) == {"localhost", "10.0.0.7"}

    @pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
    @pytest.mark.parametrize("damage", ["gone", "garbage"])
    def test_what_is_damaged_is_made_anew(
        self, files: Files, name: str, damage: str, request: pytest.FixtureRequest
    ) -> None:
        folder = files.certificate.parent
        if damage == "gone":
            (folder / name).unlink()
        else:
            (folder / name).write_text("garbage")
        keep(folder, NAMES, NOW)
        assert handshake(server_context(files), trusting(folder / AUTHORITY), "localhost")


class TestGiven:
    def test_a_certificate_that_cannot_be_used_is_told_and_changes_nothing(
        self, files: Files, strict: ssl.SSLContext, tmp_path: Path
    ) -> None:
        other = keep(tmp_path / "other", NAMES, NOW)
        context = server_context(files)
        for certificate, key in (
            (files.certificate, other.key),
            (files.certificate, tmp_path / "missing"),
            (files.key, files.key),
        ):
            with pytest.raises(CertificateRefused, match="cannot be used"):
                load(context, Files(certificate, key))
            assert handshake(context, strict, "localhost")

    def test_our_own_calls_trust_the_very_certificate_and_no_other_of_its_issuer(
        self, tmp_path: Path
    ) -> None:
        authority = make_authority(NOW)
        given = _chain(tmp_path, "given", authority, issue(authority, ["maxray.example"], NOW))
        sibling = _chain(tmp_path, "sibling", authority, issue(authority, ["maxray.example"], NOW))
        settings = Settings(data=tmp_path, tls="on", tls_cert=given.certificate, tls_key=given.key)
        trust = client_context(settings)
        assert trust is not None
        assert handshake(server_context(given), trust, "127.0.0.1")
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(server_context(sibling), trust, "127.0.0.1")

    def test_our_own_calls_trust_our_own_authority_under_the_names_it_gave(
        self, tmp_path: Path
    ) -> None:
        made = keep(tmp_path / "tls", NAMES, NOW)
        settings = Settings(data=tmp_path, tls="on", tls_cert=made.certificate, tls_key=made.key)
        trust = client_context(settings)
        assert trust is not None
        assert handshake(server_context(made), trust, "127.0.0.1")
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(server_context(made), trust, "evil.example")

    def test_the_demo_calls_the_service_that_it_was_started_beside(self, tmp_path: Path) -> None:
        made = keep(tmp_path / "tls", NAMES, NOW)
        settings = Settings(
            data=tmp_path, host="0.0.0.0", tls="on", tls_cert=made.certificate, tls_key=made.key
        )
        target = target_of(settings)
        assert target.url == "https://127.0.0.1:8000"
        assert target.trust is not None
        assert handshake(server_context(made), target.trust, "127.0.0.1")
        assert target_of(Settings()).url == "http://127.0.0.1:8000"

    def test_without_tls_there_is_nothing_to_trust(self) -> None:
        assert client_context(Settings()) is None
        assert files_of(Settings()) is None

    def test_with_tls_a_worker_wants_files(self) -> None:
        with pytest.raises(ValueError, match="tls_cert"):
            files_of(Settings(tls="on"))


def test_the_names_are_where_it_listens_and_what_it_is_called() -> None:
    everywhere = Settings(host="0.0.0.0", public_url="https://maxray.example:8443")
    assert names_for(everywhere) >= {"localhost", "127.0.0.1", "::1", "maxray.example"}
    assert "0.0.0.0" not in names_for(everywhere)
    assert "10.0.0.7" in names_for(Settings(host="10.0.0.7"))


def _contents(files: Files) -> dict[str, str]:
    return {file.name: file.read_text() for file in files.certificate.parent.iterdir()}


def _chain(folder: Path, name: str, authority: Pair, leaf: Pair) -> Files:
    files = Files(folder / f"{name}.pem", folder / f"{name}.key")
    files.certificate.write_text(leaf.certificate + authority.certificate)
    files.key.write_text(leaf.key)
    return files
