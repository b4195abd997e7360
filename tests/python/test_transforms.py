"""tenon.distributions.transforms, constraints and the registry of both against PyTorch's."""

import copy
import gc
import pickle

import pytest
import tenon
import torch
from compare import comparisons

ULPS, SCALE = 2000, 1.0


def numbers(t):
    return t.linspace(-1.5, 1.7, 12).reshape(4, 3)


def positive(t):
    return numbers(t).abs() + 0.1


def matrices(t):
    return t.linspace(-1, 1, 18).reshape(2, 3, 3)


# What makes a transform, and what makes its input.
TRANSFORMS = {
    "Exp": (lambda d, t: d.ExpTransform(), numbers),
    "Exp with a cache": (lambda d, t: d.ExpTransform(cache_size=1), numbers),
    "Abs": (lambda d, t: d.AbsTransform(), numbers),
    "Sigmoid": (lambda d, t: d.SigmoidTransform(), numbers),
    "Tanh": (lambda d, t: d.TanhTransform(), numbers),
    "Softplus": (lambda d, t: d.SoftplusTransform(), numbers),
    "Softmax": (lambda d, t: d.SoftmaxTransform(), numbers),
    "StickBreaking": (lambda d, t: d.StickBreakingTransform(), numbers),
    "Affine": (lambda d, t: d.AffineTransform(1.0, -2.0), numbers),
    "Affine of vectors": (
        lambda d, t: d.AffineTransform(t.tensor([1.0, 2.0, 3.0]), t.tensor([2.0, -1.0, 0.5]), event_dim=1),
        numbers,
    ),
    "Power": (lambda d, t: d.PowerTransform(t.tensor(2.0)), positive),
    "Power of a number": (lambda d, t: d.PowerTransform(-1.5), positive),
    "Compose": (
        lambda d, t: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.ExpTransform(), d.AffineTransform(-1.0, 0.5)]),
        numbers,
    ),
    "Compose of vectors": (
        lambda d, t: d.ComposeTransform(
            [d.AffineTransform(0.0, 2.0, event_dim=1), d.SigmoidTransform(), d.StickBreakingTransform()]
        ),
        numbers,
    ),
    "Compose of nothing": (lambda d, t: d.ComposeTransform([]), numbers),
    "Compose with a cache": (lambda d, t: d.ComposeTransform([d.ExpTransform(), d.TanhTransform()], 1), numbers),
    "identity_transform": (lambda d, t: d.identity_transform, numbers),
    "Independent": (lambda d, t: d.IndependentTransform(d.ExpTransform(), 1), numbers),
    "Independent of two": (lambda d, t: d.IndependentTransform(d.AffineTransform(0.0, 2.0), 2), numbers),
    "Reshape": (lambda d, t: d.ReshapeTransform((3,), (3, 1)), numbers),
    "Cat": (lambda d, t: d.CatTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)], -1, [1, 2]), numbers),
    "Cat of rows": (lambda d, t: d.CatTransform([d.ExpTransform(), d.TanhTransform()], 0, [1, 3]), numbers),
    "Stack": (lambda d, t: d.StackTransform([d.ExpTransform(), d.TanhTransform(), d.SigmoidTransform()], -1), numbers),
    "Stack of rows": (lambda d, t: d.StackTransform([d.ExpTransform()] * 4, 0), numbers),
    "CumulativeDistribution": (lambda d, t: d.CumulativeDistributionTransform(d.Normal(0.0, 1.0)), numbers),
    "CorrCholesky": (lambda d, t: d.CorrCholeskyTransform(), numbers),
    "LowerCholesky": (lambda d, t: d.LowerCholeskyTransform(), matrices),
    "PositiveDefinite": (lambda d, t: d.PositiveDefiniteTransform(), matrices),
}


def test_the_transform_to_positive_definite_matrices_has_an_inverse():
    transform = made(tenon, "PositiveDefinite")
    y = transform(matrices(tenon))
    assert tenon.allclose(transform(transform.inv(y)), y, rtol=1e-3, atol=1e-4)


def made(t, name, inverse=False):
    transform = TRANSFORMS[name][0](t.distributions, t)
    return transform.inv if inverse else transform


