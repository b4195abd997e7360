"""Random numbers against PyTorch's for the same seed: values, and the state that each call leaves behind."""

import math
import subprocess
import sys

import pytest
import tenon
from compare import COMPLEX, DTYPES, FLOATS, INTEGERS, comparisons, torch

LENGTHS = (0, 1, 2, 15, 16, 17, 31, 33, 100, 1025, 40000)
SIZES = [*((n,) for n in LENGTHS), (), (4, 4), (5, 16), (2, 3, 4, 5)]
LAYOUTS = ("contiguous", "transposed", "sliced", "narrowed", "channels last", "expanded")
REALS = ("bool", *INTEGERS, *FLOATS)
# PyTorch's vectorised normals are an approximation of their own, as ours are.
NORMAL_ULPS = 8


def zeros(t, size, dtype, layout="contiguous"):
    """Zeros that lie in memory in some way."""
    dtype = getattr(t, dtype)
    if layout == "transposed" and len(size) > 1:
        return t.zeros(tuple(reversed(size)), dtype=dtype).permute(*reversed(range(len(size))))
    if layout == "sliced":
        return t.zeros(tuple(2 * s for s in size), dtype=dtype)[tuple(slice(None, None, 2) for _ in size)]
    if layout == "narrowed" and size:
        return t.zeros((*size[:-1], size[-1] + 3), dtype=dtype)[..., 1:-2]
    if layout == "channels last" and len(size) == 4:
        return t.zeros(size, dtype=dtype).contiguous(memory_format=t.channels_last)
    if layout == "expanded":
        return t.zeros((1,) * len(size), dtype=dtype).expand(size)
    return t.zeros(size, dtype=dtype)


def seeded(draw, seed=3):
    """draw(t) after a seed, then the state, then numbers that show what normals are kept."""

    def code(t):
        t.manual_seed(seed)
        return draw(t), t.get_rng_state(), t.rand(2), t.zeros(3, dtype=t.float64).normal_()

    return code


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX])
def test_rand_and_randn_give_the_same_at_every_size_and_seed(dtype):
    with comparisons() as check:
        for size in SIZES:
            for seed in (0, 1, 123456789012345, 2**64 - 1, -1):
                for name in ("rand", "randn"):
                    draw = seeded(lambda t: getattr(t, name)(size, dtype=getattr(t, dtype)), seed)
                    check((name, size, seed), draw, ulps=NORMAL_ULPS if name == "randn" else 4)


FILLS = {
    "uniform_": [(), (-2, 3), (1, 1), (3, 2)],
    "normal_": [(), (2, 3), (0, 0), (0, -1)],
    "log_normal_": [(), (0.5, 0.25)],
    "cauchy_": [(), (1, 2), (0, 0)],
    "exponential_": [(), (2.5,), (0,), (-1,)],
    "geometric_": [(0.3,), (0.9,), (0,), (1,)],
    "bernoulli_": [(), (0.2,), (0,), (1,), (1.5,)],
    "random_": [(), (5,), (-3, 9), (2, 2**28 + 5), (0, 2**40), (-100, 100), (0, 200), (5, None), (3, 3), (0, 2**24)],
}


