"""Contract suites: one for each port, run against every implementation of it."""

import pytest

pytest.register_assert_rewrite("tests.contracts.journal", "tests.contracts.runtime")
