#!/usr/bin/env python3
"""Has clang-format wrap the C++ lines that tests/lint/files.py finds too long, and touches no others."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lint"))
import files  # noqa: E402

TOO_LONG = re.compile(r"(.+\.(?:h|cpp|cu)): line (\d+) has \d+ columns")


def main():
    lines_of = {}
    for problem in files.check(ROOT):
        if match := TOO_LONG.match(problem):
            lines_of.setdefault(match[1], []).append(match[2])
    for file, lines in lines_of.items():
        subprocess.run(["clang-format", "-i", *(f"--lines={n}:{n}" for n in lines), ROOT / file], check=True)
    print(f"wrapped lines in {len(lines_of)} files")


if __name__ == "__main__":
    main()
