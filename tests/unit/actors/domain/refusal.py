"""Saying that a command is refused, and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actors.domain.kernel import DomainError


@contextmanager
def refused(code: str, *allowed: str) -> Iterator[None]:
    """What is inside raises a DomainError with this code that offers at least `allowed`."""
    with pytest.raises(DomainError) as error:
        yield
    assert error.value.code == code, error.value.message
    assert error.value.message
    assert set(allowed) <= set(error.value.allowed)
