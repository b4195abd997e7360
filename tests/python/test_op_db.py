"""Every op that Tenon offers against PyTorch's sample and error inputs: what fails is fixed or listed with a reason.

What passes is listed in op_db_passed.txt, one line per op and form, and must go on passing. Run as a script, this file
prints counts (--report: also what fails, and what Tenon lacks), adds what passes now to the list (--update) and writes
docs/parity.md (--parity).
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest
import tenon
import torch
from op_db_judge import ALL_CHECKS, CHECKS, LACKING, NOTHING, PASSED, Entry, Verdict, entries, methods, run_entry
from op_db_known import may_pass, reason_of, unused_reasons
from op_db_page import PAGE, read_page, write_page

PASSED_FILE = Path(__file__).with_name("op_db_passed.txt")
DEVICES = ["cpu"] + ["cuda"] * tenon.cuda.is_available()
# How many entries of op_db must pass.
REQUIRED = {"float32": 650, "float64": 650, "int64": 450}
# Entries of op_db that pass everything.
REQUIRED_WHOLE = 520
NAMES = [(info.name, info.variant_test_name or "-") for info in methods.op_db]
INFOS = defaultdict(list)
for _info in methods.op_db:
    INFOS[_info.name].append(_info)


class Outcome(NamedTuple):
    entry: Entry
    # PASSED, NOTHING, LACKING or "failed".
    kind: str
    verdict: Verdict


def judge(op: str, device: str) -> list[Outcome]:
    """What became of each entry of an op."""
    outcomes = []
    for entry, info, form in entries(INFOS[op]):
        verdict = run_entry(entry, info, form, device)
        text = verdict.text
        kind = text if text in (PASSED, NOTHING) else LACKING if text.startswith(LACKING) else "failed"
        outcomes.append(Outcome(entry, kind, verdict))
    return outcomes


def listed() -> dict[str, set[Entry]]:
    """The entries of the list, by op."""
    result: dict[str, set[Entry]] = defaultdict(set)
    for line in PASSED_FILE.read_text().splitlines():
        name, _, checks = line.partition(": ")
        op, variant, form = name.split("/")
        for item in checks.split():
            dtype, _, letters = item.partition("=")
            result[op] |= {Entry(op, variant, form, dtype, check) for check in ALL_CHECKS[dtype] if check[0] in letters}
    return result


def write_list(passed: set[Entry]) -> None:
    lines: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in sorted(passed):
        checks = lines[f"{entry.op}/{entry.variant}/{entry.form}"]
        checks[entry.dtype] = "".join(
            check[0] for check in ALL_CHECKS[entry.dtype] if entry._replace(check=check) in passed
        )
    text = [f"{name}: " + " ".join(f"{dtype}={letters}" for dtype, letters in lines[name].items()) for name in lines]
    PASSED_FILE.write_text("\n".join(text) + "\n")


LISTED = listed()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("op", list(INFOS))
def test_what_tenon_offers_agrees_with_pytorch(op, device):
    wrong = []
    for entry, kind, verdict in judge(op, device):
        text = verdict.text
        known = reason_of(entry, device)
        if kind == "failed" and not known:
            wrong.append(f"{entry}: {text}")
        elif kind == PASSED and known and not may_pass(entry):
            wrong.append(f"{entry}: passes, but is listed as failing because {known}")
        elif kind != PASSED and entry in LISTED[op] and device == "cpu" and not may_pass(entry):
            wrong.append(f"{entry}: passed once; now: {text}")
    assert not wrong, "\n".join(wrong)


def test_the_lists_name_only_entries_of_op_db():
    existing = {entry for infos in INFOS.values() for entry, _, _ in entries(infos)}
    assert not [str(entry) for op in LISTED.values() for entry in op if entry not in existing]
    assert not unused_reasons(existing)


def fully_passing(passed: set[Entry], dtype: str) -> set[tuple[str, str]]:
    """The entries of op_db whose function passes in a dtype: values, and gradients where PyTorch has them."""
    result = set()
    for infos in INFOS.values():
        for info in infos:
            own = [entry for entry, _, form in entries([info]) if form.name == "function" and entry.dtype == dtype]
            needed = [entry for entry in own if entry.check != "second"]
            if needed and all(entry in passed for entry in needed):
                result.add((info.name, info.variant_test_name))
    return result


def test_as_many_entries_pass_values_and_gradients_as_are_required(capsys):
    passed = {entry for op in LISTED.values() for entry in op}
    counts = {dtype: len(fully_passing(passed, dtype)) for dtype in REQUIRED}
    with capsys.disabled():
        print(f"\nop_db entries of {len(methods.op_db)} that pass values and gradients: {counts}")
    assert all(counts[dtype] >= required for dtype, required in REQUIRED.items())


def test_the_parity_page_tells_what_the_list_tells():
    passing, lines = read_page(PAGE)
    assert set(lines) == set(NAMES)
    assert passing == sum(0 < line.checks_passed == line.checks for line in lines.values())
    assert passing >= REQUIRED_WHOLE
    passed, by_rounding = Counter(), Counter()
    for entry in (entry for op in LISTED.values() for entry in op):
        (by_rounding if may_pass(entry) else passed)[entry.op, entry.variant] += 1
    stale = [name for name, line in lines.items() if not 0 <= line.checks_passed - passed[name] <= by_rounding[name]]
    assert not stale, "run test_op_db.py --parity docs/parity.md"


# --- As a script


def print_counts(outcomes: list[Outcome]) -> None:
    """How many op_db entries pass, fail and lack, per dtype; and how many checks, per form."""
    print("op_db entries (an op and variant; its function, all checks), per dtype:")
    for dtype in ALL_CHECKS:
        kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
        for entry, kind, _ in outcomes:
            if entry.dtype == dtype and entry.form == "function":
                kinds[entry.op, entry.variant].add(kind)
        count = Counter(worst(found) for found in kinds.values())
        print(f"  {dtype:12}" + "".join(f"{count[kind]:6} {kind}" for kind in (PASSED, "failed", LACKING, NOTHING)))
    print("checks, per form:")
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for entry, kind, _ in outcomes:
        forms[entry.form.split()[0] if entry.form.startswith("alias") else entry.form][kind] += 1
    for form, count in forms.items():
        print(f"  {form:17}" + "".join(f"{count[kind]:6} {kind}" for kind in (PASSED, "failed", LACKING, NOTHING)))


def worst(kinds: set[str]) -> str:
    """What an entry counts as: one failing check fails it, and checks without anything to compare do not matter."""
    for kind in ("failed", LACKING, PASSED):
        if kind in kinds:
            return kind
    return NOTHING


def print_report(outcomes: list[Outcome], device: str) -> None:
    lacking = sorted({f"{e.op}/{e.variant}" for e, kind, _ in outcomes if kind == LACKING and e.form == "function"})
    print(f"Tenon lacks {len(lacking)} entries: " + " ".join(lacking))
    forms = sorted({f"{e.op}/{e.form}" for e, kind, _ in outcomes if kind == LACKING and e.form != "function"})
    offered = {e.op for e, kind, _ in outcomes if kind != LACKING and e.form == "function"}
    print("Tenon lacks forms of ops that it has: " + " ".join(form for form in forms if form.split("/")[0] in offered))
    for entry, kind, verdict in outcomes:
        if kind == "failed":
            reason = reason_of(entry, device)
            print(f"{entry}: {' '.join(verdict.text.split())[:200]}" + (f" [known: {reason}]" if reason else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", action="store_true", help="print what fails and what Tenon lacks")
    parser.add_argument("--update", action="store_true", help="add the entries that pass now to the list")
    parser.add_argument("--parity", type=Path, help="write the page that tells how each entry fares")
    parser.add_argument("--only", default="", help="only ops whose name contains this")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options = parser.parse_args()
    assert not options.parity or not options.only, "the page tells of every entry"
    assert options.device == "cpu" or not (options.update or options.parity), "the list and the page are of the CPU"
    with multiprocessing.get_context("spawn").Pool(initializer=torch.set_num_threads, initargs=(1,)) as pool:
        ops = [(op, options.device) for op in INFOS if options.only in op]
        outcomes = [outcome for found in pool.starmap(judge, ops, chunksize=1) for outcome in found]
    print_counts(outcomes)
    if options.report:
        print_report(outcomes, options.device)
    if options.update:
        passed = {entry for op in LISTED.values() for entry in op}
        write_list(passed | {entry for entry, kind, _ in outcomes if kind == PASSED})
    if options.parity:
        write_page(NAMES, outcomes, options.parity, torch.__version__, CHECKS)


if __name__ == "__main__":
    main()
