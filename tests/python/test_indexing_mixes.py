"""x[...] and x[...] = value against PyTorch, over generated mixes of integers, slices, None, ..., masks and tensors."""

import math
import random

import numpy as np
import pytest
from compare import comparisons, outcome, torch

SHAPES = [(4, 3, 5), (3,), (2, 3, 4, 2), (5, 5), (), (1, 3, 1), (0, 3), (2, 2, 2, 2, 2)]


class Mix:
    """An index as a list of functions of the module, and a text that says what it is."""

    def __init__(self, rng, shape):
        self.makes, self.texts, self.repeats = [], [], False
        dim, ellipsis = 0, False
        while dim < len(shape) and rng.random() < 0.9:
            kind, size = rng.choice(("int", "slice", "all", "None", "...", "mask", "mask2", "ints", "list", "0-d",
                                     "bool", "range", "numpy")), shape[dim]  # fmt: skip
            if kind == "None":
                self.add("None", lambda t: None)
            elif kind == "bool":
                truth = rng.random() < 0.7
                self.add(str(truth), lambda t, truth=truth: truth)
            elif kind == "...":
                if not ellipsis:
                    self.add("...", lambda t: Ellipsis)
                    dim += rng.randrange(0, len(shape) - dim + 1)
                ellipsis = True
            elif kind in ("slice", "all"):
                ends = [rng.choice((None, rng.randrange(-size - 1, size + 2))) for _ in range(2)]
                part = slice(*ends, rng.choice((None, 1, 2, 3))) if kind == "slice" else slice(None)
                self.add(str(part), lambda t, part=part: part)
                dim += 1
            elif kind in ("mask", "mask2"):
                sizes = shape[dim : dim + (1 if kind == "mask" else 2)]
                truths = [rng.random() < 0.6 for _ in range(math.prod(sizes))]
                self.add(
                    f"mask{sizes}{truths}",
                    lambda t, truths=truths, sizes=sizes: t.tensor(truths, dtype=t.bool).reshape(sizes),
                )
                dim += len(sizes)
            elif size > 0:
                self.add_integers(rng, kind, size)
                dim += 1

    def add(self, text, make):
        self.texts.append(text)
        self.makes.append(make)

    def add_integers(self, rng, kind, size):
        if kind == "ints":
            sizes, dtype = rng.choice(((2,), (1,), (2, 1), (1, 2), (3, 1, 2))), rng.choice(("int64", "int32"))
            numbers = [rng.randrange(-size, size) for _ in range(math.prod(sizes))]
            self.repeats = True
            self.add(f"{dtype}{numbers}", lambda t: t.tensor(numbers, dtype=getattr(t, dtype)).reshape(sizes))
        elif kind == "list":
            pair = [rng.randrange(-size, size) for _ in range(2)]
            self.repeats = True
            self.add(str(pair), lambda t: pair)
        elif kind == "range":
            self.add("range", lambda t: range(min(size, 2)))
        else:
            number = rng.randrange(-size, size)
            wrap = {"0-d": lambda t: t.tensor(number), "numpy": lambda t: np.int64(number)}.get(kind, lambda t: number)
            self.add(f"{kind} {number}", wrap)

    def index(self, t):
        made = [make(t) for make in self.makes]
        return made[0] if len(made) == 1 and not isinstance(made[0], list) else tuple(made)

    def __str__(self):
        return "[" + ", ".join(self.texts) + "]"


def base(t, shape, layout, dtype="float32"):
    numbers = t.arange(math.prod(shape)).to(getattr(t, dtype)).reshape(shape)
    if layout == "transposed" and len(shape) > 1:
        return numbers.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "sliced" and shape:
        wide = t.zeros(tuple(2 * size for size in shape), dtype=numbers.dtype)
        every_other = tuple(slice(None, None, 2) for _ in shape)
        wide[every_other] = numbers
        return wide[every_other]
    return numbers


def changed(x, index, value):
    x[index] = value
    return x


