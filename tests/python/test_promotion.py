"""Type promotion, broadcasting, in-place forms and out= against PyTorch, over all pairs of dtypes and kinds."""

import math
import warnings

import pytest
import tenon
from compare import COMPLEX, DTYPES, FLOATS, HALVES, INTEGERS, comparisons

NUMBERS = (2, -3, 0, 2.5, True, 1 + 2j, math.nan, 2**40, 300)
MASK = [True, False, True]

OPS = {
    "+": lambda t, a, b: a + b,
    "-": lambda t, a, b: a - b,
    "*": lambda t, a, b: a * b,
    "/": lambda t, a, b: a / b,
    "**": lambda t, a, b: a**b,
    "//": lambda t, a, b: a // b,
    "%": lambda t, a, b: a % b,
    "==": lambda t, a, b: a == b,
    "!=": lambda t, a, b: a != b,
    "<": lambda t, a, b: a < b,
    ">=": lambda t, a, b: a >= b,
    "&": lambda t, a, b: a & b,
    "|": lambda t, a, b: a | b,
    "^": lambda t, a, b: a ^ b,
    "<<": lambda t, a, b: a << b,
    "div trunc": lambda t, a, b: t.div(a, b, rounding_mode="trunc"),
    "div floor": lambda t, a, b: t.div(a, b, rounding_mode="floor"),
    "floor_divide": lambda t, a, b: t.floor_divide(a, b),
    "float_power": lambda t, a, b: t.float_power(a, b),
    "where": lambda t, a, b: t.where(t.tensor(MASK), a, b),
    "result_type": lambda t, a, b: t.result_type(a, b),
    "add with alpha": lambda t, a, b: t.add(a, b, alpha=2),
    "add with a real alpha": lambda t, a, b: t.add(a, b, alpha=2.5),
    "sub with alpha": lambda t, a, b: t.sub(a, b, alpha=2),
}
# These take no numbers in PyTorch, or not on the left.
TENSOR_OPS = {
    "maximum": lambda t, a, b: t.maximum(a, b),
    "fmod": lambda t, a, b: t.fmod(a, b),
    "atan2": lambda t, a, b: t.atan2(a, b),
    "logical_and": lambda t, a, b: t.logical_and(a, b),
    "xlogy": lambda t, a, b: t.xlogy(a, b),
    "cat": lambda t, a, b: t.cat([a, b]),
    "stack": lambda t, a, b: t.stack([a, b]),
    "addcmul": lambda t, a, b: t.addcmul(a, b, b),
    "clamp": lambda t, a, b: t.clamp(a, min=b),
    "outer": lambda t, a, b: t.outer(a, b),
    "dot": lambda t, a, b: t.dot(a, b),
    "copysign": lambda t, a, b: t.copysign(a, b),
    "isclose": lambda t, a, b: t.isclose(a, b),
}
INPLACE = {
    "+=": lambda t, a, b: a.__iadd__(b),
    "-=": lambda t, a, b: a.__isub__(b),
    "*=": lambda t, a, b: a.__imul__(b),
    "/=": lambda t, a, b: a.__itruediv__(b),
    "//=": lambda t, a, b: a.__ifloordiv__(b),
    "%=": lambda t, a, b: a.__imod__(b),
    "&=": lambda t, a, b: a.__iand__(b),
    "pow_": lambda t, a, b: a.pow_(b),
    "fill_": lambda t, a, b: a.fill_(b),
    "eq_": lambda t, a, b: a.eq_(b),
    "masked_fill_": lambda t, a, b: a.masked_fill_(t.tensor(MASK), b),
    "clamp_": lambda t, a, b: a.clamp_(min=b),
    "div_ trunc": lambda t, a, b: a.div_(b, rounding_mode="trunc"),
}


def operand(t, dtype, kind):
    """A vector, or a 0-d tensor."""
    return t.tensor([1, 2, 3] if kind == "1-d" else 2).to(getattr(t, dtype))


def makes_half_complex(*operands):
    # PyTorch has a complex type of two halves, which Tenon leaves out.
    return "float16" in operands and any(isinstance(one, complex) or one in COMPLEX for one in operands)


@pytest.mark.parametrize("name", OPS | TENSOR_OPS | INPLACE)
def test_every_pair_of_dtypes_and_dims(name):
    op = (OPS | TENSOR_OPS | INPLACE)[name]
    with comparisons() as check:
        for one in DTYPES:
            for other in DTYPES:
                if makes_half_complex(one, other):
                    continue
                for kinds in (("1-d", "1-d"), ("1-d", "0-d"), ("0-d", "1-d"), ("0-d", "0-d")):
                    operands = lambda t: (operand(t, one, kinds[0]), operand(t, other, kinds[1]))
                    check((one, other, kinds), lambda t: op(t, *operands(t)), ulps=4)


