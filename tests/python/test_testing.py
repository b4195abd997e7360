"""tenon.testing: make_tensor's numbers and assert_close's judgements and messages are PyTorch's."""

import itertools

import numpy
import pytest
import tenon
import tenon.testing
import torch
from compare import comparisons

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()


def test_make_tensor_gives_pytorchs_numbers():
    options = [
        {},
        {"low": -2, "high": 3},
        {"low": 0.5, "high": 2.5},
        {"low": 1},
        {"exclude_zero": True},
        {"noncontiguous": True},
        {"requires_grad": True},
        {"low": 5, "high": 1},
        {"low": float("nan")},
        {"low": -1e60, "high": 1e60},
        {"low": 1e60, "high": 1e61},
        {"low": 1, "high": 1},
    ]
    shapes = [(), (3,), (4, 5), ((2, 3),), (0, 2)]
    with comparisons() as check:
        for dtype, own, shape in itertools.product(DTYPES, options, shapes):

            def code(t, dtype=dtype, own=own, shape=shape):
                t.manual_seed(4)
                return t.testing.make_tensor(*shape, dtype=getattr(t, dtype), device="cpu", **own)

            check((dtype, own, shape), code)


def test_make_tensor_takes_memory_formats():
    with comparisons() as check:
        for noncontiguous in (False, True):
            check(noncontiguous, lambda t, noncontiguous=noncontiguous: t.testing.make_tensor(
                2, 3, 4, 5, dtype=t.float32, device=t.device("cpu"), memory_format=t.channels_last,
                noncontiguous=noncontiguous).stride())


NAN, INF = float("nan"), float("inf")
PAIRS = {
    "equal": lambda t: (t.tensor([1.0]), t.tensor([1.0])),
    "one differs": lambda t: (t.tensor([1.0, 2, 3]), t.tensor([1.0, 2, 4])),
    "floats": lambda t: (1.0, 2.0),
    "close floats": lambda t: (1.0, 1.0 + 1e-9),
    "ints": lambda t: (1, 2),
    "int and float": lambda t: (1, 1.0),
    "int and float, loosely": lambda t: (1, 1.0, {"check_dtype": False}),
    "complex numbers": lambda t: (1j, 2j),
    "0-d": lambda t: (t.tensor(1.0), t.tensor(2.0)),
    "integers": lambda t: (t.tensor([1, 2]), t.tensor([1, 3])),
    "uint8": lambda t: (t.tensor([1, 2], dtype=t.uint8), t.tensor([1, 4], dtype=t.uint8)),
    "bools": lambda t: (t.tensor([True]), t.tensor([False])),
    "complex": lambda t: (t.tensor([1j]), t.tensor([2j])),
    "half": lambda t: (t.tensor([1.0]).half(), t.tensor([1.5]).half()),
    "bfloat16": lambda t: (t.tensor([1.0]).bfloat16(), t.tensor([1.01]).bfloat16()),
    "dtypes": lambda t: (t.tensor([1.0]), t.tensor([1])),
    "dtypes, loosely": lambda t: (t.tensor([1.0]).double(), t.tensor([1.0]), {"check_dtype": False}),
    "shapes": lambda t: (t.tensor([1.0]), t.tensor([1.0, 2.0])),
    "strides": lambda t: (t.ones(2, 2).t(), t.ones(2, 2), {"check_stride": True}),
    "2-d": lambda t: (t.tensor([[1.0, 2], [3, 4]]), t.tensor([[1.0, 2], [3, 5]])),
    "nan": lambda t: (t.tensor([NAN]), t.tensor([NAN])),
    "equal nan": lambda t: (t.tensor([NAN]), t.tensor([NAN]), {"equal_nan": True}),
    "nan number": lambda t: (NAN, 1.0),
    "equal nan numbers": lambda t: (NAN, NAN, {"equal_nan": True}),
    "inf": lambda t: (t.tensor([1.0, INF]), t.tensor([1.0, 2.0])),
    "same inf": lambda t: (t.tensor([1.0, INF]), t.tensor([1.0, INF])),
    "inf number": lambda t: (5.0, INF),
    "zero expected": lambda t: (t.tensor([0.5, 0.0]), t.tensor([0.0, 0.0])),
    "tolerances": lambda t: (t.tensor([1.0]), t.tensor([1.5]), {"rtol": 0.0, "atol": 1.0}),
    "tolerances that are passed": lambda t: (t.tensor([1.0]), t.tensor([2.5]), {"rtol": 0.0, "atol": 1.0}),
    "no tolerance": lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"rtol": 0, "atol": 0}),
    "one tolerance": lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"rtol": 0}),
    "other tolerance": lambda t: (t.tensor([1.0]), t.tensor([2.0]), {"atol": 0}),
    "lists": lambda t: ([t.tensor([1.0]), t.tensor([2.0])], [t.tensor([1.0]), t.tensor([3.0])]),
    "nested lists": lambda t: ([[1.0], [2.0]], [[1.0], [3.0]]),
    "list and tuple": lambda t: ((1,), [1]),
    "lengths": lambda t: ([1], [1, 2]),
    "dicts": lambda t: ({"a": t.tensor(1.0)}, {"a": t.tensor(2.0)}),
    "keys": lambda t: ({"a": 1}, {"b": 1}),
    "None": lambda t: (None, None),
    "None and number": lambda t: (None, 1),
    "booleans": lambda t: (True, False),
    "arrays": lambda t: (numpy.array([1.0]), numpy.array([2.0])),
    "array and tensor": lambda t: (numpy.array([1.0]), t.tensor([1.0], dtype=t.float64)),
    "NumPy's number": lambda t: (numpy.float32(1), 1.0),
    "texts": lambda t: ("a", "b"),
    "tensor and list": lambda t: (t.tensor([1.0]), [1.0]),
    "message": lambda t: (1.0, 2.0, {"msg": "mine"}),
    "message made of theirs": lambda t: (1.0, 2.0, {"msg": lambda text: "Mine. " + text}),
    "empty": lambda t: (t.tensor([]), t.tensor([])),
    "requires grad": lambda t: (t.ones(2, requires_grad=True), t.zeros(2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_assert_close_says_what_pytorchs_says(name):
    def verdict(t):
        actual, expected, *options = PAIRS[name](t)
        try:
            t.testing.assert_close(actual, expected, **(options[0] if options else {}))
        except (AssertionError, TypeError, ValueError) as error:
            return type(error), str(error).replace("tenon", "torch")
        return None

    assert verdict(tenon) == verdict(torch)


def test_assert_close_may_tell_subclasses_apart():
    class Own(tenon.Tensor):
        pass

    one, other = tenon.ones(2), tenon.ones(2).as_subclass(Own)
    tenon.testing.assert_close(one, other)
    with pytest.raises(TypeError):
        tenon.testing.assert_close(one, other, allow_subclasses=False)
