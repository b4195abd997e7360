"""tenon.distributions against torch.distributions: samples of a seed, densities, moments, gradients and errors."""

import copy
import pickle

import pytest
import tenon
import tenon.distributions
import torch
from compare import comparisons
from distribution_cases import CASES, Parameters

SHAPES = [(), (3,), (2, 3)]
# Chains of functions that both libraries approximate are this far apart.
ULPS = {"float32": 2000, "float64": 100000}
# PyTorch's derivative of digamma is right to about 10 digits.
GRADIENT_ULPS = 10**7
# Its Bessel functions are polynomials of about 7 digits.
BESSEL_ULPS = 10**10
# Roots and powers of samples near zero magnify what the last places of normal numbers differ in.
SAMPLE_ULPS = {"float32": 200, "float64": 2000}
NORMAL_ULPS = 8


def built(t, name, shape=(3,), dtype="float32", requires_grad=False, validate=True):
    """A case, made with a library, and its parameters."""
    parameters = Parameters(t, shape, dtype, requires_grad)
    # PyTorch makes numbers of GeneralizedPareto's in the default dtype.
    before = t.get_default_dtype()
    t.set_default_dtype(parameters.dtype)
    t.distributions.Distribution.set_default_validate_args(validate)
    try:
        return CASES[name](t.distributions, parameters), parameters
    finally:
        t.set_default_dtype(before)
        t.distributions.Distribution.set_default_validate_args(True)


def ulps_of(name, dtype):
    return BESSEL_ULPS if (name, dtype) == ("VonMises", "float64") else ULPS[dtype]


def in_words(text):
    return str(text).replace("tenon.", "torch.")


@pytest.mark.parametrize("name", CASES)
def test_samples_of_a_seed_are_the_same(name):
    with comparisons() as check:
        for dtype in ("float32", "float64"):
            for shape in SHAPES:
                for sample_shape in [(), (4,), (2, 20)]:
                    for method in ("sample", "rsample"):

                        def draw(t):
                            distribution, _ = built(t, name, shape, dtype)
                            t.manual_seed(3)
                            return getattr(distribution, method)(sample_shape), t.get_rng_state()

                        # Elements of a matrix are sums over numbers of any sign.
                        scale = 100.0 if name.startswith("Wishart") else 1.0
                        case = (dtype, shape, sample_shape, method)
                        check(case, draw, ulps=SAMPLE_ULPS[dtype], scale=scale, strides=False)


ATTRIBUTES = "batch_shape event_shape mean mode variance stddev has_rsample has_enumerate_support".split()
METHODS = "entropy perplexity enumerate_support".split()


@pytest.mark.parametrize("name", CASES)
def test_shapes_moments_and_entropies_are_the_same(name):
    with comparisons() as check:
        for dtype in ("float32", "float64"):
            for shape in SHAPES:
                for attribute in ATTRIBUTES:
                    read = lambda t: getattr(built(t, name, shape, dtype)[0], attribute)
                    check((dtype, shape, attribute), read, ulps=ulps_of(name, dtype), scale=0.1, strides=False)
                for method in METHODS:
                    call = lambda t: getattr(built(t, name, shape, dtype)[0], method)()
                    check((dtype, shape, method), call, ulps=ulps_of(name, dtype), scale=0.1, strides=False)
        check("not expanded", lambda t: built(t, name)[0].enumerate_support(expand=False), strides=False)
        check("repr", lambda t: in_words(repr(built(t, name)[0])))
        check("repr without a batch", lambda t: in_words(repr(built(t, name, ())[0])))
        check("support", lambda t: in_words(repr(built(t, name)[0].support)))
        check("constraints", lambda t: in_words(built(t, name)[0].arg_constraints))
        check("support of the class", lambda t: in_words(type(built(t, name)[0]).support.event_dim))


def values_of(t, name, shape, dtype):
    """Events to ask about: samples of Tenon's, which both libraries get."""
    tenon.manual_seed(7)
    events = built(tenon, name, shape, dtype)[0].sample((3,))
    return events if t is tenon else events.to_torch()


