"""Writes tests/optim/optim_reference.inc: where torch.optim, and Tenon's own Python, take a small problem.

Usage: python tests/tools/make_optim_reference.py > tests/optim/optim_reference.inc
"""

import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import tenon  # noqa: E402

STEPS = 25
# The call in C++, and the optimizer in Python.
CASES = [
    ("SGD(p, SGDOptions(0.05).momentum(0.9).weight_decay(0.01).nesterov(true))",
     lambda o, p: o.SGD(p, 0.05, 0.9, weight_decay=0.01, nesterov=True)),
    ("SGD(p, SGDOptions(0.05).momentum(0.8).dampening(0.3))", lambda o, p: o.SGD(p, 0.05, 0.8, 0.3)),
    ("Adam(p, AdamOptions(0.02).betas({0.8, 0.9}).weight_decay(0.1))",
     lambda o, p: o.Adam(p, 0.02, (0.8, 0.9), weight_decay=0.1)),
    ("Adam(p, AdamOptions(0.02).amsgrad(true))", lambda o, p: o.Adam(p, 0.02, amsgrad=True)),
    ("AdamW(p, AdamWOptions(0.02).weight_decay(0.2))", lambda o, p: o.AdamW(p, 0.02, weight_decay=0.2)),
    ("Adamax(p, AdamaxOptions(0.02).weight_decay(0.1))", lambda o, p: o.Adamax(p, 0.02, weight_decay=0.1)),
    ("NAdam(p, NAdamOptions(0.02).weight_decay(0.1))", lambda o, p: o.NAdam(p, 0.02, weight_decay=0.1)),
    ("RAdam(p, RAdamOptions(0.02).betas({0.8, 0.9}))", lambda o, p: o.RAdam(p, 0.02, (0.8, 0.9))),
    ("Adagrad(p, AdagradOptions(0.1).lr_decay(0.01).initial_accumulator_value(0.2))",
     lambda o, p: o.Adagrad(p, 0.1, 0.01, initial_accumulator_value=0.2)),
    ("Adadelta(p, AdadeltaOptions(0.5).rho(0.7))", lambda o, p: o.Adadelta(p, 0.5, 0.7)),
    ("RMSprop(p, RMSpropOptions(0.02).momentum(0.5).centered(true).eps(1e-3))",
     lambda o, p: o.RMSprop(p, 0.02, momentum=0.5, centered=True, eps=1e-3)),
    ("Rprop(p, RpropOptions(0.02).etas({0.3, 1.4}))", lambda o, p: o.Rprop(p, 0.02, (0.3, 1.4))),
    ("ASGD(p, ASGDOptions(0.05).lambd(0.01).t0(5))", lambda o, p: o.ASGD(p, 0.05, 0.01, t0=5)),
    ("Adafactor(p, AdafactorOptions(0.05).weight_decay(0.1))", lambda o, p: o.Adafactor(p, 0.05, weight_decay=0.1)),
]  # fmt: skip


def run(t, make):
    vector = t.tensor([0.5, -1.25, 2.0, -0.125, 3.0], requires_grad=True)
    matrix = (t.arange(12.0).reshape(3, 4) / 8 - 0.7).requires_grad_()
    optimizer = make(t.optim, [vector, matrix])
    for i in range(STEPS):
        for param in (vector, matrix):
            param.grad = param.detach() * 0.5 + 0.25 * (i % 3)
        optimizer.step()
    return [*vector.tolist(), *matrix.flatten().tolist()]


print(f"// Written by tests/tools/make_optim_reference.py from PyTorch {torch.__version__.partition('+')[0]}")
print("// OPTIM_CASE(optimizer of the tensors p, PyTorch's numbers, those of Tenon's Python bit by bit)")
for call, make in CASES:
    theirs = ", ".join(f"{x:.9g}" for x in run(torch, make))
    own = ", ".join(f"{float(x).hex()}f" for x in run(tenon, make))
    print(f"OPTIM_CASE(({call}), ({theirs}), ({own}))")
