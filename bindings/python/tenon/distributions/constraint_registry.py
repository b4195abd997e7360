"""Which transform leads from all real numbers to a constraint: `biject_to` for bijections, `transform_to` for any."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from tenon.distributions import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Factories of transforms by class of constraint."""

    def __init__(self) -> None:
        self._registry: dict[type, Callable] = {}

    def register(self, constraint: Any, factory: Callable | None = None) -> Any:
        """Sets the factory for a class of constraint, or that of an instance; without `factory`, a decorator."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not (isinstance(constraint, type) and issubclass(constraint, constraints.Constraint)):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint: Any) -> transforms.Transform:
        """A transform to the constraint."""
        try:
            factory = self._registry[type(constraint)]
        except KeyError:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints") from None
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _to_interval(constraint: Any) -> transforms.Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, Number) and isinstance(high, Number) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


def _from_exp(loc: Any, scale: int) -> transforms.Transform:
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(loc, scale)])


def _register_both() -> None:
    factories: dict[Any, Callable] = {
        constraints._Real: lambda c: transforms.identity_transform,
        constraints._GreaterThan: lambda c: _from_exp(c.lower_bound, 1),
        constraints._GreaterThanEq: lambda c: _from_exp(c.lower_bound, 1),
        constraints._LessThan: lambda c: _from_exp(c.upper_bound, -1),
        constraints._Interval: _to_interval,
        constraints._HalfOpenInterval: _to_interval,
        constraints._CorrCholesky: lambda c: transforms.CorrCholeskyTransform(),
    }
    for registry in (biject_to, transform_to):
        for constraint, factory in factories.items():
            registry.register(constraint, factory)
        _register_made_of_others(registry)


def _register_made_of_others(registry: ConstraintRegistry) -> None:
    @registry.register(constraints._IndependentConstraint)
    def independent(c: Any) -> transforms.Transform:
        return transforms.IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims)

    @registry.register(constraints._Cat)
    def cat(c: Any) -> transforms.Transform:
        return transforms.CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths)

    @registry.register(constraints._Stack)
    def stack(c: Any) -> transforms.Transform:
        return transforms.StackTransform([registry(part) for part in c.cseq], c.dim)


_register_both()
biject_to.register(constraints._Simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints._Simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints._LowerCholesky, lambda c: transforms.LowerCholeskyTransform())
for _matrices in (constraints._PositiveSemidefinite, constraints._PositiveDefinite):
    transform_to.register(_matrices, lambda c: transforms.PositiveDefiniteTransform())
