"""The settings as a table for docs/deploy.md: `python -m config.reference docs/deploy.md`.

What is accepted and the defaults come from settings.py; what a setting is for is said here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from config.settings import ACCEPTED, Settings
from config.source import variable

BEGIN: Final = "<!-- settings: written by `python -m config.reference` -->"
END: Final = "<!-- end of settings -->"

MEANING: Final = {
    "data": "where `maxray up` keeps everything; its `maxray.toml` is read where there is one",
    "host": "where the web listens",
    "port": "where the web listens",
    "public_url": "where people reach it, for the links in mail; without it `HOST:PORT`",
    "tls": "whether the web speaks TLS itself; not where a proxy before it does",
    "tls_cert": "the certificate with its chain, PEM; without it `maxray up` makes one",
    "tls_key": "the certificate's key, PEM; goes with it",
    "web_workers": "web workers that `maxray up` starts on that port",
    "shards": "shards that the entities are divided among; the same for every process",
    "region": "the dispatcher's region, part of the names of the `ops:` and `fleet:` channels",
    "database_url": "PostgreSQL; without it `maxray up` starts one",
    "redis_url": "Redis; without it `maxray up` starts one",
    "s3_url": "the object store; without it `maxray up` starts one",
    "s3_access_key": "the object store's key id; goes with its URL",
    "s3_secret_key": "the object store's secret key; goes with its URL",
    "s3_bucket": "the bucket, which must exist on an outside store",
    "s3_region": "the object store's region, as requests are signed for it",
    "ray_address": "the Ray cluster; without it `maxray up` starts one",
    "smtp_url": "the mail server; without it mail is written into `DATA/mail`",
    "mail_from": "who the mail is from; goes with a mail server",
    "token_secret": "signs bearer tokens; `maxray up` generates it",
    "master_key": "wraps all data keys; `maxray up` generates it. **lost, all is lost**",
    "audit_heads_s": "how often the heads of the audit's chains are written to the object store",
    "spare_master_key": "a second one that is known, while it is being changed (`maxray keys`)",
    "erasure_hold_days": "how long after DELETE a patient's data key is kept; then it is destroyed",
    "offer_timeout_s": "how long a unit may think about an offer",
    "offer_attempts": "refused or expired offers after which the ops desk is alerted",
    "dispatch_policy": "who decides whom to send",
    "roads": "a folder with a road network (nodes.csv, arcs.csv, perhaps hours.csv), which travel "
    "times are then estimated over; without it straight lines are. See docs/dispatch.md",
    "roads_zone": "the time zone of the network's hours",
    "escalation_s": "how often the ops desk is alerted again, until somebody is on the way",
    "spool_after_s": "how long an emergency may take to be raised before it is logged in the spool",
    "user_connections": "sockets that one user may have open on a web worker",
    "address_connections": "the same for one network address; a clinic may stand behind one",
    "socket_commands_per_s": "commands a second that one socket may send in the long run",
    "drain_s": "the time over which a stopping web worker spreads its clients' reconnects",
    "log_level": "what is logged",
    "log_format": "JSON lines or text; `auto` is text on a terminal",
}


def table() -> str:
    """Every setting, in the order of settings.py, as a Markdown table."""
    defaults = Settings()
    rows = ["| variable | what it is | accepted | default |", "| --- | --- | --- | --- |"]
    for name, accepted in ACCEPTED.items():
        shown = f"`{variable(name)}`"
        if accepted.secret:
            shown += f" or `{variable(name + '_file')}`"
        default = getattr(defaults, name)
        value = "none" if default is None else f"`{default}`"
        rows.append(f"| {shown} | {MEANING[name]} | {_cell(accepted.says)} | {value} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def with_table(document: str) -> str:
    """The document with its table as it is now. Raises ValueError where it has no place for one."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no part between {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text()))


if __name__ == "__main__":
    main()
