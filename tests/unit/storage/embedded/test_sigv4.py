"""The signature against the worked example of AWS's own documentation."""

from __future__ import annotations

from datetime import UTC, datetime

from storage.embedded.sigv4 import S3Access, signed_headers

# "Authenticating Requests: Using the Authorization Header", example GET Bucket (List Objects).
EXAMPLE = S3Access(
    url="https://examplebucket.s3.amazonaws.com",
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region="us-east-1",
)
MOMENT = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_documented_example_has_the_documented_signature() -> None:
    target, headers = signed_headers(EXAMPLE, "/", {"prefix": "J", "max-keys": "2"}, MOMENT)
    assert target == "/?max-keys=2&prefix=J"
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )


def test_the_secret_key_shows_in_no_repr() -> None:
    assert "wJalr" not in repr(EXAMPLE)