@pytest.mark.parametrize("name", OPS | INPLACE)
def test_every_dtype_and_kind_of_number(name):
    op = (OPS | INPLACE)[name]
    with comparisons() as check:
        for dtype in DTYPES:
            for number in NUMBERS:
                # What overflows on its way to float16 is infinite, or refused, at different places.
                if makes_half_complex(dtype, number) or (dtype == "float16" and number == 2**40):
                    continue
                if name == "clamp_" and dtype == "bool":  # which PyTorch leaves out
                    continue
                for kind in ("1-d", "0-d"):
                    check((dtype, kind, number), lambda t: op(t, operand(t, dtype, kind), number), ulps=4)
                    if name in OPS:
                        check((number, dtype, kind), lambda t: op(t, number, operand(t, dtype, kind)), ulps=4)


def test_what_types_promote_and_convert_to():
    with comparisons() as check:
        for one in DTYPES:
            for other in DTYPES:
                pair = lambda t: (getattr(t, one), getattr(t, other))
                if not makes_half_complex(one, other):
                    check(("promote_types", one, other), lambda t: t.promote_types(*pair(t)))
                check(("can_cast", one, other), lambda t: t.can_cast(*pair(t)))
                whole = lambda t: t.tensor([0, 1, 2, -3, 100]).to(pair(t)[0]).to(pair(t)[1])
                check(("to", one, other), whole)
        for one in NUMBERS:
            for other in NUMBERS:
                check(("numbers", one, other), lambda t: t.result_type(one, other))


@pytest.mark.parametrize("default", ("float64", "bfloat16", "int64"))
def test_the_default_dtype_is_what_numbers_promote_to(default):
    makes = {
        "ones": lambda t: t.ones(2),
        "tensor": lambda t: t.tensor(1.5),
        "true division": lambda t: t.arange(2) / 2,
        "arange": lambda t: t.arange(0, 1, 0.5),
        "a real factor": lambda t: t.arange(3) * 1.5,
        "result_type": lambda t: t.result_type(1, 1.5),
        "full": lambda t: t.full((2,), 1.5),
        "linspace": lambda t: t.linspace(0, 1, 3),
        "sin": lambda t: t.arange(3).sin(),
        "eye": lambda t: t.eye(2),
    }

    def code(t, make):
        t.set_default_dtype(getattr(t, default))
        try:
            return make(t)
        finally:
            t.set_default_dtype(t.float32)

    with comparisons() as check:
        for name, make in makes.items():
            check(name, lambda t: code(t, make), ulps=2)


SHAPES = [(), (1,), (3,), (2, 3), (2, 1), (1, 3), (0,), (2, 0), (4, 1, 3), (5,)]
BROADCAST = {
    "add": lambda t, a, b: a + b,
    "add_": lambda t, a, b: a.add_(b),
    "where": lambda t, a, b: t.where(a > 0, b, 1.0),
    "broadcast_tensors": lambda t, a, b: t.broadcast_tensors(a, b),
    "broadcast_shapes": lambda t, a, b: tuple(t.broadcast_shapes(a.shape, b.shape)),
    "expand": lambda t, a, b: a.expand(b.shape),
    "expand_as": lambda t, a, b: a.expand_as(b),
    "broadcast_to": lambda t, a, b: t.broadcast_to(a, b.shape),
    "copy_": lambda t, a, b: a.copy_(b),
    "addcmul": lambda t, a, b: t.addcmul(a, b, t.ones(3)),
    "lerp": lambda t, a, b: t.lerp(a, b, 0.5),
    "maximum": lambda t, a, b: t.maximum(a, b),
    "clamp": lambda t, a, b: t.clamp(a, min=b),
    "masked_fill": lambda t, a, b: a.masked_fill(b > 1, 3.0),
    "masked_fill_": lambda t, a, b: a.masked_fill_(b > 1, 3.0),
    "masked_select": lambda t, a, b: t.masked_select(a, b > 1),
    "matmul": lambda t, a, b: a @ b,
}


@pytest.mark.parametrize("name", BROADCAST)
def test_shapes_broadcast_the_same(name):
    with comparisons() as check:
        for one in SHAPES:
            for other in SHAPES:
                check((one, other), lambda t: BROADCAST[name](t, t.ones(one), t.ones(other) * 2), strides=False)


