"""Every requirement and every threat names its tests, and each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
TRACEABILITY: Final = ROOT / "docs" / "traceability.md"
THREATS: Final = ROOT / "SECURITY.md"
REQUIREMENTS: Final = (
    "Secure registration and login with MFA",
    "Access permissions",
    "Encryption in storage and transmission",
    "Immutable and complete audit logs",
    "Emergencies logged during partial failure",
    "Dispatch",
)
_FILE: Final = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_NAME: Final = re.compile(r"`(test_\w+)`")


def functions_of(file: Path) -> set[str]:
    """The test functions that this file defines."""
    tree = ast.parse(file.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, functions) and node.name.startswith("test_")
    }


@pytest.fixture(scope="module")
def all_tests() -> set[str]:
    files = (ROOT / "tests").rglob("*.py")
    named = (file for file in files if "node_modules" not in file.parts)
    found = {test for file in named for test in functions_of(file)}
    # The suites that several implementations share are tests too, under the same names.
    assert len(found) > 500
    return found


def sections() -> dict[str, str]:
    _, *parts = re.split(r"^## ", TRACEABILITY.read_text(), flags=re.MULTILINE)
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def test_each_requirement_is_traced_to_tests() -> None:
    found = sections()
    assert tuple(found) == REQUIREMENTS
    for requirement, text in found.items():
        rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
        assert len(rows) >= 5, requirement
        assert all(_FILE.search(row) for row in rows), requirement


@pytest.mark.parametrize("document", [TRACEABILITY, THREATS], ids=lambda path: path.name)
def test_each_test_that_is_named_exists(document: Path, all_tests: set[str]) -> None:
    text = document.read_text()
    missing = []
    for path, name in _FILE.findall(text):
        file = ROOT / path
        if not file.is_file() or (name and name not in functions_of(file)):
            missing.append(f"{path}::{name}")
    missing += [name for name in _NAME.findall(text) if name not in all_tests]
    assert missing == []


def test_each_threat_has_a_mitigation_and_a_test() -> None:
    rows = [line for line in THREATS.read_text().splitlines() if re.match(r"\| T\d+ ", line)]
    assert len(rows) > 30
    numbers = []
    for row in rows:
        number, threat, mitigation, tests = (cell.strip() for cell in row.strip("| ").split(" | "))
        numbers.append(int(number.removeprefix("T")))
        assert threat and mitigation and _NAME.search(tests), number
    assert numbers == sorted(set(numbers))