@pytest.mark.parametrize("name", CASES)
def test_probabilities_are_the_same(name):
    # PyTorch's gammainc is off by 1e-9 for large numbers, where Tenon's agrees with SciPy's.
    coarse = name == "Gamma of large concentrations"
    methods = ("log_prob",) if coarse else ("log_prob", "cdf")
    with comparisons() as check:
        for dtype in ("float32", "float64") if name != "GeneralizedPareto" else ("float32",):
            for shape in SHAPES:
                for method in methods:
                    ask = lambda t: getattr(built(t, name, shape, dtype)[0], method)(values_of(t, name, shape, dtype))
                    check((dtype, shape, method), ask, ulps=ulps_of(name, dtype), scale=1.0, strides=False)
                invert = lambda t: built(t, name, shape, dtype)[0].icdf(
                    t.linspace(0.05, 0.95, 3, dtype=getattr(t, dtype))
                )
                check((dtype, shape, "icdf"), invert, ulps=ulps_of(name, dtype), scale=1.0, strides=False)


# PyTorch's gradients of gamma samples are approximations, of this relative error.
APPROXIMATE = 2e-3
OF_GAMMA = ("Beta", "Chi2", "Dirichlet", "FisherSnedecor", "Gamma", "InverseGamma", "StudentT", "Wishart")


def gradients(t, name, shape, of):
    distribution, parameters = built(t, name, shape, "float64", requires_grad=True)
    t.manual_seed(2)
    if of == "rsample":
        result = distribution.rsample((4,))
    elif of == "log_prob":
        result = distribution.log_prob(values_of(t, name, shape, "float64"))
    else:
        result = distribution.entropy()
    weights = t.arange(result.numel(), dtype=result.dtype).reshape(result.shape) % 7 + 1
    grads = t.autograd.grad((result * weights).sum(), parameters.leaves, allow_unused=True)
    return [t.zeros_like(leaf) if grad is None else grad for leaf, grad in zip(parameters.leaves, grads)]


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_the_same(name):
    with comparisons() as check:
        for shape in SHAPES:
            for of in ("rsample", "log_prob", "entropy"):
                # PyTorch has none for these two, and one for what nothing reads above the diagonal of a scale_tril.
                if of == "rsample" and name.startswith("Wishart"):
                    continue
                if of == "log_prob" and name in ("GeneralizedPareto", "Wishart"):
                    continue
                loose = of == "rsample" and name.startswith(OF_GAMMA)
                ulps = int(APPROXIMATE / 2.0**-52) if loose else BESSEL_ULPS if name == "VonMises" else GRADIENT_ULPS
                check((shape, of), lambda t: gradients(t, name, shape, of), ulps=ulps, scale=10.0, strides=False)


@pytest.mark.parametrize("name", CASES)
def test_expanded_distributions_are_the_same(name):
    def expanded(t, shape, batch):
        distribution, _ = built(t, name, shape)
        grown = distribution.expand(batch + shape)
        t.manual_seed(5)
        sample = grown.sample((2,))
        once = built(t, name, shape)[0].expand(list(batch + shape)).expand((2, *batch, *shape))
        # Single numbers are shown with all digits.
        shown = in_words(repr(grown)) if batch + shape else ""
        return [grown.batch_shape, grown.event_shape, shown, sample, once.batch_shape]

    def moments(t):
        distribution, _ = built(t, name, (2, 3))
        # What has been computed is not what the expanded one has.
        before = distribution.variance
        return before, distribution.expand((4, 2, 3)).mean, distribution.expand((4, 2, 3)).variance

    def densities(t):
        events = values_of(t, name, (2, 3), "float32")
        return built(t, name, (2, 3))[0].expand((3, 2, 3)).log_prob(events)

    with comparisons() as check:
        for shape in SHAPES:
            for batch in [(), (5,), (4, 1)]:
                code = lambda t: expanded(t, shape, batch)
                check((shape, batch), code, ulps=SAMPLE_ULPS["float32"], scale=1.0, strides=False)
        check("moments", moments, ulps=ULPS["float32"], scale=0.1, strides=False)
        check("densities", densities, ulps=ULPS["float32"], scale=1.0, strides=False)
        # PyTorch gives a transformed distribution the shape of its transforms' parameters.
        if name != "TransformedDistribution":
            check("too small", lambda t: built(t, name, (2, 3))[0].expand((3,)))


