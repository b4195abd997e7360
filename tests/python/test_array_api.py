"""The Python array API: every name of the standard, and what NumPy, which conforms, makes of the same calls."""

import itertools

import numpy
import pytest
import tenon
from tenon import array_api

MAIN = """
arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros
zeros_like astype can_cast finfo iinfo isdtype result_type
abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or
bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide greater
greater_equal hypot imag isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not
logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow real reciprocal remainder
round sign signbit sin sinh square sqrt subtract tan tanh trunc
take take_along_axis __array_namespace_info__ matmul matrix_transpose tensordot vecdot
broadcast_arrays broadcast_shapes broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze
stack tile unstack
argmax argmin count_nonzero nonzero searchsorted where isin unique_all unique_counts unique_inverse unique_values
argsort sort cumulative_sum cumulative_prod max mean min prod std sum var all any diff
e inf nan newaxis pi
bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128
""".split()
LINALG = """
cholesky cross det diagonal eig eigh eigvals eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose
outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm
""".split()
FFT = "fft ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft fftfreq rfftfreq fftshift ifftshift".split()
ARRAY = """
T mT device dtype ndim shape size to_device __abs__ __add__ __and__ __array_namespace__ __bool__ __complex__ __dlpack__
__dlpack_device__ __eq__ __float__ __floordiv__ __ge__ __getitem__ __gt__ __index__ __int__ __invert__ __le__ __lshift__
__lt__ __matmul__ __mod__ __mul__ __ne__ __neg__ __or__ __pos__ __pow__ __rshift__ __setitem__ __sub__ __truediv__
__xor__ __iadd__ __radd__ __rmatmul__
""".split()
INTEGERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
REAL = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]

own, other = array_api, numpy


def same(ours, theirs, where, rtol=1e-5):
    """Raises unless both are arrays, numbers, shapes or tuples of these of one dtype, shape and value."""
    if isinstance(theirs, (tuple, list)) and not isinstance(ours, tenon.Tensor):
        assert len(ours) == len(theirs), where
        for one, two in zip(ours, theirs):
            same(one, two, where, rtol)
    elif isinstance(ours, tenon.Tensor):
        theirs = numpy.asarray(theirs)
        assert str(ours.dtype) == f"tenon.{theirs.dtype}", f"{where}: {ours.dtype}, expected {theirs.dtype}"
        numpy.testing.assert_allclose(ours.numpy(), theirs, rtol=rtol, atol=1e-6, err_msg=where)
        assert tuple(ours.shape) == theirs.shape, where
    else:
        assert ours == theirs, f"{where}: {ours!r}, expected {theirs!r}"


def array(xp, values, dtype):
    return xp.asarray(values, dtype=getattr(xp, dtype))


def check(where, call, rtol=1e-5):
    with numpy.errstate(all="ignore"):
        theirs = call(other)
    same(call(own), theirs, where, rtol)


def test_every_name_is_there():
    assert [name for name in MAIN if not hasattr(array_api, name)] == []
    assert [name for name in LINALG if not hasattr(array_api.linalg, name)] == []
    assert [name for name in FFT if not hasattr(array_api.fft, name)] == []
    assert [name for name in ARRAY if not hasattr(tenon.ones(1, 1), name)] == []
    # What is not of the standard is hidden.
    hidden = {"_", "linalg", "fft", "Tensor"}
    extra = {name for name in dir(array_api) if not name.startswith("_")} - set(MAIN) - hidden
    assert extra == set()


def test_a_tensor_names_its_namespace():
    x = tenon.ones(2)
    assert x.__array_namespace__() is x.__array_namespace__(api_version="2023.12") is array_api
    assert array_api.__array_api_version__ == "2025.12" and tenon.array_api is array_api
    with pytest.raises(ValueError, match="1999.12"):
        x.__array_namespace__(api_version="1999.12")
    assert x.to_device("cpu") is x and x.to_device(x.device).device == x.device
    with pytest.raises(ValueError, match="stream"):
        x.to_device("cpu", stream=1)
    info = array_api.__array_namespace_info__()
    assert info.default_device() in info.devices() and info.capabilities()["boolean indexing"]
    assert info.default_dtypes()["real floating"] is tenon.float32
    assert set(info.dtypes(kind="integral")) == set(INTEGERS) and len(info.dtypes()) == 13
    assert set(info.dtypes(kind=("bool", "real floating"))) == {"bool", *REAL}