OUT_OPS = {
    "add": lambda t, a, out: t.add(a, a, out=out),
    "mul": lambda t, a, out: t.mul(a, 2, out=out),
    "div": lambda t, a, out: t.div(a, a + 1, out=out),
    "pow": lambda t, a, out: t.pow(a, 2, out=out),
    "eq": lambda t, a, out: t.eq(a, a, out=out),
    "logical_and": lambda t, a, out: t.logical_and(a, a, out=out),
}
OUTS = {
    "of the same shape": lambda t, dtype: t.ones(2, 3, dtype=dtype),
    "empty": lambda t, dtype: t.empty(0, dtype=dtype),
    "of another shape": lambda t, dtype: t.zeros(5, dtype=dtype),
    "transposed": lambda t, dtype: t.zeros(3, 2, dtype=dtype).t(),
    "sliced": lambda t, dtype: t.zeros(4, 6, dtype=dtype)[::2, ::2],
    "expanded": lambda t, dtype: t.zeros(1, 3, dtype=dtype).expand(2, 3),
    "none": lambda t, dtype: None,
    "a list": lambda t, dtype: [1],
}


def written(t, op, dtype, out_dtype, kind):
    """The result, what out holds then, and which warnings came."""
    out = OUTS[kind](t, getattr(t, out_dtype))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = OUT_OPS[op](t, t.tensor([[1, 2, 3], [4, 5, 6]]).to(getattr(t, dtype)), out)
    resized = {warning.category.__name__ for warning in caught if "resized" in str(warning.message)}
    return result, out, result is out, sorted(resized)


@pytest.mark.parametrize("op", OUT_OPS)
def test_out_is_written_resized_or_refused_the_same(op):
    with comparisons() as check:
        for dtype in ("float32", "int64", "bool", "complex64"):
            for out_dtype in DTYPES:
                for kind in OUTS:
                    check((dtype, out_dtype, kind), lambda t: written(t, op, dtype, out_dtype, kind), ulps=2)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
def test_numbers_that_a_dtype_cannot_hold_are_refused(dtype):
    def filled(t, *sizes):
        return t.ones(*sizes, dtype=getattr(t, dtype))

    numbers = (-1, -200, 127, 128, 300, 2**15, 2**31, 2**40, 70000.0, 1e39, 1e300, math.inf, -math.inf, math.nan, 1.5)
    stores = {
        "fill_": lambda t, n: filled(t, 2).fill_(n),
        "full": lambda t, n: t.full((2,), n, dtype=getattr(t, dtype)),
        "a slice": lambda t, n: filled(t, 2).__setitem__(slice(None), n),
        "a mask": lambda t, n: filled(t, 2).__setitem__(t.ones(2) > 0, n),
        "clamp": lambda t, n: filled(t, 2).clamp(max=n) if isinstance(n, int) else None,
        "index_fill": lambda t, n: filled(t, 2).index_fill(0, t.tensor([0]), n),
        "scatter": lambda t, n: filled(t, 2).scatter(0, t.tensor([0]), n),
    }
    with comparisons() as check:
        for name, store in stores.items():
            # PyTorch's x[i] = number goes through a tensor of the reduced type, which may be infinite.
            for number in numbers if dtype not in HALVES or name not in ("a slice", "a mask") else ():
                check((name, number), lambda t: store(t, number))


def test_what_shares_memory_is_read_before_it_is_written():
    """PyTorch refuses a call whose result overlaps its inputs in part; here such a call has the value of a copy."""
    x = tenon.arange(5.0)
    assert tenon.add(x[:-1], 1, out=x[1:]).tolist() == [1, 2, 3, 4]
    x = tenon.arange(5.0)
    assert x[1:].add_(x[:-1]).tolist() == [1, 3, 5, 7]
    x = tenon.arange(4.0).reshape(2, 2)
    assert x.mul_(x.t()).tolist() == [[0, 2], [2, 9]]
    x = tenon.ones(2, 2)
    assert tenon.mm(x, x, out=x).tolist() == [[2, 2], [2, 2]]
    with comparisons() as check:
        check("exactly itself", lambda t: (lambda x: t.add(x, 1, out=x))(t.arange(5.0)))
        check("expanded in place", lambda t: t.zeros(1).expand(3).add_(1))
        check("expanded out", lambda t: t.add(t.ones(3), 1, out=t.zeros(1).expand(3)))
        check("expanded copy_", lambda t: t.zeros(1).expand(3).copy_(t.ones(3)))
