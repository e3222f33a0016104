"""What a crew names: a task, a hospital, the unit that takes over. For every door alike.

A hospital or a unit may not be there. Such a refusal goes through the crew's own entity
(Router.refuse): who names them in a repeat is to get the first one's answer, whatever has become of
them since.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from actors.domain.kernel import DomainError
from actors.domain.views.paramedic import ParamedicView, TaskView
from web.problems import FieldError, invalid_body

# By code: where in the body it was named.
_POINTERS: Final = {"unknown_hospital": "/hospital", "unknown_relief": "/relief"}


def task_in(unit: ParamedicView | None, task_id: str) -> TaskView | None:
    """The task, while it is in the unit's queue."""
    tasks = () if unit is None else unit.tasks
    return next((task for task in tasks if task.id == task_id), None)


def unknown_hospital() -> DomainError:
    """There is none of this id, or none any more."""
    return DomainError("unknown_hospital", "there is no such hospital")


def unknown_relief(region: str) -> DomainError:
    """No unit that may take over in this region."""
    return DomainError("unknown_relief", f"expected another unit of the region {region}")


@contextmanager
def named_in_body() -> Generator[None]:
    """Answers 422 for these refusals, with a pointer to what was named."""
    try:
        yield
    except DomainError as error:
        pointer = _POINTERS.get(error.code)
        if pointer is None:
            raise
        raise invalid_body([FieldError(error.message, pointer=pointer)]) from None
