"""kl_divergence, by rules for pairs of classes of distributions."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import tenon
from tenon import Tensor
from tenon.distributions.categorical import Categorical, OneHotCategorical
from tenon.distributions.combined import Independent, TransformedDistribution
from tenon.distributions.continuous import Cauchy, Exponential, Laplace, Normal, Uniform
from tenon.distributions.discrete import Bernoulli, Binomial, Geometric, Poisson
from tenon.distributions.distribution import Distribution, ExponentialFamily
from tenon.distributions.gamma import Beta, Dirichlet, Gamma
from tenon.distributions.multivariate import (
    LowRankMultivariateNormal,
    MultivariateNormal,
    _half_log_det,
    _squared_distance,
)
from tenon.distributions.relaxed import ContinuousBernoulli
from tenon.distributions.transformed import Gumbel, HalfNormal, Pareto
from tenon.distributions.utils import _sum_rightmost, euler_constant
from tenon.nn.functional import softplus

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable], Callable]:
    """Makes the function that it decorates the rule of kl_divergence(p, q) for these classes and those below them."""
    for cls in (type_p, type_q):
        if not (isinstance(cls, type) and issubclass(cls, Distribution)):
            raise TypeError(f"Expected type_p and type_q to be Distribution subclasses but got {cls}")

    def decorator(rule: Callable) -> Callable:
        _KL_REGISTRY[type_p, type_q] = rule
        _rule_for.cache_clear()
        return rule

    return decorator


@functools.cache
def _rule_for(type_p: type, type_q: type) -> Callable | None:
    # The rule of the nearest classes, whichever of p and q comes first.
    matches = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not matches:
        return None
    distance = {match: (type_p.__mro__.index(match[0]), type_q.__mro__.index(match[1])) for match in matches}
    by_p = min(matches, key=lambda match: distance[match])
    by_q = min(matches, key=lambda match: distance[match][::-1])
    if _KL_REGISTRY[by_p] is not _KL_REGISTRY[by_q]:
        names = (type_p.__name__, type_q.__name__, by_p[0].__name__, by_q[1].__name__)
        warnings.warn(
            "Ambiguous kl_divergence({}, {}). Please register_kl({}, {})".format(*names), RuntimeWarning, stacklevel=3
        )
    return _KL_REGISTRY[by_p]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The mean of log p(x) - log q(x) over samples x of p."""
    rule = _rule_for(type(p), type(q))
    if rule is None:
        names = (type(p).__name__, type(q).__name__)
        raise NotImplementedError("No KL(p || q) is implemented for p type {} and q type {}".format(*names))
    return rule(p, q)


# --- between distributions of one kind


@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    def part(own: Tensor, other: Tensor, sign: int) -> Tensor:
        # What an outcome contributes that has these probabilities.
        change = own * (softplus(-sign * q.logits) - softplus(-sign * p.logits))
        return change.masked_fill(other == 0, math.inf).masked_fill(own == 0, 0)

    return part(p.probs, q.probs, 1) + part(1 - p.probs, 1 - q.probs, -1)


@register_kl(Beta, Beta)
def _beta_beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet_dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Binomial, Binomial)
def _binomial_binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return kl.masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
def _categorical_categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    return terms.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _onehot_onehot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    distance = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return distance.log() - (4 * p.scale * q.scale).log()


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    totals = a.sum(-1).lgamma() - b.sum(-1).lgamma()
    means = a.digamma() - a.sum(-1, keepdim=True).digamma()
    return totals - (a.lgamma() - b.lgamma()).sum(-1) + ((a - b) * means).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential_exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _expfamily_expfamily(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    if type(p) is not type(q):
        raise NotImplementedError(
            "The KL-divergence between different exponential families cannot be computed by Bregman's divergence"
        )
    params, normalizer, gradients = p._normalizer_and_gradients()
    result = q._log_normalizer(*q._natural_params) - normalizer
    for own, other, gradient in zip(params, q._natural_params, gradients):
        result = result - _sum_rightmost((other - own) * gradient, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _gamma_gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    rates = b * (p.rate / q.rate).log() + (q.rate - p.rate) * (a / p.rate)
    return rates + b.lgamma() - a.lgamma() + (a - b) * a.digamma()


@register_kl(Geometric, Geometric)
def _geometric_geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Laplace, Laplace)
def _laplace_laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return distance / q.scale + ratio * (-distance / p.scale).exp() - ratio.log() - 1


@register_kl(Normal, Normal)
def _normal_normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Pareto, Pareto)
def _pareto_pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return kl.masked_fill(p.scale < q.scale, math.inf)


