"""The modules of C++ against their twins in Python: the same parameters, keys, outputs and gradients from one seed.

The program nn_twins, which the C++ build makes, prints what C++ gives; TENON_NN_TWINS names it if it is not in a build
folder of this checkout.
"""

import os
import pathlib
import subprocess

import pytest
import tenon
import torch

ROOT = pathlib.Path(__file__).parents[2]
# The random normal numbers of both libraries are this far apart at most.
INITIAL_ULPS = 8
# PyTorch's gradient is not that of its own result, which its gradcheck tells.
WRONG_GRADIENTS = ("CrossMapLRN2d(",)


def program():
    named = os.environ.get("TENON_NN_TWINS")
    built = [pathlib.Path(named)] if named else list(ROOT.glob("build/**/tests/nn_twins"))
    assert built, "nn_twins is not built; TENON_NN_TWINS may name it"
    return max(built, key=lambda path: path.stat().st_mtime)


def parse(line):
    kind, name, dtype, sizes, *values = line.split(" ")
    shape = [int(size) for size in sizes.split(",") if size not in ("", "-")]
    return kind, name, (dtype, shape, [float.fromhex(value) for value in values])


def read_twins():
    """By Python expression: the tensors of each kind, by name and in order."""
    twins = {}
    text = subprocess.run([program()], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        if line.startswith("module "):
            tensors = twins.setdefault(line.removeprefix("module "), {})
        else:
            kind, name, tensor = parse(line)
            tensors.setdefault(kind, {})[name] = tensor
    return twins


TWINS = read_twins()


def made(t, tensor):
    dtype, shape, values = tensor
    return t.tensor(values, dtype=t.float64).to(getattr(t, dtype)).reshape(shape)


def flat(result):
    if result is None:
        return []
    if hasattr(result, "loss"):
        return [result.output]
    return [part for each in result for part in flat(each)] if isinstance(result, tuple) else [result]


def check(where, actual, expected, relative, absolute):
    dtype, shape, values = expected
    assert str(actual.dtype).rpartition(".")[2] == dtype, where
    assert list(actual.shape) == shape, where
    found = actual.detach().double().flatten().tolist()
    if relative == absolute == 0:
        assert found == values, where
    else:
        assert found == pytest.approx(values, rel=relative, abs=absolute, nan_ok=True), where


def compare(t, expression, initial, relative, absolute):
    twin = TWINS[expression]
    parameters = twin.get("parameter", {})
    t.manual_seed(7)
    module = eval("nn." + expression, {"nn": t.nn, "t": t})
    own = dict(module.named_parameters())
    assert list(own) == list(parameters)
    for name, expected in parameters.items():
        check(name, own[name], expected, initial, 0)
        own[name].data.copy_(made(t, expected))
    inputs = []
    for name, tensor in twin["in"].items():
        value = made(t, tensor)
        wanted = f"in{name}" in twin.get("gradient", {})
        inputs.append(bool(value) if tensor[0] == "bool" and not tensor[1] else value.requires_grad_(wanted))
    t.manual_seed(11)
    outputs = flat(module(*inputs))
    assert len(outputs) == len(twin["out"])
    for i, output in enumerate(outputs):
        check(f"output {i}", output, twin["out"][str(i)], relative, absolute)
    loss = sum((output * output).sum() for output in outputs)
    if loss.requires_grad:
        loss.backward()
    assert {*module.state_dict()} == {*parameters, *twin.get("buffer", {})}
    for name, expected in twin.get("buffer", {}).items():
        check(name, module.state_dict()[name], expected, relative, absolute)
    if t is torch and expression.startswith(WRONG_GRADIENTS):
        return
    gradients = {name: p.grad for name, p in own.items() if p.grad is not None}
    gradients |= {f"in{i}": x.grad for i, x in enumerate(inputs) if getattr(x, "grad", None) is not None}
    assert {*gradients} == {*twin.get("gradient", {})}
    for name, expected in twin.get("gradient", {}).items():
        check(f"gradient of {name}", gradients[name], expected, relative, 10 * absolute)


@pytest.mark.parametrize("expression", TWINS)
def test_a_module_is_that_of_pytorch(expression):
    compare(torch, expression, initial=INITIAL_ULPS * 2**-23, relative=1e-5, absolute=2e-6)


@pytest.mark.parametrize("expression", TWINS)
def test_a_module_is_exactly_its_twin(expression):
    compare(tenon, expression, initial=0, relative=0, absolute=0)
