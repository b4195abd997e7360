"""The training examples learn, go on from their checkpoints, and draw their losses with and without matplotlib."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
# An interpreter that lacks what is optional.
WITHOUT = "import runpy, sys; sys.argv[:] = sys.argv[1:]; "
WITHOUT += "sys.path.insert(0, {here!r}); import importlib.util as u; find = u.find_spec; "
WITHOUT += "u.find_spec = lambda name: None if name in ('tqdm', 'matplotlib') else find(name); "
WITHOUT += "runpy.run_path(sys.argv[0], run_name='__main__')"


def run(folder, name, *arguments, optional=True):
    before = [] if optional else ["-c", WITHOUT.format(here=str(EXAMPLES))]
    command = [sys.executable, *before, str(EXAMPLES / f"{name}.py"), "--out", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def drawn_points(path):
    root = ElementTree.parse(path).getroot()
    assert root.tag.endswith("svg")
    return [line.get("points").split() for line in root.iter("{http://www.w3.org/2000/svg}polyline")]


def test_digits_go_on_from_their_checkpoint(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = run(tmp_path / "whole", "digits", "--epochs", "3", optional=False)
    assert "epoch 3: 40 of 40" in whole.stderr
    run(tmp_path, "digits", "--epochs", "2")
    rest = run(tmp_path, "digits", "--epochs", "3", optional=False)
    assert rest.stdout.splitlines()[0] == "going on after epoch 2"
    assert rest.stdout.splitlines()[1] == whole.stdout.splitlines()[2]
    (points,) = drawn_points(tmp_path / "digits.svg")
    assert (
        len(points) == 3 * 40
        and (tmp_path / "whole" / "digits.svg").read_text() == (tmp_path / "digits.svg").read_text()
    )


def test_letters_learn_a_text_and_show_it(tmp_path):
    pytest.importorskip("matplotlib")
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question. " * 120)
    done = run(tmp_path, "letters", str(text), "--epochs", "2")
    losses = [float(found) for found in re.findall(r"loss (\S+)", done.stdout)]
    assert len(losses) == 2 and losses[1] < losses[0]
    assert "matplotlib" in (tmp_path / "letters.svg").read_text()
    short = tmp_path / "short.txt"
    short.write_text("too short")
    command = [sys.executable, str(EXAMPLES / "letters.py"), str(short)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert found.returncode == 1 and "9 letters; at least 513 are needed" in found.stderr
