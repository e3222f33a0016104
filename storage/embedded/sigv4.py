"""AWS Signature Version 4 for one GET: enough to ask an S3 server whether it is in service.

The AWS SDK does this too, after 1.5 s of imports; `maxray up` and `status` should not wait for it.
Source: "Create a signed AWS API request", AWS Signature Version 4 documentation.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Struct

_EMPTY_BODY = hashlib.sha256(b"").hexdigest()


class S3Access(Struct, frozen=True):
    """Where an S3 server is and the credentials for it."""

    url: str
    access_key: str
    secret_key: str
    region: str

    def __repr__(self) -> str:
        return f"S3Access(url={self.url!r}, access_key={self.access_key!r}, region={self.region!r})"


def signed_headers(
    access: S3Access, path: str, query: dict[str, str], now: datetime | None = None
) -> tuple[str, dict[str, str]]:
    """The request target and the headers of a signed GET of `path` with `query`."""
    moment = now or datetime.now(UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    canonical_query = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
    canonical_path = quote(path or "/", safe="/-_.~")
    headers = {
        "host": urlsplit(access.url).netloc,
        "x-amz-content-sha256": _EMPTY_BODY,
        "x-amz-date": stamp,
    }
    names = ";".join(headers)
    canonical = "\n".join(
        ["GET", canonical_path, canonical_query]
        + [f"{name}:{value}" for name, value in headers.items()]
        + ["", names, _EMPTY_BODY]
    )
    scope = f"{day}/{access.region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{access.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    target = f"{canonical_path}?{canonical_query}" if canonical_query else canonical_path
    return target, headers
