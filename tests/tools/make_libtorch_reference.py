#!/usr/bin/env python3
"""Writes what the programs of tests/compat print when they are compiled against LibTorch, which PyTorch's wheel holds.

Usage: make_libtorch_reference.py [PROGRAM ...]; without names, all of them. The outputs go to tests/compat/NAME.txt.
"""

import pathlib
import subprocess
import sys
import tempfile

from libtorch import compile_program, precompile

PROGRAMS = pathlib.Path(__file__).resolve().parents[1] / "compat"


def main():
    names = sys.argv[1:] or sorted(path.stem for path in PROGRAMS.glob("*.cpp"))
    with tempfile.TemporaryDirectory() as folder:
        precompile(folder)
        for name in names:
            program = pathlib.Path(folder, name)
            compile_program(PROGRAMS / f"{name}.cpp", program, folder)
            done = subprocess.run([program], check=True, capture_output=True, text=True, cwd=folder)
            (PROGRAMS / f"{name}.txt").write_text(done.stdout)
            print(name, len(done.stdout.splitlines()), "lines", flush=True)


if __name__ == "__main__":
    main()
