"""The optimizers' steps as functions of lists, and optimizers that users write, against PyTorch's."""

import importlib
import inspect
import math

import pytest
import tenon
import torch

SHAPES = [(3, 4), (5,), (2, 1, 3)]
BETAS = {"beta1": 0.9, "beta2": 0.99}
MOMENTS = {"exp_avgs": 0, "exp_avg_sqs": 0}
# What lists of states a step takes, by the value they begin with, and its numbers.
STEPS = {
    "adam": (
        {**MOMENTS, "max_exp_avg_sqs": 0},
        {**BETAS, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-8, "amsgrad": True},
    ),
    "adamw": (
        {**MOMENTS, "max_exp_avg_sqs": 0},
        {**BETAS, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-8, "amsgrad": False},
    ),
    "adagrad": ({"state_sums": 0.1}, {"lr": 0.1, "weight_decay": 0.1, "lr_decay": 0.01, "eps": 1e-8}),
    "adadelta": ({"square_avgs": 0, "acc_deltas": 0}, {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.1}),
    "adamax": ({"exp_avgs": 0, "exp_infs": 0}, {**BETAS, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-8}),
    "nadam": (
        {**MOMENTS, "mu_products": None},
        {**BETAS, "lr": 0.1, "weight_decay": 0.1, "momentum_decay": 4e-3, "eps": 1e-8},
    ),
    "radam": (MOMENTS, {**BETAS, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-8, "decoupled_weight_decay": True}),
    "rmsprop": (
        {"square_avgs": 0, "grad_avgs": 0, "momentum_buffer_list": 0},
        {"lr": 0.1, "alpha": 0.9, "eps": 1e-8, "weight_decay": 0.1, "momentum": 0.5, "centered": True},
    ),
    "rprop": (
        {"prevs": 0, "step_sizes": 0.1},
        {"step_size_min": 1e-3, "step_size_max": 5.0, "etaminus": 0.5, "etaplus": 1.2},
    ),
    "asgd": (
        {"axs": 0, "mus": None, "etas": None},
        {"lambd": 1e-4, "lr": 0.1, "t0": 1e6, "alpha": 0.75, "weight_decay": 0.1},
    ),
}


def numbers(t, seed):
    t.manual_seed(seed)
    return [t.randn(shape) for shape in SHAPES]


def stepped(t, name, maximize):
    module = importlib.import_module(f"{t.__name__}.optim.{name}")
    lists, options = STEPS[name]
    params = [param.requires_grad_() for param in numbers(t, 1)]
    one = {"etas": 0.1}
    states = {
        key: [t.tensor(one.get(key, 1.0)) if value is None else t.full(shape, float(value)) for shape in SHAPES]
        for key, value in lists.items()
    }
    counts = [t.tensor(0.0) for _ in SHAPES]
    with t.no_grad():
        for seed in range(5):
            getattr(module, name)(params, numbers(t, 10 + seed), *states.values(), counts, **options, maximize=maximize)
    return [params, *states.values(), counts]


