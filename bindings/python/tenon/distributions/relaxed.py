"""Continuous counterparts of discrete distributions: relaxed Bernoulli and categorical, continuous Bernoulli."""

from __future__ import annotations

import math
from typing import Any

import tenon
from tenon import Tensor
from tenon.distributions import constraints
from tenon.distributions.categorical import Categorical, _OfCategories
from tenon.distributions.combined import TransformedDistribution
from tenon.distributions.discrete import _binary_entropy
from tenon.distributions.distribution import ExponentialFamily, Probabilities
from tenon.distributions.transforms import ExpTransform, SigmoidTransform
from tenon.distributions.utils import clamp_probs, probs_to_logits


class LogitRelaxedBernoulli(Probabilities):
    """The log odds of RelaxedBernoulli."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real

    def __init__(
        self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        (param,) = self._choose(probs, logits)
        super().__init__(param.size(), validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = self.probs.expand(shape)
        uniform = tenon.rand(shape, dtype=probs.dtype, device=probs.device)
        return (probs_to_logits(uniform, True) + probs_to_logits(probs, True)) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = tenon.broadcast_tensors(self.logits, self._checked(value))
        difference = logits - value * self.temperature
        return tenon.as_tensor(self.temperature).log() + difference - 2 * difference.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """Numbers in (0, 1) that tend to zeros and ones as the temperature falls."""

    arg_constraints = LogitRelaxedBernoulli.arg_constraints
    support = constraints.unit_interval
    has_rsample = True
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(
            LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args=validate_args
        )

    @property
    def temperature(self) -> Tensor:
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        return self.base_dist.logits


class ExpRelaxedCategorical(_OfCategories):
    """The logarithms of RelaxedOneHotCategorical."""

    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: Tensor,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = temperature
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        uniform = clamp_probs(tenon.rand(shape, dtype=self.logits.dtype, device=self.logits.device))
        gumbel = -(-uniform.log()).log()
        return ((self.logits + gumbel) / self.temperature).log_softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = tenon.broadcast_tensors(self.logits, self._checked(value))
        k = self.event_shape[0]
        scale = math.lgamma(k) + (k - 1) * tenon.as_tensor(self.temperature).log()
        return (logits - value * self.temperature).log_softmax(-1).sum(-1) + scale


class RelaxedOneHotCategorical(TransformedDistribution):
    """Points of the simplex that tend to its corners as the temperature falls."""

    arg_constraints = Categorical.arg_constraints
    support = constraints.simplex
    has_rsample = True
    base_dist: ExpRelaxedCategorical

    def __init__(
        self,
        temperature: Tensor,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits), ExpTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Tensor:
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        return self.base_dist.logits


class ContinuousBernoulli(Probabilities, ExponentialFamily):
    """Numbers in [0, 1] with densities in proportion to p^x (1 - p)^(1 - x)."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        (param,) = self._choose(probs, logits)
        # Between these probabilities formulas lose precision, and Taylor's take over.
        self._lims = lims
        super().__init__(param.size(), validate_args=validate_args)
        if probs is not None:
            self.probs = clamp_probs(self.probs)
            self._param = self.probs

    def _is_stable(self) -> Tensor:
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _stable_probs(self) -> Tensor:
        return tenon.where(self._is_stable(), self.probs, self._lims[0] * tenon.ones_like(self.probs))

    def _by_stability(self, exact: Tensor, *taylor: float) -> Tensor:
        # A polynomial in p - 1/2, from the constant on, where `exact` is not stable.
        x = self.probs - 0.5
        series = taylor[-1] * tenon.ones_like(x)
        for factor in reversed(taylor[:-1]):
            series = factor + x * series
        return tenon.where(self._is_stable(), exact, series)

    def _cont_bern_log_norm(self) -> Tensor:
        p = self._stable_probs()
        below = p < 0.5
        # Each side of one half has numbers of its own, so that no logarithm sees a negative one.
        low = tenon.where(below, p, tenon.zeros_like(p))
        high = tenon.where(below, tenon.ones_like(p), p)
        distance = tenon.where(below, (-2.0 * low).log1p(), (2.0 * high - 1.0).log())
        exact = ((-p).log1p() - p.log()).abs().log() - distance
        return self._by_stability(exact, math.log(2.0), 0.0, 4.0 / 3.0, 0.0, 104.0 / 45.0)

    @property
    def mean(self) -> Tensor:
        p = self._stable_probs()
        return self._by_stability(p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log()), 0.5, 1.0 / 3, 0.0, 16.0 / 45.0)

    @property
    def variance(self) -> Tensor:
        p = self._stable_probs()
        exact = p * (p - 1.0) / (1.0 - 2.0 * p) ** 2 + 1.0 / ((-p).log1p() - p.log()) ** 2
        return self._by_stability(exact, 1.0 / 12.0, 0.0, -1.0 / 15, 0.0, 128.0 / 945.0)

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.icdf(tenon.rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = tenon.broadcast_tensors(self.logits, self._checked(value))
        return -_binary_entropy(logits, value) + self._cont_bern_log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        p = self._stable_probs()
        exact = (p.pow(value) * (1.0 - p).pow(1.0 - self._checked(value)) + p - 1.0) / (2.0 * p - 1.0)
        inside = tenon.where(self._is_stable(), exact, value)
        inside = tenon.where(value <= 0.0, tenon.zeros_like(inside), inside)
        return tenon.where(value >= 1.0, tenon.ones_like(inside), inside)

    def icdf(self, value: Tensor) -> Tensor:
        p = self._stable_probs()
        exact = ((-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()) / (p.log() - (-p).log1p())
        return tenon.where(self._is_stable(), exact, value)

    def entropy(self) -> Tensor:
        log_failure = (-self.probs).log1p()
        return self.mean * (log_failure - self.probs.log()) - self._cont_bern_log_norm() - log_failure

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        stable = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = tenon.where(stable, x, (self._lims[0] - 0.5) * tenon.ones_like(x))
        exact = (cut.exp() - 1.0).abs().log() - cut.abs().log()
        return tenon.where(stable, exact, 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0)
