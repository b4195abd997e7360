"""Runs PyTorch's own sample inputs through Tenon's ops of the same name and compares everything with PyTorch.

One entry is (op, variant, dtype, check). Entries that pass are listed in op_db_passed.txt, which must not shrink:
a listed entry that fails is an error. `python tests/python/test_op_db.py --update` adds what passes now.
"""

from __future__ import annotations

import argparse
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tenon

torch = pytest.importorskip("torch")
methods = pytest.importorskip("torch.testing._internal.common_methods_invocations")

PASSED_FILE = Path(__file__).with_name("op_db_passed.txt")
DTYPES = ("float32", "float64", "int64", "bool", "complex64")
# Samples per entry, and the most elements for a check of second gradients, which costs a backward through backward.
MAX_SAMPLES = 40
SMALL = 64
# Results that are random or whatever memory held.
UNDEFINED_VALUES = {
    "bernoulli", "empty", "empty_like", "empty_permuted", "empty_strided", "multinomial", "new_empty",
    "new_empty_strided", "normal", "rand_like", "randint", "randint_like", "randn", "randn_like", "uniform",
}  # fmt: skip


class Entry(NamedTuple):
    op: str
    variant: str
    form: str
    dtype: str
    check: str

    def __str__(self) -> str:
        return "/".join(self)


def to_tenon(value: Any) -> Any:
    """PyTorch's objects as Tenon's, of the same layout; the rest as it is."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_quantized:
            raise NotImplementedError("only strided tensors")
        source = value.detach().resolve_conj().resolve_neg()
        result = tenon.from_torch(source.clone())
        if value.requires_grad:
            result.requires_grad_(True)
        return result
    if isinstance(value, torch.dtype):
        return getattr(tenon, str(value).rpartition(".")[2])
    if isinstance(value, torch.device):
        return tenon.device(str(value))
    if isinstance(value, torch.memory_format):
        return getattr(tenon, str(value).rpartition(".")[2])
    if isinstance(value, torch.layout):
        return tenon.strided
    if isinstance(value, torch.Size):
        return tenon.Size(value)
    if isinstance(value, (list, tuple)):
        return type(value)(to_tenon(item) for item in value)
    if isinstance(value, dict):
        return {key: to_tenon(item) for key, item in value.items()}
    return value


def flatten(value: Any) -> list[Any]:
    """The leaves of nested tuples and lists."""
    if isinstance(value, (list, tuple)) and not isinstance(value, (torch.Size, tenon.Size)):
        return [leaf for item in value for leaf in flatten(item)]
    return [value]


def tensors(value: Any, kind: type) -> list[Any]:
    return [leaf for leaf in flatten(value) if isinstance(leaf, kind)]


def function_of(module: Any, path: str) -> Callable[..., Any] | None:
    for name in path.split("."):
        module = getattr(module, name, None)
    return module


class _Torch:
    """Tenon in the place of the module torch, for functions of PyTorch's tests that wrap an op."""

    def __getattr__(self, name: str) -> Any:
        return getattr(tenon, name)


def rebound(op: Any) -> Any:
    """A wrapper of PyTorch's tests that calls Tenon instead; None for anything else."""
    if not (isinstance(op, types.FunctionType) and op.__module__.startswith("torch.testing._internal")):
        return None
    names = {**op.__globals__, "torch": _Torch(), "np": op.__globals__.get("np")}
    return types.FunctionType(op.__code__, names, op.__name__, op.__defaults__, op.__closure__)


def forms(info: Any) -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    """What Tenon has of an op: its function, its method and its in-place method, each with PyTorch's."""
    name = info.name.replace("_refs.", "")
    own = function_of(tenon, name)
    if callable(own):
        own = rebound(info.op) or own
    if callable(own) and callable(info.op):
        yield "function", info.op, own
    method = getattr(info.method_variant, "__name__", None)
    if method and callable(getattr(tenon.Tensor, method, None)):
        yield "method", info.method_variant, getattr(tenon.Tensor, method)
    inplace = getattr(info.inplace_variant, "__name__", None)
    if inplace and callable(getattr(tenon.Tensor, inplace, None)):
        yield "inplace", info.inplace_variant, getattr(tenon.Tensor, inplace)


