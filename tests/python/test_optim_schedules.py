"""The schedules of learning rates against torch.optim.lr_scheduler: a hundred steps, saved and loaded midway."""

import copy
import math
import warnings

import pytest
import tenon
import torch

STEPS = 100


class Wave:
    """A callable object, whose attributes a state dict has."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return 1 + 0.5 * math.sin(self.rate * epoch)


def chained(s, o):
    return s.ChainedScheduler([s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.97)], optimizer=o)


def sequential(s, o):
    parts = [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 30), s.StepLR(o, 7, 0.5)]
    return s.SequentialLR(o, parts, milestones=[10, 50])


SCHEDULES = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, [lambda e: 0.95**e, Wave(0.1)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.95),
    "StepLR": lambda s, o: s.StepLR(o, 7, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 30, 30, 80], 0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.25, 12),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.2, 0.9, 40),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 60, 1.7),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 23, 1e-3),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 1e-4),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], 7, 11, "triangular2"),
    "CyclicLR, exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 9, mode="exp_range", gamma=0.99),
    "CyclicLR, own scale": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 9, scale_fn=Wave(0.3), scale_mode="iterations"),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, [0.1, 0.3], total_steps=STEPS + 1),
    "OneCycleLR, three phases": lambda s, o: s.OneCycleLR(
        o, 0.1, epochs=11, steps_per_epoch=10, three_phase=True, anneal_strategy="linear"
    ),
    "SequentialLR": sequential,
    "ChainedScheduler": chained,
    "SWALR": lambda s, o: s.SWALR(o, [0.05, 0.01], 15),
    "SWALR, linear": lambda s, o: s.SWALR(o, 0.05, 0, "linear"),
}


class Schedules:
    """All schedules of one library."""

    def __init__(self, t):
        self.optim = t.optim

    def __getattr__(self, name):
        return getattr(self.optim.swa_utils if name == "SWALR" else self.optim.lr_scheduler, name)


def optimizer_of(t, name="SGD"):
    params = [t.ones(2, requires_grad=True), t.ones(3, requires_grad=True)]
    groups = [{"params": [params[0]]}, {"params": [params[1]], "lr": 0.07}]
    options = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(t.optim, name)(groups, lr=0.1, **options)
    for param in params:
        param.grad = t.ones_like(param)
    return optimizer


def trace(optimizer, scheduler, steps):
    rows = []
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        groups = optimizer.param_groups
        rows.append([[group["lr"], group.get("momentum"), group.get("betas")] for group in groups])
        assert scheduler.get_last_lr() == [group["lr"] for group in groups]
    return rows


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_a_hundred_steps_have_pytorchs_learning_rates(name, optimizer):
    ends = []
    for t in (tenon, torch):
        own = optimizer_of(t, optimizer)
        scheduler = SCHEDULES[name](Schedules(t), own)
        first = [group["lr"] for group in own.param_groups]
        ends.append((first, trace(own, scheduler, STEPS), sorted(scheduler.state_dict())))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("source", [tenon, torch], ids=["own", "pytorchs"])
def test_a_state_that_was_saved_midway_goes_on_the_same(name, source):
    whole = optimizer_of(torch)
    expected = trace(whole, SCHEDULES[name](Schedules(torch), whole), STEPS)
    first = optimizer_of(source)
    scheduler = SCHEDULES[name](Schedules(source), first)
    trace(first, scheduler, 41)
    saved = copy.deepcopy(scheduler.state_dict())
    groups = copy.deepcopy(first.state_dict()["param_groups"])

    second = optimizer_of(tenon)
    again = SCHEDULES[name](Schedules(tenon), second)
    again.load_state_dict(saved)
    second.load_state_dict({"state": {}, "param_groups": groups})
    assert trace(second, again, STEPS - 41) == expected[41:]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "factor": 0.5, "patience": 3, "cooldown": 4},
        {"threshold_mode": "abs", "threshold": 0.01, "patience": 2, "min_lr": [0.01, 0.02]},
        {"mode": "max", "threshold_mode": "abs", "patience": 1},
    ],
)
def test_plateaus_are_where_pytorch_sees_them(options):
    def run(t):
        own = optimizer_of(t)
        scheduler = t.optim.lr_scheduler.ReduceLROnPlateau(own, **options)
        rows = []
        for i in range(STEPS):
            if i == 50:
                state = scheduler.state_dict()
                scheduler = t.optim.lr_scheduler.ReduceLROnPlateau(own, **options)
                scheduler.load_state_dict(state)
            scheduler.step(1 / (1 + i // 9) + 0.01 * math.sin(i))
            rows.append((scheduler.get_last_lr(), scheduler.num_bad_epochs, scheduler.best))
        return rows

    assert run(tenon) == run(torch)


CLOSED = ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingLR"]


@pytest.mark.parametrize("name", CLOSED)
def test_epochs_may_be_jumped_to(name):
    def run(t):
        own = optimizer_of(t)
        scheduler = SCHEDULES[name](Schedules(t), own)
        own.step()
        rows = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for epoch in (5, 40, 2):
                scheduler.step(epoch)
                rows.append(scheduler.get_last_lr())
        return rows

    assert run(tenon) == run(torch)


def test_learning_rates_in_tensors_are_set_in_place():
    lr = tenon.tensor(0.5)
    optimizer = tenon.optim.Adam([tenon.ones(2, requires_grad=True)], lr=lr)
    scheduler = tenon.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr == 0.25


ERRORS = {
    "no optimizer": lambda s, o: s.StepLR(3, 1),
    "lambdas": lambda s, o: s.LambdaLR(o, [abs]),
    "lambda": lambda s, o: s.MultiplicativeLR(o, [1, 2]),
    "factor": lambda s, o: s.ConstantLR(o, 2),
    "start": lambda s, o: s.LinearLR(o, 0.0),
    "end": lambda s, o: s.LinearLR(o, 0.5, -1),
    "resumed": lambda s, o: s.StepLR(o, 3, last_epoch=4),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 0.5),
    "steps": lambda s, o: s.OneCycleLR(o, 0.1),
    "total": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=-1),
    "pct": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=10, pct_start=2.0),
    "strategy": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=10, anneal_strategy="steep"),
    "max_lr": lambda s, o: s.OneCycleLR(o, [0.1], total_steps=10),
    "mode": lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="square"),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, mode="mean"),
    "min_lr": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1, 2, 3]),
    "empty chain": lambda s, o: s.ChainedScheduler([]),
    "empty sequence": lambda s, o: s.SequentialLR(o, [], []),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]),
    "plateau in sequence": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "swa strategy": lambda s, o: s.SWALR(o, 0.1, anneal_strategy="steep"),
    "swa epochs": lambda s, o: s.SWALR(o, 0.1, anneal_epochs=-1),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_pytorchs(name):
    with pytest.raises(Exception) as expected:
        ERRORS[name](Schedules(torch), optimizer_of(torch))
    with pytest.raises(type(expected.value)) as actual:
        ERRORS[name](Schedules(tenon), optimizer_of(tenon))
    assert str(actual.value) == str(expected.value)


def test_a_schedule_that_steps_before_its_optimizer_warns():
    for t in (tenon, torch):
        optimizer = optimizer_of(t)
        scheduler = t.optim.lr_scheduler.StepLR(optimizer, 3)
        with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
            scheduler.step()
