#!/usr/bin/env python3
"""Checks that the extension keeps to Python's stable ABI, of which one wheel for all versions from 3.12 on is made.

What is compiled for one version only, or without a GIL, may use more.

Usage: stable_abi.py [ROOT]; prints each violation and exits 1 if there is any.
"""

import pathlib
import re
import sys

# Macros that look into objects, fields of objects and types, what is private or may change, and single functions.
REFUSED = re.compile(
    r"\bPy(?!BUF_|GILState_STATE|Object_HEAD|Vectorcall_NARGS)[A-Z]\w*?_[A-Z]{2,}[A-Z_]*\b"
    r"|(->|\.)\s*(tp|nb|sq|mp|am|ob)_\w+"
    r"|\b_Py_?[A-Z]\w*|\bPyUnstable_\w+"
    r"|\bPy(Method_New|Unicode_AsUTF8|GILState_Check|ThreadState_GetUnchecked|Object_Call(OneArg|Method(NoArgs|OneArg))"
    r"|Dict_GetItem(String)?Ref|List_GetItemRef|Object_GetOptionalAttr(String)?|Object_HasAttrWithError)\b"
)
LIMITED, WITHOUT_GIL = "Py_LIMITED_API", "Py_GIL_DISABLED"
# What stable_abi.h gives where there is one version.
ONE_VERSION = re.compile(r"TENON_BY_ABI\(\w+,")


def lines_of_stable_build(text):
    """Yields number and text of each line that is compiled for all versions, without comments and strings."""
    left_out, otherwise = [], []
    for number, line in enumerate(text.splitlines(), 1):
        directive = re.match(r"\s*#\s*(\w+)(.*)", line)
        word, condition = directive.groups() if directive else ("", "")
        negated = word == "ifndef" or "!defined" in condition
        if word in ("if", "ifdef", "ifndef"):
            left_out.append(WITHOUT_GIL in condition or (LIMITED in condition and negated))
            otherwise.append(LIMITED in condition and not negated)
        elif word == "elif":
            left_out[-1] = WITHOUT_GIL in condition
        elif word == "else":
            left_out[-1] = otherwise[-1]
        elif word == "endif":
            left_out.pop(), otherwise.pop()
        elif not any(left_out):
            yield number, re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]


def check(root):
    """Yields 'file: what is wrong' for the tree at `root`."""
    root = pathlib.Path(root)
    for file in sorted((root / "bindings").rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        for number, line in lines_of_stable_build(file.read_text()):
            for found in REFUSED.finditer(ONE_VERSION.sub("", line)):
                yield f"{file.relative_to(root)}: line {number} uses {found[0]}, which is not of the stable ABI"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    problems = list(check(root))
    print("\n".join(problems) or "stable ABI: in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
