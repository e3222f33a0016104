"""What can go wrong with the spool.

SpoolError
├── SpoolFull           no room on the disk, or too many wait for one patient; nothing was written
├── SpoolUnavailable    the disk fails, or another worker does not let go of the lock
└── SpoolKeyReused      the command id stands for another request
"""

from __future__ import annotations

import errno
from typing import Final

# No space, over a quota, over a file size limit.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SpoolError(Exception):
    """Base of them. No message quotes a record."""


class SpoolFull(SpoolError):
    """Nothing was written, and nothing will be until there is room."""


class SpoolUnavailable(SpoolError):
    """Not known to be written; the same command may be tried again."""


class SpoolKeyReused(SpoolError):
    """A command id names one emergency for ever."""


def of_disk(error: OSError) -> SpoolError:
    """The disk's refusal in our words."""
    if error.errno in _NO_ROOM:
        return SpoolFull("the disk of the emergency spool is full")
    return SpoolUnavailable(f"the emergency spool's disk fails: {error.strerror or error}")
