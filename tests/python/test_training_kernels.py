"""Kernels that only larger or particular shapes reach, and that training steps live on, compared with PyTorch."""

import pytest
import tenon
import torch
from compare import compare, outcome


def numbers(t, *shape, grad=False):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)
    return t.tensor(values.tolist(), dtype=t.float64, requires_grad=grad)


def with_gradients(t, loss, x):
    """The loss, its gradient and the gradient of that."""
    (first,) = t.autograd.grad(loss.sum(), x, create_graph=True)
    (second,) = t.autograd.grad((first * first.cos()).sum(), x)
    return loss, first, second


def cross_entropy(t, reduction="mean", ignored=-100):
    x = numbers(t, 6, 5, grad=True)
    loss = t.nn.functional.cross_entropy(x * x, t.tensor([0, 4, 1, 2, 3, 1]), reduction=reduction, ignore_index=ignored)
    return with_gradients(t, loss, x)


def edited_after_its_loss(t):
    x = numbers(t, 4, 3, grad=True)
    y = x * 2
    loss = t.nn.functional.cross_entropy(y, t.tensor([0, 2, 1, 1]))
    y.data.fill_(9)
    loss.backward()
    return x.grad.clone()


def causal_attention(t, queries, keys):
    q, k, v = numbers(t, 2, queries, 4, grad=True), numbers(t, 2, keys, 4, grad=True), numbers(t, 2, keys, 3)
    with t.nn.attention.sdpa_kernel(t.nn.attention.SDPBackend.MATH):  # PyTorch's others have no second derivative
        y = t.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return (*with_gradients(t, y, q), *with_gradients(t, y, k))


CASES = {
    "cross entropy": cross_entropy,
    "cross entropy, summed": lambda t: cross_entropy(t, "sum"),
    "cross entropy of each": lambda t: cross_entropy(t, "none"),
    "cross entropy without a class": lambda t: cross_entropy(t, ignored=1),
    "cross entropy of nothing but ignored": lambda t: t.nn.functional.cross_entropy(
        numbers(t, 2, 3), t.tensor([1, 1]), ignore_index=1),
    "cross entropy of a class that is none": lambda t: t.nn.functional.cross_entropy(
        numbers(t, 2, 3), t.tensor([0, 3])),
    "logits edited after their loss": edited_after_its_loss,
    "causal attention": lambda t: causal_attention(t, 5, 5),
    "causal attention to fewer keys": lambda t: causal_attention(t, 5, 3),
    "causal attention to more keys": lambda t: causal_attention(t, 3, 5),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_gradients_are_pytorchs(name):
    compare(outcome(CASES[name], tenon), outcome(CASES[name], torch), ulps=64, scale=1, strides=False)


@pytest.mark.parametrize("kernel, stride, padding, dilation", [
    (2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 1), (2, 1, 0, 1), (3, 2, 0, 1), (4, 2, 2, 1), (2, 2, 0, 2), (5, 3, 2, 1),
    (1, 2, 0, 1), (1, 1, 0, 1),
])  # fmt: skip
@pytest.mark.parametrize("width", [6, 9, 39])
def test_every_way_of_pooling_a_line_finds_the_same_places(kernel, stride, padding, dilation, width):
    x = torch.randn(3, 2, 7, width).round(decimals=1)
    x[0, 0, 3, 2] = torch.nan
    wanted = torch.nn.functional.max_pool2d(x, kernel, stride, padding, dilation, return_indices=True)
    found = tenon.nn.functional.max_pool2d(tenon.from_torch(x), kernel, stride, padding, dilation, return_indices=True)
    for mine, theirs in zip(found, wanted):
        torch.testing.assert_close(mine.to_torch(), theirs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("size, weight, padding, dilation", [
    ((9, 8), (3, 3), 1, 1), ((9, 8), (3, 5), (1, 2), 1), ((9, 8), (5, 3), (0, 1), 1), ((9, 8), (3, 3), 2, 2),
    ((4, 5, 6), (3, 3, 3), 1, 1), ((4, 5, 6), (2, 3, 3), (0, 1, 1), 1), ((40,), (5,), 2, 1),
])  # fmt: skip
def test_convolutions_that_keep_their_lines(size, weight, padding, dilation):
    conv = f"conv{len(size)}d"
    x, w = torch.randn(3, 8, *size), torch.randn(6, 8, *weight)

    def run(t, make):
        inputs = [make(x).requires_grad_(), make(w).requires_grad_()]
        y = getattr(t.nn.functional, conv)(*inputs, padding=padding, dilation=dilation)
        return [y.detach(), *t.autograd.grad((y * y).sum(), inputs)]

    mine = run(tenon, tenon.from_torch)
    for each, wanted in zip(mine, run(torch, torch.clone)):
        torch.testing.assert_close(each.to_torch(), wanted, rtol=1e-4, atol=1e-3)
