"""Schema migrations, oldest first by name; never changed once released, and none that breaks the
version before it (expand, then contract). `storage/migrate.py` runs them.
"""
