"""Factories against PyTorch's: values, dtypes, layouts and errors."""

import math

import numpy as np
import pytest
import tenon
from compare import COMPLEX, DTYPES, FLOATS, INTEGERS, comparisons

SHAPES = [(), (0,), (3,), (2, 3), (2, 0, 3)]
NUMBERS = (0, 1, -3, 2.5, True, 1 + 2j, 1 + 0j, math.nan, math.inf, 300, 2**40, 1e300)
MAYBE_DTYPES = (None, *DTYPES)


def wanting(t, dtype):
    return {"dtype": getattr(t, dtype)} if dtype else {}


@pytest.mark.parametrize("dtype", MAYBE_DTYPES)
def test_filled_tensors(dtype):
    with comparisons() as check:
        for shape in SHAPES:
            for name in ("zeros", "ones"):
                check((name, shape), lambda t: getattr(t, name)(shape, **wanting(t, dtype)))
                if shape:
                    check((name, shape, "*"), lambda t: getattr(t, name)(*shape, **wanting(t, dtype)))
                check((name, "grad"), lambda t: getattr(t, name)(shape, requires_grad=True, **wanting(t, dtype)))
            for number in NUMBERS if shape else ():
                check(("full", shape, number), lambda t: t.full(shape, number, **wanting(t, dtype)))
        for number in (1, 2.5, True, 1 + 2j):
            check(("scalar_tensor", number), lambda t: t.scalar_tensor(number, **wanting(t, dtype)))
        for size in [(3,), (0,), (2, 3), (3, 2), (0, 3), (-1,), (2, -1)]:
            check(("eye", size), lambda t: t.eye(*size, **wanting(t, dtype)))


@pytest.mark.parametrize("dtype", MAYBE_DTYPES)
def test_tensors_shaped_or_typed_like_others(dtype):
    with comparisons() as check:
        for shape in SHAPES:
            for own in DTYPES:
                like = lambda t: t.ones(shape, dtype=getattr(t, own))
                for name in ("zeros_like", "ones_like"):
                    check((name, shape, own), lambda t: getattr(t, name)(like(t), **wanting(t, dtype)))
                # PyTorch stores numbers into 0-d tensors of the CPU unchecked.
                for number in (2, -1.5, True, 1e300) if shape else (2, True):
                    check(
                        ("full_like", shape, own, number), lambda t: t.full_like(like(t), number, **wanting(t, dtype))
                    )
                for name, args in [("new_zeros", (2, 3)), ("new_zeros", ((2, 3),)), ("new_ones", ((2,),)),
                                   ("new_full", ((2,), 3)), ("new_empty", ((0,),)), ("new_tensor", ([1, 2],)),
                                   ("new_tensor", ([[1.5, 2]],)), ("new_tensor", (3,))]:  # fmt: skip
                    check((name, args, own), lambda t: getattr(like(t), name)(*args, **wanting(t, dtype)))


def test_layouts_of_fresh_tensors():
    def strides(t):
        channels_last = t.ones(2, 3, 4, 5).contiguous(memory_format=t.channels_last)
        tensors = [t.empty_strided((2, 3), (1, 2)), t.empty_permuted((2, 3, 4), (0, 2, 1))]
        tensors += [t.empty_permuted((2, 3, 4), (2, 0, 1)), t.ones(2).new_empty_strided((2, 3), (1, 2))]
        tensors += [t.empty((2, 3, 4, 5), memory_format=t.channels_last), t.empty_like(t.ones(2, 3).t())]
        tensors += [t.zeros_like(channels_last), t.zeros_like(channels_last, memory_format=t.contiguous_format)]
        tensors += [t.ones_like(t.ones(4, 6)[::2, ::2]), t.ones_like(t.ones(1, 3).expand(4, 3))]
        return [(tuple(x.shape), x.stride()) for x in tensors]

    with comparisons() as check:
        check("strides", strides)
        check("bad layout", lambda t: t.empty_permuted((2, 3), (0, 0)))
        check("short layout", lambda t: t.empty_permuted((2, 3), (0,)))
        check("negative strides", lambda t: t.empty_strided((2, 3), (-1, 2)))


