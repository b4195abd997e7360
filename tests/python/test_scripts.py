"""Programs as PyTorch users write them, under PyTorch and under tenon.run: the same words and numbers, line by line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from agree import agree

SCRIPTS = Path(__file__).parent / "scripts"

# torchvision's wheel, compiled for CUDA, leaves out its own ops beside a PyTorch without it, but asks for these two.
UNDER_TORCH = """
import runpy, sys, torch
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor a, Tensor b, float c) -> Tensor")
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(command, folder):
    folder.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TENON_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def tensors(value, path=""):
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from tensors(each, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from tensors(each, f"{path}.{index}")


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_prints_and_saves_what_it_does_under_pytorch(tmp_path, script):
    theirs = run(["-c", UNDER_TORCH, str(script)], tmp_path / "torch")
    ours = run(["-m", "tenon.run", str(script)], tmp_path / "tenon")
    assert theirs
    agree(ours, theirs)
    for path in (tmp_path / "torch").glob("*.pt*"):
        expected = dict(tensors(torch.load(path)))
        found = dict(tensors(torch.load(tmp_path / "tenon" / path.name)))
        assert list(found) == list(expected)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-2, atol=1e-2, msg=lambda text: f"{name}: {text}")
