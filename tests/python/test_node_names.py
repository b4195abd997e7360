"""The names of the nodes that ops record, which printed tensors and drawings of graphs show, against PyTorch's.

Each entry of op_db runs its first sample that has a gradient in both libraries.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import tenon
import torch
from op_db_judge import Call, Lacking, cheap_sampling, flatten, forms, methods, to_tenon

# Entries whose results have nodes of other names, by reason.
KNOWN = {
    "Tenon computes by other ops than PyTorch, whose last op is seen": (
        "diff einsum fft.fft fft.ifft fft.rfft2 fft.rfftn linalg.cond linalg.multi_dot linalg.tensorinv linalg.vecdot "
        "nn.functional.ctc_loss nn.functional.linear_cross_entropy/chunked "
        "nn.functional.linear_cross_entropy/chunked_none nn.functional.pad/circular "
        "nn.functional.scaled_dot_product_attention special.ndtr sum_to_size __rdiv__ __rsub__"
    ),
    "PyTorch squeezes its result in place": "quantile nanquantile stft",
    "unsafe forms are aliases of the safe ones": "unsafe_chunk unsafe_split",
    "no decimals and decimals=0 are one form": "round/decimals_0",
    "sparse tensors are of a type of their own": "to_sparse",
}
DIFFERING = {name: reason for reason, names in KNOWN.items() for name in names.split()}


def names_of(library: Any, outputs: list[Any]) -> list[str]:
    """The full name of the node of each result, and that of its class; "" for results outside the graph."""
    tensors = [value for value in flatten(outputs) if isinstance(value, library.Tensor)]
    nodes = [tensor.grad_fn for tensor in tensors]
    return ["" if node is None else f"{node.name()} of class {type(node).__name__}" for node in nodes]


def both_names(info: Any) -> tuple[list[str], list[str]] | None:
    """Tenon's names and PyTorch's for an entry of op_db; None where there is nothing to compare."""
    form = next(forms(info))
    dtype = torch.float32 if info.supports_dtype(torch.float32, "cpu") else torch.complex64
    if form.ours is None or not info.supports_dtype(dtype, "cpu"):
        return None
    for sample in info.sample_inputs("cpu", dtype, requires_grad=True):
        theirs = Call(torch, sample, True, False, lambda value: value)
        try:
            expected = names_of(torch, theirs.run(form.theirs, lambda result: result))
            ours = Call(tenon, sample, True, False, lambda value: to_tenon(value, "cpu"))
            found = names_of(tenon, ours.run(form.ours, lambda result: result))
        except (Lacking, AttributeError, RuntimeError):
            return None
        if any(expected) or any(found):
            return found, expected
    return None


@pytest.fixture(scope="module")
def compared() -> dict[str, tuple[list[str], list[str]]]:
    """What `both_names` gives, by entry."""
    result = {}
    with warnings.catch_warnings(), cheap_sampling():
        warnings.simplefilter("ignore")
        for info in methods.op_db:
            if info.supports_autograd and (names := both_names(info)):
                result[info.name + (f"/{info.variant_test_name}" if info.variant_test_name else "")] = names
    assert len(result) > 450
    return result


def test_nodes_have_pytorchs_names(compared):
    wrong = [
        f"{entry}: {found}, expected {expected}"
        for entry, (found, expected) in compared.items()
        if found != expected and entry not in DIFFERING
    ]
    assert not wrong, "\n".join(wrong)


def test_the_names_that_differ_are_those_listed(compared):
    assert not [entry for entry in DIFFERING if entry not in compared or compared[entry][0] == compared[entry][1]]


# Forms of ops that PyTorch numbers, and what users see most; each is run with x and y of shape [3, 4], y above 0.
FORMS = [
    lambda m, f, x, y: x.sum(),
    lambda m, f, x, y: x.sum(0),
    lambda m, f, x, y: x.mean(),
    lambda m, f, x, y: x.mean(0),
    lambda m, f, x, y: x.prod(0),
    lambda m, f, x, y: x.max(),
    lambda m, f, x, y: x.max(0)[0],
    lambda m, f, x, y: x.max(y),
    lambda m, f, x, y: x.min(),
    lambda m, f, x, y: x.median(0)[0],
    lambda m, f, x, y: x.squeeze(),
    lambda m, f, x, y: x.squeeze(0),
    lambda m, f, x, y: x.squeeze((0, 1)),
    lambda m, f, x, y: x.clamp(0, 1),
    lambda m, f, x, y: x.clamp(min=y),
    lambda m, f, x, y: x.clamp_min(0),
    lambda m, f, x, y: x.clamp_max(y),
    lambda m, f, x, y: x**2,
    lambda m, f, x, y: x**y,
    lambda m, f, x, y: 2**x,
    lambda m, f, x, y: x.fmod(2),
    lambda m, f, x, y: x.fmod(y),
    lambda m, f, x, y: x % 2,
    lambda m, f, x, y: x % y,
    lambda m, f, x, y: 2 - x,
    lambda m, f, x, y: 2 / x,
    lambda m, f, x, y: x.lerp(y, 0.5),
    lambda m, f, x, y: x.lerp(y, y),
    lambda m, f, x, y: x.masked_fill(y > 1, 0),
    lambda m, f, x, y: x.masked_fill(y > 1, m.tensor(0.0)),
    lambda m, f, x, y: x.scatter(0, m.zeros(1, 4, dtype=m.int64), 1.0),
    lambda m, f, x, y: (x * 1).fill_(2),
    lambda m, f, x, y: (x * 1).zero_(),
    lambda m, f, x, y: (x * 1).add_(1),
    lambda m, f, x, y: x.t(),
    lambda m, f, x, y: x.T,
    lambda m, f, x, y: x[0],
    lambda m, f, x, y: x[y > 1],
    lambda m, f, x, y: x @ y.t(),
    lambda m, f, x, y: x @ y[0],
    lambda m, f, x, y: x[0] @ y[0],
    lambda m, f, x, y: x[None] @ y.t(),
    lambda m, f, x, y: m.addmm(x[:, :3], y, y.t()),
    lambda m, f, x, y: f.linear(x, y),
    lambda m, f, x, y: f.linear(x, y, m.ones(3)),
    lambda m, f, x, y: f.linear(x[None], y, m.ones(3)),
    lambda m, f, x, y: f.conv1d(x[None], y[None], m.ones(1)),
    lambda m, f, x, y: f.conv1d(x, y[None]),
    lambda m, f, x, y: f.conv2d(x[None, None], y[None, None], m.ones(1)),
    lambda m, f, x, y: f.cross_entropy(x, m.tensor([0, 1, 2])),
    lambda m, f, x, y: f.nll_loss(x.reshape(1, 3, 2, 2), m.zeros(1, 2, 2, dtype=m.int64)),
    lambda m, f, x, y: f.mse_loss(x, y),
    lambda m, f, x, y: f.smooth_l1_loss(x, y),
    lambda m, f, x, y: f.huber_loss(x, y),
    lambda m, f, x, y: f.binary_cross_entropy_with_logits(x, y),
    lambda m, f, x, y: f.max_pool1d(x[None], 2),
    lambda m, f, x, y: f.pad(x, (1, 1)),
    lambda m, f, x, y: f.pad(x[None, None], (1, 1, 1, 1), mode="reflect"),
    lambda m, f, x, y: f.dropout(x),
    lambda m, f, x, y: f.layer_norm(x, (4,)),
    lambda m, f, x, y: f.group_norm(x, 2),
    lambda m, f, x, y: f.batch_norm(x, None, None, training=True),
]


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_forms_of_ops_have_pytorchs_names(number):
    names = []
    for library in (tenon, torch):
        x = library.arange(12.0).reshape(3, 4) / 7
        y = library.ones(3, 4) + x
        result = FORMS[number](library, library.nn.functional, x.requires_grad_(), y)
        names.append((names_of(library, [result]), repr(result).rpartition("grad_fn=")[2]))
    assert names[0] == names[1]


def test_a_name_is_given_only_to_what_the_op_recorded():
    x = tenon.ones(2, 1, requires_grad=True)
    y = x * 2
    assert tenon.nn.functional.pad(y, (0, 0), mode="reflect").grad_fn.name() == "MulBackward0"
    assert y.chunk(1)[0].grad_fn.name() == "SplitBackward0" and y.grad_fn.name() == "MulBackward0"


def test_nodes_of_one_name_are_of_one_class():
    x = tenon.ones(2, requires_grad=True)
    one, other = (x * 2).grad_fn, (x * 3).grad_fn
    assert type(one) is type(other) and issubclass(type(one), tenon.autograd.graph.Node)
    assert type(one.next_functions[0][0]).__name__ == "AccumulateGrad"
