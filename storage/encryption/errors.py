"""What can go wrong with sealed data.

EncryptionError
├── KeysUnavailable     the data keys, or what unwraps them, are out of reach just now
├── UnknownMasterKey    a data key is wrapped under a master key that the settings do not give
├── KeyNotLoaded        `prepare` was not awaited first: a fault of the caller
├── Erased              the scope's data key was destroyed: its data is gone for good
└── BadSeal             altered, of another scope or context, or not sealed by us at all
"""

from __future__ import annotations


class EncryptionError(Exception):
    """Base of them. No message holds a key or a plaintext."""


class KeysUnavailable(EncryptionError):
    """Try again later."""


class UnknownMasterKey(EncryptionError):
    """`master_id` names the key that is missing."""

    def __init__(self, master_id: str) -> None:
        super().__init__(
            f"a data key is wrapped under master key {master_id}, which the settings do not give"
        )
        self.master_id = master_id


class KeyNotLoaded(EncryptionError):
    """The scope's data key is not in memory."""


class Erased(EncryptionError):
    """There is no key any more, nor will there be another for this scope."""


class BadSeal(EncryptionError):
    """Whatever it is, it is not what was sealed here."""
