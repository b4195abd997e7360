#!/usr/bin/env python3
"""Runs a program of this folder and compares what it prints with what it prints when it is compiled against LibTorch.

Usage: run.py EXECUTABLE EXPECTED; the expected text is written by tests/tools/make_libtorch_reference.py.
"""

import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
from agree import agree


def main():
    program, expected = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program], capture_output=True, text=True, cwd=folder, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    agree(done.stdout.splitlines(), pathlib.Path(expected).read_text().splitlines())


if __name__ == "__main__":
    main()