ALL = ["bool", *INTEGERS, *REAL, *COMPLEX]


def test_dtypes_promote_as_the_standard_says():
    kinds = ("bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric")
    for name in ALL:
        for kind in kinds:
            check(f"isdtype {name} {kind}", lambda xp: xp.isdtype(getattr(xp, name), kind))
    groups = ([*INTEGERS], REAL, COMPLEX, [*REAL, *COMPLEX], ["bool"])
    for group in groups:
        for first, second in itertools.product(group, group):
            if "uint64" in (first, second) and "int" in (first[:3], second[:3]):
                with pytest.raises(RuntimeError):
                    own.result_type(getattr(own, first), getattr(own, second))
                assert not own.can_cast(getattr(own, first), getattr(own, second)) or first == second
                continue
            expected = str(numpy.result_type(getattr(numpy, first), getattr(numpy, second)))
            # An array without dims counts as any other.
            pair = (array(own, 1, first), array(own, [1, 0], second))
            results = {own.result_type(*pair), own.result_type(*pair[::-1]), own.where(pair[1] == 1, *pair).dtype}
            if first != "bool":
                results |= {own.add(*pair).dtype, own.multiply(*pair[::-1]).dtype}
            results |= {own.concat([pair[0][None], pair[1]]).dtype, own.stack([pair[0], pair[1][0]]).dtype}
            assert results == {getattr(own, expected)}, (first, second)
    for name, number in itertools.product(ALL, (True, 2, 2.5, 1j)):
        expected = str(numpy.result_type(numpy.ones(1, name), number))
        if (
            expected == "float64"
            and name in ("bool", *INTEGERS)
            or (expected == "complex128" and name not in REAL + COMPLEX)
        ):
            continue
        if name == "bool" and number == 2:
            expected = "int64"
        assert own.result_type(array(own, [1], name), number) is getattr(own, expected), (name, number)
    with pytest.raises(ValueError):
        own.result_type(1, 2)
    with pytest.raises(ValueError):
        own.isdtype(own.int8, "x")
    with pytest.raises(TypeError):
        own.astype(array(own, [1j], "complex64"), own.float32)
    assert own.finfo(own.complex64).dtype is own.float32 and own.iinfo(array(own, [1], "int8")).dtype is own.int8


UNARY = {
    "any": "abs positive negative square",
    "real": "ceil floor round trunc sign signbit isfinite isinf isnan",
    "floating": "acos acosh asin asinh atan atanh cos cosh exp expm1 log log1p log2 log10 reciprocal sin sinh sqrt tan "
    "tanh",
}
BINARY = {
    "any": "add multiply subtract equal not_equal",
    "real": "floor_divide greater greater_equal less less_equal maximum minimum remainder",
    "integral": "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift",
    "floating": "divide pow",
    "real floating": "atan2 copysign hypot logaddexp nextafter",
    "bool": "logical_and logical_or logical_xor equal not_equal",
}
DTYPES = {
    "any": [*INTEGERS, *REAL, *COMPLEX],
    "real": [*INTEGERS, *REAL],
    "integral": INTEGERS,
    "floating": [*REAL, *COMPLEX],
    "real floating": REAL,
    "bool": ["bool"],
}