RANGES = [
    (5,), (0,), (1, 5), (5, 1), (1, 5, 2), (5, 1, -2), (0, 1, 0.3), (2.5,), (1, 2.5), (-3,), (1, 5, 0), (0, 10, 3),
    (0, -10, -3), (1, 1), (1, 1, 5), (0, 1, -1), (0.0, 10.0), (True,), (-1, 1, 0.25), (1 + 2j,), (math.nan,),
    (math.inf,), (2**62, 2**62 + 5), (-128, 127, 25), (0, 300),
]  # fmt: skip


@pytest.mark.parametrize("dtype", MAYBE_DTYPES)
def test_ranges(dtype):
    with comparisons() as check:
        for args in RANGES:
            # PyTorch wraps the bounds of narrow types before it counts steps of 64 bits.
            if args[0] == 2**62 and dtype not in (None, "int64", "float64"):
                continue
            check(("arange", args), lambda t: t.arange(*args, **wanting(t, dtype)), ulps=1)
            # PyTorch divides by the step as an integer, which may be zero.
            if len(args) > 1 and dtype in (None, "float32", "float64"):
                check(("range", args), lambda t: t.range(*args, **wanting(t, dtype)), ulps=1)


SPACES = [
    (0, 1, 5), (0, 1, 1), (0, 1, 0), (-3, 10, 7), (1, 1, 4), (0, 10, 100), (2.5, 3.5, 11), (10, -10, 6), (0, 1, -1),
    (1 + 1j, 2 - 3j, 5), (0, 3, 2), (0.1, 0.7, 9),
]  # fmt: skip


@pytest.mark.parametrize("dtype", (None, *INTEGERS, "float32", "float64", *COMPLEX))
def test_even_spaces(dtype):
    with comparisons() as check:
        for args in SPACES:
            # What a type without a sign makes of negative bounds is of no use.
            if dtype == "uint8" and not isinstance(args[0], complex) and min(args[:2]) < 0:
                continue
            scale = float(max(abs(args[0]), abs(args[1])))
            ends = lambda t: (t.tensor(args[0]), t.tensor(args[1]))
            check(("linspace", args), lambda t: t.linspace(*args, **wanting(t, dtype)), ulps=4, scale=scale)
            check(
                ("linspace of tensors", args),
                lambda t: t.linspace(*ends(t), args[2], **wanting(t, dtype)),
                ulps=4,
                scale=scale,
            )
            if dtype not in INTEGERS:
                check(("logspace", args), lambda t: t.logspace(*args, **wanting(t, dtype)), ulps=32)
            check(("logspace of base 2", args), lambda t: t.logspace(*args[:2], args[2], 2.0, **wanting(t, dtype)),
                  ulps=32)  # fmt: skip


DATA = [
    1, 1.5, True, 1 + 2j, [], [[]], [[], []], [1, 2], [1, 2.5], [True, 2], [1, 2j], [[1, 2], [3, 4]], ((1,), (2,)),
    np.arange(3), np.float32(2), np.array(2.0), np.ones((2, 3), np.float16), [np.float32(1), 2],
    [np.array([1, 2]), np.array([3, 4])], range(3), [math.nan], "abc", None, [None], [1, "a"], [[1], [1, 2]], {1: 2},
    2**70, [2**63 - 1], -(2**63), 2**63, 300, -1, [300, -200], 3.7, [1e300], np.int8(3), np.bool_(True),
    [range(2), range(2)], np.ones((2, 3)).T, np.array(["a"]),
]  # fmt: skip


def is_numpy_real(data):
    numbers = data if isinstance(data, list) else [data]
    return any(isinstance(number, (np.floating, np.bool_)) for number in numbers)


@pytest.mark.parametrize("dtype", MAYBE_DTYPES)
def test_tensors_of_data(dtype):
    with comparisons() as check:
        for data in DATA:
            # NumPy's numbers of another kind are converted here, and an int has 64 bits whatever it becomes.
            if dtype in ("bool", *INTEGERS) and is_numpy_real(data):
                continue
            if dtype not in (None, *INTEGERS) and isinstance(data, int) and data >= 2**63:
                continue
            check(("tensor", data), lambda t: t.tensor(data, **wanting(t, dtype)))
            check(("as_tensor", data), lambda t: t.as_tensor(data, **wanting(t, dtype)))
            if isinstance(data, (int, float, list)):
                check(("asarray", data), lambda t: t.asarray(data, **wanting(t, dtype)))
        check("of a view", lambda t: t.tensor(t.ones(2, 3).t(), **wanting(t, dtype)))
        if dtype not in ("bool", *INTEGERS):
            check("of 0-d tensors", lambda t: t.tensor([t.tensor(1.5), 2], **wanting(t, dtype)))
        check("with a gradient", lambda t: t.tensor([1.0, 2], requires_grad=True, **wanting(t, dtype)))


