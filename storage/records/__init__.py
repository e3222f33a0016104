"""What is kept of people beside the live state of their entities: profiles, and which emergencies
a patient has had. Piccolo tables (table.py), their queries by kind, and `Records`, which connects.

The truth of what is live (status, tasks, position, queues) is in the actors' journal. A row and
the message that tells its entity are written in one transaction; see outbox.py.
"""

from storage.records.errors import KeyReused, NoSuchRecord, RecordsError, RecordsUnavailable
from storage.records.facade import Records

__all__ = [
    "KeyReused",
    "NoSuchRecord",
    "Records",
    "RecordsError",
    "RecordsUnavailable",
]
