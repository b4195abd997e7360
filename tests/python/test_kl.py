"""tenon.distributions.kl_divergence against PyTorch's, over every pair of classes that it has a rule for."""

import warnings

import pytest
import tenon
import tenon.distributions
import torch
from compare import comparisons
from distribution_cases import Parameters

ULPS = 10**6


def vector(t, *values):
    return t.tensor(values, dtype=t.float64)


# Two of each class, so that p and q differ; the second has each parameter the other way round.
DISTRIBUTIONS = {
    "Bernoulli": lambda d, t, p, turn: d.Bernoulli(turn(vector(t, 0.0, 0.5, 0.3, 1.0))),
    "Beta": lambda d, t, p, turn: d.Beta(turn(p.positive), turn(p.second)),
    "Binomial": lambda d, t, p, turn: d.Binomial(turn(vector(t, 7, 7, 7, 7)), turn(p.probability)),
    "Categorical": lambda d, t, p, turn: d.Categorical(turn(p.simplex)),
    "Cauchy": lambda d, t, p, turn: d.Cauchy(turn(p.real), turn(p.positive)),
    "ContinuousBernoulli": lambda d, t, p, turn: d.ContinuousBernoulli(turn(p.probability)),
    "Dirichlet": lambda d, t, p, turn: d.Dirichlet(turn(p.simplex)),
    "Exponential": lambda d, t, p, turn: d.Exponential(turn(p.positive)),
    "ExponentialFamily": lambda d, t, p, turn: d.Chi2(turn(p.positive)),
    "Gamma": lambda d, t, p, turn: d.Gamma(turn(p.positive), turn(p.second)),
    "Geometric": lambda d, t, p, turn: d.Geometric(turn(p.probability)),
    "Gumbel": lambda d, t, p, turn: d.Gumbel(turn(p.real), turn(p.positive)),
    "HalfNormal": lambda d, t, p, turn: d.HalfNormal(turn(p.positive)),
    "Independent": lambda d, t, p, turn: d.Independent(d.Normal(turn(p.vector), turn(p.positive_vector)), 1),
    "Laplace": lambda d, t, p, turn: d.Laplace(turn(p.real), turn(p.positive)),
    "LowRankMultivariateNormal": lambda d, t, p, turn: d.LowRankMultivariateNormal(
        turn(p.vector), turn(p.low_rank), turn(p.positive_vector)
    ),
    "MultivariateNormal": lambda d, t, p, turn: d.MultivariateNormal(turn(p.vector), scale_tril=turn(p.factor)),
    "Normal": lambda d, t, p, turn: d.Normal(turn(p.real), turn(p.positive)),
    "OneHotCategorical": lambda d, t, p, turn: d.OneHotCategorical(turn(p.simplex)),
    "Pareto": lambda d, t, p, turn: d.Pareto(turn(p.positive), turn(vector(t, 0.5, 1.5, 3.0, 2.5))),
    "Poisson": lambda d, t, p, turn: d.Poisson(turn(p.positive)),
    "TransformedDistribution": lambda d, t, p, turn: d.TransformedDistribution(
        d.Normal(turn(p.real), turn(p.positive)), [d.ExpTransform()]
    ),
    "Uniform": lambda d, t, p, turn: d.Uniform(
        turn(vector(t, 0.0, 0.2, -1.0, 3.0)), turn(vector(t, 1.0, 0.8, 5.0, 4.0))
    ),
}
PAIRS = sorted((p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY)


def distribution(t, name, turned, requires_grad=False):
    parameters = Parameters(t, (4,), "float64", requires_grad)
    return DISTRIBUTIONS[name](t.distributions, t, parameters, lambda x: x.flip(0) if turned else x), parameters


def test_every_pair_has_a_rule():
    assert sorted((p.__name__, q.__name__) for p, q in tenon.distributions.kl._KL_REGISTRY) == PAIRS


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_divergences_are_the_same(pair):
    def gradients(t):
        (p, of_p), (q, of_q) = distribution(t, pair[0], False, True), distribution(t, pair[1], True, True)
        kl = t.distributions.kl_divergence(p, q)
        if not kl.requires_grad:
            return False
        leaves = of_p.leaves + of_q.leaves
        grads = t.autograd.grad(kl[kl.isfinite()].sum(), leaves, allow_unused=True)
        return [t.zeros_like(x) if grad is None else grad.nan_to_num(0) for x, grad in zip(leaves, grads)]

    with comparisons() as check:
        for turned in [(False, True), (True, False), (False, False)]:
            code = lambda t: t.distributions.kl_divergence(
                *(distribution(t, name, turn)[0] for name, turn in zip(pair, turned))
            )
            check(turned, code, ulps=ULPS, scale=1.0, strides=False)
        # Which infinite elements pass on gradients is not for them to tell.
        if all(name not in ("Uniform", "Pareto", "Bernoulli", "Binomial") for name in pair):
            check("gradients", gradients, ulps=10**7, scale=10.0, strides=False)


@pytest.mark.parametrize("name", ["Bernoulli", "Beta", "Dirichlet", "Exponential", "Gamma", "Normal", "Poisson"])
def test_bregmans_divergence_is_that_of_the_family(name):
    p, q = (distribution(tenon, name, turned)[0] for turned in (False, True))
    general = tenon.distributions.kl._expfamily_expfamily(p, q)
    own = tenon.distributions.kl_divergence(p, q)
    finite = general.isfinite() & own.isfinite()
    assert finite.any()
    assert tenon.allclose(general[finite], own[finite], rtol=1e-9, atol=1e-9)


def test_batches_broadcast():
    def normals(t, first, second):
        p, q = Parameters(t, first, "float64"), Parameters(t, second, "float64")
        return t.distributions.kl_divergence(
            t.distributions.MultivariateNormal(p.vector, scale_tril=p.factor),
            t.distributions.MultivariateNormal(q.vector + 1, scale_tril=q.factor * 2),
        )

    with comparisons() as check:
        for shapes in [((), (2, 4)), ((2, 4), ()), ((4,), (2, 1)), ((2, 4), (2, 4))]:
            check(shapes, lambda t: normals(t, *shapes), ulps=ULPS, scale=1.0, strides=False)


def test_rules_of_the_nearest_classes_are_taken():
    d = tenon.distributions

    class Base(d.Normal):
        pass

    class Derived(Base):
        pass

    @d.register_kl(Base, Base)
    def rule(p, q):
        return "base"

    try:
        assert d.kl_divergence(Derived(0.0, 1.0), Derived(0.0, 1.0)) == "base"
        assert d.kl_divergence(d.Normal(0.0, 1.0), Derived(0.0, 1.0)).item() == 0

        @d.register_kl(Derived, Base)
        def of_p(p, q):
            return "p"

        @d.register_kl(Base, Derived)
        def of_q(p, q):
            return "q"

        with pytest.warns(RuntimeWarning, match="Ambiguous"):
            assert d.kl_divergence(Derived(0.0, 1.0), Derived(0.0, 1.0)) == "p"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert d.kl_divergence(Base(0.0, 1.0), Derived(0.0, 1.0)) == "q"
    finally:
        for pair in [(Base, Base), (Derived, Base), (Base, Derived)]:
            d.kl._KL_REGISTRY.pop(pair, None)
        d.kl._rule_for.cache_clear()


def test_pairs_without_a_rule_raise():
    d = tenon.distributions
    with pytest.raises(NotImplementedError, match="p type Normal and q type Cauchy"):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Cauchy(0.0, 1.0))
    with pytest.raises(TypeError, match="Distribution subclasses"):
        d.register_kl(int, d.Normal)
    with pytest.raises(NotImplementedError):
        d.kl_divergence(d.Binomial(2, tenon.tensor(0.5)), d.Binomial(3, tenon.tensor(0.5)))
