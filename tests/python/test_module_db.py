"""The classes of PyTorch's database of modules, with its sample and error inputs: what fails is listed with a reason.

What passes is listed in module_db_passed.txt, one line per class, and must go on passing. Run as a script, this file
prints what fails, adds what passes now to the list (--update) and writes docs/parity_modules.md (--parity).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from module_db_judge import ALL_CHECKS, INFOS, NOTHING, PASSED, Verdicts, judge

PASSED_FILE = Path(__file__).with_name("module_db_passed.txt")
PAGE = Path(__file__).parents[2] / "docs" / "parity_modules.md"
# How many classes must pass everything.
REQUIRED = 114
# Checks that are known to fail, as class/check, each with the reason.
KNOWN: dict[str, str] = {}

HEAD = """# Parity of modules with PyTorch

What `tests/python/test_module_db.py --parity` found with PyTorch {version} on the CPU. PyTorch's own tests hold a
database of modules, `module_db`, with sample inputs and with inputs that must raise an error. Each of its {entries}
classes is built in Tenon and in PyTorch from one seed, in float32 and float64, for training and for evaluation:

- *parameters*: they and the buffers are bitwise equal (normal numbers of embeddings up to the last bits), and so are
  the keys of the `state_dict` and the public attributes;
- *repr*: it is the same text;
- *forward*: results, the state afterwards and the random numbers that were drawn agree, with gradients and without;
- *gradients*: those of inputs and of parameters agree;
- *copies*: deep copies and pickled modules have the same state and compute the same;
- *loading*: PyTorch's `state_dict` is loaded strictly;
- *errors*: wrong arguments raise errors of PyTorch's kinds.

**{passing} of {entries} classes pass everything.**

| class | samples | checks | what differs, and why |
|---|---|---|---|
"""


def listed() -> dict[str, set[str]]:
    """The checks of the list, by class."""
    lines = PASSED_FILE.read_text().splitlines()
    return {name: set(checks.split()) for name, _, checks in (line.partition(": ") for line in lines)}


LISTED = listed() if PASSED_FILE.exists() else {}


def passed_of(verdicts: Verdicts) -> list[str]:
    return [check for check, text in verdicts.checks.items() if text == PASSED]


def failed_of(verdicts: Verdicts) -> dict[str, str]:
    return {check: text for check, text in verdicts.checks.items() if text not in (PASSED, NOTHING)}


@pytest.mark.parametrize("name", list(INFOS))
def test_a_module_agrees_with_pytorch(name):
    verdicts = judge(INFOS[name])
    assert verdicts.samples > 0, "nothing was compared"
    failed, passed = failed_of(verdicts), passed_of(verdicts)
    wrong = [f"{check}: {text}" for check, text in failed.items() if f"{name}/{check}" not in KNOWN]
    wrong += [f"{check}: passed once" for check in LISTED.get(name, ()) if check in failed]
    wrong += [f"{check}: passes, but is listed as failing" for check in passed if f"{name}/{check}" in KNOWN]
    assert not wrong, "\n".join(wrong)


def test_the_list_names_only_classes_and_checks_of_module_db():
    assert set(LISTED) <= set(INFOS)
    assert all(checks <= set(ALL_CHECKS) for checks in LISTED.values())


def test_as_many_classes_pass_as_are_required():
    assert len([name for name in LISTED if not any(known.startswith(f"{name}/") for known in KNOWN)]) >= REQUIRED


def test_the_page_tells_what_the_list_tells():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    told = {line.split("`")[1]: line.split(" | ")[2] for line in lines}
    assert set(told) == set(INFOS)
    assert all(int(told[name].partition("/")[0]) == len(LISTED[name]) for name in INFOS)


# --- As a script


def write_list(verdicts: dict[str, Verdicts]) -> None:
    lines = []
    for name, found in sorted(verdicts.items()):
        passed = LISTED.get(name, set()) | set(passed_of(found))
        lines.append(f"{name}: " + " ".join(check for check in ALL_CHECKS if check in passed))
    PASSED_FILE.write_text("\n".join(lines) + "\n")


def write_page(verdicts: dict[str, Verdicts]) -> None:
    lines = []
    for name, found in sorted(verdicts.items()):
        passed, failed = passed_of(found), failed_of(found)
        reasons = [f"{check}: " + KNOWN.get(f"{name}/{check}", "differs") for check in failed]
        counts = f"{found.samples} | {len(passed)}/{len(passed) + len(failed)}"
        lines.append(f"| `{name}` | {counts} | {'; '.join(reasons)} |")
    passing = sum(not failed_of(found) for found in verdicts.values())
    head = HEAD.format(version=torch.__version__.partition("+")[0], entries=len(verdicts), passing=passing)
    PAGE.write_text(head + "\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="add the checks that pass now to the list")
    parser.add_argument("--parity", action="store_true", help="write the page that tells how each class fares")
    parser.add_argument("--only", default="", help="only classes whose name contains this")
    options = parser.parse_args()
    assert not options.only or not (options.update or options.parity), "the list and the page tell of every class"
    torch.set_num_threads(1)
    verdicts = {name: judge(info) for name, info in INFOS.items() if options.only in name}
    for name, found in verdicts.items():
        for check, text in failed_of(found).items():
            print(f"{name}/{check}: {' '.join(text.split())[:300]}")
    print(f"{sum(not failed_of(found) for found in verdicts.values())} of {len(verdicts)} classes pass everything")
    if options.update:
        write_list(verdicts)
    if options.parity:
        write_page(verdicts)


if __name__ == "__main__":
    main()
