"""The parameters of nn.functional's functions are PyTorch's, by name, order, kind and default; so is what they do."""

import importlib
import inspect

import pytest
import tenon
import torch
from compare import comparisons

F, THEIRS = tenon.nn.functional, torch.nn.functional


def parameters(function):
    return [(one.name, one.kind, one.default) for one in inspect.signature(function).parameters.values()]


def shared_functions():
    """The names of Python functions of PyTorch that Tenon has; those of C++, and those that pick one, say nothing."""
    for name, theirs in vars(THEIRS).items():
        if inspect.isfunction(theirs) and theirs.__module__ == THEIRS.__name__ and not name.startswith("_"):
            if hasattr(F, name) and [kind for _, kind, _ in parameters(theirs)] != [
                inspect.Parameter.VAR_POSITIONAL,
                inspect.Parameter.VAR_KEYWORD,
            ]:
                yield name


def own_parameters(function):
    """The same of an op, which has no signature that inspect could read."""
    if not hasattr(function, "_forms"):
        return parameters(function)
    form = function._forms[0]
    found = []
    # One number stands for as many as are needed, and None for none.
    plain = lambda value: (value[0] if value else None) if isinstance(value, tenon.Size) else value
    for name, _, _, keyword_only, optional, default in form["params"]:
        kind = inspect.Parameter.KEYWORD_ONLY if keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
        default = plain(default) if optional else inspect.Parameter.empty
        found.append(("input" if name == "self" else name, kind, default))
    return found


@pytest.mark.parametrize("name", list(shared_functions()))
def test_parameters_are_pytorchs(name):
    expected = parameters(getattr(THEIRS, name))
    if name == "normalize":
        # Every op takes `out` by its name.
        expected = [one for one in expected if one[0] != "out"]
    assert own_parameters(getattr(F, name)) == expected


def test_most_functions_are_compared():
    assert len(list(shared_functions())) > 75


def of_classes_and_functions(module):
    """The names of a module's own functions and classes, with what to look at."""
    for name, theirs in vars(importlib.import_module(f"torch.{module}")).items():
        ours = getattr(importlib.import_module(f"tenon.{module}"), name, None)
        its_own = getattr(theirs, "__module__", "").startswith("torch") and not name.startswith("_")
        if not its_own or not callable(theirs) or ours is None:
            continue
        try:
            expected, found = parameters(theirs), parameters(ours)
        except (ValueError, TypeError):
            continue
        if {kind for _, kind, _ in expected} != {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
            yield name, expected, found


# What Tenon's own functions take besides, or do not say in their signatures.
OTHERWISE = {
    "autograd": {"enable_grad", "no_grad"},
    "autograd.graph": {"GradientEdge"},
    "utils.checkpoint": {"checkpoint", "checkpoint_sequential"},
}


@pytest.mark.parametrize(
    "module",
    "autograd autograd.functional autograd.graph nn nn.init nn.utils nn.utils.rnn nn.utils.prune nn.utils.parametrize "
    "nn.utils.parametrizations optim optim.lr_scheduler optim.swa_utils utils.data utils.checkpoint distributions amp "
    "func random serialization".split(),
)
def test_parameters_of_whole_modules_are_pytorchs(module):
    compared = list(of_classes_and_functions(module))
    assert compared
    different = {
        name: ([one[0] for one in expected], [one[0] for one in found])
        for name, expected, found in compared
        if [one[:2] for one in expected] != [one[:2] for one in found]
    }
    assert different.keys() == OTHERWISE.get(module, set()), different


LEGACY = {
    "cross_entropy": lambda t, f, x, y: f.cross_entropy(x, t.tensor([0, 2]), None, None, 0),
    "cross_entropy, summed": lambda t, f, x, y: f.cross_entropy(x, t.tensor([0, 2]), size_average=False),
    "nll_loss, of each": lambda t, f, x, y: f.nll_loss(x, t.tensor([0, 2]), None, None, -100, False),
    "mse_loss": lambda t, f, x, y: f.mse_loss(x, y, None, None, "sum"),
    "mse_loss, size_average": lambda t, f, x, y: f.mse_loss(x, y, False),
    "mse_loss, reduce": lambda t, f, x, y: f.mse_loss(x, y, True, False),
    "mse_loss, both": lambda t, f, x, y: f.mse_loss(x, y, True, True, "sum"),
    **{
        f"{name}, weight, {reduction}": lambda t, f, x, y, name=name, reduction=reduction: getattr(f, name)(
            x, y, weight=y + 1, reduction=reduction
        )
        for name in ("mse_loss", "l1_loss", "huber_loss")
        for reduction in ("mean", "sum", "none", "other")
    },
    "mse_loss, weight of another shape": lambda t, f, x, y: f.mse_loss(x, y, weight=y[0]),
    "mse_loss, broadcast": lambda t, f, x, y: f.mse_loss(x, y[0]),
    "kl_div": lambda t, f, x, y: f.kl_div(x, y, reduction="sum", size_average=None),
    "smooth_l1_loss": lambda t, f, x, y: f.smooth_l1_loss(x, y, None, None, "mean", 0.5),
    "poisson_nll_loss": lambda t, f, x, y: f.poisson_nll_loss(x, y, True, False, None, 1e-6, None, "sum"),
    "gaussian_nll_loss": lambda t, f, x, y: f.gaussian_nll_loss(x, y, 0.5),
    "multi_margin_loss": lambda t, f, x, y: f.multi_margin_loss(x, t.tensor([0, 2]), 1, 1.0, None, None, None, "sum"),
    "triplet_margin_loss": lambda t, f, x, y: f.triplet_margin_loss(x, y, -x, 1.0, 2, 1e-6, False, False, True),
    "linear_cross_entropy": lambda t, f, x, y: f.linear_cross_entropy(x, y, t.tensor([0, 1]), ignore_index=0),
    "leaky_relu": lambda t, f, x, y: f.leaky_relu(x.clone(), 0.2, True),
    "threshold": lambda t, f, x, y: f.threshold(x, 0.1, 20.0, inplace=False),
}


def test_positional_and_legacy_arguments_mean_what_they_mean_in_pytorch():
    with comparisons() as check:
        for name, call in LEGACY.items():

            def code(t, call=call):
                x = t.tensor([[0.1, -0.4, 0.7], [0.3, 0.2, -0.9]], dtype=t.float64)
                y = t.tensor([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], dtype=t.float64)
                return call(t, t.nn.functional, x, y)

            check(name, code, ulps=8, scale=1.0)


def test_what_came_before_reduction_is_warned_of_as_in_pytorch():
    x = tenon.tensor([0.5, 0.25])
    with pytest.warns(UserWarning, match="please use reduction='sum' instead") as caught:
        F.mse_loss(x, x, size_average=False)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="different to the input size"):
        F.mse_loss(x, x[:1])


def test_only_polynomials_take_a_degree_by_its_name():
    x = tenon.ones(2)
    assert tenon.special.hermite_polynomial_h(x, n=2).tolist() == [2, 2]
    with pytest.raises(TypeError):
        tenon.add(x, n=2)
