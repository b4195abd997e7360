"""Writes tests/optim/schedule_reference.inc: the learning rates that torch.optim.lr_scheduler gives.

Usage: python tests/tools/make_schedule_reference.py > tests/optim/schedule_reference.inc
"""

import torch
from torch.optim import lr_scheduler as s

SCHEDULES = {
    "LambdaLR": lambda o: s.LambdaLR(o, lambda e: 1 / (1 + e)),
    "MultiplicativeLR": lambda o: s.MultiplicativeLR(o, lambda e: 0.5),
    "MultiStepLR": lambda o: s.MultiStepLR(o, [2, 3, 3], 0.5),
    "ConstantLR": lambda o: s.ConstantLR(o, 0.25, 3),
    "LinearLR": lambda o: s.LinearLR(o, 0.2, 0.9, 4),
    "ExponentialLR": lambda o: s.ExponentialLR(o, 0.5),
    "PolynomialLR": lambda o: s.PolynomialLR(o, 4, 2),
    "CosineAnnealingLR": lambda o: s.CosineAnnealingLR(o, 4, 0.1),
    "CosineAnnealingWarmRestarts": lambda o: s.CosineAnnealingWarmRestarts(o, 2, 2, 0.1),
    "OneCycleLR": lambda o: s.OneCycleLR(o, 0.5, 10),
    "CyclicLR": lambda o: s.CyclicLR(o, 0.1, 0.5, 2, 3, "triangular2"),
}

print(f"// Written by tests/tools/make_schedule_reference.py from PyTorch {torch.__version__.partition('+')[0]}")
print("// SCHEDULE_CASE(schedule, learning rates after 0, 1, 2, ... steps)")
for name, make in SCHEDULES.items():
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    scheduler = make(optimizer)
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(9):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    print(f"SCHEDULE_CASE({name}, {', '.join(map(repr, rates))})")
