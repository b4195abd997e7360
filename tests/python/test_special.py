"""tenon.special against torch.special, and its accuracy against SciPy over wide domains."""

import numpy
import pytest
import tenon
from compare import comparisons, torch
from scipy import special

RANDOM = numpy.random.default_rng(5)
WIDE = numpy.concatenate(
    [RANDOM.uniform(-20, 20, 2000), RANDOM.uniform(-600, 600, 500), 10 ** RANDOM.uniform(-9, 1, 500)]
)
POSITIVE = numpy.concatenate([RANDOM.uniform(0.01, 20, 1000), 10 ** RANDOM.uniform(-9, 2.5, 1000)])
PROBABILITIES = numpy.concatenate([RANDOM.uniform(0, 1, 1000), 10 ** RANDOM.uniform(-300, 0, 1000)])
# What SciPy calls it, where to compare, and the largest relative error of a double.
ONE_INPUT = {
    "bessel_j0": ("j0", RANDOM.uniform(-30, 30, 1000), None),
    "bessel_j1": ("j1", RANDOM.uniform(-30, 30, 1000), None),
    "bessel_y0": ("y0", RANDOM.uniform(0.01, 30, 1000), None),
    "bessel_y1": ("y1", RANDOM.uniform(0.01, 30, 1000), None),
    "entr": ("entr", WIDE, 1e-14),
    "erfcx": ("erfcx", WIDE[WIDE > -26], 1e-13),
    "i0": ("i0", WIDE, 1e-14),
    "i0e": ("i0e", WIDE, 1e-14),
    "i1": ("i1", WIDE, 1e-14),
    "i1e": ("i1e", WIDE, 1e-14),
    "log_ndtr": ("log_ndtr", WIDE[WIDE < 5], 1e-13),
    "modified_bessel_i0": ("i0", WIDE, 1e-14),
    "modified_bessel_i1": ("i1", WIDE, 1e-14),
    "modified_bessel_k0": ("k0", POSITIVE, 1e-14),
    "modified_bessel_k1": ("k1", POSITIVE, 1e-14),
    "ndtr": ("ndtr", WIDE[WIDE > -20], 1e-12),
    "ndtri": ("ndtri", PROBABILITIES, 1e-14),
    "scaled_modified_bessel_k0": ("k0e", POSITIVE, 1e-14),
    "scaled_modified_bessel_k1": ("k1e", POSITIVE, 1e-14),
    "spherical_bessel_j0": (lambda x: special.spherical_jn(0, x), RANDOM.uniform(-20, 20, 1000), None),
    "airy_ai": (lambda x: special.airy(x)[0], RANDOM.uniform(-30, 20, 2000), None),
}
SHAPES = 10 ** RANDOM.uniform(-6, 5, 4000)
TWO_INPUTS = {
    "gammainc": ("gammainc", SHAPES, SHAPES * 10 ** RANDOM.uniform(-0.5, 0.5, 4000)),
    "gammaincc": ("gammaincc", SHAPES, SHAPES * 10 ** RANDOM.uniform(-0.5, 0.5, 4000)),
    "xlog1py": ("xlog1py", RANDOM.uniform(-9, 9, 1000), RANDOM.uniform(-0.99, 9, 1000)),
    "zeta": ("zeta", 10 ** RANDOM.uniform(0, 1.5, 1000), 10 ** RANDOM.uniform(-2, 4, 1000)),
}
POLYNOMIALS = [
    *(f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw"),
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
]  # fmt: skip


def relative_error(actual, expected, floor):
    known = numpy.isfinite(expected) & (numpy.abs(expected) > 1e-290)
    assert known.mean() > 0.5
    return (numpy.abs(actual - expected) / numpy.maximum(numpy.abs(expected), floor))[known].max()


def test_the_names_are_those_of_pytorch():
    # What the module of PyTorch imports for its own use.
    imported = {"Tensor", "common_args", "multi_dim_common", "torch"}
    theirs = {name for name in dir(torch.special) if not name.startswith("_")} - imported
    assert not [name for name in theirs if not callable(getattr(tenon.special, name, None))]
    assert {name for name in dir(tenon.special) if not name.startswith("_")} == theirs


@pytest.mark.parametrize("name", ONE_INPUT)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_accuracy_of_functions_of_one(name, dtype):
    function, x, bound = ONE_INPUT[name]
    x = x.astype(dtype)
    function = getattr(special, function) if isinstance(function, str) else function
    expected = function(x.astype("float64"))
    # Where a function oscillates about zero its error is compared with one.
    floor = 0 if bound else 1
    actual = getattr(tenon.special, name)(tenon.from_numpy(x)).numpy().astype("float64")
    if dtype == "float32":
        expected[(numpy.abs(expected) > 3e38) | (numpy.abs(expected) < 1e-37)] = numpy.nan
    # Far to the left of zero the rounding of the argument shows in these.
    single = {"log_ndtr": 2e-6, "ndtr": 2e-5}.get(name, 1e-6)
    assert relative_error(actual, expected, floor) <= (bound or 3e-14) + (single if dtype == "float32" else 0)


@pytest.mark.parametrize("name", TWO_INPUTS)
def test_accuracy_of_functions_of_two(name):
    function, a, b = TWO_INPUTS[name]
    expected = getattr(special, function)(a, b)
    expected[numpy.abs(expected) < 1e-100] = numpy.nan
    actual = getattr(tenon.special, name)(tenon.from_numpy(a), tenon.from_numpy(b)).numpy()
    # SciPy's own error grows to this in the tails of the gamma functions.
    assert relative_error(actual, expected, 0) <= (1e-11 if "gamma" in name else 1e-13)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name):
    x = torch.linspace(-1.5, 1.5, 61, dtype=torch.float64)
    with comparisons() as check:
        for degree in range(-2, 25):
            code = lambda t: getattr(t.special, name)(t.from_numpy(x.numpy()), n=degree)
            check((name, degree), code, ulps=4000, scale=1.0)
        code = lambda t: getattr(t.special, name)(t.linspace(-2, 2, 9), t.arange(9))
        check((name, "degrees"), code, ulps=200, scale=1.0)


