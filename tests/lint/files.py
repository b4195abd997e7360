#!/usr/bin/env python3
"""Checks what every file owes its reader: a purpose at its top, a length to hold in the head, no loose ends.

Usage: files.py [ROOT]; prints each violation and exits 1 if there is any.
"""

import pathlib
import re
import sys

FOLDERS = ["include", "src", "bindings", "tests", "benchmarks", "examples", "tools", ".ci"]
CPP = {".h", ".c", ".cpp", ".cu", ".cuh", ".inc"}
MAX_LINES = 600
MAX_TEST_LINES = 900
MAX_COLUMNS = 120
# Spelled apart so that this file does not find itself.
LOOSE_ENDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def check_cpp(path, text, lines):
    if not lines or not lines[0].startswith("// "):
        yield "starts without a comment saying what it is for"
    # Highway's headers are read once for each instruction set.
    many_times = path.stem.endswith("-inl") or "hwy/foreach_target.h" in text
    if path.suffix == ".h" and not many_times and "#pragma once" not in text:
        yield "a header without #pragma once"
    if "using namespace std;" in text:
        yield "using namespace std"
    if path.suffix == ".inc":
        return
    formatted = True
    for number, line in enumerate(lines, 1):
        if "clang-format off" in line or "clang-format on" in line:
            formatted = "clang-format on" in line
        if formatted and len(line) > MAX_COLUMNS:
            yield f"line {number} has {len(line)} columns; {MAX_COLUMNS} are allowed"


def check_python(path, lines):
    first = [line for line in lines[:2] if not line.startswith("#!")]
    if not first or not first[0].lstrip("r").startswith(('"""', "# ")):
        yield "starts without a docstring saying what it is for"
    # Scripts that write references hold long tables of cases.
    if path.parts[:2] == ("tests", "tools"):
        return
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS:
            yield f"line {number} has {len(line)} columns; {MAX_COLUMNS} are allowed"


def check_file(path, text):
    """Yields what is wrong with one file."""
    lines = text.splitlines()
    generated = path.name.endswith("_reference.inc")
    allowed = MAX_TEST_LINES if path.parts[0] == "tests" else MAX_LINES
    if len(lines) > allowed and path.suffix != ".inc":
        yield f"has {len(lines)} lines; split it by concept ({allowed} are allowed)"
    for number, line in enumerate(lines, 1):
        if LOOSE_ENDS.search(line) and not generated:
            yield f"line {number} leaves something to be done: {line.strip()}"
        if line != line.rstrip():
            yield f"line {number} ends in blanks"
        if "\t" in line:
            yield f"line {number} has a tab"
    if text and not text.endswith("\n"):
        yield "the last line does not end"
    if path.suffix in CPP:
        yield from check_cpp(path, text, lines)
    if path.suffix == ".py":
        yield from check_python(path, lines)


def check(root):
    """Yields 'file: what is wrong' for the tree at `root`."""
    root = pathlib.Path(root)
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in CPP | {".py", ".sh", ".cmake"} or file.name == "CMakeLists.txt":
                for problem in check_file(file.relative_to(root), file.read_text()):
                    yield f"{file.relative_to(root)}: {problem}"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    problems = list(check(root))
    print("\n".join(problems) or "files: in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
