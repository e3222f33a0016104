"""What a file can be refused for."""

from __future__ import annotations


class ExportRefused(Exception):
    """The file is no export of the public fire-calls data set; the message is for its user."""
