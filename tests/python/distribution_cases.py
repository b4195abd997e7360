"""Every distribution, made of parameters of any shape and dtype, for the tests of tenon.distributions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Parameters:
    """Deterministic values of a batch shape and dtype; `leaves` lists those that were used."""

    def __init__(self, t: Any, shape: tuple[int, ...], dtype: str, requires_grad: bool = False) -> None:
        self.t, self.shape, self.dtype, self.requires_grad = t, shape, getattr(t, dtype), requires_grad
        self.leaves: list[Any] = []

    def values(self, salt: int, event: tuple[int, ...] = (), low: float = 0.0, high: float = 1.0) -> Any:
        shape = self.shape + event
        count = functools.reduce(lambda a, b: a * b, shape, 1)
        unit = (self.t.arange(count, dtype=self.dtype) * 37 + 11 * salt) % 53 / 53
        return (unit * (high - low) + low).reshape(shape)

    def leaf(self, value: Any) -> Any:
        self.leaves.append(value.detach().requires_grad_(self.requires_grad))
        return self.leaves[-1]

    @property
    def real(self) -> Any:
        return self.leaf(self.values(1, low=-2.0, high=2.0))

    @property
    def positive(self) -> Any:
        return self.leaf(self.values(2, low=0.3, high=4.0))

    @property
    def second(self) -> Any:
        return self.leaf(self.values(5, low=0.5, high=14.0))

    @property
    def large(self) -> Any:
        return self.leaf(self.values(3, low=4.5, high=60.0))

    @property
    def probability(self) -> Any:
        return self.leaf(self.values(4, low=0.1, high=0.9))

    @property
    def count(self) -> Any:
        return self.values(6, low=1, high=40).floor()

    @property
    def simplex(self) -> Any:
        return self.leaf(self.values(7, (4,), low=0.1, high=0.9))

    @property
    def logits(self) -> Any:
        return self.leaf(self.values(8, (4,), low=-2.0, high=2.0))

    @property
    def vector(self) -> Any:
        return self.leaf(self.values(9, (3,), low=-2.0, high=2.0))

    @property
    def positive_vector(self) -> Any:
        return self.leaf(self.values(2, (3,), low=0.4, high=3.0))

    @property
    def factor(self) -> Any:
        diagonal = self.values(10, (3,), low=0.5, high=2.0).diag_embed()
        return self.leaf(self.values(11, (3, 3), low=-1.0, high=1.0).tril(-1) + diagonal)

    @property
    def covariance(self) -> Any:
        factor = self.values(11, (3, 3), low=-1.0, high=1.0)
        return self.leaf(factor @ factor.mT + self.t.eye(3, dtype=self.dtype))

    @property
    def low_rank(self) -> Any:
        return self.leaf(self.values(12, (3, 2), low=-1.0, high=1.0))

    @property
    def temperature(self) -> Any:
        return self.leaf(self.t.tensor(0.7, dtype=self.dtype))


Case = Callable[[Any, Parameters], Any]

CASES: dict[str, Case] = {
    "Bernoulli": lambda d, p: d.Bernoulli(p.probability),
    "Bernoulli of logits": lambda d, p: d.Bernoulli(logits=p.real),
    "Beta": lambda d, p: d.Beta(p.positive, p.second),
    "Binomial": lambda d, p: d.Binomial(p.count, p.probability),
    "Binomial of logits": lambda d, p: d.Binomial(30, logits=p.real),
    "Categorical": lambda d, p: d.Categorical(p.simplex),
    "Categorical of logits": lambda d, p: d.Categorical(logits=p.logits),
    "Cauchy": lambda d, p: d.Cauchy(p.real, p.positive),
    "Chi2": lambda d, p: d.Chi2(p.positive),
    "ContinuousBernoulli": lambda d, p: d.ContinuousBernoulli(p.probability),
    "ContinuousBernoulli of logits": lambda d, p: d.ContinuousBernoulli(logits=p.real),
    "Dirichlet": lambda d, p: d.Dirichlet(p.simplex * 4),
    "Exponential": lambda d, p: d.Exponential(p.positive),
    "FisherSnedecor": lambda d, p: d.FisherSnedecor(p.positive, p.large),
    "Gamma": lambda d, p: d.Gamma(p.positive, p.second),
    "Gamma of large concentrations": lambda d, p: d.Gamma(p.large, p.positive),
    "GeneralizedPareto": lambda d, p: d.GeneralizedPareto(p.real, p.positive, p.real / 4),
    "Geometric": lambda d, p: d.Geometric(p.probability),
    "Geometric of logits": lambda d, p: d.Geometric(logits=p.real),
    "Gumbel": lambda d, p: d.Gumbel(p.real, p.positive),
    "HalfCauchy": lambda d, p: d.HalfCauchy(p.positive),
    "HalfNormal": lambda d, p: d.HalfNormal(p.positive),
    "Independent": lambda d, p: d.Independent(d.Normal(p.vector, p.positive_vector), 1),
    "InverseGamma": lambda d, p: d.InverseGamma(p.second, p.positive),
    "Kumaraswamy": lambda d, p: d.Kumaraswamy(p.positive, p.second),
    "LKJCholesky": lambda d, p: d.LKJCholesky(3, p.positive),
    "Laplace": lambda d, p: d.Laplace(p.real, p.positive),
    "LogNormal": lambda d, p: d.LogNormal(p.real, p.positive),
    "LogisticNormal": lambda d, p: d.LogisticNormal(p.vector, p.positive_vector),
    "LowRankMultivariateNormal": lambda d, p: d.LowRankMultivariateNormal(p.vector, p.low_rank, p.positive_vector),
    "MixtureSameFamily": lambda d, p: d.MixtureSameFamily(d.Categorical(p.simplex), d.Normal(p.logits, p.simplex + 1)),
    "MixtureSameFamily of vectors": lambda d, p: d.MixtureSameFamily(
        d.Categorical(p.simplex[..., :3]), d.Independent(d.Normal(p.factor, p.positive_vector.unsqueeze(-1)), 1)
    ),
    "Multinomial": lambda d, p: d.Multinomial(7, p.simplex),
    "Multinomial of logits": lambda d, p: d.Multinomial(7, logits=p.logits),
    "MultivariateNormal": lambda d, p: d.MultivariateNormal(p.vector, scale_tril=p.factor),
    "MultivariateNormal of a covariance": lambda d, p: d.MultivariateNormal(p.vector, p.covariance),
    "MultivariateNormal of a precision": lambda d, p: d.MultivariateNormal(p.vector, precision_matrix=p.covariance),
    "NegativeBinomial": lambda d, p: d.NegativeBinomial(p.count, p.probability),
    "NegativeBinomial of logits": lambda d, p: d.NegativeBinomial(5.5, logits=p.real),
    "Normal": lambda d, p: d.Normal(p.real, p.positive),
    "OneHotCategorical": lambda d, p: d.OneHotCategorical(p.simplex),
    "OneHotCategoricalStraightThrough": lambda d, p: d.OneHotCategoricalStraightThrough(logits=p.logits),
    "Pareto": lambda d, p: d.Pareto(p.positive, p.second),
    "Poisson": lambda d, p: d.Poisson(p.large),
    "Poisson of small rates": lambda d, p: d.Poisson(p.positive),
    "RelaxedBernoulli": lambda d, p: d.RelaxedBernoulli(p.temperature, p.probability),
    "RelaxedBernoulli of logits": lambda d, p: d.RelaxedBernoulli(p.temperature, logits=p.real),
    "LogitRelaxedBernoulli": lambda d, p: d.relaxed_bernoulli.LogitRelaxedBernoulli(p.temperature, p.probability),
    "RelaxedOneHotCategorical": lambda d, p: d.RelaxedOneHotCategorical(p.temperature, p.simplex),
    "ExpRelaxedCategorical": lambda d, p: d.relaxed_categorical.ExpRelaxedCategorical(p.temperature, logits=p.logits),
    "StudentT": lambda d, p: d.StudentT(p.positive + 1, p.real, p.second),
    "TransformedDistribution": lambda d, p: d.TransformedDistribution(
        d.Normal(p.real, p.positive), [d.AffineTransform(p.real, -2.5), d.SigmoidTransform()]
    ),
    "TransformedDistribution of vectors": lambda d, p: d.TransformedDistribution(
        d.Independent(d.Normal(p.vector, p.positive_vector), 1), [d.StickBreakingTransform()]
    ),
    "Uniform": lambda d, p: d.Uniform(p.real, p.second + 2),
    "VonMises": lambda d, p: d.VonMises(p.real, p.positive),
    "Weibull": lambda d, p: d.Weibull(p.positive, p.second),
    "Wishart": lambda d, p: d.Wishart(p.large, scale_tril=p.factor),
    "Wishart of a covariance": lambda d, p: d.Wishart(p.large, p.covariance),
}
