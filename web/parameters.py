"""Parameters of addresses and of queries that several resources take alike."""

from __future__ import annotations

from typing import Annotated, Final

from litestar.params import PathParameter, QueryParameter

# As actors.domain.values.Region, which is for bodies.
_REGION: Final = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"

RegionPath = Annotated[str, PathParameter(pattern=_REGION)]
TaskPath = Annotated[str, PathParameter(max_length=128)]
NameFilter = Annotated[
    str | None,
    QueryParameter(
        name="name",
        max_length=200,
        pattern=r"^[^\x00]*$(?!\n)",
        description="whole words of the name, in any order; case and accents do not matter",
    ),
]
RegionFilter = Annotated[str | None, QueryParameter(name="region", pattern=_REGION)]
