"""Writes and reads docs/parity.md: how each entry of op_db fares with Tenon, one line each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from op_db_judge import LACKING, NOTHING, PASSED
from op_db_known import reason_of

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"
COLUMNS = ("values", "gradients", "second gradients", "method", "in place", "out=", "operators", "aliases", "errors")

HEAD = """# Parity with PyTorch

What `tests/python/test_op_db.py --parity docs/parity.md` found with PyTorch {version} on the CPU. PyTorch's own
tests hold a database of ops, `op_db`, with sample inputs and with inputs that must raise an error. Each of its
{entries} entries is called with these in Tenon and in PyTorch: as a function, as a method, in place, with
`out=`, as an operator and under its aliases. A sample passes when the results have PyTorch's values, shapes and
dtypes, the arguments are left as PyTorch leaves them, and so for the gradients, and in double precision the
second gradients; an error input passes when Tenon raises an error of PyTorch's kind and leaves the arguments
whole. The function is called in every dtype that PyTorch takes of {dtypes}; the other forms in float32,
float64, int64, bool and complex64. Where an entry has many samples, up to 150 are taken evenly for its function
in float32, float64 and int64, up to 30 for the rest. Samples that PyTorch itself refuses must be refused, and
are not counted; {skipped} error inputs that it takes are left out.

**{passing} of {entries} entries pass everything**, {samples_passed:,} of {samples_total:,} samples.

| | {columns} |
|---|{rules}|
| samples passed | {column_passed} |
| samples | {column_total} |

Below, a cell is samples passed / samples, a number alone where all pass; *checks* counts the forms, dtypes and
derivatives that pass whole, of those that there are.

| entry | {columns} | checks | what differs, and why |
|---|{rules}|---|---|
"""


class Line(NamedTuple):
    """What the page says of an entry."""

    checks_passed: int
    checks: int


def column_of(entry: Any) -> str:
    if entry.form == "function":
        return {"gradient": "gradients", "second": "second gradients"}.get(entry.check, entry.check)
    if entry.form.startswith("alias"):
        return "aliases"
    return {"method": "method", "inplace": "in place", "out": "out="}.get(entry.form, "operators")


def cell(passed: int, total: int) -> str:
    return "" if not total else str(total) if passed == total else f"{passed}/{total}"


def why(outcome: Any) -> str:
    """The reason for what does not pass, in one table cell."""
    found = reason_of(outcome.entry, "cpu")
    if found is None:
        found = "lacking" if outcome.kind == LACKING else "differs: " + " ".join(outcome.verdict.text.split())[:100]
    return found.replace("|", "\\|")


Name = tuple[str, str]


def write_page(names: Iterable[Name], outcomes: Iterable[Any], path: Path, version: str, dtypes: Iterable[str]) -> None:
    """Writes what became of the entries of the ops and variants in `names`."""
    by_entry: dict[Name, list[Any]] = {name: [] for name in names}
    for outcome in outcomes:
        by_entry[outcome.entry.op, outcome.entry.variant].append(outcome)
    passed_in, total_in, lines, passing, skipped = Counter[str](), Counter[str](), [], 0, 0
    for (op, variant), own in sorted(by_entry.items()):
        passed, total = Counter[str](), Counter[str]()
        skipped += sum(outcome.verdict.skipped for outcome in own if outcome.entry.check == "errors")
        for outcome in own:
            passed[column_of(outcome.entry)] += outcome.verdict.passed
            total[column_of(outcome.entry)] += outcome.verdict.total
        passed_in += passed
        total_in += total
        checked = [outcome for outcome in own if outcome.kind != NOTHING]
        whole = sum(outcome.kind == PASSED for outcome in checked)
        passing += 0 < whole == len(checked)
        reasons: dict[str, list[str]] = defaultdict(list)
        for outcome in checked:
            if outcome.kind != PASSED:
                column = column_of(outcome.entry)
                places = reasons[why(outcome)]
                places += [column] * (column not in places)
        text = "; ".join(f"{', '.join(places)}: {reason}" for reason, places in reasons.items())
        if not checked:
            text = "PyTorch has nothing to compare with on the CPU in these dtypes"
        name = op if variant == "-" else f"{op} ({variant})"
        cells = [cell(passed[column], total[column]) for column in COLUMNS]
        lines.append(" | ".join([f"| `{name}`", *cells, f"{whole}/{len(checked)}", text]) + " |")
    head = HEAD.format(
        version=version.partition("+")[0],
        entries=len(by_entry),
        passing=passing,
        skipped=skipped,
        samples_passed=passed_in.total(),
        samples_total=total_in.total(),
        dtypes=", ".join(dtypes),
        columns=" | ".join(COLUMNS),
        rules="|".join("---" for _ in COLUMNS),
        column_passed=" | ".join(f"{passed_in[column]:,}" for column in COLUMNS),
        column_total=" | ".join(f"{total_in[column]:,}" for column in COLUMNS),
    )
    path.write_text(head + "\n".join(lines) + "\n")


def read_page(path: Path) -> tuple[int, dict[Name, Line]]:
    """How many entries the page says pass everything, and its lines by op and variant."""
    text = path.read_text()
    passing = int(text.partition("**")[2].partition(" of ")[0])
    lines = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [part.strip() for part in line.split(" | ")]
            op, _, variant = cells[0].strip("| `").partition(" (")
            passed, _, total = cells[1 + len(COLUMNS)].partition("/")
            lines[op, variant.removesuffix(")") or "-"] = Line(int(passed), int(total))
    return passing, lines
