"""Shared fixtures; the tests need `tenon` to be importable."""

import importlib.util
import re
from pathlib import Path

import pytest
import tenon

# There is no PyTorch for some Pythons. What compares with it, or with tokenizers, is left out there, and the end of the
# run says so.
collect_ignore = []
missing_checkers = []
if not importlib.util.find_spec("torch"):
    wants_torch = re.compile(
        r"\b(import|from) (torch|tokenizers|compare|sentiment_files|op_db_judge|distribution_cases|test_data_loader)\b"
        r"|importorskip\(.torch"
    )
    files = Path(__file__).parent.glob("test_*.py")
    collect_ignore = [file.name for file in files if wants_torch.search(file.read_text())]
    # Nor are there type checkers for all of these.
    missing_checkers = [name for name in ("mypy", "pyright") if not importlib.util.find_spec(name)]
else:
    import torch

    # PyTorch's threads spin while they wait, which costs tests that run side by side more than it gains them.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fixed_seed():
    """Each test starts from the same random numbers."""
    tenon.manual_seed(0)


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if any(f"[{name}]" in item.name for name in missing_checkers)]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A skipped test proves nothing, so it fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if collect_ignore:
        terminalreporter.write_line(f"without PyTorch, {len(collect_ignore)} files of tests were left out")
    for name in missing_checkers:
        terminalreporter.write_line(f"without {name}, its tests were left out")
