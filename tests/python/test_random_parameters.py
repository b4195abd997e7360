"""Gamma, Dirichlet, Poisson and binomial numbers against PyTorch's, element by element, and implicit gradients."""

import math

import numpy
import pytest
import tenon
from compare import FLOATS, comparisons
from scipy import special

WIDE = ("float32", "float64")


def seeded(code, seed=5):
    def run(t):
        t.manual_seed(seed)
        return code(t), t.get_rng_state()

    return run


def ramp(t, low, high, size, dtype, layout="contiguous"):
    # Both libraries get the same numbers.
    x = t.from_numpy(numpy.linspace(low, high, math.prod(size))).to(getattr(t, dtype)).reshape(size)
    if layout == "transposed":
        return x.transpose(0, -1)
    return x[..., :1].expand(size) if layout == "expanded" else x


LAYOUTS = ("contiguous", "transposed", "expanded")
SIZES = [(1,), (7,), (40, 3), (2, 300, 5)]
# Shapes below one, where numbers are boosted, and up to where single numbers lose digits.
RANGES = [(0.0, 0.9), (0.01, 20.0), (1e3, 1e6)]


@pytest.mark.parametrize("dtype", WIDE)
def test_gamma_and_dirichlet_numbers_are_the_same(dtype):
    with comparisons() as check:
        for bounds in RANGES:
            for size in SIZES:
                for layout in LAYOUTS:
                    case = (bounds, size, layout)
                    check(case, seeded(lambda t: t._standard_gamma(ramp(t, *bounds, size, dtype, layout))))
                    draw = lambda t: t._sample_dirichlet(ramp(t, *bounds, size, dtype, layout) + 0.01)
                    check(("dirichlet", *case), seeded(draw), ulps=4)


@pytest.mark.parametrize("dtype", FLOATS)
def test_poisson_numbers_are_exactly_the_same(dtype):
    with comparisons() as check:
        for bounds in [(0.0, 5.0), (8.0, 200.0), (1e3, 6e4)]:
            for size in SIZES:
                for layout in LAYOUTS:
                    draw = seeded(lambda t: t.poisson(ramp(t, *bounds, size, dtype, layout)))
                    check((bounds, size, layout), draw)


@pytest.mark.parametrize("dtype", WIDE)
def test_binomial_numbers_are_exactly_the_same(dtype):
    with comparisons() as check:
        for most in (1, 30, 1e4, 1e7):
            for size in SIZES:
                for layout in LAYOUTS:
                    counts = lambda t: ramp(t, 0, most, size, dtype, layout).floor()
                    chances = lambda t: ramp(t, 1, 0, size, dtype, layout)
                    check((most, size, layout), seeded(lambda t: t.binomial(counts(t), chances(t))))
        pairs = [((4, 1), (3,)), ((3,), (4, 3)), ((), (5,))]
        for first, second in pairs:
            draw = lambda t: t.binomial(t.full(first, 30.0), t.full(second, 0.4))
            check((first, second), seeded(draw), strides=False)


BAD = {
    "a negative rate": lambda t: t.poisson(t.tensor([-1.0])),
    "a rate that is no number": lambda t: t.poisson(t.tensor([math.nan])),
    "integer rates": lambda t: t.poisson(t.tensor([3])),
    "complex rates": lambda t: t.poisson(t.tensor([3j])),
    "half concentrations": lambda t: t._standard_gamma(t.ones(2, dtype=t.float16)),
    "integer concentrations": lambda t: t._standard_gamma(t.ones(2, dtype=t.int64)),
    "integer concentrations of rows": lambda t: t._sample_dirichlet(t.ones(2, dtype=t.int64)),
    "integer counts": lambda t: t.binomial(t.tensor([3]), t.tensor([0.5])),
    "half counts": lambda t: t.binomial(t.ones(2, dtype=t.float16), t.ones(2, dtype=t.float16)),
    "two dtypes": lambda t: t.binomial(t.tensor([3.0]), t.tensor([0.5], dtype=t.float64)),
    "shapes that do not fit": lambda t: t.binomial(t.ones(2), t.ones(3)),
    "samples of another dtype": lambda t: t._standard_gamma_grad(t.ones(2), t.ones(2, dtype=t.float64)),
    "no second derivative": lambda t: second_derivative(t),
}


def second_derivative(t):
    x = t.tensor([2.0], requires_grad=True)
    (gradient,) = t.autograd.grad(t._standard_gamma(x), x, create_graph=True)
    return t.autograd.grad(gradient, x)


def test_bad_parameters_raise_the_same():
    with comparisons() as check:
        for case, code in BAD.items():
            check(case, code)


