"""Writes tests/backend/random_reference.inc: what PyTorch's CPU generator gives for many calls.

Usage: python tests/tools/make_random_reference.py > tests/backend/random_reference.inc
Needs PyTorch 2.13 on a machine where it does not use Intel's sampling library.
"""

import itertools

import torch

FLOATS = {"kFloat": torch.float32, "kDouble": torch.float64, "kHalf": torch.float16, "kBFloat16": torch.bfloat16}
INTS = {"kByte": torch.uint8, "kChar": torch.int8, "kShort": torch.int16, "kInt": torch.int32, "kLong": torch.int64}
REALS = {**FLOATS, **INTS, "kBool": torch.bool}
SIZES = (1, 3, 15, 16, 17, 1001)
PROBES = 8


def fnv(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def raw(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


def layout(name: str, size: int, dtype: torch.dtype) -> torch.Tensor:
    if name == "Strided":
        return torch.empty(2 * size, dtype=dtype)[::2]
    if name == "Transposed":
        return torch.empty(size // 3, 3, dtype=dtype).t()
    if name == "Permuted":
        return torch.empty(2, 3, size // 6, dtype=dtype).permute(1, 2, 0)
    return torch.empty(size, dtype=dtype)


def emit(function, dtype, seed, name, size, a, b, result):
    """One line: the call, a hash of all bytes, a hash of the engine's state afterwards, and some of the values."""
    state = fnv(torch.get_rng_state().numpy().tobytes()[: 24 + 8 * 624])
    flat = result.contiguous().flatten()
    at = [k * (flat.numel() - 1) // (PROBES - 1) for k in range(PROBES)]
    values = ", ".join(repr(float(flat[i])) for i in at)
    print(
        f"RANDOM_CASE({function}, {dtype}, {seed}, {name}, {size}, {a!r}, {b!r}, "
        f"0x{fnv(raw(result)):016x}u, 0x{state:016x}u, {values})"
    )


seeds = itertools.cycle((0, 1, 42, 2**63 + 12345))


def cases(function, dtypes, params, fill, sizes=SIZES, layouts=("Contiguous",)):
    a, b = params
    for (dtype, torch_dtype), name, size in itertools.product(dtypes.items(), layouts, sizes):
        seed = next(seeds)
        tensor = layout(name, size, torch_dtype)
        torch.manual_seed(seed)
        emit(function, dtype, f"{seed}u", name, size, a, b, fill(tensor))


def dropout(tensor, p):
    return tensor.bernoulli_(1 - p).div_(1 - p)


def bernoulli_each(tensor, probability_dtype):
    size = tensor.numel()
    return tensor.bernoulli_((torch.arange(size, dtype=torch.float64) / size).to(probability_dtype))


def weights(dtype, rows):
    values = (torch.arange(rows * 37, dtype=torch.int64) * 7 % 11).to(dtype)
    return values if rows == 1 else values.view(rows, 37)


def multinomial(dtype, rows, samples, replacement, transposed=False):
    w = weights(dtype, rows)
    if transposed:
        w = w.t().contiguous().t()
    return torch.multinomial(w, samples, replacement)


print("// Written by tests/tools/make_random_reference.py from PyTorch", torch.__version__.split("+")[0])
print("// RANDOM_CASE(function, dtype, seed, layout, size, a, b, hash of values, hash of state, values...)")
shapes = ("Strided", "Transposed", "Permuted")
cases("uniform", FLOATS, (-0.1, 0.37), lambda t: t.uniform_(-0.1, 0.37))
cases("uniform", FLOATS, (0.0, 1.0), lambda t: t.uniform_(), sizes=(12, 600), layouts=shapes)
cases("normal", FLOATS, (0.3, 1.7), lambda t: t.normal_(0.3, 1.7), sizes=(*SIZES, 32, 5000))
cases("normal", FLOATS, (0.0, 1.0), lambda t: t.normal_(), sizes=(12, 606), layouts=shapes)
cases("log_normal", FLOATS, (0.3, 0.7), lambda t: t.log_normal_(0.3, 0.7), sizes=(3, 1001))
cases("cauchy", FLOATS, (0.3, 1.7), lambda t: t.cauchy_(0.3, 1.7), sizes=(3, 1001))
cases("exponential", FLOATS, (1.3, 0.0), lambda t: t.exponential_(1.3), sizes=(3, 1001))
cases("geometric", {**FLOATS, **INTS}, (0.3, 0.0), lambda t: t.geometric_(0.3), sizes=(3, 1001))
for low, high, dtypes in (
    (0, 2, REALS),
    (3, 100, {**FLOATS, **INTS}),
    (-5, 2**28 - 5, {"kInt": torch.int32, "kLong": torch.int64, "kDouble": torch.float64}),
    (-5, 2**28 - 6, {"kInt": torch.int32, "kLong": torch.int64, "kDouble": torch.float64}),
    (-(2**62), 2**62 + 5, {"kLong": torch.int64}),
):
    cases("integers", dtypes, (low, high), lambda t, low=low, high=high: t.random_(low, high), sizes=(3, 1001))
cases("integers", {"kLong": torch.int64}, (3, 100), lambda t: t.random_(3, 100), sizes=(12, 600), layouts=shapes)
full = {"kLong": torch.int64, "kFloat": torch.float32, "kDouble": torch.float64, "kBFloat16": torch.bfloat16}
cases("full_integers", full, (0, 0), lambda t: t.random_(-(2**63), None), sizes=(3, 1001))
cases("any_integers", REALS, (0, 0), lambda t: t.random_(), sizes=(3, 1001))
cases("bernoulli", REALS, (0.3, 0.0), lambda t: t.bernoulli_(0.3), sizes=(3, 1001))
cases("bernoulli", FLOATS, (0.7, 0.0), lambda t: t.bernoulli_(0.7), sizes=(12, 600), layouts=shapes)
for name, dtype in FLOATS.items():
    cases(f"bernoulli_{name}", {"kFloat": torch.float32, "kBool": torch.bool, "kLong": torch.int64}, (0, 0),
          lambda t, dtype=dtype: bernoulli_each(t, dtype), sizes=(3, 1001))
cases("dropout", FLOATS, (0.2, 0.0), lambda t: dropout(t, 0.2), sizes=(3, 1001))
cases("permutation", REALS, (0, 0), lambda t: t.copy_(torch.randperm(t.numel())), sizes=(1, 2))
cases("permutation", {k: v for k, v in REALS.items() if k != "kBool"}, (0, 0),
      lambda t: torch.randperm(t.numel(), dtype=t.dtype), sizes=(3, 100))
cases("permutation", {"kLong": torch.int64}, (0, 0), lambda t: torch.randperm(t.numel()), sizes=(1001, 5000))
for (name, dtype), rows in itertools.product(FLOATS.items(), (1, 4)):
    for samples, replacement in ((1, 0), (1, 1), (5, 0), (50, 1)):
        seed = next(seeds)
        torch.manual_seed(seed)
        result = multinomial(dtype, rows, samples, bool(replacement))
        if dtype in (torch.float16, torch.bfloat16) and not replacement and samples > 1:
            continue  # ties of rounded quotients: their order is unspecified
        emit("multinomial", name, f"{seed}u", "Contiguous", rows, samples, replacement, result)
seed = next(seeds)
torch.manual_seed(seed)
emit("multinomial", "kFloat", f"{seed}u", "Transposed", 4, 5, 0, multinomial(torch.float32, 4, 5, False, True))
