"""Shared fixtures; the tests need `tenon` to be importable."""

import pytest
import tenon


@pytest.fixture(autouse=True)
def fixed_seed():
    """Each test starts from the same random numbers."""
    tenon.manual_seed(0)