@pytest.mark.parametrize("kind", UNARY)
def test_functions_of_each_element(kind):
    for name, dtype in itertools.product(UNARY[kind].split(), DTYPES[kind]):
        if name == "signbit" and dtype not in REAL:
            continue
        if name == "negative" and dtype.startswith("u"):
            continue
        values = (
            [0.5, 0.25, 0.875] if kind == "floating" else [0, 1, 3, 5] if dtype in INTEGERS else [0.5, -1.25, 2.5, -0.0]
        )
        if name == "acosh":
            values = [1, 2.5, 4]
        check(f"{name} {dtype}", lambda xp: getattr(xp, name)(array(xp, values, dtype)))
        check(f"{name} {dtype} 0-d", lambda xp: getattr(xp, name)(array(xp, values[1], dtype)))
    special = [numpy.nan, numpy.inf, -numpy.inf, 0.0, -0.0]
    if kind == "real":
        for name in UNARY[kind].split():
            check(f"{name} special", lambda xp: getattr(xp, name)(array(xp, special, "float64")))
        check("round complex", lambda xp: xp.round(array(xp, [1.5 - 2.5j, 0.4 + 0.6j], "complex128")))
        check("sign complex", lambda xp: xp.sign(array(xp, [3 - 4j, 0], "complex128")))
        check("conj", lambda xp: (xp.conj(array(xp, [3 - 4j], "complex64")), xp.conj(array(xp, [3], "float32"))))
        check(
            "parts", lambda xp: (xp.real(array(xp, [3 - 4j], "complex64")), xp.imag(array(xp, [3 - 4j], "complex64")))
        )
        check(
            "not", lambda xp: (xp.logical_not(array(xp, [True], "bool")), xp.bitwise_invert(array(xp, [3], "uint32")))
        )


@pytest.mark.parametrize("kind", BINARY)
def test_functions_of_two_arrays(kind):
    for name, dtype in itertools.product(BINARY[kind].split(), DTYPES[kind]):
        first, second = [7, 5, 1, 2], [2, 1, 3, 1]

        def arrays(xp, dtypes=(dtype, dtype)):
            return array(xp, first, dtypes[0]), array(xp, second, dtypes[1])

        def call(xp, x, y):
            return getattr(xp, name)(x, y)

        check(f"{name} {dtype}", lambda xp: call(xp, *arrays(xp)))
        check(f"{name} {dtype} broadcast", lambda xp: call(xp, arrays(xp)[0][:, None], arrays(xp)[1]))
        number = True if dtype == "bool" else 2
        check(f"{name} {dtype} number", lambda xp: call(xp, arrays(xp)[0], number))
        check(f"{name} {dtype} number first", lambda xp: call(xp, number, arrays(xp)[1]))
        if dtype in ("int8", "uint16", "float32"):
            mixed = {"int8": "uint16", "uint16": "int8", "float32": "float64"}[dtype]
            check(f"{name} {dtype} {mixed}", lambda xp: call(xp, *arrays(xp, (dtype, mixed))))
            check(f"{name} {dtype} 0-d {mixed}", lambda xp: call(xp, arrays(xp)[0], array(xp, 2, mixed)))


def test_clip_and_where():
    x = lambda xp, dtype="float32": array(xp, [[-2, 0], [3, 9]], dtype)
    check("numbers", lambda xp: xp.clip(x(xp), -1, 4.0))
    check("one", lambda xp: (xp.clip(x(xp), min=1), xp.clip(x(xp), max=1), xp.clip(x(xp))))
    check("arrays", lambda xp: xp.clip(x(xp), array(xp, [-1, 1], "float32"), array(xp, 5, "float32")))
    check("mixed", lambda xp: xp.clip(x(xp), array(xp, [-1, 1], "float32"), 4))
    assert own.clip(array(own, [3, 200], "uint8"), -5, 1000).tolist() == [3, 200]
    check("where", lambda xp: xp.where(x(xp) > 0, x(xp), array(xp, 7, "float64")))
    check("where numbers", lambda xp: (xp.where(x(xp) > 0, x(xp), 1), xp.where(x(xp) > 0, 2.5, x(xp))))


def test_division_of_infinite_numbers_is_the_standards():
    inf = numpy.inf
    x, y = array(own, [inf, -inf, 1, -1, 5], "float64"), array(own, [2, 2, -inf, inf, 2], "float64")
    quotient = own.floor_divide(x, y)
    assert quotient.tolist() == [inf, -inf, 0, 0, 2] and own.signbit(quotient).tolist() == [0, 1, 1, 1, 0]
    left = own.remainder(array(own, [0.0, -0.0, 5], "float64"), array(own, [-1.0, 1.0, -3], "float64"))
    assert left.tolist() == [0, 0, -1] and own.signbit(left).tolist() == [True, False, True]
    power = own.expm1(array(own, [complex(inf, 0), complex(-inf, inf), 1e-9 + 0j], "complex128"))
    assert power.tolist() == [complex(inf, 0), complex(-1, 0), 1e-9 + 5e-19]