@pytest.mark.parametrize("name", CASES)
def test_copies_and_pickles_are_whole(name):
    distribution, _ = built(tenon, name)
    for other in (copy.deepcopy(distribution), pickle.loads(pickle.dumps(distribution))):
        tenon.manual_seed(1)
        sample = distribution.sample()
        tenon.manual_seed(1)
        # A copy of a matrix may lie in another order, which products round by.
        assert tenon.allclose(other.sample(), sample, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_values_of_the_wrong_kind_raise_the_same(name):
    with comparisons() as check:
        for validate in (True, False):
            for case, value in {
                "not a number": lambda t, x: x * float("nan"),
                "another shape": lambda t, x: t.zeros(7, 5),
                "far off": lambda t, x: x - 1000.25,
                "no tensor": lambda t, x: "x",
            }.items():
                if not validate and case in ("no tensor", "another shape"):
                    continue

                def ask(t):
                    distribution, _ = built(t, name, validate=validate)
                    result = distribution.log_prob(value(t, values_of(t, name, (3,), "float32")))
                    return tuple(result.shape)

                check((validate, case), ask)


BAD = {
    "a negative scale": lambda d, t: d.Normal(0.0, -1.0),
    "a scale of zero": lambda d, t: d.Laplace(t.zeros(2), t.tensor([1.0, 0.0])),
    "not a number": lambda d, t: d.Normal(float("nan"), 1.0),
    "a string": lambda d, t: d.Normal("x", 1.0),
    "shapes that do not fit": lambda d, t: d.Normal(t.zeros(2), t.ones(3)),
    "low above high": lambda d, t: d.Uniform(1.0, 0.0),
    "probability above one": lambda d, t: d.Bernoulli(1.5),
    "neither": lambda d, t: d.Bernoulli(),
    "both": lambda d, t: d.Bernoulli(0.5, 0.5),
    "both of categories": lambda d, t: d.Categorical(t.ones(2), t.ones(2)),
    "no categories": lambda d, t: d.Categorical(t.tensor(1.0)),
    "no categories of logits": lambda d, t: d.Categorical(logits=t.tensor(1.0)),
    "negative weights": lambda d, t: d.Categorical(t.tensor([1.0, -0.5])),
    "a probability of zero": lambda d, t: d.Geometric(0.0),
    "a probability of one": lambda d, t: d.NegativeBinomial(3, t.tensor(1.0)),
    "a negative count": lambda d, t: d.Binomial(-1, t.tensor(0.5)),
    "a broken count": lambda d, t: d.Binomial(t.tensor(1.5), t.tensor(0.5)),
    "a tensor of counts": lambda d, t: d.Multinomial(t.tensor(3), t.ones(3)),
    "counts that differ": lambda d, t: d.Binomial(t.tensor([3.0, 4.0]), t.tensor(0.5)).enumerate_support(),
    "entropy of counts that differ": lambda d, t: d.Binomial(t.tensor([3.0, 4.0]), t.tensor(0.5)).entropy(),
    "a number for a vector": lambda d, t: d.Dirichlet(t.tensor(1.0)),
    "one dim": lambda d, t: d.LKJCholesky(1),
    "no matrix": lambda d, t: d.MultivariateNormal(t.zeros(2)),
    "two matrices": lambda d, t: d.MultivariateNormal(t.zeros(2), t.eye(2), t.eye(2)),
    "a vector for a matrix": lambda d, t: d.MultivariateNormal(t.zeros(2), t.ones(2)),
    "a number for a mean": lambda d, t: d.MultivariateNormal(t.tensor(1.0), t.eye(2)),
    "no lower triangle": lambda d, t: d.MultivariateNormal(t.zeros(2), scale_tril=t.ones(2, 2)),
    "low df": lambda d, t: d.Wishart(1.0, scale_tril=t.eye(2)),
    "too many dims": lambda d, t: d.Independent(d.Normal(t.zeros(3), 1.0), 2),
    "no transforms": lambda d, t: d.TransformedDistribution(d.Normal(0.0, 1.0), 3),
    "too few dims": lambda d, t: d.TransformedDistribution(d.Normal(0.0, 1.0), d.StickBreakingTransform()),
    "no categorical": lambda d, t: d.MixtureSameFamily(d.Normal(0.0, 1.0), d.Normal(t.zeros(2), 1.0)),
    "no components": lambda d, t: d.MixtureSameFamily(d.Categorical(t.ones(2)), 3),
    "another number of components": lambda d, t: d.MixtureSameFamily(
        d.Categorical(t.ones(3)), d.Normal(t.zeros(2), 1.0)
    ),
    "batches that do not fit": lambda d, t: d.MixtureSameFamily(
        d.Categorical(t.ones(3, 2)), d.Normal(t.zeros(2, 2), 1.0)
    ),
    "events of a product": lambda d, t: d.Independent(d.Bernoulli(t.ones(3) / 2), 1).enumerate_support(),
    "a bad default": lambda d, t: d.Distribution.set_default_validate_args("x"),
    "no rule": lambda d, t: d.kl_divergence(d.Normal(0.0, 1.0), d.Cauchy(0.0, 1.0)),
}


def test_bad_parameters_raise_the_same():
    with comparisons() as check:
        for case, code in BAD.items():
            check(case, lambda t: code(t.distributions, t) and None)


def test_messages_name_what_was_seen():
    for code, words in [
        (lambda d: d.Normal(0.0, -1.0), "Expected parameter scale"),
        (lambda d: d.Normal(0.0, 1.0).log_prob(tenon.tensor(float("nan"))), "to be within the support"),
        (lambda d: d.Normal(tenon.zeros(3), 1.0).log_prob(tenon.zeros(2)), "not broadcastable"),
        (lambda d: d.Dirichlet(tenon.ones(3)).log_prob(tenon.ones(2) / 2), "must match event_shape"),
    ]:
        with pytest.raises(ValueError, match=words):
            code(tenon.distributions)


def test_subclasses_that_cannot_be_expanded_say_so():
    def subclass(t):
        class Shifted(t.distributions.Normal):
            def __init__(self, loc):
                super().__init__(loc, 1.0)

        return Shifted(0.0).expand((2,))

    def expandable(t):
        class Shifted(t.distributions.Normal):
            def __init__(self, loc):
                super().__init__(loc, 1.0)

            def expand(self, batch_shape, _instance=None):
                return super().expand(batch_shape, self._get_checked_instance(Shifted, _instance))

        grown = Shifted(0.5).expand((2,))
        return grown.mean, type(grown).__name__

    def plain(t):
        class Plain(t.distributions.Normal):
            pass

        return Plain(0.5, 2.0).expand((2,)).stddev

    def bare(t):
        return t.distributions.Distribution().expand((2,))

    with comparisons() as check:
        for code in (subclass, expandable, plain, bare):
            check(code.__name__, code, strides=False)


def test_numbers_take_the_dtype_of_tensors():
    with comparisons() as check:
        for dtype in ("float16", "bfloat16", "float32", "float64"):
            check(dtype, lambda t: t.distributions.Normal(t.zeros(2, dtype=getattr(t, dtype)), 2).scale, strides=False)
        check("numbers", lambda t: t.distributions.Normal(0, 1).loc)
        check("bools", lambda t: t.distributions.Bernoulli(True).probs)


def test_modules_have_pytorchs_names():
    import importlib

    own, theirs = tenon.distributions, torch.distributions
    assert set(own.__all__) == set(theirs.__all__)
    for name in theirs.__all__:
        module = getattr(theirs, name).__class__.__module__ if not isinstance(getattr(theirs, name), type) else None
        module = getattr(theirs, name).__module__ if module is None else None
        if module:
            same = importlib.import_module(module.replace("torch.", "tenon.", 1))
            assert getattr(same, name) is getattr(own, name), (module, name)