def test_memory_of_numpy_and_of_buffers():
    kinds = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.bool_]
    kinds += [np.float16, np.float32, np.float64, np.complex64]
    arrays = [np.ones((2, 3)), np.ones((2, 3)).T, np.ones((4, 6))[::2, 1::2], np.ones(()), np.ones((0, 3))]
    buffer = bytearray([0, 1] * 24)
    regions = [{}, {"count": 2}, {"offset": 4}, {"offset": 16, "count": 1}, {"count": 0}, {"count": 100},
               {"offset": 48}, {"offset": -1}, {"offset": 3}, {"count": -2}]  # fmt: skip
    with comparisons() as check:
        for kind in kinds:
            for array in arrays:
                converted = array.astype(kind, order="K")
                check(("from_numpy", kind, array.strides), lambda t: t.from_numpy(converted))
        check("negative strides", lambda t: t.from_numpy(np.ones(3)[::-1]))
        check("objects", lambda t: t.from_numpy(np.array([None])))
        for dtype in DTYPES:
            for region in regions:
                check(("frombuffer", dtype, region), lambda t: t.frombuffer(buffer, dtype=getattr(t, dtype), **region))
        check("empty buffer", lambda t: t.frombuffer(b"", dtype=t.uint8))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_made_of_tensors(dtype):
    def vector(t, n):
        return t.arange(n).to(getattr(t, dtype))

    with comparisons() as check:
        for other in DTYPES:
            if (dtype, other) != ("float16", "float16"):
                imag = lambda t: t.arange(3).to(getattr(t, other))
                check(("complex", other), lambda t: t.complex(vector(t, 3), imag(t)))
            check(("polar", other), lambda t: t.polar(vector(t, 3), t.arange(3).to(getattr(t, other))), ulps=2)
        for shape in [(0,), (1,), (4,), (2, 2), ()]:
            for options in [{}, {"N": 3}, {"N": 0}, {"increasing": True}, {"N": 5, "increasing": True}, {"N": -1}]:
                check(
                    ("vander", shape, options),
                    lambda t: t.vander(vector(t, math.prod(shape)).reshape(shape), **options),
                )
        for sizes in [(2, 3), (2,), (2, 3, 4), (0, 2)]:
            for options in [{}, {"indexing": "ij"}, {"indexing": "xy"}, {"indexing": "zz"}]:
                check(("meshgrid", sizes, options), lambda t: t.meshgrid(*(vector(t, n) for n in sizes), **options))
            check(("cartesian_prod", sizes), lambda t: t.cartesian_prod(*(vector(t, n) for n in sizes)))
        for n in (0, 1, 4):
            for args in [(), (0,), (1,), (3,), (2, True), (3, True), (-1,)]:
                check(("combinations", n, args), lambda t: t.combinations(vector(t, n), *args))
        check("block_diag", lambda t: t.block_diag(vector(t, 3), vector(t, 4).reshape(2, 2), vector(t, 1).reshape(())))
        for args in [(3, 3), (3, 4, 1), (3, 4, -1), (0, 3), (3, 3, -5), (3, 3, 5), (-1, 2), (100, 7, -30)]:
            for name in ("tril_indices", "triu_indices"):
                check((name, args), lambda t: getattr(t, name)(*args, dtype=getattr(t, dtype)))


def test_polar_and_complex_pass_gradients():
    def gradients(t):
        x, y = t.arange(1.0, 4.0, requires_grad=True), t.arange(2.0, 5.0, requires_grad=True)
        z = t.polar(y, x * 2) * t.complex(x, y)
        (z.real * 3 + z.imag).sum().backward()
        return x.grad, y.grad

    with comparisons() as check:
        check("gradients", gradients, ulps=64, strides=False)


