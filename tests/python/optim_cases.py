"""The optimizers with their settings, and a small problem that both libraries step through."""

from __future__ import annotations

import numpy
import tenon
import torch

SETTINGS = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.05, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "maximize": True},
    ],
    "Adam": [
        {},
        {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1},
        {"amsgrad": True, "maximize": True, "betas": (0.4, 0.99)},
        {"decoupled_weight_decay": True, "weight_decay": 0.1, "eps": 1e-3},
    ],
    "AdamW": [{}, {"lr": 0.02, "amsgrad": True, "weight_decay": 0.2}],
    "Adamax": [{}, {"lr": 0.01, "weight_decay": 0.1, "maximize": True}],
    "NAdam": [
        {},
        {"lr": 0.01, "weight_decay": 0.1, "momentum_decay": 0.01},
        {"decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True},
    ],
    "RAdam": [
        {},
        {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.9)},
        {"decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True},
    ],
    "Adagrad": [{}, {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.2}],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.7, "weight_decay": 0.1, "maximize": True}],
    "RMSprop": [
        {},
        {"momentum": 0.9, "weight_decay": 0.1},
        {"centered": True, "alpha": 0.9, "momentum": 0.5, "eps": 1e-3},
        {"centered": True, "maximize": True, "eps": 1e-3},
    ],
    "Rprop": [{}, {"lr": 0.1, "etas": (0.3, 1.4), "step_sizes": (1e-3, 0.5), "maximize": True}],
    "ASGD": [{}, {"lr": 0.05, "lambd": 0.01, "alpha": 0.5, "t0": 20, "weight_decay": 0.1}],
    "Adafactor": [{}, {"lr": 0.05, "weight_decay": 0.1, "d": 2.0, "eps": (1e-6, 1e-2), "maximize": True}],
}
CASES = [(name, options) for name, all_options in SETTINGS.items() for options in all_options]
SHAPES = [(5,), (7, 33), (), (2, 3, 4)]


def case_id(value: object) -> str:
    return value if isinstance(value, str) else ",".join(map(str, value)) or "default"


def values(seed: int, shape: tuple[int, ...]) -> numpy.ndarray:
    return numpy.random.default_rng(seed).standard_normal(shape)


class Problem:
    """Leaves of one library, and gradients that change with them and with the step."""

    def __init__(self, t, dtype="float32", shapes=SHAPES):
        self.t, self.dtype = t, getattr(t, dtype)
        self.params = [self.tensor(values(i, shape)).requires_grad_() for i, shape in enumerate(shapes)]
        self.count = 0

    def tensor(self, array):
        return self.t.tensor(array, dtype=self.dtype)

    def set_grads(self, sign):
        self.count += 1
        for i, param in enumerate(self.params):
            noise = self.tensor(values(1000 * self.count + i, tuple(param.shape)))
            param.grad = sign * (param.detach() * 0.5 + noise)

    def run(self, optimizer, steps):
        # What is maximized falls away from zero on both sides.
        sign = -1 if optimizer.param_groups[0].get("maximize") else 1
        for _ in range(steps):
            self.set_grads(sign)
            optimizer.step()

    def numbers(self):
        return [param.detach().double().numpy() for param in self.params]


def to_other(value):
    """A state dict of one library as the other's."""
    if isinstance(value, tenon.Tensor):
        return torch.from_dlpack(value.detach().clone())
    if isinstance(value, torch.Tensor):
        return tenon.from_torch(value.detach().clone())
    if isinstance(value, dict):
        return {key: to_other(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_other, value))
    return value


def assert_near(own, theirs, rtol, atol):
    for i, (one, other) in enumerate(zip(own, theirs, strict=True)):
        numpy.testing.assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=f"parameter {i}")
