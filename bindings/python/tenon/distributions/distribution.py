"""Distribution, the base of all distributions, and ExponentialFamily."""

from __future__ import annotations

import warnings
from typing import Any

import tenon
from tenon import Size, Tensor
from tenon.distributions import constraints
from tenon.distributions.utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


class Distribution:
    """Random events of shape `event_shape`, of which a sample holds `batch_shape` independent ones."""

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    # Attributes that have the shape of the batch without being parameters.
    _batched: tuple[str, ...] = ()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether arguments are checked where a distribution is not told."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        try:
            arg_constraints = self.arg_constraints
        except NotImplementedError:
            warnings.warn(f"{type(self)} does not define `arg_constraints`: arguments are not checked.", stacklevel=3)
            return
        for name, constraint in arg_constraints.items():
            # What is computed from other parameters needs no check of its own.
            derived = name not in self.__dict__ and self._is_lazy(name)
            if constraints.is_dependent(constraint) or derived:
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def _is_lazy(self, name: str) -> bool:
        return isinstance(getattr(type(self), name, None), lazy_property)

    def _set_parameters(self, validate_args: bool | None, **parameters: Any) -> None:
        # Numbers and tensors become parameters of one shape, that of the batch.
        values = broadcast_all(*parameters.values())
        self.__dict__.update(zip(parameters, values))
        Distribution.__init__(self, values[0].shape, validate_args=validate_args)

    # --- shapes

    @property
    def batch_shape(self) -> Size:
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        return self._event_shape

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """The distribution with its batch expanded: parameters become views."""
        built_in = next(cls for cls in type(self).__mro__ if cls.__module__.startswith(__package__ + "."))
        if built_in is Distribution:
            raise NotImplementedError
        new = self._get_checked_instance(built_in, _instance)
        batch_shape, batch_dims = Size(batch_shape), len(self.batch_shape)
        for name, value in self.__dict__.items():
            if name in self.arg_constraints or name in self._batched:
                value = value.expand(batch_shape + value.shape[batch_dims:])
            elif isinstance(value, Distribution):
                value = value.expand(batch_shape + value.batch_shape[batch_dims:])
            elif self._is_lazy(name):
                continue
            new.__dict__[name] = value
        new._batch_shape = batch_shape
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        if _instance is None and type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size(sample_shape) + self._batch_shape + self._event_shape

    # --- what each distribution defines, as far as it can

    @property
    def arg_constraints(self) -> dict[str, Any]:
        """The constraint of each parameter."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """The constraint that all samples satisfy."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Random events of shape sample_shape + batch_shape + event_shape."""
        with tenon.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """A sample with gradients of the parameters."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """sample((n,)), under its old name."""
        warnings.warn("sample_n will be deprecated. Use .sample((n,)) instead", UserWarning, stacklevel=2)
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, of each event."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of events that are not above the value."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of cdf()."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All events that are possible, along the first dim."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        return self.entropy().exp()

    # --- for subclasses

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        # A vector of values, for each event of the batch on request.
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1,) + self._batch_shape) if expand else values

    def _validate_sample(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        event_start = len(value.shape) - len(self._event_shape)
        if value.shape[event_start:] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.size()} vs {self._event_shape}."
            )
        for i, j in zip(reversed(value.shape), reversed(self._batch_shape + self._event_shape)):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.size()} vs "
                    f"{self._batch_shape + self._event_shape}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(f"{type(self)} does not define `support`: values are not checked.", stacklevel=3)
            return
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _checked(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return value

    def __repr__(self) -> str:
        shown = {name: self.__dict__[name] for name in self.arg_constraints if name in self.__dict__}
        args = ", ".join(f"{name}: {v if v.numel() == 1 else v.size()}" for name, v in shown.items())
        return f"{type(self).__name__}({args})"


class ExponentialFamily(Distribution):
    """Densities exp(<t(x), theta> - F(theta) + k(x)) with natural parameters theta and log normaliser F."""

    @property
    def _mean_carrier_measure(self) -> float:
        # The mean of k.
        raise NotImplementedError

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    def _normalizer_and_gradients(self) -> tuple[tuple[Tensor, ...], Tensor, tuple[Tensor, ...]]:
        # The natural parameters, F of them, and the gradients of F, which are the means of t(x).
        params = tuple(p.detach().requires_grad_() for p in self._natural_params)
        with tenon.enable_grad():
            normalizer = self._log_normalizer(*params)
            return params, normalizer, tenon.autograd.grad(normalizer.sum(), params, create_graph=True)

    def entropy(self) -> Tensor:
        """F minus the product of the parameters with F's gradients, and minus the mean of k."""
        carrier = self._mean_carrier_measure
        params, normalizer, gradients = self._normalizer_and_gradients()
        result = normalizer - carrier
        for param, gradient in zip(params, gradients):
            result = result - (param * gradient).reshape(self._batch_shape + (-1,)).sum(-1)
        return result


class Probabilities(Distribution):
    """A distribution with probabilities that are given as `probs` or as `logits`; the others follow."""

    # Whether an event is one of two, and the logits are log odds, or one of the categories along the last dim.
    _is_binary = True
    _batched = ("_param",)
    _param: Tensor

    def _choose(self, probs: Any, logits: Any, *others: Any) -> tuple[Tensor, ...]:
        # Stores the parameter that is given and returns it, after what else broadcasts with it.
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("logits", logits) if probs is None else ("probs", probs)
        *others, self._param = broadcast_all(*others, given) if self._is_binary else (*others, given)
        setattr(self, name, self._param)
        return (*others, self._param)

    @lazy_property
    def logits(self) -> Tensor:
        return probs_to_logits(self.probs, is_binary=self._is_binary)

    @lazy_property
    def probs(self) -> Tensor:
        return logits_to_probs(self.logits, is_binary=self._is_binary)

    @property
    def param_shape(self) -> Size:
        return self._param.size()
