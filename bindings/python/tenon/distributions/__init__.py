"""Probability distributions under the names of torch.distributions."""

from __future__ import annotations

import sys

from tenon.distributions import (
    categorical,
    combined,
    constraints,
    continuous,
    discrete,
    distribution,
    gamma,
    kl,
    multivariate,
    relaxed,
    transformed,
    transforms,
    utils,
)
from tenon.distributions.categorical import (
    Categorical,
    Multinomial,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from tenon.distributions.combined import Independent, MixtureSameFamily, TransformedDistribution
from tenon.distributions.constraint_registry import biject_to, transform_to
from tenon.distributions.continuous import (
    Cauchy,
    Exponential,
    GeneralizedPareto,
    Laplace,
    Normal,
    StudentT,
    Uniform,
    VonMises,
)
from tenon.distributions.discrete import Bernoulli, Binomial, Geometric, NegativeBinomial, Poisson
from tenon.distributions.distribution import Distribution, ExponentialFamily
from tenon.distributions.gamma import Beta, Chi2, Dirichlet, FisherSnedecor, Gamma
from tenon.distributions.kl import kl_divergence, register_kl
from tenon.distributions.multivariate import LKJCholesky, LowRankMultivariateNormal, MultivariateNormal, Wishart
from tenon.distributions.relaxed import ContinuousBernoulli, RelaxedBernoulli, RelaxedOneHotCategorical
from tenon.distributions.transformed import (
    Gumbel,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    Kumaraswamy,
    LogisticNormal,
    LogNormal,
    Pareto,
    Weibull,
)
from tenon.distributions.transforms import *  # noqa: F403
from tenon.distributions.transforms import __all__ as _transforms

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ContinuousBernoulli",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "ExponentialFamily",
    "FisherSnedecor",
    "Gamma",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "InverseGamma",
    "Kumaraswamy",
    "LKJCholesky",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LowRankMultivariateNormal",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "StudentT",
    "TransformedDistribution",
    "Uniform",
    "VonMises",
    "Weibull",
    "Wishart",
    "biject_to",
    "kl_divergence",
    "register_kl",
    "transform_to",
    *_transforms,
]

# PyTorch has a module for each distribution, and programs import from them.
_MODULES = {
    categorical: "multinomial one_hot_categorical",
    combined: "independent mixture_same_family transformed_distribution",
    continuous: "cauchy exponential generalized_pareto laplace normal studentT uniform von_mises",
    discrete: "bernoulli binomial geometric negative_binomial poisson",
    distribution: "exp_family",
    gamma: "beta chi2 dirichlet fishersnedecor",
    multivariate: "lkj_cholesky lowrank_multivariate_normal multivariate_normal wishart",
    relaxed: "continuous_bernoulli relaxed_bernoulli relaxed_categorical",
    transformed: "gumbel half_cauchy half_normal inverse_gamma kumaraswamy log_normal logistic_normal pareto weibull",
}
for _module, _names in _MODULES.items():
    for _name in _names.split():
        globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _module
