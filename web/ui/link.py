"""The first page's address for somebody who is to see it without signing in by hand.

The token stands in the fragment, which browsers send to nobody; the page takes it out of the
address at once.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from web import tokens

SUBJECT: Final = "first-page"
# Long enough to look around; whoever finds the link in a terminal's history tomorrow sees nothing.
TTL_S: Final = 2 * 3600.0


def page_link(url: str, secret: str, now: float) -> str:
    """An ops desk's link to the page at this service, good for two hours."""
    token = tokens.issue(secret, "ops", SUBJECT, TTL_S, now)
    return f"{url.rstrip('/')}/#{urlencode({'token': token})}"
