#!/usr/bin/env python3
"""Runs the public conformance suite of the Python array API against Tenon, and writes what passed.

Usage: array_api_suite.py CHECKOUT [--max-examples N] [--markdown FILE]

CHECKOUT is a checkout of data-apis/array-api-tests with its submodule; it is no package that pip could install. Python
must find tenon, pytest, hypothesis, ndindex and pytest-json-report. Ends with 1 if a test failed that
tests/python/array_api_known.txt does not name.
"""

from __future__ import annotations

import argparse
import collections
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

KNOWN = Path(__file__).parents[1] / "python" / "array_api_known.txt"

PAGE = """# The Python array API

`tensor.__array_namespace__()` gives `tenon.array_api`, the functions of the [Python array API]({standard}), version
{version}. Programs that are written for any array library find it there, SciPy and scikit-learn among them:

```python
import tenon

x = tenon.randn(3, 4)
xp = x.__array_namespace__()
xp.sum(x, axis=0, keepdims=True)
```

The arrays are Tenon's tensors, so that everything differentiates. `tenon` itself keeps PyTorch's names, defaults and
dtypes where the standard says something else: `tenon.sum` of uint8 is int64 as in PyTorch, `tenon.array_api.sum` is
uint64. What the two share is one function.

## What the public suite says

`tests/tools/array_api_suite.py` ran [array-api-tests]({suite}), commit {commit}, with {examples} examples for each
test, and wrote this page.

| passed | failed, known | failed | skipped |
|---|---|---|---|
| {passed} of {total} | {known} | {failed} | {skipped} |

{why}
"""


def reasons() -> dict[str, list[str]]:
    """The names of the tests that may fail, by reason."""
    found: dict[str, list[str]] = {}
    reason = ""
    for line in KNOWN.read_text().splitlines():
        if line.startswith("#"):
            reason = line.lstrip("# ")
        elif line:
            found.setdefault(reason, []).append(line)
    return found


def run(checkout: Path, examples: int) -> collections.Counter[str]:
    """How many tests ended in which way."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = [f"--max-examples={examples}", "--derandomize", "--disable-deadline", f"--xfails-file={KNOWN}"]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", f"--junitxml={report}"]
        environment = {**os.environ, "ARRAY_API_TESTS_MODULE": "tenon.array_api", "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([*command, *options, "array_api_tests"], cwd=checkout, env=environment, check=False)
        counts: collections.Counter[str] = collections.Counter()
        for case in xml.parse(report).iter("testcase"):
            skipped = case.find("skipped")
            if skipped is not None:
                counts["known" if skipped.get("type") == "pytest.xfail" else "skipped"] += 1
            elif case.find("failure") is not None or case.find("error") is not None:
                counts["failed"] += 1
            else:
                counts["passed"] += 1
        return counts


def write_page(file: Path, checkout: Path, examples: int, counts: collections.Counter[str]) -> None:
    from tenon import array_api

    commit = subprocess.check_output(["git", "-C", checkout, "rev-parse", "--short", "HEAD"], text=True).strip()
    why = ["Those that may fail do so for these reasons; which of them do depends on the examples.", ""]
    why += ["| why | tests |", "|---|---|"]
    why += [f"| {reason} | {len(names)} |" for reason, names in reasons().items() if names]
    file.write_text(
        PAGE.format(
            standard="https://data-apis.org/array-api/latest",
            suite="https://github.com/data-apis/array-api-tests",
            version=array_api.__array_api_version__,
            commit=commit,
            examples=examples,
            total=counts.total() - counts["skipped"],
            why="\n".join(why),
            **{name: counts[name] for name in ("passed", "known", "failed", "skipped")},
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--max-examples", type=int, default=20)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    counts = run(options.checkout.resolve(), options.max_examples)
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    if options.markdown:
        write_page(options.markdown, options.checkout, options.max_examples, counts)
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
