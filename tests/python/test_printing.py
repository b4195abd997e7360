"""repr() and str() of tensors against PyTorch's: every dtype, shape and option."""

import math

import pytest
from compare import COMPLEX, DTYPES, FLOATS, comparisons

SHAPES = [
    (), (0,), (0, 3), (5, 0, 2), (1,), (2,), (7,), (30,), (999,), (1000,), (1001,), (1, 1), (3, 4), (2, 20), (20, 2),
    (40, 40), (2, 3, 4), (1, 1, 1, 1), (12, 12, 12), (3, 1, 400), (7, 7, 30, 2),
]  # fmt: skip


def sparse_with(t, n, value, rest):
    return t.where(t.arange(n) % 3 == 0, t.full((n,), value, dtype=t.float64), rest)


# Each makes n numbers of float64, which are then converted.
VALUES = {
    "integers": lambda t, n: (t.arange(n, dtype=t.float64) * 7919) % 1000 - 500,
    "large": lambda t, n: (t.arange(n, dtype=t.float64) - 3) * 12345.678,
    "tiny": lambda t, n: (t.arange(n, dtype=t.float64) - 3) * 1.2345e-5,
    "of many sizes": lambda t, n: t.where(
        t.arange(n) % 2 == 0, t.arange(n, dtype=t.float64) * 1e5 + 0.1, t.arange(n, dtype=t.float64) * 1e-3
    ),
    "fractions": lambda t, n: (t.arange(n, dtype=t.float64) * 0.37) % 3 - 1,
    "nan amid integers": lambda t, n: sparse_with(t, n, math.nan, t.arange(n, dtype=t.float64)),
    "nan amid fractions": lambda t, n: sparse_with(t, n, math.nan, t.arange(n, dtype=t.float64) * 0.3),
    "infinity": lambda t, n: sparse_with(t, n, -math.inf, t.arange(n, dtype=t.float64) * 1.5),
    "nan": lambda t, n: t.full((n,), math.nan, dtype=t.float64),
    "zeros": lambda t, n: t.zeros(n, dtype=t.float64),
    "huge": lambda t, n: (t.arange(n, dtype=t.float64) + 1) * 1e30,
    "hundreds of millions": lambda t, n: t.arange(n, dtype=t.float64) * 1e8,
    "negative zeros": lambda t, n: -t.zeros(n, dtype=t.float64),
}
OPTIONS = [
    *({"precision": n} for n in (0, 1, 2, 8, 12)),
    *({"threshold": n} for n in (0, 5, 100, math.inf)),
    *({"edgeitems": n, "threshold": 5} for n in (0, 1, 2, 5)),
    *({"linewidth": n} for n in (1, 10, 20, 40, 120, 200)),
    *({"profile": name} for name in ("short", "full", "default")),
    *({"sci_mode": mode} for mode in (True, False, None)),
    {"profile": "short", "precision": 7}, {"sci_mode": True, "precision": 2},
    {"sci_mode": False, "precision": 6, "linewidth": 60},
]  # fmt: skip


def texts(t, tensor):
    return tuple(text.replace("torch", "tenon") for text in (repr(tensor), str(tensor), f"{tensor}"))


def printed(values, shape, dtype, options=None):
    def code(t):
        t.set_printoptions(profile="default")
        t.set_printoptions(**(options or {}))
        try:
            return texts(t, values(t, math.prod(shape)).reshape(shape).to(getattr(t, dtype)))
        finally:
            t.set_printoptions(profile="default")

    return code


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_print_the_same(dtype):
    with comparisons() as check:
        for shape in SHAPES:
            for name, values in VALUES.items():
                check((shape, name), printed(values, shape, dtype))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_print_the_same(options):
    with comparisons() as check:
        for shape in [(), (0,), (5,), (30,), (1001,), (2, 20), (2, 3, 4), (12, 12, 12)]:
            for name, values in VALUES.items():
                for dtype in ("float32", "int64", "complex64", "bool"):
                    check((shape, name, dtype), printed(values, shape, dtype, options))


RECORDED = {
    "a leaf": lambda t, x: x,
    "add": lambda t, x: x + 1,
    "sub": lambda t, x: x - 1,
    "mul": lambda t, x: x * 2,
    "div": lambda t, x: x / 2,
    "neg": lambda t, x: -x,
    "exp": lambda t, x: x.exp(),
    "relu": lambda t, x: x.relu(),
    "view": lambda t, x: x.view(-1),
    "unsqueeze": lambda t, x: x.unsqueeze(0),
    "sum": lambda t, x: x.sum(),
    "mean": lambda t, x: x.mean(),
    "clone": lambda t, x: x.clone(),
    "detach": lambda t, x: x.detach(),
    "to": lambda t, x: (x + 1).to(t.float64),
    "stack": lambda t, x: t.stack([x, x]),
    "in place": lambda t, x: (x * 1).mul_(2),
}


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX])
def test_what_records_says_so(dtype):
    with comparisons() as check:
        for shape in [(), (3,), (0,), (40,), (2, 3)]:
            for name, op in RECORDED.items():
                # PyTorch's negative of a complex vector has an imaginary 0 where IEEE has -0.
                if name == "relu" and dtype in COMPLEX or name == "neg" and dtype in COMPLEX:
                    continue
                leaf = lambda t: t.zeros(shape, dtype=getattr(t, dtype), requires_grad=True)
                code = lambda t: texts(t, op(t, leaf(t)))
                check((shape, name), code)


def test_the_default_dtype_is_not_named():
    def code(t, default):
        t.set_default_dtype(getattr(t, default))
        try:
            kinds = ("float32", "float64", "complex64", "complex128", "int64")
            return [texts(t, t.ones(n, dtype=getattr(t, kind))) for kind in kinds for n in (0, 2)]
        finally:
            t.set_default_dtype(t.float32)

    with comparisons() as check:
        for default in ("float32", "float64"):
            check(default, lambda t: code(t, default))


def test_formats_and_named_objects_print_the_same():
    with comparisons() as check:
        for value in (1.5, 3, True, 1 + 2j, math.nan):
            for spec in ("", ".3f", "5", "d", ">10", "e", ".2e"):
                check(("0-d", value, spec), lambda t: format(t.tensor(value), spec).replace("torch", "tenon"))
                check(("1-d", value, spec), lambda t: format(t.tensor([value]), spec).replace("torch", "tenon"))
        for size in [(2, 3), (0,), ()]:
            check(size, lambda t: texts(t, t.zeros(size).shape))
        for name in (*DTYPES, "strided", "preserve_format", "channels_last"):
            check(name, lambda t: texts(t, getattr(t, name)))
        check("device", lambda t: (repr(t.device("cpu")), str(t.device("cuda:1")), repr(t.device("cuda", 1))))
        check("list", lambda t: repr([t.ones(2), t.zeros(2, 2)]))
