"""Shared fixtures; the tests need `tenon` to be importable."""

import pytest
import tenon
import torch

# PyTorch's threads spin while they wait, which costs tests that run side by side more than it gains them.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fixed_seed():
    """Each test starts from the same random numbers."""
    tenon.manual_seed(0)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A skipped test proves nothing, so it fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
