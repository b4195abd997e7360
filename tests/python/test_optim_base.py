"""What all optimizers have: groups, hooks, state dicts, errors, gradients set to zero, averages of models."""

import copy
import importlib
import inspect

import numpy
import pytest
import tenon
import torch

NAMES = "SGD Adam AdamW Adamax NAdam RAdam Adagrad Adadelta RMSprop Rprop ASGD LBFGS SparseAdam Adafactor Muon".split()
BAD_OPTIONS = [
    {"lr": -1.0}, {"eps": -1.0}, {"weight_decay": -1.0}, {"betas": (1.0, 0.9)}, {"betas": (0.9, -0.1)}, {"rho": 2.0},
    {"alpha": -1.0}, {"momentum": -0.5}, {"lr_decay": -1.0}, {"etas": (1.5, 1.2)}, {"momentum_decay": -1.0},
    {"beta2_decay": 0.5}, {"d": 0.5}, {"eps": (-1.0, 1.0)}, {"nesterov": True}, {"initial_accumulator_value": -1.0},
    {"adjust_lr_fn": "other"}, {"fused": True, "foreach": True}, {"fused": True, "differentiable": True},
]  # fmt: skip


def leaf(t, *shape):
    return t.ones(*shape, requires_grad=True)


@pytest.mark.parametrize("name", NAMES)
def test_signatures_and_defaults_are_pytorchs(name):
    own, theirs = (inspect.signature(getattr(t.optim, name).__init__).parameters for t in (tenon, torch))
    assert [(p.name, p.kind, p.default) for p in own.values()] == [(p.name, p.kind, p.default) for p in theirs.values()]
    ours, expected = (getattr(t.optim, name)([leaf(t, 2, 2)]) for t in (tenon, torch))
    assert ours.defaults == expected.defaults
    assert repr(ours) == repr(expected)
    module = getattr(torch.optim, name).__module__.replace("torch", "tenon")
    assert getattr(tenon.optim, name).__module__ == module


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", BAD_OPTIONS, ids=str)
def test_bad_options_raise_as_in_pytorch(name, options):
    def made(t):
        try:
            getattr(t.optim, name)([leaf(t, 2, 2)], **options)
        except Exception as error:
            return type(error), str(error)

    own, theirs = made(tenon), made(torch)
    if theirs is not None and theirs[0] is TypeError:
        assert own is not None
        assert own[0] is TypeError
    else:
        assert own == theirs


PARAMS = {
    "a tensor": lambda t: leaf(t, 2),
    "nothing": lambda t: [],
    "a set": lambda t: [{"params": {leaf(t, 2)}}],
    "a number": lambda t: [3.0],
    "no leaf": lambda t: [leaf(t, 2) * 2],
    "twice": lambda t: (lambda x: [{"params": [x]}, {"params": [x]}])(leaf(t, 2)),
    "some names": lambda t: [("a", leaf(t, 2)), leaf(t, 2)],
    "named groups": lambda t: [{"params": [("a", leaf(t, 2))]}, {"params": [leaf(t, 2)]}],
}


@pytest.mark.parametrize("case", PARAMS)
def test_bad_parameters_raise_as_in_pytorch(case):
    def made(t):
        with pytest.raises(Exception) as error:
            t.optim.SGD(PARAMS[case](t), lr=0.1)
        return type(error.value), str(error.value).replace("torch.", "").replace("tenon.", "").split(", but got")[0]

    assert made(tenon) == made(torch)


def test_groups_have_their_own_options_and_names():
    def run(t):
        a, b, c = leaf(t, 2), leaf(t, 3), leaf(t, 1)
        optimizer = t.optim.SGD([{"params": [("a", a)]}, {"params": [("b", b)], "lr": 0.5}], lr=0.1, momentum=0.9)
        optimizer.add_param_group({"params": [("c", c)], "momentum": 0.0})
        for param in (a, b, c):
            param.grad = t.ones_like(param)
        optimizer.step()
        return [x.detach().numpy() for x in (a, b, c)], optimizer.state_dict()["param_groups"]

    (own, groups), (theirs, their_groups) = run(tenon), run(torch)
    assert groups == their_groups
    for one, other in zip(own, theirs):
        numpy.testing.assert_allclose(one, other, rtol=1e-6)


def test_hooks_run_around_steps_and_state_dicts():
    def run(t):
        calls = []
        param = leaf(t, 2)
        param.grad = t.ones(2)
        optimizer = t.optim.SGD([param], lr=0.1)
        optimizer.register_step_pre_hook(lambda o, a, k: calls.append(("pre", len(a), dict(k))))
        handle = optimizer.register_step_post_hook(lambda o, a, k: calls.append(("post", len(a), dict(k))))
        base = importlib.import_module(f"{t.__name__}.optim.optimizer")
        everywhere = base.register_optimizer_step_pre_hook(lambda o, a, k: calls.append("all"))
        optimizer.step()
        handle.remove()
        everywhere.remove()
        optimizer.register_state_dict_pre_hook(lambda o: calls.append("before saving"))
        optimizer.register_state_dict_post_hook(lambda o, s: s | {"more": 1})
        optimizer.register_load_state_dict_pre_hook(lambda o, s: calls.append(("loading", sorted(s))))
        optimizer.register_load_state_dict_pre_hook(lambda o, s: calls.append("first"), prepend=True)
        optimizer.register_load_state_dict_post_hook(lambda o: calls.append("loaded"))
        optimizer.load_state_dict(optimizer.state_dict())
        optimizer.step()
        return calls

    assert run(tenon) == run(torch)


