"""Convolutions of every geometry that is computed in a way of its own, beside PyTorch: outputs and both gradients."""

import pytest
import tenon
import torch

# Name: input shape, weight shape, and what else conv takes.
CASES = {
    "large planes": ((2, 5, 40, 33), (17, 5, 3, 3), {"padding": 1}),
    "planes by planes": ((9, 24, 7, 7), (40, 24, 3, 3), {"padding": 1}),
    "few blocks": ((8, 60, 4, 4), (130, 60, 3, 3), {"padding": 1}),
    "taps in padding alone": ((70, 33, 1, 1), (18, 33, 3, 5), {"padding": (1, 2)}),
    "padding beyond the taps": ((3, 4, 2, 3), (6, 4, 2, 2), {"padding": 3}),
    "one element": ((6, 300, 5, 5), (20, 300, 1, 1), {}),
    "one element, large planes": ((2, 30, 20, 20), (20, 30, 1, 1), {}),
    "one sample": ((1, 40, 5, 5), (50, 40, 3, 3), {"padding": 1}),
    "strides": ((5, 16, 13, 11), (24, 16, 3, 4), {"stride": (2, 3), "padding": (1, 2)}),
    "strides beyond the kernel": ((5, 16, 13, 11), (24, 16, 2, 1), {"stride": (5, 4)}),
    "strides and dilation": ((40, 10, 9, 12), (12, 10, 3, 3), {"stride": (2, 4), "padding": 2, "dilation": (3, 2)}),
    "dilation": ((4, 7, 12, 12), (9, 7, 3, 2), {"padding": 2, "dilation": (2, 3)}),
    "a channel for each group": ((5, 20, 9, 9), (20, 1, 3, 3), {"padding": 1, "groups": 20}),
    "few channels for each group": ((3, 12, 30, 5), (18, 2, 3, 3), {"stride": 2, "padding": 1, "groups": 6}),
    "groups": ((6, 60, 6, 6), (90, 20, 3, 3), {"padding": 1, "groups": 3}),
    "few outputs": ((3, 20, 16, 16), (3, 20, 3, 3), {"padding": 1}),
    "few outputs of small planes": ((66, 40, 4, 4), (1, 40, 4, 4), {}),
    "many taps": ((2, 2, 30, 30), (3, 2, 25, 21), {"padding": 6}),
    "a long line": ((2, 6, 3000), (8, 6, 5), {"padding": 2}),
    "a long line, strided": ((1, 6, 2500), (8, 6, 9), {"stride": 4, "dilation": 2}),
    "a line along the first dim": ((3, 6, 400, 1), (8, 6, 5, 1), {"stride": (2, 1), "padding": (2, 0)}),
    "patches": ((4, 3, 24, 24), (20, 3, 8, 8), {"stride": 8}),
    "a huge kernel": ((2, 1, 70, 70), (5, 1, 66, 66), {"padding": 1}),
    "a vast stride": ((2, 3, 2, 2), (4, 3, 1, 1), {"stride": 2**40, "dilation": 2**40 + 1}),
    "volumes": ((3, 6, 5, 9, 10), (11, 6, 3, 2, 3), {"padding": (1, 0, 1)}),
    "large volumes": ((1, 3, 4, 40, 30), (5, 3, 2, 3, 3), {"stride": (1, 2, 1), "padding": 1}),
    "volumes in groups": ((4, 8, 3, 4, 4), (12, 2, 3, 3, 3), {"stride": (2, 1, 2), "padding": 1, "groups": 4}),
    "wide padding": ((2, 3, 1, 2), (4, 3, 2, 2), {"stride": 500, "padding": 1000}),
    "wide dilation": ((2, 3, 2, 2), (4, 3, 2, 2), {"padding": 800, "dilation": 1601}),
}


def results(library, dtype, case):
    input_shape, weight_shape, options = CASES[case]
    torch.manual_seed(0)
    x, w = torch.randn(input_shape, dtype=torch.float64), torch.randn(weight_shape, dtype=torch.float64)
    conv = getattr(library.nn.functional, f"conv{x.dim() - 2}d")
    if library is tenon:
        x, w = tenon.from_numpy(x.numpy()), tenon.from_numpy(w.numpy())
    x, w = x.to(dtype).requires_grad_(), w.to(dtype).requires_grad_()
    y = conv(x, w, **options)
    grad = torch.randn(tuple(y.shape), dtype=torch.float64)
    y.backward((tenon.from_numpy(grad.numpy()) if library is tenon else grad).to(dtype))
    return [value.detach().numpy() for value in (y, x.grad, w.grad)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case, dtype):
    threads = tenon.get_num_threads()
    ours = []
    try:
        for count in (1, 2, 7):
            tenon.set_num_threads(count)
            ours.append(results(tenon, getattr(tenon, dtype), case))
    finally:
        tenon.set_num_threads(threads)
    # PyTorch's sums are taken in doubles, as its float32 ones of few outputs are no more exact than ours.
    expected = results(torch, torch.float64, case)
    tolerance = {"float32": 3e-6, "float64": 1e-14}[dtype]
    for name, first, value, *others in zip("output input weight".split(), ours[0], expected, *ours[1:]):
        assert abs(first - value).max() <= tolerance * abs(value).max(), name
        for other in others:
            assert first.tobytes() == other.tobytes(), f"{name}: differs on several threads"


# Where the input ends far before the last stride would, no transposed convolution has its size.
@pytest.mark.parametrize("case", [case for case, (x, _, _) in CASES.items() if len(x) == 4 and case != "wide padding"])
def test_transposed(case):
    """The gradient for the input is the transposed convolution; that of integers is computed in the other way."""
    input_shape, weight_shape, options = CASES[case]
    torch.manual_seed(0)
    x, w = torch.randint(-3, 4, input_shape), torch.randint(-3, 4, weight_shape)
    y = torch.nn.functional.conv2d(x, w, **options)
    ours = tenon.nn.functional.conv2d(tenon.from_numpy(x.numpy()), tenon.from_numpy(w.numpy()), **options)
    assert (ours.numpy() == y.numpy()).all()
    y, w = tenon.from_numpy(y.numpy()), tenon.from_numpy(w.numpy())
    whole = tenon.nn.functional.conv_transpose2d(y, w, **options)
    real = tenon.nn.functional.conv_transpose2d(y.double(), w.double(), **options)
    assert (whole.numpy() == real.numpy()).all()