def cases(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        shape = rng.choice(SHAPES)
        yield rng, shape, rng.choice(("contiguous", "contiguous", "transposed", "sliced")), Mix(rng, shape)


@pytest.mark.parametrize("seed", range(4))
def test_reading_and_writing_agree(seed):
    with comparisons() as check:
        for rng, shape, layout, mix in cases(seed, 500):
            case = (shape, layout, str(mix))
            # PyTorch's results of integer tensors may keep the order of a permuted source.
            check(("get", *case), lambda t: base(t, shape, layout)[mix.index(t)], strides=layout == "contiguous")
            check(("set number", *case), lambda t: changed(base(t, shape, layout), mix.index(t), -1), strides=False)
            found = outcome(lambda t: tuple(base(t, shape, layout)[mix.index(t)].shape), torch)
            if isinstance(found, Exception) or 0 in found:
                continue
            source = rng.choice((found, found[1:], (1,) * len(found), (), (1, *found), (*found, 2), (7,)))
            # PyTorch converts values for some of the indices that hold True, and refuses to for others.
            holds_truth = "True" in mix.texts or "False" in mix.texts
            for dtype, own in (("float32", "float32"), ("int64", "float32"), ("float32", "int64")):
                if holds_truth and dtype != own:
                    continue
                # Which of several values a repeated index keeps is not told.
                start = (lambda t, n: t.full((n,), 9)) if mix.repeats else (lambda t, n: -t.arange(n) - 1)
                values = lambda t: start(t, math.prod(source)).reshape(source).to(getattr(t, dtype))
                code = lambda t: changed(base(t, shape, layout, own), mix.index(t), values(t))
                check(("set", *case, source, dtype, own), code, strides=False)


def test_gradients_agree():
    def reading(t, shape, layout, mix):
        x = base(t, shape, layout).requires_grad_()
        y = x[mix.index(t)]
        (y * (t.arange(y.numel()).reshape(y.shape) + 1)).sum().backward()
        return x.grad

    def writing(t, shape, layout, mix):
        x = base(t, shape, layout).requires_grad_()
        value = t.tensor(3.0, requires_grad=True)
        y = x * 2
        y[mix.index(t)] = value
        (y * (t.arange(y.numel()).reshape(y.shape) + 1)).sum().backward()
        return x.grad, value.grad

    with comparisons() as check:
        for _, shape, layout, mix in cases(99, 300):
            check(("get", shape, layout, str(mix)), lambda t: reading(t, shape, layout, mix), strides=False)
            if not mix.repeats and 0 not in shape:
                check(("set", shape, layout, str(mix)), lambda t: writing(t, shape, layout, mix), strides=False)


SINGLE = {
    "two lists": lambda t: ([0, 1], [1, 2]),
    "a mask of two dims": lambda t: t.tensor([[True, False, True]] * 4),
    "a uint8 mask": lambda t: t.tensor([1, 0, 1, 1], dtype=t.uint8),
    "an array": lambda t: np.array([0, 2]),
    "a mask as an array": lambda t: np.array([True, False, True, True]),
    "no integers": lambda t: t.tensor([], dtype=t.int64),
    "an empty list": lambda t: [],
    "a 0-d mask": lambda t: t.tensor(True),
    "a false 0-d mask": lambda t: t.tensor(False),
    "a 0-d int32": lambda t: t.tensor(1, dtype=t.int32),
    "a 0-d uint8": lambda t: t.tensor(1, dtype=t.uint8),
    "int8": lambda t: t.tensor([1], dtype=t.int8),
    "int16": lambda t: t.tensor([1], dtype=t.int16),
    "True and an int": lambda t: (True, 0),
    "two Nones": lambda t: (None, None, ...),
    "tensors as ends": lambda t: slice(t.tensor(0), t.tensor(2)),
    "a negative step": lambda t: slice(None, None, -1),
    "a fraction as an end": lambda t: slice(0, 2.5),
    "a fraction": lambda t: 1.0,
    "too many": lambda t: (0,) * 4,
    "beyond the end": lambda t: t.tensor([5]),
    "beyond the start": lambda t: t.tensor([-5]),
    "an int beyond the end": lambda t: 7,
    "a mask of another size": lambda t: t.tensor([True, False]),
    "tensors that do not broadcast": lambda t: (t.tensor([0, 1]), t.tensor([0, 1, 2])),
    "a mask of every dim": lambda t: t.ones(4, 3, 5) > 0,
    "a mask of more dims": lambda t: t.ones(4, 3, 5, 1) > 0,
    "a mask and integers": lambda t: (t.tensor([True, False, True, True]), t.tensor([0, 1, 2])),
    "a mask and too few integers": lambda t: (t.tensor([True, False, True, True]), t.tensor([0, 1])),
    "integers around a tensor": lambda t: (0, t.tensor([0, 1]), 0),
    "a tensor, a slice and an int": lambda t: (t.tensor([0, 1]), slice(None), 0),
    "an int, a slice and a tensor": lambda t: (0, slice(None), t.tensor([0, 1])),
    "floats": lambda t: t.tensor([0.5]),
    "a 0-d float": lambda t: t.tensor(0.5),
    "a complex number": lambda t: t.tensor(1j),
    "a NumPy float": lambda t: np.float32(1),
    "more than 64 bits": lambda t: 2**64,
    "the least of 64 bits": lambda t: -(2**63),
    "an end of more than 64 bits": lambda t: slice(2**70, None),
}


@pytest.mark.parametrize("dtype", ("float32", "int64", "bool", "complex64", "float16"))
def test_single_indices_agree(dtype):
    with comparisons() as check:
        for name, index in SINGLE.items():
            numbers = lambda t: base(t, (4, 3, 5), "contiguous", dtype)
            check(("get", name), lambda t: numbers(t)[index(t)])
            if name != "a uint8 mask":  # which PyTorch takes to read with only
                check(("set number", name), lambda t: changed(numbers(t), index(t), 1))


def test_slices_are_views_and_integer_tensors_copy_as_in_pytorch():
    def shares(t, index):
        x = t.arange(60.0).reshape(4, 3, 5)
        y = x[index]
        y.fill_(-1)
        return bool((x == -1).any())

    indices = [0, slice(1, 3), (..., 0), None, ..., True, [0, 1], (0, [1]), (slice(None), 1)]
    with comparisons() as check:
        for index in indices:
            check(index, lambda t: shares(t, index))
