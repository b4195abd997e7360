"""GRUs and LSTMs of float32, which run all steps in one kernel: their values and gradients are PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import tenon
import torch

# Batches of one block of rows and of several, sizes of no whole vector, and a weight that is read in tall blocks.
SIZES = [(1, 1, 3, 5), (3, 4, 2, 16), (20, 6, 7, 33), (37, 3, 5, 310)]
OPTIONS = [
    {},
    {"bias": False, "batch_first": True},
    {"num_layers": 2, "bidirectional": True},
]


def made(t: Any, name: str, source: torch.nn.Module, *sizes: int, **options: Any) -> Any:
    layer = getattr(t.nn, name)(*sizes, **options)
    layer.load_state_dict({key: t.tensor(value.tolist(), dtype=layer.weight_hh_l0.dtype)
                           for key, value in source.state_dict().items()})  # fmt: skip
    return layer


def lengths_of(batch: int, steps: int) -> list[int]:
    return [steps] + [1 + 5 * i % steps for i in range(1, batch)]


def run(t: Any, layer: Any, x: Any, state: Any, lengths: list[int] | None) -> tuple[Any, ...]:
    """All outputs and states as one tuple."""
    if lengths is not None:
        x = t.nn.utils.rnn.pack_padded_sequence(x, lengths, layer.batch_first, enforce_sorted=False)
    out, last = layer(x, state)
    if lengths is not None:
        # Among equal lengths the order in a packed sequence is each library's own.
        out = t.nn.utils.rnn.pad_packed_sequence(out, layer.batch_first)[0]
    return out, *(last if isinstance(last, tuple) else (last,))


def weighted(t: Any, outputs: tuple[Any, ...]) -> Any:
    """A sum in which each element has its own weight."""
    weights = [t.arange(y.numel(), dtype=t.float64).mul(0.37).cos().to(y.dtype).view(y.shape) for y in outputs]
    return sum((y * weight).sum() for y, weight in zip(outputs, weights))


class Case:
    """One layer in either library, and its inputs, which require grad."""

    def __init__(self, name: str, sizes: tuple[int, ...], options: dict[str, Any], packed: bool) -> None:
        torch.manual_seed(0)
        batch, steps, features, hidden = sizes
        self.name, self.sizes, self.options = name, (features, hidden), options
        self.source = getattr(torch.nn, name)(features, hidden, **options)
        first = (batch, steps) if options.get("batch_first") else (steps, batch)
        runs = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        self.values = [torch.randn(*first, features)]
        self.values += [torch.randn(runs, batch, hidden) for _ in range(2 if name == "LSTM" else 1)]
        self.lengths = lengths_of(batch, steps) if packed else None

    def __call__(self, t: Any, dtype: str = "float32") -> tuple[Any, list[Any], tuple[Any, ...]]:
        """The layer, its inputs, and what it makes of them."""
        dtype = getattr(t, dtype)
        layer = made(t, self.name, self.source, *self.sizes, **self.options, dtype=dtype)
        inputs = [t.tensor(value.tolist(), dtype=dtype).requires_grad_() for value in self.values]
        state = tuple(inputs[1:]) if self.name == "LSTM" else inputs[1]
        return layer, inputs, run(t, layer, inputs[0], state, self.lengths)


def expect_close(ours: list[Any], theirs: list[Any], tolerance: float) -> None:
    assert len(ours) == len(theirs)
    for i, (own, their) in enumerate(zip(ours, theirs)):
        assert tuple(own.shape) == tuple(their.shape)
        own, their = torch.tensor(own.tolist(), dtype=torch.float64), their.detach().double()
        assert (own - their).abs().max() <= tolerance * (1 + their.abs().max()), i


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_values_and_gradients_are_those_of_pytorch(
    name: str, sizes: tuple[int, ...], options: dict[str, Any], packed: bool
) -> None:
    case = Case(name, sizes, options, packed)
    found = []
    for t, dtype in ((tenon, "float32"), (torch, "float64")):
        layer, inputs, outputs = case(t, dtype)
        grads = t.autograd.grad(weighted(t, outputs), [*inputs, *layer.parameters()])
        found.append([*outputs, *grads])
    expect_close(*found, 2e-5)


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_gradients_of_gradients_are_those_of_pytorch(name: str, packed: bool) -> None:
    case = Case(name, (5, 4, 3, 6), {"bidirectional": True}, packed)
    found = []
    for t, dtype in ((tenon, "float32"), (torch, "float64")):
        layer, inputs, outputs = case(t, dtype)
        wanted = [*inputs, *layer.parameters()]
        first = t.autograd.grad(weighted(t, tuple(y.tanh() for y in outputs)), wanted, create_graph=True)
        second = t.autograd.grad(weighted(t, tuple(first)), wanted)
        found.append([*first, *second])
    expect_close(*found, 5e-5)


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_any_of_the_outputs_and_of_the_inputs_may_do_without_gradients(name: str) -> None:
    case = Case(name, (5, 4, 3, 6), {}, True)
    for kept in range(3 if name == "LSTM" else 2):
        found = []
        for t, dtype in ((tenon, "float32"), (torch, "float64")):
            layer, inputs, _ = case(t, dtype)
            layer.weight_ih_l0.requires_grad_(False)
            state = tuple(inputs[1:]) if name == "LSTM" else inputs[1]
            outputs = run(t, layer, inputs[0].detach(), state, case.lengths)
            loss = weighted(t, outputs[kept : kept + 1])
            wanted = [*inputs[1:], layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]
            found.append(list(t.autograd.grad(loss, wanted, retain_graph=True)))
            found[-1] += t.autograd.grad(loss, wanted)
        expect_close(*found, 2e-5)


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    threads = tenon.get_num_threads()
    for sizes, packed in (((33, 9, 20, 64), True), ((4, 3, 20, 310), False)):
        case = Case(name, sizes, {"bidirectional": True}, packed)
        results = []
        try:
            for count in (1, 2, 7):
                tenon.set_num_threads(count)
                layer, inputs, outputs = case(tenon)
                grads = tenon.autograd.grad(weighted(tenon, outputs), [*inputs, *layer.parameters()])
                results.append([*outputs, *grads])
        finally:
            tenon.set_num_threads(threads)
        for other in results[1:]:
            assert all(tenon.equal(first, again) for first, again in zip(results[0], other))


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_runs_without_gradients_give_the_same_bits(name: str, sizes: tuple[int, ...], packed: bool) -> None:
    case = Case(name, sizes, {"bidirectional": True}, packed)
    layer, inputs, outputs = case(tenon)
    with tenon.no_grad():
        again = run(tenon, layer, inputs[0], tuple(inputs[1:]) if name == "LSTM" else inputs[1], case.lengths)
    assert all(tenon.equal(first, other) for first, other in zip(outputs, again, strict=True))


def test_a_weight_that_was_edited_since_is_found_out() -> None:
    layer, inputs, outputs = Case("GRU", (5, 4, 3, 6), {}, False)(tenon)
    with tenon.no_grad():
        layer.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        weighted(tenon, outputs).backward()


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_saved_tensors_may_come_back_from_hooks_with_other_strides(name: str) -> None:
    case = Case(name, (5, 4, 3, 6), {}, True)
    found = []
    for strided in (False, True):
        unpack = (lambda saved: saved.repeat_interleave(2, -1)[..., ::2]) if strided else (lambda saved: saved)
        with tenon.autograd.graph.saved_tensors_hooks(lambda saved: saved, unpack):
            layer, inputs, outputs = case(tenon)
        found.append(tenon.autograd.grad(weighted(tenon, outputs), [*inputs, *layer.parameters()]))
    assert all(tenon.equal(first, again) for first, again in zip(*found))
