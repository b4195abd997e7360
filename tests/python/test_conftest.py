"""What the tests' own configuration promises."""

import subprocess
import sys
from pathlib import Path

import pytest

CASES = {
    "passing": ("def test(): pass", 0),
    "skipped": ("import pytest\ndef test(): pytest.skip('why not')", 1),
    "module without what it needs": ("import pytest\npytest.importorskip('no_such_module')\ndef test(): pass", 1),
}


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "side by side"])
@pytest.mark.parametrize("name", CASES)
def test_a_skip_fails_the_run(name, options, tmp_path):
    source, status = CASES[name]
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (tmp_path / "test_other.py").write_text("def test(): pass")
    (tmp_path / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", *options, str(tmp_path)]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert found.returncode == status, found.stdout