CALLS = {
    "a negative size": lambda t: t.zeros(-1),
    "a fraction": lambda t: t.zeros(2.5),
    "a dtype's name": lambda t: t.zeros(2, dtype="float32"),
    "more than there is": lambda t: t.zeros(2**40, 2**40),
    "another device": lambda t: t.zeros(2, 3, device="nope"),
    "a value that is none": lambda t: t.full((2,), "a"),
    "a 0-d tensor as value": lambda t: t.full((2,), t.tensor(3.5)),
    "a 0-d tensor as size": lambda t: t.ones((t.tensor(2), 3)),
    "a numpy size": lambda t: t.zeros(np.int64(2)),
    "a list of sizes": lambda t: t.zeros([2, 3]),
    "a Size": lambda t: t.zeros(t.Size([2, 3])),
    "a keyword": lambda t: t.zeros(size=(2, 3)),
    "no dims": lambda t: t.zeros(()),
    "Python's float": lambda t: t.zeros((2, 3), dtype=float),
    "Python's int": lambda t: t.zeros((2, 3), dtype=int),
    "keywords of arange": lambda t: t.arange(start=1, end=4),
    "a tensor's range": lambda t: t.arange(t.tensor(3)),
    "keywords of linspace": lambda t: t.linspace(start=0, end=1, steps=3),
    "steps left out": lambda t: t.linspace(0, 1),
    "every option": lambda t: t.zeros(2, layout=t.strided, device="cpu", pin_memory=False),
    "integers with a gradient": lambda t: t.tensor([1, 2], requires_grad=True),
    "no data": lambda t: t.tensor(),
    "data and a dtype by position": lambda t: t.tensor(1, t.float32),
    "Tensor of data": lambda t: t.Tensor([1, 2]),
    "Tensor of sizes": lambda t: t.Tensor(2, 3).shape[1],
    "Tensor of nothing": lambda t: t.Tensor(),
    "like a number": lambda t: t.zeros_like(3),
    "like by keyword": lambda t: t.zeros_like(input=t.ones(2)),
    "broadcast_shapes": lambda t: tuple(t.broadcast_shapes((2, 1), (3,), 1, ())),
    "broadcast_shapes of what does not fit": lambda t: t.broadcast_shapes((2,), (3,)),
}


def test_typed_constructors_make_and_tell_their_dtype():
    names = "FloatTensor DoubleTensor HalfTensor BFloat16Tensor ByteTensor CharTensor ShortTensor IntTensor LongTensor"
    with comparisons() as check:
        for name in [*names.split(), "BoolTensor"]:
            check((name, "data"), lambda t: getattr(t, name)([1, 2]))
            check((name, "nested"), lambda t: getattr(t, name)([[1, 0], [3, 4]]))
            check((name, "sizes"), lambda t: getattr(t, name)(2, 3).fill_(1))
            check((name, "a Size"), lambda t: getattr(t, name)(t.Size([2, 3])).fill_(1))
            check((name, "nothing"), lambda t: getattr(t, name)())
            check((name, "a tensor"), lambda t: getattr(t, name)(t.ones(2)))
            check((name, "isinstance"), lambda t: [isinstance(t.ones(2, dtype=d), getattr(t, name))
                                                   for d in (t.float32, t.int64, t.bool, t.float16)])  # fmt: skip
            check((name, "type"), lambda t: t.ones(2).type(getattr(t, name)))


def test_calls_are_read_the_same_way():
    with comparisons() as check:
        for name, code in CALLS.items():
            check(name, code)


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_a_factory_writes_into_out_has_its_dtype(dtype):
    def into(t, make):
        out = t.zeros(0, dtype=getattr(t, dtype))
        t.manual_seed(0)
        return make(t, out), out

    with comparisons() as check:
        for name in ("zeros", "ones", "rand", "randn"):
            check(name, lambda t: into(t, lambda t, out: getattr(t, name)(2, 3, out=out)), ulps=8, scale=1.0)
        check("full", lambda t: into(t, lambda t, out: t.full((2,), 3, out=out)))
        check("eye", lambda t: into(t, lambda t, out: t.eye(2, 3, out=out)))
        check("arange", lambda t: into(t, lambda t, out: t.arange(6, out=out)))
        check("randint", lambda t: into(t, lambda t, out: t.randint(9, (5,), out=out)))
        check("randperm", lambda t: into(t, lambda t, out: t.randperm(9, out=out)))


def test_factories_have_the_names_of_pytorch():
    names = "zeros ones full empty eye arange linspace logspace tensor as_tensor complex polar from_numpy frombuffer"
    names += " tril_indices triu_indices vander meshgrid empty_strided empty_permuted zeros_like ones_like full_like"
    missing = [name for name in names.split() if not callable(getattr(tenon, name, None))]
    assert not missing