def test_odd_parameters_give_the_same():
    odd = [0.0, -1.0, -0.5, math.nan, math.inf]
    with comparisons() as check:
        check("gamma", seeded(lambda t: t._standard_gamma(t.tensor(odd))))
        check("poisson", seeded(lambda t: t.poisson(t.tensor([math.inf, 0.0]))))
        numbers = ([3.0, -4.0, 5.0, 5.0], [math.nan, 0.3, 1.2, -0.1])
        check("binomial", seeded(lambda t: t.binomial(*map(t.tensor, numbers))))
        check("one concentration", seeded(lambda t: t._sample_dirichlet(t.tensor(3.0))))
        check("nothing", seeded(lambda t: (t.poisson(t.zeros(0)), t._standard_gamma(t.zeros(2, 0)))))
    # PyTorch never ends here.
    assert tenon.binomial(tenon.tensor([math.nan]), tenon.tensor([0.5])).isnan().all()


def test_generators_draw():
    def draw(t):
        g = t.Generator().manual_seed(3)
        x = t.full((5,), 2.5)
        return t.poisson(x, generator=g), t.binomial(x * 10, x / 5, g), t._standard_gamma(x, generator=g), g.get_state()

    with comparisons() as check:
        check("generator", draw)


def test_draws_that_do_not_differentiate_are_part_of_the_graph():
    def zero(t):
        x = t.full((3,), 4.0, requires_grad=True)
        return t.autograd.grad(t.poisson(x).sum(), x)[0]

    def refused(t):
        x = t.full((3,), 0.5, requires_grad=True)
        return t.autograd.grad(t.binomial(t.full((3,), 9.0), x).sum(), x)[0]

    with comparisons() as check:
        check("poisson", zero)
        check("binomial", refused)


def central(f, x, step):
    """The derivative by differences of fourth order."""
    return (8 * (f(x + step) - f(x - step)) - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step)


def test_gradients_of_gamma_numbers_keep_their_cumulative_probability():
    concentrations = numpy.array([0.1, 0.5, 1, 1.3, 2, 5, 9, 30, 300, 9000, 2e4, 1e6])
    shape, level = (x.ravel() for x in numpy.meshgrid(concentrations, [1e-3, 0.05, 0.3, 0.5, 0.8, 0.99, 0.9999]))
    step = numpy.minimum(1e-4 * shape, 1e-2 * numpy.sqrt(shape))
    expected = central(lambda a: special.gammaincinv(a, level), shape, step)
    sample = special.gammaincinv(shape, level)
    actual = tenon._standard_gamma_grad(tenon.tensor(shape), tenon.tensor(sample)).numpy()
    assert actual == pytest.approx(expected, rel=2e-6)


def test_gradients_of_dirichlet_numbers_keep_their_cumulative_probability():
    first, second, level = (
        x.ravel() for x in numpy.meshgrid([0.3, 1, 2.5, 8, 40], [0.5, 1, 3, 20, 700.0], [0.01, 0.2, 0.5, 0.9])
    )
    sample = special.betaincinv(first, second, level)
    expected = central(lambda a: special.betaincinv(a, second, level), first, 1e-3 * first) / (1 - sample)
    total = tenon.tensor(first + second)
    actual = tenon._dirichlet_grad(tenon.tensor(sample), tenon.tensor(first), total).numpy()
    # Of samples that round to one the differences are lost.
    clear = sample < 1 - 1e-7
    assert actual[clear] == pytest.approx(expected[clear], rel=1e-5)


@pytest.mark.parametrize("dtype", WIDE)
def test_implicit_gradients_are_pytorchs_as_far_as_those_are_right(dtype):
    def gamma(t):
        x = ramp(t, 0.05, 30.0, (400,), dtype).requires_grad_()
        return t.autograd.grad((t._standard_gamma(x) * t.arange(400, dtype=x.dtype)).sum(), x)[0]

    def dirichlet(t):
        x = ramp(t, 0.1, 9.0, (90, 3), dtype).requires_grad_()
        sample = t.distributions.Dirichlet(x).rsample()
        return t.autograd.grad((sample * t.arange(3, dtype=x.dtype)).sum(), x)[0]

    ulps = int(2e-3 / tenon.finfo(getattr(tenon, dtype)).eps)
    with comparisons() as check:
        check("gamma", seeded(gamma), ulps=ulps, scale=1.0)
        check("dirichlet", seeded(dirichlet), ulps=ulps, scale=0.1)


def test_gradients_do_not_depend_on_the_number_of_threads():
    x = tenon.linspace(0.01, 50.0, 5000)
    samples, grads = [], []
    before = tenon.get_num_threads()
    try:
        for threads in (1, 4):
            tenon.set_num_threads(threads)
            tenon.manual_seed(1)
            samples.append(tenon._standard_gamma(x))
            grads.append(tenon._standard_gamma_grad(x, samples[-1]))
    finally:
        tenon.set_num_threads(before)
    assert tenon.equal(samples[0], samples[1]) and tenon.equal(grads[0], grads[1])
