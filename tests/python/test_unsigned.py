"""uint16, uint32 and uint64: PyTorch's results where it has them, NumPy's where it refuses them."""

import numpy as np
import pytest
import tenon
import torch
from compare import comparisons

NAMES = ["uint16", "uint32", "uint64"]
TOP = {"uint16": 2**16 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1}


@pytest.mark.parametrize("name", NAMES)
def test_what_pytorch_computes_is_the_same(name):
    def made(t):
        return t.tensor([1, 2, TOP[name]], dtype=getattr(t, name))

    ops = {
        "tolist": lambda x, t: x.tolist(),
        "item": lambda x, t: x[2].item(),
        "repr": lambda x, t: repr(x).replace("tenon.", "torch."),
        "times a float": lambda x, t: x * 2.5,
        "half": lambda x, t: x / 2,
        "sum": lambda x, t: x.sum(),
        "prod": lambda x, t: x.prod(),
        "cumsum": lambda x, t: x.cumsum(0),
        "sqrt": lambda x, t: x.sqrt(),
        "equal": lambda x, t: x == x,
        "and": lambda x, t: x & 1,
        "xor": lambda x, t: x ^ 1,
        "sort": lambda x, t: x.sort(descending=True),
        "unique": lambda x, t: x.unique(),
        "cat": lambda x, t: t.cat([x, x]),
        "stack": lambda x, t: t.stack([x, x]),
        "roll": lambda x, t: x.roll(1),
        "repeat": lambda x, t: x.repeat(2),
        "fill_": lambda x, t: x.clone().fill_(7),
        "full": lambda x, t: t.full((2,), TOP[name], dtype=x.dtype),
        "to bool": lambda x, t: x.bool(),
        "to double": lambda x, t: x.double(),
        "to int64": lambda x, t: x.to(t.int64),
        "to int8": lambda x, t: x.to(t.int8),
        "from negative": lambda x, t: t.tensor([-1]).to(x.dtype),
        "from float": lambda x, t: t.tensor([0.5, 60000.75]).to(x.dtype),
        "ones": lambda x, t: t.ones(2, dtype=x.dtype),
        "any": lambda x, t: x.any(),
        "all": lambda x, t: x.all(),
        "iinfo": lambda x, t: (t.iinfo(x.dtype).min, t.iinfo(x.dtype).max, t.iinfo(x.dtype).bits),
        "type": lambda x, t: (x.dtype.is_signed, x.is_signed(), x.element_size()),
        "index": lambda x, t: t.arange(3)[x[:2]],
        "without a dtype": lambda x, t: t.tensor(2**63),
    }
    with comparisons() as check:
        for case, op in ops.items():
            check(case, lambda t: op(made(t), t))


@pytest.mark.parametrize("name", NAMES)
def test_arithmetic_is_numpys(name):
    a, b = np.array([1, 7, TOP[name], 0, 5], name), np.array([3, 2, TOP[name] - 4, 9, 5], name)
    x, y = tenon.from_numpy(a), tenon.from_numpy(b)
    assert x.dtype is getattr(tenon, name)
    ops = {
        "add": (tenon.add, np.add),
        "sub": (tenon.sub, np.subtract),
        "mul": (tenon.mul, np.multiply),
        "floor_divide": (tenon.floor_divide, np.floor_divide),
        "remainder": (tenon.remainder, np.remainder),
        "maximum": (tenon.maximum, np.maximum),
        "minimum": (tenon.minimum, np.minimum),
        "less": (tenon.lt, np.less),
        "greater_equal": (tenon.ge, np.greater_equal),
        "or": (tenon.bitwise_or, np.bitwise_or),
        "gcd": (tenon.gcd, np.gcd),
        "matmul": (tenon.matmul, np.matmul),
    }
    for case, (ours, theirs) in ops.items():
        np.testing.assert_array_equal(ours(x, y).numpy(), theirs(a, b), err_msg=case)
    for case in ("max", "min", "argmax", "argmin", "nonzero", "square"):
        ours, theirs = getattr(x, case)().numpy(), getattr(np, case)(a)
        np.testing.assert_array_equal(np.ravel(ours), np.ravel(theirs), err_msg=case)
    np.testing.assert_array_equal((~x).numpy(), ~a)
    np.testing.assert_array_equal((-x).numpy(), -a)
    np.testing.assert_array_equal((x >> 1).numpy(), a >> 1)
    np.testing.assert_array_equal((x << 3).numpy(), a << 3)
    np.testing.assert_array_equal(x.cummax(0).values.numpy(), np.maximum.accumulate(a))
    np.testing.assert_array_equal(x.amax(0).numpy(), a.max())
    np.testing.assert_array_equal(x.topk(2).values.numpy(), np.sort(a)[::-1][:2])
    np.testing.assert_array_equal(x[x > 1].numpy(), a[a > 1])
    np.testing.assert_array_equal(tenon.where(x > y, x, y).numpy(), np.where(a > b, a, b))


def test_promotion_is_the_array_apis():
    for first in [*NAMES, "uint8"]:
        for second in ["bool", "int8", "int16", "int32", "int64", "uint8", *NAMES, "float32", "float64"]:
            ours = (getattr(tenon, first), getattr(tenon, second))
            if first == "uint64" and second.startswith("int"):
                for pair in (ours, ours[::-1]):
                    with pytest.raises(RuntimeError, match="uint64"):
                        tenon.promote_types(*pair)
                continue
            expected = str(np.promote_types(first, second))
            if second.startswith("float"):
                expected = second  # PyTorch's rule: a float wins as it is
            assert tenon.promote_types(*ours) is tenon.promote_types(*ours[::-1]) is getattr(tenon, expected)


def test_numbers_beyond_int64_go_where_they_fit():
    x = tenon.tensor([1, 2**63], dtype=tenon.uint64)
    assert (x + 2**63).tolist() == [2**63 + 1, 0]
    assert (x == 2**63).tolist() == [False, True]
    assert (tenon.ones(1) * 2**63).item() == 2.0**63
    with pytest.raises(ValueError, match="64 bits"):
        tenon.tensor(2**64, dtype=tenon.uint64)
    with pytest.raises(RuntimeError, match="overflow"):
        tenon.ones(1, dtype=tenon.int64) + 2**63


def test_memory_is_shared_with_numpy_and_pytorch():
    for name in NAMES:
        array = np.arange(4, dtype=name)
        shared = tenon.from_numpy(array)
        shared[0] = 9
        assert array[0] == 9 and shared.numpy().dtype == array.dtype
        theirs = torch.arange(4).to(getattr(torch, name))
        ours = tenon.from_torch(theirs)
        ours[1] = 8
        assert theirs[1].item() == 8 and ours.to_torch().dtype is theirs.dtype


def test_random_draws_use_all_bits():
    for dtype, bits in [("uint16", 16), ("uint32", 32), ("uint64", 64)]:
        values = tenon.empty(4096, dtype=getattr(tenon, dtype)).random_().tolist()
        assert all(0 <= value < 2**bits for value in values) and max(values) >= 2 ** (bits - 1) > min(values)