def given(t, name, inverse=False):
    """The input of a transform, or of its inverse: PyTorch's result, which both libraries get."""
    value = TRANSFORMS[name][1](torch)
    value = made(torch, name)(value) if inverse else value
    return value if t is torch else tenon.from_torch(value)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_values_and_volumes_are_the_same(name, inverse):
    def change(t):
        x = given(t, name, inverse)
        transform = made(t, name, inverse)
        return transform.log_abs_det_jacobian(x, transform(x))

    def gradient(t):
        x = given(t, name, inverse).detach().clone().requires_grad_()
        y = made(t, name, inverse)(x)
        return t.autograd.grad((y * t.arange(y.numel()).reshape(y.shape)).sum(), x)[0]

    with comparisons() as check:
        close = {"ulps": ULPS, "scale": SCALE, "strides": False}
        check("value", lambda t: made(t, name, inverse)(given(t, name, inverse)), **close)
        check("back", lambda t: made(t, name, inverse).inv(given(t, name, not inverse)), **close)
        check("change", change, ulps=50 * ULPS, scale=SCALE, strides=False)
        check("gradient", gradient, ulps=50 * ULPS, scale=10.0, strides=False)
        for attribute in ("bijective", "sign", "event_dim"):
            check(attribute, lambda t: getattr(made(t, name, inverse), attribute))
        for attribute in ("domain", "codomain"):
            check(attribute, lambda t: repr(getattr(made(t, name, inverse), attribute)).replace("tenon", "torch"))
        check("repr", lambda t: repr(made(t, name, inverse)))
        check("repr with a cache", lambda t: repr(made(t, name, inverse).with_cache()))
        check("equal", lambda t: [made(t, name, inverse) == made(t, other) for other in TRANSFORMS])
        check("differ", lambda t: [made(t, name, inverse) != made(t, other, True) for other in TRANSFORMS])
        for shape in [(), (3,), (4, 3), (2, 3, 3), (5,), (3, 1)]:
            check(("forward", shape), lambda t: made(t, name, inverse).forward_shape(shape))
            check(("inverse", shape), lambda t: made(t, name, inverse).inverse_shape(shape))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_inverses_undo(name):
    transform, x = made(tenon, name), given(tenon, name)
    if transform.bijective:
        assert tenon.allclose(transform.inv(transform(x)), x, rtol=1e-3, atol=1e-4)
    assert transform.inv.inv is transform
    y = transform(x)
    assert tenon.allclose(transform(transform.inv(y)), y, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_cache_gives_back_what_went_in(name):
    transform, x = made(tenon, name).with_cache(), given(tenon, name)
    y = transform(x)
    if transform.__class__.__name__ != "ComposeTransform":
        assert transform.inv(y) is x and transform(x) is y
        assert transform(x.clone()) is not y
    assert transform.with_cache(1) is transform
    assert transform.with_cache(0)._cache_size == 0


def test_an_inverse_does_not_keep_its_transform_alive():
    transform = tenon.distributions.ExpTransform()
    inverse = transform.inv
    assert transform.inv is inverse
    del inverse
    gc.collect()
    assert transform._inv() is None


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_are_copied_and_pickled(name):
    x = given(tenon, name)
    transform = made(tenon, name)
    expected = transform.inv.inv(x)
    for other in (copy.deepcopy(transform), pickle.loads(pickle.dumps(transform))):
        assert tenon.equal(other(x), expected)


BAD = {
    "a cache of two": lambda d, t: d.ExpTransform(2),
    "shapes of other numels": lambda d, t: d.ReshapeTransform((2,), (3,)),
    "no dims": lambda d, t: d.IndependentTransform(d.ExpTransform(), 1)(t.tensor(1.0)),
    "no sign": lambda d, t: d.StickBreakingTransform().sign,
    "no event dim": lambda d, t: d.ReshapeTransform((4,), (2, 2)).event_dim,
    "no change": lambda d, t: d.AbsTransform().log_abs_det_jacobian(t.ones(2), t.ones(2)),
    "no triangle": lambda d, t: d.CorrCholeskyTransform()(t.ones(2)),
    "no call": lambda d, t: d.Transform()(t.ones(2)),
}


def test_bad_transforms_raise_the_same():
    with comparisons() as check:
        for case, code in BAD.items():
            check(case, lambda t: code(t.distributions, t))


CONSTRAINTS = {
    "boolean": lambda c, t: c.boolean,
    "one_hot": lambda c, t: c.one_hot,
    "nonnegative_integer": lambda c, t: c.nonnegative_integer,
    "positive_integer": lambda c, t: c.positive_integer,
    "integer_interval": lambda c, t: c.integer_interval(0, 2),
    "real": lambda c, t: c.real,
    "positive": lambda c, t: c.positive,
    "nonnegative": lambda c, t: c.nonnegative,
    "greater_than": lambda c, t: c.greater_than(0.5),
    "greater_than_eq": lambda c, t: c.greater_than_eq(0.5),
    "less_than": lambda c, t: c.less_than(0.5),
    "unit_interval": lambda c, t: c.unit_interval,
    "interval": lambda c, t: c.interval(0.0, 2.0),
    "interval of tensors": lambda c, t: c.interval(t.tensor(0.0), t.tensor(1.0)),
    "half_open_interval": lambda c, t: c.half_open_interval(lower_bound=0.0, upper_bound=1.0),
    "multinomial": lambda c, t: c.multinomial(2),
    "simplex": lambda c, t: c.simplex,
    "real_vector": lambda c, t: c.real_vector,
    "lower_triangular": lambda c, t: c.lower_triangular,
    "lower_cholesky": lambda c, t: c.lower_cholesky,
    "corr_cholesky": lambda c, t: c.corr_cholesky,
    "square": lambda c, t: c.square,
    "symmetric": lambda c, t: c.symmetric,
    "positive_semidefinite": lambda c, t: c.positive_semidefinite,
    "positive_definite": lambda c, t: c.positive_definite,
    "independent": lambda c, t: c.independent(c.positive, 2),
    "cat": lambda c, t: c.cat([c.real, c.positive], -1, [1, 1]),
    "stack": lambda c, t: c.stack([c.real, c.positive], -1),
    "mixture": lambda c, t: c.MixtureSameFamilyConstraint(c.positive),
    "mixture of vectors": lambda c, t: c.MixtureSameFamilyConstraint(c.simplex),
    "dependent": lambda c, t: c.dependent,
    "dependent of one dim": lambda c, t: c.dependent(event_dim=1),
}
VALUES = [
    [0.0, 1.0, 0.5, -1.0, 2.0, float("nan")],
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [[1.0, 2.0], [3.0, 4.0]],
    [[1.0, 0.5], [0.5, 1.0]],
    [[-1.0, 0.0], [0.0, 1.0]],
    [0.2, 0.3, 0.5],
    [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
    [[1.0, 0.0], [0.6, 0.8]],
    2.0,
]
# The parts of a number are refused by assertions.
OF_PARTS = ("cat", "stack")


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints_hold_for_the_same_values(name):
    made = lambda t: CONSTRAINTS[name](t.distributions.constraints, t)
    with comparisons() as check:
        for attribute in ("is_discrete", "event_dim"):
            check(attribute, lambda t: getattr(made(t), attribute))
        check("repr", lambda t: repr(made(t)))
        check("dependent", lambda t: t.distributions.constraints.is_dependent(made(t)))
        for value in VALUES[: -1 if name in OF_PARTS else None]:
            check(value, lambda t: made(t).check(t.tensor(value)), strides=False)


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_registries_lead_to_the_same_transforms(registry):
    def applied(t, name):
        constraint = CONSTRAINTS[name](t.distributions.constraints, t)
        transform = getattr(t.distributions, registry)(constraint)
        shape = (2, 2, 3, 3) if name in ("lower_cholesky", "positive_definite", "positive_semidefinite") else (3, 2, 3)
        shape = (*shape[:-1], 2) if name in ("cat", "stack") else shape
        x = t.linspace(-2.0, 2.0, 36)[: 36 if len(shape) == 4 else 12 if shape[-1] == 2 else 18].reshape(shape)
        return transform(x), repr(transform)

    with comparisons() as check:
        for name in CONSTRAINTS:
            check(name, lambda t: applied(t, name), ulps=ULPS, scale=SCALE, strides=False)


def test_registries_take_factories():
    constraints = tenon.distributions.constraints
    registry = tenon.distributions.constraint_registry.ConstraintRegistry()

    class Own(constraints.Constraint):
        pass

    @registry.register(Own)
    def factory(constraint):
        return tenon.distributions.ExpTransform()

    assert isinstance(registry(Own()), tenon.distributions.ExpTransform)
    registry.register(constraints.real, lambda c: tenon.distributions.identity_transform)
    assert registry(constraints.real) is tenon.distributions.identity_transform
    with pytest.raises(TypeError, match="Expected constraint"):
        registry.register(int, factory)
    with pytest.raises(NotImplementedError, match="Cannot transform"):
        registry(constraints.boolean)