def assert_same(actual: Any, expected: Any, what: str) -> None:
    """Same structure, shapes, dtypes and values."""
    actual, expected = flatten(actual), flatten(expected)
    assert len(actual) == len(expected), f"{what}: {len(actual)} results, expected {len(expected)}"
    for one, other in zip(actual, expected):
        if isinstance(other, torch.Tensor):
            assert isinstance(one, tenon.Tensor), f"{what}: {type(one).__name__} instead of a tensor"
            dtype = str(other.dtype).rpartition(".")[2]
            assert str(one.dtype).rpartition(".")[2] == dtype, f"{what}: dtype {one.dtype}, expected {dtype}"
            assert tuple(one.shape) == tuple(other.shape), f"{what}: shape {one.shape}, expected {other.shape}"
            own, other = one.detach().to_torch(), other.detach().resolve_conj().resolve_neg()
            torch.testing.assert_close(own, other, equal_nan=True, msg=lambda text: f"{what}: {text}")  # noqa: B023
        elif isinstance(other, (int, float, complex)):
            assert one == pytest.approx(other, nan_ok=True), f"{what}: {one}, expected {other}"
        else:
            assert (one is None) == (other is None), f"{what}: {one}, expected {other}"


class Call(NamedTuple):
    """One sample, with leaves and arguments of its own in both libraries."""

    leaves: list[Any]
    args: tuple
    kwargs: dict[str, Any]