@pytest.mark.parametrize("name", FILLS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_fills_give_the_same_in_every_dtype_and_layout(name, layout):
    with comparisons() as check:
        for args in FILLS[name]:
            for dtype in DTYPES:
                for size in [(7,), (16,), (1000,), (4, 5), (2, 3, 4, 5)]:
                    draw = seeded(lambda t: getattr(zeros(t, size, dtype, layout), name)(*args))
                    check((args, dtype, size), draw, ulps=NORMAL_ULPS, scale=3.0 if name == "normal_" else 0.0)


@pytest.mark.parametrize("dtype", REALS)
def test_integers_and_permutations_are_exactly_the_same(dtype):
    bounds = [(10,), (1,), (257,), (70000,), (3, 9), (-5, 5), (1, 1), (0, 2**28 - 1), (0, 2**28), (0, 2**30)]
    bounds += [(-(2**62), 2**62), (0, 2**63 - 1), (2**24 + 1, 2**24 + 7)]
    with comparisons() as check:
        for args in bounds:
            check(args, seeded(lambda t: t.randint(*args, (50,), dtype=getattr(t, dtype))))
            check(("like", args), seeded(lambda t: t.randint_like(zeros(t, (4, 5), dtype, "transposed"), *args)))
        for n in (0, 1, 2, 3, 100, 2000, -1) if dtype != "bfloat16" else (0, 2, 100):
            check(("randperm", n), seeded(lambda t: t.randperm(n, dtype=getattr(t, dtype))))


LIKE = {
    "rand_like": lambda t, x: t.rand_like(x),
    "randn_like": lambda t, x: t.randn_like(x),
    "randn_like in another dtype": lambda t, x: t.randn_like(x, dtype=t.float64),
    "normal with means": lambda t, x: t.normal(x + 1, 2.5),
    "normal with means alone": lambda t, x: t.normal(x + 1),
    "normal with deviations": lambda t, x: t.normal(1.5, x.real + 1),
    "normal with both": lambda t, x: t.normal(x + 1, t.ones(x.shape) * 2),
    "bernoulli of probabilities": lambda t, x: t.bernoulli(x + 0.3),
    "bernoulli of one": lambda t, x: t.bernoulli(x, 0.3),
    "bernoulli_ of a vector": lambda t, x: x.bernoulli_(t.full(x.shape[-1:], 0.4, dtype=x.dtype)),
    "bernoulli_ of doubles": lambda t, x: x.bernoulli_(t.full(x.shape, 0.4, dtype=t.float64)),
    "bernoulli_ of an equal layout": lambda t, x: x.bernoulli_(x + 0.4),
}


@pytest.mark.parametrize("name", LIKE)
def test_draws_shaped_by_a_tensor_are_the_same(name):
    with comparisons() as check:
        for dtype in (*FLOATS, *COMPLEX) if "bernoulli" not in name else FLOATS:
            for size in [(), (1,), (15,), (16,), (4, 5), (2, 3, 4, 5), (1000,)]:
                for layout in LAYOUTS[:5]:
                    draw = seeded(lambda t: LIKE[name](t, zeros(t, size, dtype, layout)))
                    check((dtype, size, layout), draw, ulps=NORMAL_ULPS, scale=3.0)


DROPOUTS = ("dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d")


@pytest.mark.parametrize("name", DROPOUTS)
@pytest.mark.parametrize("layout", LAYOUTS[:5])
def test_dropout_keeps_the_same_elements(name, layout):
    with comparisons() as check:
        for dtype in ("int64", *FLOATS):
            for size in [(0,), (1,), (40,), (4, 5), (3, 4, 5), (2, 3, 4, 5), (2, 3, 2, 2, 2)]:
                for p in (0.0, 0.3, 1.0, -0.1):
                    for training, inplace in ((True, False), (False, True), (True, True)):

                        def draw(t):
                            x = zeros(t, size, dtype, layout).add_(2)
                            return getattr(t.nn.functional, name)(x, p, training, inplace), x

                        check((dtype, size, p, training, inplace), seeded(draw), ulps=2)


def test_the_dropouts_of_the_top_level_are_the_same():
    with comparisons() as check:
        for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"):
            for ending in ("", "_"):
                check(name + ending, seeded(lambda t: getattr(t, name + ending)(t.ones(4, 5, 6), 0.3, True)), ulps=2)
        check("too few dims", seeded(lambda t: t.feature_dropout(t.ones(3), 0.5, True)))


def test_dropout_passes_gradients_through_what_it_kept():
    def draw(t):
        x = t.ones(50, requires_grad=True)
        t.nn.functional.dropout(x, 0.4).sum().backward()
        return x.grad

    with comparisons() as check:
        check("gradient", seeded(draw))


@pytest.mark.parametrize("dtype", FLOATS)
def test_multinomial_draws_the_same_indices(dtype):
    def weights(t, size, layout):
        x = (t.arange(math.prod(size)).reshape(size) * 37 % 11 + 1).to(getattr(t, dtype))
        return x.t().contiguous().t() if layout == "transposed" and len(size) == 2 else x

    with comparisons() as check:
        for size in [(5,), (3, 7), (100,), (2, 1), (2, 2, 2), ()]:
            for samples in (0, 1, 2, 5, 40):
                for replacement in (True, False):
                    for layout in LAYOUTS[:2]:
                        draw = seeded(lambda t: t.multinomial(weights(t, size, layout), samples, replacement))
                        check((size, samples, replacement, layout), draw)
        for bad in ([0.0, 0.0], [1.0, -1.0], [math.nan, 1.0], [math.inf, 1.0], [0.0, 1.0, 0.0]):
            for samples in (1, 2):
                for replacement in (True, False):
                    draw = seeded(lambda t: t.multinomial(t.tensor(bad), samples, replacement))
                    check((bad, samples, replacement), draw)


def test_kept_normals_are_the_next_calls():
    """Short normals come in pairs, of which the second waits for the next call, whatever its dtype."""

    def draw(t):
        draws = [t.randn(3), t.randn(2, dtype=t.float64), t.randn(5), t.rand(2), t.randn(1), t.randn(20), t.randn(1)]
        draws += [t.zeros(3).normal_(1, 2), t.zeros(3).log_normal_(), t.randn(3, dtype=t.float16)]
        return [*draws, t.randn(3, dtype=t.bfloat16), t.randn(7, dtype=t.complex64)]

    with comparisons() as check:
        for seed in range(5):
            check(seed, seeded(draw, seed), ulps=NORMAL_ULPS, scale=1.0)


def test_generators_are_apart_from_the_default_one():
    def draw(t):
        g = t.Generator().manual_seed(5)
        p = t.full((5,), 0.5)
        drawn = [t.rand(5, generator=g), t.randn(2, 3, generator=g), t.randint(9, (3,), generator=g)]
        drawn += [t.randperm(9, generator=g), t.bernoulli(p, generator=g), p.multinomial(3, generator=g)]
        drawn += [t.normal(p, p, generator=g), t.normal(0.0, 1.0, (3,), generator=g), t.rand_like(p, generator=g)]
        for name, args in [("uniform_", ()), ("normal_", ()), ("exponential_", ()), ("bernoulli_", ()), ("random_", ()),
                           ("random_", (3,)), ("random_", (3, 9)), ("cauchy_", ()), ("log_normal_", ()),
                           ("geometric_", (0.5,))]:  # fmt: skip
            drawn.append(getattr(t.zeros(5), name)(*args, generator=g))
        return [*drawn, g.get_state(), g.initial_seed(), str(g.device)]

    with comparisons() as check:
        check("generator", seeded(draw), ulps=NORMAL_ULPS, scale=1.0)


def test_seeds_are_64_bits_with_or_without_a_sign():
    with comparisons() as check:
        for seed in (0, -1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, None, True, 1.5, "x", "12"):
            check(("generator", seed), lambda t: t.Generator().manual_seed(seed).initial_seed())
            check(("default", seed), lambda t: (t.manual_seed(seed).initial_seed(), t.initial_seed(), t.rand(2)))


def test_states_go_from_one_library_to_the_other_and_back():
    torch.manual_seed(11)
    torch.randn(3)
    tenon.set_rng_state(tenon.from_torch(torch.get_rng_state()))
    assert tenon.randn(5).tolist() == pytest.approx(torch.randn(5).tolist(), rel=1e-6)
    tenon.rand(1000)
    torch.set_rng_state(tenon.get_rng_state().to_torch())
    assert tenon.randint(1000, (50,)).tolist() == torch.randint(1000, (50,)).tolist()


def test_fork_rng_restores_and_bad_states_are_refused():
    def forked(t):
        t.manual_seed(1)
        with t.random.fork_rng():
            inside = t.rand(3)
        return inside, t.rand(3), t.random.get_rng_state(), t.random.initial_seed(), t.default_generator.initial_seed()

    def copied(t):
        g = t.Generator().manual_seed(4)
        other = g.clone_state()
        return t.rand(3, generator=g), t.rand(3, generator=other), type(t.seed()).__name__

    with comparisons() as check:
        check("fork_rng", forked)
        check("clone_state", copied)
        check("too short", lambda t: t.set_rng_state(t.zeros(5, dtype=t.uint8)))
        check("another dtype", lambda t: t.set_rng_state(t.zeros(5056)))
        check("a list", lambda t: t.set_rng_state([1, 2]))
        check("zeros", lambda t: t.set_rng_state(t.zeros(5056, dtype=t.uint8)))


def test_unseeded_draws_differ_from_process_to_process():
    draw = [sys.executable, "-c", "import tenon; print(tenon.initial_seed(), tenon.rand(4).tolist())"]
    first, second = (subprocess.run(draw, check=True, capture_output=True, text=True).stdout for _ in range(2))
    assert first and first != second