def test_values_at_the_ends():
    ends = [0.0, -0.0, 1.0, -1.0, 2.0, -4.0, 8.0, float("inf"), float("-inf"), float("nan")]
    # PyTorch gives NaN for the limits of Bessel functions at infinity, and is coarse where those oscillate.
    limits = {name for name in ONE_INPUT if "bessel" in name or "airy" in name} | {"i0", "i1", "i0e", "i1e"}
    coarse = {"bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "airy_ai"}
    with comparisons() as check:
        for name in ONE_INPUT:
            points = [x for x in ends if name not in limits or abs(x) != float("inf")]
            points = [x for x in points if name not in coarse or not abs(x) > 1]
            for dtype in ("float32", "float64"):
                code = lambda t: getattr(t.special, name)(t.tensor(points, dtype=getattr(t, dtype)))
                check((name, dtype), code, ulps=100, scale=0.01)
        pairs = [(a, b) for a in (0.0, 0.5, 3.0, float("inf"), -1.0) for b in (0.0, 2.0, float("inf"), -1.0)]
        for name in ("gammainc", "gammaincc", "xlog1py"):
            code = lambda t: getattr(t.special, name)(*t.tensor(pairs, dtype=t.float64).unbind(1))
            check(name, code, ulps=100)
        pairs = [(a, b) for a in (0.0, 0.5, 1.0, 3.0) for b in (0.0, 2.0, -1.0, -2.5, float("nan"))]
        check("zeta", lambda t: t.special.zeta(*t.tensor(pairs, dtype=t.float64).unbind(1)), ulps=100)


@pytest.mark.parametrize("name", ["entr", "erfcx", "i0", "i0e", "i1", "i1e", "log_ndtr", "ndtr", "ndtri"])
def test_gradients(name):
    def code(t):
        x = t.tensor([0.1, 0.3, 0.9], dtype=t.float64, requires_grad=True)
        first = t.autograd.grad(getattr(t.special, name)(x).sum(), x, create_graph=True)[0]
        return first, t.autograd.grad(first.sum(), x)[0]

    with comparisons() as check:
        check(name, code, ulps=1000)


def test_gradients_that_pytorch_lacks_raise():
    with comparisons() as check:
        for name in ("gammainc", "gammaincc", "zeta"):

            def code(t):
                x = t.tensor([2.5], requires_grad=True)
                return t.autograd.grad(getattr(t.special, name)(x, t.tensor([3.0])).sum(), x)

            check(name, code)


def test_numbers_apart_and_together():
    numbers = [0.0, -0.0, 1.0, -0.75, 5e-324, 1e300, float("inf"), float("-inf")]
    with comparisons() as check:
        for dtype in ("float32", "float64", "float16", "int64"):
            code = lambda t: tuple(t.frexp(t.tensor(numbers, dtype=t.float64).to(getattr(t, dtype))))
            check(("frexp", dtype), code)
            exponents = [3, -3] * 3
            code = lambda t: t.tensor(numbers[:6]).to(getattr(t, dtype)).ldexp(t.tensor(exponents))
            check(("ldexp", dtype), code)
            for p in (0, 1, 3):
                code = lambda t: t.tensor([2.5, 3.0, 9.0], dtype=t.float64).to(getattr(t, dtype)).mvlgamma(p)
                check(("mvlgamma", dtype, p), code, ulps=8, scale=1.0)
            code = lambda t: t.isreal(t.ones(3, dtype=getattr(t, dtype)))
            check(("isreal", dtype), code)
        check("complex isreal", lambda t: t.tensor([1j, 2, 0j]).isreal())
        check("positive of bool", lambda t: t.positive(t.tensor(True)))
        check("positive", lambda t: t.positive(t.tensor([1, -2])))
        check("true_divide", lambda t: t.tensor([1, -2]).true_divide(4))


def test_the_inverse_of_erf_near_the_ends_of_its_domain():
    x = 1 - 10 ** numpy.random.default_rng(6).uniform(-15, 0, 4000)
    x = numpy.concatenate([x, -x])
    found = tenon.erfinv(tenon.tensor(x)).numpy()
    assert relative_error(found, special.erfinv(x), 0) < 3.2 * numpy.finfo(float).eps


def test_the_logarithm_of_gamma_of_large_negative_numbers():
    with comparisons() as check:
        check("poles", lambda m: m.tensor([-1e17, -1e305, -1e306, -1.7e308], dtype=m.float64).lgamma())


def test_the_upper_incomplete_gamma_function_keeps_its_digits_for_small_shapes():
    # By mpmath, with 60 digits; 1 - P would leave half of them.
    cases = [
        (0.00118, 0.9935, 0.00026202751311286135),
        (0.001217, 0.9753, 0.0002786676996736029),
        (0.001051, 0.9563, 0.0002484931473664178),
        (0.001184, 0.7547, 0.00039986353298738066),
    ]
    shapes, x, expected = (tenon.tensor(column, dtype=tenon.float64) for column in zip(*cases))
    found = tenon.special.gammaincc(shapes, x)
    assert ((found - expected).abs() / expected).max().item() < 2e-15