def torch_call(sample: Any, clone_input: bool, grad: bool) -> Call:
    leaves: list[Any] = []

    def prepare(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            wants = grad and value.requires_grad
            fresh = value.detach().clone() if not wants else value.detach().clone().requires_grad_()
            if wants:
                leaves.append(fresh)
            return fresh
        if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            return type(value)(prepare(item) for item in value)
        return value

    args = (prepare(sample.input), *(prepare(item) for item in sample.args))
    kwargs = {key: prepare(item) for key, item in sample.kwargs.items()}
    if clone_input:
        args = (args[0].clone(), *args[1:])
    return Call(leaves, args, kwargs)


def tenon_call(call: Call, clone_input: bool) -> Call:
    leaves: list[Any] = []

    def convert(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            leaf = value
            if not value.is_leaf:
                leaf = value.detach().requires_grad_(value.requires_grad)
            result = to_tenon(leaf)
            if result.requires_grad:
                leaves.append(result)
            return result
        if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            return type(value)(convert(item) for item in value)
        return to_tenon(value)

    args = tuple(convert(item) for item in call.args)
    kwargs = {key: convert(item) for key, item in call.kwargs.items()}
    if clone_input:
        args = (args[0].clone(), *args[1:])
    return Call(leaves, args, kwargs)


def differentiable(value: Any, kind: type) -> list[Any]:
    return [tensor for tensor in tensors(value, kind) if tensor.requires_grad]


def cotangents(outputs: list[Any], seed: int) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(out.shape, dtype=out.dtype, generator=generator) for out in outputs]


def check_gradients(expected: Any, actual: Any, theirs: Call, ours: Call, second: bool) -> bool:
    """Compares gradients, and second ones if asked; False when PyTorch has none to compare."""
    their_outputs, our_outputs = differentiable(expected, torch.Tensor), differentiable(actual, tenon.Tensor)
    if not their_outputs or not theirs.leaves:
        return False
    assert len(our_outputs) == len(their_outputs), "gradients: outputs that require grad differ"
    grads = cotangents(their_outputs, 1)
    options: dict[str, Any] = {"allow_unused": True, "create_graph": second}
    try:
        their_grads = torch.autograd.grad(their_outputs, theirs.leaves, grads, **options)
    except RuntimeError:
        return False
    our_grads = tenon.autograd.grad(our_outputs, ours.leaves, [tenon.from_torch(grad) for grad in grads], **options)
    assert_same(zeros_for_none(our_grads, their_grads), zeros_for_none(their_grads, our_grads), "gradient")
    if not second:
        return True
    twice = [(our, their) for our, their in zip(our_grads, their_grads) if their is not None and their.requires_grad]
    if not twice:
        return False
    again = cotangents([their for _, their in twice], 2)
    usable = [(our, grad) for (our, _), grad in zip(twice, again) if our is not None and our.requires_grad]
    theirs_second = torch.autograd.grad([their for _, their in twice], theirs.leaves, again, allow_unused=True)
    if not usable:
        assert all(grad is None or not grad.any() for grad in theirs_second), "second gradient: lost"
        return True
    ours_second = tenon.autograd.grad(
        [our for our, _ in usable], ours.leaves, [tenon.from_torch(grad) for _, grad in usable], allow_unused=True
    )
    ours_full, theirs_full = zeros_for_none(ours_second, theirs_second), zeros_for_none(theirs_second, ours_second)
    assert_same(ours_full, theirs_full, "second gradient")
    return True


def zeros_for_none(grads: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """No gradient and a gradient of zeros mean the same."""
    result: list[Any] = []
    for grad, other in zip(grads, others):
        if grad is None and other is not None:
            grad = torch.zeros(tuple(other.shape), dtype=getattr(torch, str(other.dtype).rpartition(".")[2]))
            if isinstance(other, torch.Tensor):
                grad = tenon.from_torch(grad)
        result.append(grad)
    return result


def run_sample(info: Any, form: str, their_op: Any, our_op: Any, sample: Any, check: str) -> bool:
    """One sample; False when PyTorch itself cannot run it this way."""
    grad = check != "values"
    inplace = form == "inplace"
    theirs = torch_call(sample, False, grad)
    ours = tenon_call(theirs, inplace and grad)
    if inplace and grad:
        theirs = Call(theirs.leaves, (theirs.args[0].clone(), *theirs.args[1:]), theirs.kwargs)
    torch.manual_seed(0)
    try:
        expected = their_op(*theirs.args, **theirs.kwargs)
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return False
    if check == "second" and any(t.numel() > SMALL for t in tensors(expected, torch.Tensor)):
        return False
    tenon.manual_seed(0)
    actual = our_op(*ours.args, **ours.kwargs)
    if info.name in UNDEFINED_VALUES:
        expected = [torch.zeros_like(t) for t in tensors(expected, torch.Tensor)]
        actual = [tenon.zeros_like(t) for t in tensors(actual, tenon.Tensor)]
    assert_same(actual, expected, "value")
    return check_gradients(expected, actual, theirs, ours, check == "second") if grad else True


def run_entry(info: Any, form: str, their_op: Any, our_op: Any, dtype: str, check: str) -> bool:
    """All samples of an entry; False when there was nothing to check."""
    torch.manual_seed(0)
    grad = check != "values"
    samples = list(info.sample_inputs("cpu", getattr(torch, dtype), requires_grad=grad))[:MAX_SAMPLES]
    return sum(run_sample(info, form, their_op, our_op, sample, check) for sample in samples) > 0


def entries() -> Iterator[tuple[Entry, Callable[[], bool]]]:
    """Every entry that Tenon has a function or method for."""
    for info in methods.op_db:
        for form, their_op, our_op in forms(info):
            for dtype in DTYPES:
                kind = getattr(torch, dtype)
                if not info.supports_dtype(kind, "cpu"):
                    continue
                checks = ["values"]
                if kind.is_floating_point and info.supports_autograd:
                    checks += ["gradient", "second"] if dtype == "float64" else []
                if kind.is_complex and info.supports_autograd and kind in info.supported_backward_dtypes("cpu"):
                    checks += ["gradient"]
                for check in checks:
                    entry = Entry(info.name, info.variant_test_name or "-", form, dtype, check)
                    yield entry, lambda a=(info, form, their_op, our_op, dtype, check): run_entry(*a)


def outcome(run: Callable[[], bool]) -> str:
    """ "passed", "nothing to check", or what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return "passed" if run() else "nothing to check"
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def listed() -> set[str]:
    return set(PASSED_FILE.read_text().split("\n")) - {""} if PASSED_FILE.exists() else set()


def test_every_listed_entry_still_passes(capsys):
    """The listed entries must pass and exist; new ones that pass are counted too."""
    known, passed, broken = listed(), set(), []
    for entry, run in entries():
        if str(entry) in known:
            result = outcome(run)
            if result == "passed":
                passed.add(str(entry))
            else:
                broken.append(f"{entry}: {result}")
    missing = sorted(known - passed - {line.split(": ")[0] for line in broken})
    with capsys.disabled():
        print(f"\nop_db: {len(passed)} entries pass, {len(broken)} are broken, {len(missing)} are missing")
    assert not broken, "\n".join(broken)
    assert not missing, "no longer there:\n" + "\n".join(missing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="add the entries that pass now to the list")
    parser.add_argument("--only", default="", help="only ops whose name contains this")
    options = parser.parse_args()
    passed, failed, skipped = set(), 0, 0
    for entry, run in entries():
        if options.only not in entry.op:
            continue
        result = outcome(run)
        if result == "passed":
            passed.add(str(entry))
        elif result == "nothing to check":
            skipped += 1
        else:
            failed += 1
            print(f"{entry}: {result.strip().splitlines()[0][:200]}", flush=True)
    print(f"op_db: {len(passed)} entries pass, {failed} fail, {skipped} have nothing to check")
    if options.update:
        PASSED_FILE.write_text("\n".join(sorted(listed() | passed)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
