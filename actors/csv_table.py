"""A CSV file that people write, row by row; refused with its name, its line, what was expected."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path


class FileRefused(Exception):
    """A file is not as it must be. `line` counts from 1; None: the file as a whole."""

    def __init__(self, file: str, line: int | None, expected: str) -> None:
        where = file if line is None else f"{file}, line {line}"
        super().__init__(f"{where}: {expected}")
        self.file = file
        self.line = line
        self.expected = expected


def text_of(path: Path) -> str:
    """A file's text without its byte order mark. Raises FileRefused."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise FileRefused(path.name, None, "expected this file") from None
    except OSError as error:
        raise FileRefused(path.name, None, f"expected a readable file: {error}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FileRefused(path.name, line, "expected UTF-8") from None


class Table:
    """A CSV file with a header. The columns may stand in any order; others are refused."""

    def __init__(self, path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        self.file = path.name
        self.line = 1
        self._reader = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
        header = self._next()
        if header is None:
            raise self.refused(f"expected a header: {','.join(required)}")
        self.columns = self._columns(header, required, optional)
        self._width = len(header)

    def _columns(
        self, header: list[str], required: Sequence[str], optional: Sequence[str]
    ) -> dict[str, int]:
        known = [*required, *optional]
        for name in header:
            if name not in known:
                raise self.refused(f"unknown column {name!r}; expected {','.join(known)}")
            if header.count(name) > 1:
                raise self.refused(f"expected the column {name!r} once")
        for name in required:
            if name not in header:
                raise self.refused(f"expected a column {name!r}")
        return {name: at for at, name in enumerate(header)}

    def _next(self) -> list[str] | None:
        try:
            row = next(self._reader, None)
        except csv.Error as error:
            self.line = self._reader.line_num
            raise self.refused(f"expected CSV: {error}") from None
        self.line = max(1, self._reader.line_num)
        return row

    def __iter__(self) -> Iterator[list[str]]:
        """The rows that are not empty; `line` is that of the row at hand."""
        while (row := self._next()) is not None:
            if len(row) == self._width:
                yield row
            elif row:
                raise self.refused(f"expected {self._width} values, not {len(row)}")

    def refused(self, expected: str) -> FileRefused:
        """What is wrong with the line at hand."""
        return FileRefused(self.file, self.line, expected)

    def number(self, text: str, column: str, least: float = 0.0, most: float = inf) -> float:
        """A finite number within [least, most], in the plain decimal or scientific notation."""
        try:
            value = float(text)
        except ValueError:
            value = -inf
        # Also false for nan; Python's own float takes 1_000.
        if least <= value <= most and value != inf and value != -inf and "_" not in text:
            return value
        within = "" if most == inf and least == -inf else f" of at least {least:g}"
        within += "" if most == inf else f" and at most {most:g}"
        raise self.refused(f"expected {column} to be a finite number{within}, not {text!r}")

    def name(self, text: str, column: str) -> str:
        """Something to call a thing by."""
        if not text or text != text.strip():
            raise self.refused(
                f"expected {column} to be a name without spaces around it, not {text!r}"
            )
        return text