def close(own, their):
    for a, b in zip(own, their):
        assert torch.allclose(a.detach().to_torch(), b.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_steps_of_lists_are_pytorchs(name, maximize):
    for own, their in zip(stepped(tenon, name, maximize), stepped(torch, name, maximize)):
        close(own, their)


@pytest.mark.parametrize("name", [*STEPS, "sgd"])
def test_they_have_pytorchs_parameters(name):
    functions = [getattr(importlib.import_module(f"{t}.optim.{name}"), name) for t in ("tenon", "torch")]
    shown = [[(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()] for f in functions]
    assert shown[0] == shown[1]
    assert getattr(importlib.import_module("tenon.optim._functional"), name) is functions[0]


@pytest.mark.parametrize("options", [{}, {"nesterov": True}, {"dampening": 0.3, "maximize": True}, {"momentum": 0.0}])
def test_sgd_of_lists(options):
    results = []
    for t in (tenon, torch):
        settings = {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.1, "nesterov": False}
        settings.update({"maximize": False, **options})
        params, momenta = numbers(t, 1), [None] * 3
        sgd = importlib.import_module(f"{t.__name__}.optim.sgd").sgd
        for seed in range(4):
            if seed == 2 and settings["momentum"]:
                momenta[1] = None
            sgd(params, numbers(t, 10 + seed), momenta, **settings)
        results.append([*params, *(momentum for momentum in momenta if momentum is not None)])
    assert len(results[0]) == len(results[1])
    close(*results)


def test_what_a_step_of_lists_refuses():
    from tenon.optim.adam import adam

    x = tenon.ones(2)
    given = ([x], [x.clone()], [x.clone()], [x.clone()], [])
    options = dict(amsgrad=False, beta1=0.9, beta2=0.99, lr=0.1, weight_decay=0.0, eps=1e-8, maximize=False)
    with pytest.raises(RuntimeError, match="must contain a list of singleton tensors"):
        adam(*given, [1], **options)
    with pytest.raises(NotImplementedError, match="cannot be differentiated"):
        adam(*given, [tenon.tensor(0.0)], differentiable=True, **options)
    with pytest.raises(AssertionError, match="Expected grad_scale and found_inf to be None"):
        adam(*given, [tenon.tensor(0.0)], grad_scale=x, **options)
    assert x.tolist() == [1, 1]


def lion(t):
    """As users write it: state per parameter, in-place arithmetic under no_grad."""

    class Lion(t.optim.Optimizer):
        def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
            if lr <= 0.0:
                raise ValueError(f"Invalid learning rate: {lr}")
            super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

        @t.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with t.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    p.data.mul_(1 - group["lr"] * group["weight_decay"])
                    state = self.state[p]
                    if len(state) == 0:
                        state["exp_avg"] = t.zeros_like(p, memory_format=t.preserve_format)
                    exp_avg, (beta1, beta2) = state["exp_avg"], group["betas"]
                    update = exp_avg * beta1 + p.grad * (1 - beta1)
                    p.add_(t.sign(update), alpha=-group["lr"])
                    exp_avg.mul_(beta2).add_(p.grad, alpha=1 - beta2)
            return loss

    return Lion


def old_adam(t):
    """In the older style: through .data, with a step counted by a Python number."""

    class OldAdam(t.optim.Optimizer):
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
            defaults = dict(lr=lr, betas=betas, eps=eps)
            super().__init__(params, defaults)

        def __setstate__(self, state):
            super().__setstate__(state)
            for group in self.param_groups:
                group.setdefault("amsgrad", False)

        def step(self, closure=None):
            loss = closure() if closure is not None else None
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    grad = p.grad.data
                    state = self.state[p]
                    if not state:
                        state["step"] = 0
                        state["exp_avg"] = t.zeros_like(p.data)
                        state["exp_avg_sq"] = t.zeros_like(p.data)
                    exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
                    beta1, beta2 = group["betas"]
                    state["step"] += 1
                    exp_avg.mul_(beta1).add_(grad, alpha=1 - beta1)
                    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
                    denom = exp_avg_sq.sqrt().add_(group["eps"])
                    step_size = group["lr"] * math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
                    p.data.addcdiv_(exp_avg, denom, value=-step_size)
            return loss

    return OldAdam


def lookahead(t):
    """A wrapper that shares the groups and the state of another optimizer."""

    class Lookahead(t.optim.Optimizer):
        def __init__(self, base, k=3, alpha=0.5):
            self.base, self.k, self.alpha = base, k, alpha
            self.defaults, self.param_groups, self.state = base.defaults, base.param_groups, base.state
            self.slow = [[p.clone().detach() for p in group["params"]] for group in self.param_groups]
            self.count = 0

        def zero_grad(self, set_to_none=True):
            self.base.zero_grad(set_to_none)

        def step(self, closure=None):
            loss = self.base.step(closure)
            self.count += 1
            if self.count % self.k == 0:
                for group, slow in zip(self.param_groups, self.slow):
                    for p, q in zip(group["params"], slow):
                        q.data.add_(p.data - q.data, alpha=self.alpha)
                        p.data.copy_(q.data)
            return loss

    return lambda params, lr: Lookahead(t.optim.SGD(params, lr=lr, momentum=0.9))


@pytest.mark.parametrize("make", [lion, old_adam, lookahead])
def test_optimizers_that_users_write(make):
    losses = []
    for t in (tenon, torch):
        t.manual_seed(4)
        model = t.nn.Sequential(t.nn.Linear(3, 8), t.nn.Tanh(), t.nn.Linear(8, 1))
        x = t.randn(16, 3)
        optimizer = make(t)(model.parameters(), lr=0.02)
        schedule = t.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)
        found = []
        for step in range(10):
            optimizer.zero_grad()
            loss = t.nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
            loss.backward()
            optimizer.step()
            schedule.step()
            found.append(loss.item())
            if step == 5 and make is not lookahead:
                state = optimizer.state_dict()
                optimizer = make(t)(model.parameters(), lr=0.5)
                optimizer.load_state_dict(state)
                assert optimizer.param_groups[0]["lr"] == 0.01
        losses.append(found)
        assert found[-1] < found[0] and isinstance(optimizer, t.optim.Optimizer)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
