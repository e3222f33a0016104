"""Encryption at rest: nothing of identity or health stands clear in any store of ours.

Every patient has a data key; another, the SYSTEM scope's, seals what belongs to no patient. Data
keys lie in PostgreSQL wrapped under a master key, which is not there (master_key.py). `Vault` is
how everybody seals, opens and looks up; to erase a patient is to destroy their data key.

    envelope.py      what sealed bytes look like, and their cipher (AES-256-GCM)
    master_key.py    wrapping data keys: the port `KeyWrapper`, and it by a text of the settings
    key_store.py     the port to the table of data keys; _postgres, _memory: it
    vault.py         data keys in memory, by scope
    document.py      what in a JSON document is one patient's own, sealed under their key
    local.py         sealing without a database, for files of this machine
    rotation.py      rewrapping all data keys under another master key

What stands sealed in the journal: storage/journal_sealed.py; in people's rows:
storage/records/sealing.py; what an older version wrote clear is sealed by storage/seal_existing.py.

For everybody in storage/ and web/; imports the domain's list of what is private, and asyncpg.
"""

from storage.encryption.errors import (
    BadSeal,
    EncryptionError,
    Erased,
    KeyNotLoaded,
    KeysUnavailable,
    UnknownMasterKey,
)
from storage.encryption.key_store_postgres import PostgresKeyStore
from storage.encryption.local import LocalSealer
from storage.encryption.master_key import KeyWrapper, MasterKeys, Wrapped
from storage.encryption.vault import SYSTEM, Vault

__all__ = [
    "SYSTEM",
    "BadSeal",
    "EncryptionError",
    "Erased",
    "KeyNotLoaded",
    "KeyWrapper",
    "KeysUnavailable",
    "LocalSealer",
    "MasterKeys",
    "PostgresKeyStore",
    "UnknownMasterKey",
    "Vault",
    "Wrapped",
]