def test_steps_of_other_classes_have_hooks_too():
    class Plain(tenon.optim.Optimizer):
        def __init__(self, params, lr=tenon.optim.optimizer.required):
            super().__init__(params, {"lr": lr})

        @tenon.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for param in group["params"]:
                    param.add_(param.grad, alpha=-group["lr"])

    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Plain([leaf(tenon, 2)])
    param = leaf(tenon, 2)
    optimizer = Plain([param], lr=0.5)
    calls = []
    optimizer.register_step_post_hook(lambda *args: calls.append(1))
    tenon.optim.lr_scheduler.StepLR(optimizer, 1)
    param.grad = tenon.ones(2)
    optimizer.step()
    assert calls == [1]
    assert (param == 0.5).all()


def test_zero_grad_drops_or_clears():
    param = leaf(tenon, 2)
    optimizer = tenon.optim.SGD([param], lr=0.1)
    (param * 2).sum().backward()
    held = param.grad
    optimizer.zero_grad(set_to_none=False)
    assert param.grad is held
    assert not held.any()
    optimizer.zero_grad()
    assert param.grad is None


def test_closures_are_recorded_and_their_loss_returned():
    param = leaf(tenon, 2)
    optimizer = tenon.optim.Adam([param])

    def closure():
        optimizer.zero_grad()
        loss = (param * param).sum()
        loss.backward()
        return loss

    with tenon.no_grad():
        assert optimizer.step(closure).item() == 2
    assert (param < 1).all()


@pytest.mark.parametrize("case", ["groups", "sizes"])
def test_state_dicts_that_do_not_fit_are_refused(case):
    def run(t):
        optimizer = t.optim.SGD([leaf(t, 2)], lr=0.1)
        state = optimizer.state_dict()
        if case == "groups":
            state["param_groups"] = []
        else:
            state["param_groups"][0]["params"] = [0, 1]
        with pytest.raises(ValueError) as error:
            optimizer.load_state_dict(state)
        return str(error.value)

    assert run(tenon) == run(torch)


def test_states_take_the_parameters_dtype_and_counts_keep_theirs():
    def run(t):
        first = t.optim.Adam([leaf(t, 2)])
        first.param_groups[0]["params"][0].grad = t.ones(2)
        first.step()
        param = t.ones(2, dtype=t.float64, requires_grad=True)
        second = t.optim.Adam([param])
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        return [str(value.dtype).split(".")[1] for value in second.state[param].values()]

    assert run(tenon) == run(torch)


def test_other_parameters_can_be_swapped_in():
    param, other = leaf(tenon, 2), leaf(tenon, 2)
    optimizer = tenon.optim.Adam([param])
    param.grad, other.grad = tenon.ones(2), tenon.ones(2)
    optimizer.step()
    before = param.detach().clone()
    with tenon.optim.swap_in_optimizer_params_and_state(optimizer, {"p": other}, optimizer.state_dict()):
        optimizer.step()
    assert (param == before).all()
    assert (other != 1).all()
    assert optimizer.param_groups[0]["params"][0] is param


def averaged(t, **options):
    t.manual_seed(3)
    model = t.nn.Sequential(t.nn.Linear(3, 2), t.nn.ReLU())
    optimizer = t.optim.SGD(model.parameters(), lr=0.1)
    average = t.optim.swa_utils.AveragedModel(model, **options)
    data = t.arange(12.0).reshape(4, 3) / 10
    for _ in range(5):
        optimizer.zero_grad()
        (model(data) - 1).pow(2).sum().backward()
        optimizer.step()
        average.update_parameters(model)
    return average


@pytest.mark.parametrize(
    "options",
    [
        lambda s: {},
        lambda s: {"avg_fn": s.get_ema_avg_fn(0.7)},
        lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.7)},
        lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn(), "use_buffers": True},
    ],
)
def test_averages_of_models_are_pytorchs(options):
    own, theirs = (averaged(t, **options(t.optim.swa_utils)) for t in (tenon, torch))
    assert list(own.state_dict()) == list(theirs.state_dict())
    for one, other in zip(own.state_dict().values(), theirs.state_dict().values()):
        numpy.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["Adam", "Adafactor"])
def test_a_parameter_that_is_there_twice_steps_twice(name):
    def run(t):
        param = leaf(t, 50000)
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optimizer = getattr(t.optim, name)([param, param], lr=0.1)
        for _ in range(3):
            param.grad = param.detach() * 0.5
            optimizer.step()
        return param.detach().numpy()

    numpy.testing.assert_allclose(run(tenon), run(torch), rtol=1e-5)


def test_broken_groups_and_states_are_refused():
    param = leaf(tenon, 2)
    param.grad = tenon.ones(2)
    optimizer = tenon.optim.Adam([param])
    optimizer.step()
    state = optimizer.state[param]
    for broken, error, words in (
        ([3], TypeError, "must be a dict"),
        ({"step": 1}, TypeError, "'step' must be a Tensor"),
        ({"exp_avg": state["exp_avg"]}, KeyError, "step"),
        (state | {"exp_avg": "x"}, TypeError, "'exp_avg' must be a Tensor"),
        (state | {"exp_avg": tenon.ones(7)}, RuntimeError, "size"),
    ):
        optimizer.state[param] = broken
        with pytest.raises(error, match=words):
            optimizer.step()
    optimizer.param_groups[0]["params"] = [3]
    with pytest.raises(TypeError, match="must be Tensors, not int"):
        optimizer.step()
