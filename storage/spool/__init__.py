"""The emergency spool: an append-only log on this machine's disk, for when nothing else can be
written to. All web workers of the machine share it. Files only: no database, no network.

    DATA/spool/lock                 held (flock) around every read and write
    DATA/spool/replayer.lock        held by the one worker that replays
    DATA/spool/raised-<number>.log  emergencies that wait, and which of them are settled
    DATA/spool/keys-<number>.log    which command stands for which emergency id; nothing personal
    DATA/spool/dead-<number>.log    emergencies that can never be raised
    DATA/spool/damaged-<number>     what was cut off a log because it was not whole

Files are 0600, folders 0700; what people said is sealed by the caller. For `web/`; imports nothing
of ours.
"""

from storage.spool.errors import SpoolError, SpoolFull, SpoolKeyReused, SpoolUnavailable
from storage.spool.record import DeadLetter, Spooled, Standing, Summary, Waiting
from storage.spool.spool import Spool, read_summary

__all__ = [
    "DeadLetter",
    "Spool",
    "SpoolError",
    "SpoolFull",
    "SpoolKeyReused",
    "SpoolUnavailable",
    "Spooled",
    "Standing",
    "Summary",
    "Waiting",
    "read_summary",
]