@register_kl(Poisson, Poisson)
def _poisson_poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _uniform_uniform(p: Uniform, q: Uniform) -> Tensor:
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return kl.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


# --- of distributions made of others


@register_kl(HalfNormal, HalfNormal)
def _halfnormal_halfnormal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent_independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


# --- of normal vectors


def _half_log_det_of(d: Any) -> Tensor:
    if isinstance(d, LowRankMultivariateNormal):
        return d._half_log_det()
    return _half_log_det(d._unbroadcasted_scale_tril)


def _columns(d: Any) -> list[Tensor]:
    # Matrices W of which the sum of W W^T is the covariance.
    if isinstance(d, LowRankMultivariateNormal):
        return [d._unbroadcasted_cov_factor, d._unbroadcasted_cov_diag.sqrt().diag_embed()]
    return [d._unbroadcasted_scale_tril]


def _squared_norms(q: Any, matrix: Tensor) -> Tensor:
    # The trace of W^T Q^-1 W, for the covariance Q of q.
    def squares(matrix: Tensor) -> Tensor:
        return matrix.pow(2).sum((-2, -1))

    if isinstance(q, LowRankMultivariateNormal):
        root = q._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        return squares(matrix / root) - squares(q._solved() @ matrix)
    return squares(tenon.linalg.solve_triangular(q._unbroadcasted_scale_tril, matrix, upper=False))


def _normal_vectors(p: Any, q: Any) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two multivariate normals with different event shapes cannot be computed"
        )
    shift = q.loc - p.loc
    if isinstance(q, LowRankMultivariateNormal):
        distance = q._squared_distance(shift)
    else:
        distance = _squared_distance(q._unbroadcasted_scale_tril, shift)
    trace = sum(_squared_norms(q, matrix) for matrix in _columns(p))
    return _half_log_det_of(q) - _half_log_det_of(p) + 0.5 * (trace + distance - p.event_shape[0])


for _p in (MultivariateNormal, LowRankMultivariateNormal):
    for _q in (MultivariateNormal, LowRankMultivariateNormal):
        register_kl(_p, _q)(_normal_vectors)


# --- between different distributions of numbers: minus the entropy of p, minus the mean of log q
#
# The mean of log q needs nothing but a few means over p: of x, x^2, log x, log(1 - x) and exp(t x).


def _mean_square_distance(p: Any, point: Tensor) -> Tensor:
    return p.variance + (p.mean - point).pow(2)


def _mean_log(p: Any) -> Tensor:
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Exponential):
        return -p.rate.log() - euler_constant
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    return _mean_log_between(p.low, p.high)