REDUCTIONS = {
    "sum": [*INTEGERS, *REAL, *COMPLEX],
    "prod": [*INTEGERS, *REAL, *COMPLEX],
    "max": [*INTEGERS, *REAL],
    "min": [*INTEGERS, *REAL],
    "mean": REAL,
    "var": REAL,
    "std": REAL,
    "all": ["bool", *INTEGERS, *REAL],
    "any": ["bool", *INTEGERS, *REAL],
    "count_nonzero": ["bool", *INTEGERS, *REAL, *COMPLEX],
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    for dtype in REDUCTIONS[name]:

        def x(xp):
            return array(xp, [[[0, 1, 2], [3, 4, 5]], [[1, 1, 0], [2, 2, 2]]], dtype)

        axes = (None, 0, -1, (0, 2), (1,), (-1, 0))
        for axis, keepdims in itertools.product(axes, (False, True)):
            check(
                f"{name} {dtype} {axis} {keepdims}", lambda xp: getattr(xp, name)(x(xp), axis=axis, keepdims=keepdims)
            )
        if name not in ("mean", "var", "std"):
            check(f"{name} {dtype} none of the axes", lambda xp: getattr(xp, name)(x(xp), axis=()))
        check(f"{name} {dtype} 0-d", lambda xp: getattr(xp, name)(x(xp)[0, 1, 2]))
    plane = lambda xp: array(xp, [[1, 2, 4], [3, 0, 5]], "float32")
    if name in ("var", "std"):
        check("correction", lambda xp: getattr(xp, name)(plane(xp), axis=1, correction=0.5))
    if name in ("sum", "prod"):
        check("dtype", lambda xp: getattr(xp, name)(plane(xp), dtype=xp.float64))
        top = lambda xp: array(xp, [2**63, 2**62], "uint64")
        check("beyond int64", lambda xp: getattr(xp, name)(top(xp)))


def test_along_an_axis():
    x = lambda xp, dtype="int32": array(xp, [[3, 1, 2], [3, 5, 4]], dtype)
    for name in ("argmax", "argmin"):
        for axis, keepdims in itertools.product((None, 0, -1), (False, True)):
            check(f"{name} {axis}", lambda xp: getattr(xp, name)(x(xp), axis=axis, keepdims=keepdims))
    for name, dtype in itertools.product(
        ("cumulative_sum", "cumulative_prod"), ("uint8", "int16", "float32", "complex64")
    ):
        for initial in (False, True):
            check(f"{name} {dtype}", lambda xp: getattr(xp, name)(x(xp, dtype), axis=1, include_initial=initial))
            check(f"{name} 1-d", lambda xp: getattr(xp, name)(x(xp, dtype)[0], include_initial=initial))
    with pytest.raises(ValueError, match="axis"):
        own.cumulative_sum(x(own))
    check("diff", lambda xp: (xp.diff(x(xp)), xp.diff(x(xp), axis=0, prepend=x(xp), append=x(xp)), xp.diff(x(xp), n=2)))
    for descending in (False, True):
        expected = numpy.sort(x(numpy), axis=1)[:, :: -1 if descending else 1]
        same(own.sort(x(own), descending=descending), expected, "sort")
        order = own.argsort(x(own), descending=descending, axis=1)
        same(own.take_along_axis(x(own), order, axis=1), expected, "argsort")
    ties = array(own, [1, 0, 1, 0], "int8")
    assert own.argsort(ties).tolist() == [1, 3, 0, 2] and own.argsort(ties, descending=True).tolist() == [0, 2, 1, 3]


def test_searching_and_sets():
    x = lambda xp, dtype: array(xp, [[2, 0, 2], [1, 0, 7]], dtype)
    for dtype in [*INTEGERS, *REAL, *COMPLEX]:
        for name in ("unique_all", "unique_counts", "unique_inverse"):
            check(f"{name} {dtype}", lambda xp: getattr(xp, name)(x(xp, dtype)))
        # NumPy gives these in any order.
        same(own.unique_values(x(own, dtype)), numpy.unique(x(numpy, dtype)), f"unique_values {dtype}")
        check(f"nonzero {dtype}", lambda xp: xp.nonzero(x(xp, dtype)))
        check(
            f"isin {dtype}", lambda xp: (xp.isin(x(xp, dtype), x(xp, dtype)[0]), xp.isin(x(xp, dtype), 2, invert=True))
        )
    found = own.unique_all(array(own, [numpy.nan, 1, numpy.nan], "float32"))
    assert found.counts.tolist() == [1, 1, 1] and found.indices.tolist() == [1, 0, 2]
    assert own.unique_all(array(own, [], "float32")).counts.tolist() == []
    with pytest.raises(ValueError):
        own.nonzero(own.asarray(1))
    for side in ("left", "right"):
        places = lambda xp: (array(xp, [1, 3, 5], "float32"), array(xp, [[0, 3], [4, 9]], "float64"))
        check(f"searchsorted {side}", lambda xp: xp.searchsorted(*places(xp), side=side))
    order = lambda xp: xp.searchsorted(
        array(xp, [5, 1, 3], "int64"), array(xp, [2], "int64"), sorter=array(xp, [1, 2, 0], "int64")
    )
    check("sorter", order)


def test_moving_elements():
    x = lambda xp: xp.reshape(xp.arange(24), (2, 3, 4))
    for name, arguments in {
        "flip": [{}, {"axis": 1}, {"axis": (0, -1)}],
        "roll": [{"shift": 5}, {"shift": 1, "axis": (0, 2)}, {"shift": (1, 2), "axis": (0, 1)}],
        "expand_dims": [{"axis": 0}, {"axis": (0, -1)}, {"axis": (2, 1)}], "permute_dims": [{"axes": (2, 0, 1)}],
        "reshape": [{"shape": (6, 4)}, {"shape": (-1, 2), "copy": True}, {"shape": (24,), "copy": False}],
        "broadcast_to": [{"shape": (5, 2, 3, 4)}], "unstack": [{}, {"axis": -1}],
    }.items():  # fmt: skip
        for given in arguments:
            check(f"{name} {given}", lambda xp: getattr(xp, name)(x(xp), **given))
    check("moveaxis", lambda xp: (xp.moveaxis(x(xp), 0, 2), xp.moveaxis(x(xp), (0, 1), (1, 2))))
    check("repeat", lambda xp: (xp.repeat(x(xp), 2), xp.repeat(x(xp), array(xp, [1, 0, 2], "int16"), axis=1)))
    check("tile", lambda xp: xp.tile(x(xp), (2, 1, 1, 2)))
    check("squeeze", lambda xp: xp.squeeze(x(xp)[:1, :, :1], axis=(0, 2)))
    check("concat", lambda xp: (xp.concat([x(xp), x(xp)], axis=1), xp.concat((x(xp), x(xp)), axis=None)))
    check("stack", lambda xp: xp.stack([x(xp), x(xp)], axis=-1))
    indices = lambda xp: array(xp, [2, -1, 0], "int8")
    check("take", lambda xp: (xp.take(x(xp), indices(xp), axis=1), xp.take(x(xp)[0, 0], indices(xp))))
    along = lambda xp: xp.take_along_axis(x(xp), array(xp, [[[0, -1]]], "int64"), axis=2)
    same(along(own), numpy.take_along_axis(x(numpy), numpy.broadcast_to([[[0, -1]]], (2, 3, 2)), 2), "take_along_axis")
    grids = lambda xp, **given: xp.meshgrid(xp.arange(2), xp.arange(3), **given)
    check("meshgrid", lambda xp: (grids(xp), grids(xp, indexing="ij")))
    check(
        "broadcast",
        lambda xp: (xp.broadcast_arrays(xp.arange(2), xp.arange(3)[:, None]), xp.broadcast_shapes((2,), (3, 1), ())),
    )
    for wrong in (
        lambda: own.squeeze(x(own), 0), lambda: own.broadcast_shapes((2,), (3,)),
        lambda: own.take(x(own), indices(own)),
        lambda: own.expand_dims(x(own), (0, 0)), lambda: own.reshape(x(own).mT, (24,), copy=False),
        lambda: own.meshgrid(own.ones(2), indexing="x"), lambda: own.matrix_transpose(own.ones(2)),
        lambda: own.vecdot(own.ones(2), own.ones(1)), lambda: own.linalg.cross(own.ones(2), own.ones(2)),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()
    y = x(own)
    own.reshape(y, (24,), copy=True)[0] = 100
    assert y[0, 0, 0] == 0


def test_creation():
    for given in ((5,), (2, 7), (7, 2), (7, 2, -2), (0, 1, 0.25), (0,), (3, 3)):
        check(f"arange {given}", lambda xp: xp.arange(*given, dtype=xp.float64))
    same(own.arange(3), numpy.arange(3), "arange")
    assert own.arange(2.5).dtype is own.float32 and own.arange(5, 2).dtype is own.int64
    for name in [*INTEGERS, *REAL]:
        check(f"arange {name}", lambda xp: xp.arange(1, 10, 3, dtype=getattr(xp, name)))
        check(
            f"eye {name}", lambda xp: (xp.eye(3, dtype=getattr(xp, name)), xp.eye(2, 4, k=1, dtype=getattr(xp, name)))
        )
        check(
            f"full {name}", lambda xp: (xp.full(2, 3, dtype=getattr(xp, name)), xp.full((), 3, dtype=getattr(xp, name)))
        )
    check("eye", lambda xp: [xp.eye(3, 4, k=k, dtype=xp.float32) for k in (-5, -1, 0, 2, 9)])
    for endpoint in (True, False):
        check("linspace", lambda xp: [xp.linspace(1, 2, n, endpoint=endpoint, dtype=xp.float64) for n in (0, 1, 5)])
    check(
        "zeros",
        lambda xp: (xp.zeros(3, dtype=xp.int8), xp.ones((2, 0), dtype=xp.bool), xp.full(2, True), xp.full(2, 1)),
    )
    check(
        "triangles", lambda xp: (xp.tril(xp.ones((2, 3, 3)) * 1.0, k=1) > 0, xp.triu(xp.ones((3, 4)) * 1.0, k=-1) > 0)
    )
    check("asarray", lambda xp: (xp.asarray([True, False]), xp.asarray([1, 2]), xp.asarray(2**63, dtype=xp.uint64)))
    x = own.ones(3)
    assert own.asarray(x, copy=False).data_ptr() == x.data_ptr() != own.asarray(x, copy=True).data_ptr()
    assert own.from_dlpack(numpy.ones(2)).tolist() == [1, 1]
    assert own.astype(x, own.float32, copy=False) is x and own.astype(x, own.float32) is not x


def test_linear_algebra():
    a = lambda xp, dtype="float64": array(xp, [[4, 1, 2], [1, 3, 0], [2, 0, 5]], dtype)
    b = lambda xp, dtype="float64": array(xp, [[1, 2], [3, 4], [5, 6]], dtype)
    for name in ("det", "inv", "eigvalsh", "svdvals", "slogdet", "matrix_rank", "pinv", "trace", "diagonal",
                 "matrix_norm", "vector_norm", "matrix_transpose"):  # fmt: skip
        check(name, lambda xp: getattr(xp.linalg, name)(a(xp)))
        check(f"{name} of a batch", lambda xp: getattr(xp.linalg, name)(xp.stack([a(xp), 2 * a(xp)])))
    check("cholesky", lambda xp: (xp.linalg.cholesky(a(xp)), xp.linalg.cholesky(a(xp), upper=True)))
    check("power", lambda xp: xp.linalg.matrix_power(a(xp), 3))
    check("solve", lambda xp: (xp.linalg.solve(a(xp), b(xp)), xp.linalg.solve(a(xp), b(xp)[:, 0])))
    # A stack of vectors is a matrix.
    check("solve stacks", lambda xp: xp.linalg.solve(xp.stack([a(xp)] * 3), a(xp)))
    check(
        "norms",
        lambda xp: [
            xp.linalg.matrix_norm(a(xp), ord=o, keepdims=True) for o in (1, -1, 2, -2, numpy.inf, "fro", "nuc")
        ],
    )
    check(
        "vector norms",
        lambda xp: [xp.linalg.vector_norm(a(xp), axis=i, ord=o) for i in (0, (0, 1)) for o in (0, 1, 2, 3.5)],
    )
    same(own.linalg.vector_norm(a(own), axis=()), numpy.abs(a(numpy)), "no axes")
    check("ranks", lambda xp: xp.linalg.matrix_rank(a(xp), rtol=0.5))
    check("pinv", lambda xp: xp.linalg.pinv(b(xp), rtol=0.5))
    check(
        "trace",
        lambda xp: (xp.linalg.trace(a(xp, "float32"), offset=1, dtype=xp.float64), xp.linalg.trace(a(xp, "int8"))),
    )
    check("cross", lambda xp: xp.linalg.cross(a(xp), a(xp)[0]))
    check("outer", lambda xp: xp.linalg.outer(a(xp)[0], b(xp)[:, 0]))
    for dtype in ("int8", "uint32", "float32", "complex64"):
        check(
            f"matmul {dtype}",
            lambda xp: (xp.matmul(a(xp, dtype), b(xp, dtype)), xp.matmul(a(xp, dtype)[0], b(xp, dtype))),
        )
        check(f"vecdot {dtype}", lambda xp: xp.vecdot(a(xp, dtype), a(xp, dtype)[0]))
        check(
            f"tensordot {dtype}",
            lambda xp: (xp.tensordot(a(xp, dtype), b(xp, dtype), axes=1), xp.tensordot(a(xp, dtype), a(xp, dtype))),
        )
    check(
        "vecdot of complex",
        lambda xp: xp.vecdot(array(xp, [[1j, 2]], "complex64"), array(xp, [[3j, 1j]], "complex64"), axis=-1),
    )
    for name in ("qr", "svd", "eigh", "eig"):
        parts = getattr(own.linalg, name)(a(own))
        back = {"qr": lambda q, r: q @ r, "svd": lambda u, s, v: (u * s) @ v}.get(
            name, lambda w, v: (v * w) @ v.mT.conj()
        )
        numpy.testing.assert_allclose(back(*parts).real.numpy(), a(numpy), atol=1e-10)
    assert own.linalg.qr(b(own), mode="complete").Q.shape == (3, 3) and own.linalg.svd(
        b(own), full_matrices=False
    ).U.shape == (3, 2)


def test_transforms():
    x = lambda xp, dtype="complex128": array(xp, [[1, 2, 3, 4], [0, 1j if "complex" in dtype else 1, 5, 2]], dtype)
    for name in ("fft", "ifft", "hfft"):
        check(
            name, lambda xp: [getattr(xp.fft, name)(x(xp), **g) for g in ({}, {"axis": 0}, {"n": 3}, {"norm": "ortho"})]
        )
    for name in ("rfft", "ihfft"):
        check(
            name,
            lambda xp: [
                getattr(xp.fft, name)(x(xp, "float64"), **g) for g in ({}, {"axis": 0}, {"n": 6, "norm": "forward"})
            ],
        )
    for name in ("fftn", "ifftn", "irfftn"):
        check(
            name,
            lambda xp: [
                getattr(xp.fft, name)(x(xp), **g) for g in ({}, {"axes": (0, 1)}, {"s": (3, 5), "axes": (0, 1)})
            ],
        )
    check("rfftn", lambda xp: xp.fft.rfftn(x(xp, "float64"), axes=(1, 0)))
    check("irfft", lambda xp: xp.fft.irfft(x(xp), n=5))
    check(
        "shifts",
        lambda xp: (xp.fft.fftshift(x(xp)), xp.fft.ifftshift(x(xp), axes=(1,)), xp.fft.fftshift(x(xp), axes=0)),
    )
    same(own.fft.fftfreq(5, d=0.5, dtype=own.float64), numpy.fft.fftfreq(5, 0.5), "fftfreq")
    same(own.fft.rfftfreq(6, dtype=own.float64), numpy.fft.rfftfreq(6), "rfftfreq")


def test_functions_differentiate():
    x = tenon.tensor([0.5, 1.5, 2.5], requires_grad=True)
    loss = own.sum(own.cumulative_sum(own.multiply(x, x))) + own.linalg.vector_norm(x) * own.std(x)
    loss.backward()
    assert x.grad is not None and x.grad.isfinite().all()
