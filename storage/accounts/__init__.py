"""Accounts as PostgreSQL keeps them: who may log in, with what, and which sessions there are.

Rows (row.py) are what the rest of the system sees: opened, typed, with nothing of a secret in their
repr. What an account may do next is decided above, in web/accounts; here each change is one
statement or one transaction that holds whatever came between. `AccountStore` has them all.
"""

from storage.accounts.facade import AccountStore

__all__ = ["AccountStore"]