def _mean_log_between(low: Tensor, high: Tensor) -> Tensor:
    return (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1


def _mean_exp(p: Any, t: Tensor) -> Tensor:
    """The mean of exp(t x), for negative t."""
    if isinstance(p, Exponential):
        return p.rate / (p.rate - t)
    if isinstance(p, Gamma):
        return (1 - t / p.rate).pow(-p.concentration)
    if isinstance(p, Normal):
        return (t * p.loc + 0.5 * (t * p.scale).pow(2)).exp()
    if isinstance(p, Gumbel):
        return (t * p.loc + (1 - t * p.scale).lgamma()).exp()
    return ((t * p.high).exp() - (t * p.low).exp()) / (t * (p.high - p.low))


def _log_beta_terms(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    logs = (a - 1) * _mean_log(p) + (b - 1) * _mean_log_between(1 - p.high, 1 - p.low)
    return logs - (a.lgamma() + b.lgamma() - (a + b).lgamma())


# The mean of log q over p, for each class of q.
_MEAN_LOG_PROB: dict[type, Callable[[Any, Any], Tensor]] = {
    Bernoulli: lambda p, q: p.mean * q.logits + (-q.probs).log1p(),
    Beta: _log_beta_terms,
    ContinuousBernoulli: lambda p, q: p.mean * q.logits + (-q.probs).log1p() + q._cont_bern_log_norm(),
    Exponential: lambda p, q: q.rate.log() - q.rate * p.mean,
    Gamma: lambda p, q: (
        q.concentration * q.rate.log()
        - q.concentration.lgamma()
        + (q.concentration - 1) * _mean_log(p)
        - q.rate * p.mean
    ),
    Gumbel: lambda p, q: (
        (q.loc - p.mean) / q.scale - (q.loc / q.scale).exp() * _mean_exp(p, -1 / q.scale) - q.scale.log()
    ),
    Normal: lambda p, q: (
        -0.5 * _mean_square_distance(p, q.loc) / q.scale.pow(2) - q.scale.log() - 0.5 * math.log(2 * math.pi)
    ),
    Pareto: lambda p, q: q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _mean_log(p),
    Poisson: lambda p, q: p.mean * q.rate.log() - q.rate,
    Uniform: lambda p, q: -(q.high - q.low).log(),
}


def _cross(p: Any, q: Any) -> Tensor:
    mean_log_prob = next(_MEAN_LOG_PROB[cls] for cls in type(q).__mro__ if cls in _MEAN_LOG_PROB)
    return -p.entropy() - mean_log_prob(p, q)


# Pairs where q reaches everything that p does.
_CROSS: dict[type, tuple[type, ...]] = {
    Bernoulli: (Poisson,),
    Beta: (ContinuousBernoulli, Exponential, Gamma, Normal),
    ContinuousBernoulli: (ContinuousBernoulli, Exponential, Normal),
    Exponential: (Gamma, Gumbel, Normal),
    Gamma: (Exponential, Gumbel, Normal),
    Gumbel: (Gumbel, Normal),
    Laplace: (Normal,),
    Normal: (Gumbel,),
    Pareto: (Exponential, Gamma, Normal),
    Uniform: (Gumbel, Normal),
}
# Pairs where p reaches what q does not.
_INFINITE: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _infinite(p: Any, q: Any) -> Tensor:
    return tenon.full_like(getattr(p, next(iter(p.arg_constraints))), math.inf)


for _rule, _pairs in ((_cross, _CROSS), (_infinite, _INFINITE)):
    for _p, _qs in _pairs.items():
        for _q in _qs:
            register_kl(_p, _q)(_rule)


def _infinite_where(outside: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    return lambda p, q: _cross(p, q).masked_fill(outside(p, q), math.inf)


# Pairs where it is for the parameters to say.
register_kl(Beta, Uniform)(_infinite_where(lambda p, q: (q.low > 0) | (q.high < 1)))
register_kl(ContinuousBernoulli, Uniform)(_infinite_where(lambda p, q: (q.low >= 0) | (q.high <= 1)))
register_kl(Uniform, Beta)(_infinite_where(lambda p, q: (p.low < 0) | (p.high > 1)))
register_kl(Uniform, ContinuousBernoulli)(_infinite_where(lambda p, q: (p.low <= 0) | (p.high >= 1)))
register_kl(Uniform, Exponential)(_infinite_where(lambda p, q: p.low < 0))
register_kl(Uniform, Gamma)(_infinite_where(lambda p, q: p.low < 0))
register_kl(Uniform, Pareto)(_infinite_where(lambda p, q: p.low < q.scale))


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    # Of the distance from the centre of q the mean is that of a folded normal number.
    shift = p.loc - q.loc
    ratio = shift / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * (-0.5 * ratio.pow(2)).exp() + shift * (ratio / math.sqrt(2)).erf()
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale
