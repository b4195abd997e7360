"""Writes tests/nn/init_reference.inc: what torch.nn.init gives after manual_seed(7).

Usage: python tests/tools/make_init_reference.py > tests/nn/init_reference.inc
"""

import torch
from torch.nn import init

CASES = [
    ("init::uniform_(t, -0.5, 2)", (3, 4), lambda t: init.uniform_(t, -0.5, 2)),
    ("init::normal_(t, 1, 0.5)", (5, 7), lambda t: init.normal_(t, 1, 0.5)),
    ("init::trunc_normal_(t)", (5, 7), lambda t: init.trunc_normal_(t)),
    ("init::trunc_normal_(t, 0, 1, -0.5, 0.75)", (40, 7), lambda t: init.trunc_normal_(t, 0, 1, -0.5, 0.75)),
    ("init::trunc_normal_(t, 0, 1, 1.5, 2.5)", (40, 7), lambda t: init.trunc_normal_(t, 0, 1, 1.5, 2.5)),
    ("init::constant_(t, 2.5)", (2, 3), lambda t: init.constant_(t, 2.5)),
    ("init::ones_(t)", (2, 3), lambda t: init.ones_(t)),
    ("init::zeros_(t)", (2, 3), lambda t: init.zeros_(t)),
    ("init::eye_(t)", (3, 5), lambda t: init.eye_(t)),
    ("init::dirac_(t)", (3, 4, 3), lambda t: init.dirac_(t)),
    ("init::dirac_(t, 2)", (6, 2, 2, 3), lambda t: init.dirac_(t, 2)),
    ("init::xavier_uniform_(t)", (4, 3, 2, 2), lambda t: init.xavier_uniform_(t)),
    ("init::xavier_uniform_(t, 1.5)", (4, 6), lambda t: init.xavier_uniform_(t, 1.5)),
    ("init::xavier_normal_(t)", (4, 6), lambda t: init.xavier_normal_(t)),
    ("init::kaiming_uniform_(t)", (4, 6), lambda t: init.kaiming_uniform_(t)),
    (
        "init::kaiming_uniform_(t, 0.2, kFanOut, kLeakyReLU)",
        (4, 3, 3),
        lambda t: init.kaiming_uniform_(t, 0.2, "fan_out", "leaky_relu"),
    ),
    (
        "init::kaiming_normal_(t, 0, kFanIn, kTanh)",
        (4, 6),
        lambda t: init.kaiming_normal_(t, 0, "fan_in", "tanh"),
    ),
    ("init::kaiming_normal_(t, 0, kFanOut, kReLU)", (9, 2), lambda t: init.kaiming_normal_(t, 0, "fan_out", "relu")),
    ("init::sparse_(t, 0.3)", (7, 4), lambda t: init.sparse_(t, 0.3)),
    ("init::orthogonal_(t)", (5, 3), lambda t: init.orthogonal_(t)),
    ("init::orthogonal_(t, 1.5)", (4, 3, 3), lambda t: init.orthogonal_(t, 1.5)),
]
PROBES = 7

print(f"// Written by tests/tools/make_init_reference.py from PyTorch {torch.__version__.partition('+')[0]}")
print("// INIT_CASE(call on a tensor t, its shape, the next draw of the generator, sum of the values, values...)")
for call, shape, fill in CASES:
    torch.manual_seed(7)
    tensor = torch.empty(shape)
    fill(tensor)
    following = int(torch.randint(2**27, ()))
    flat = tensor.flatten()
    values = [float(flat[k * (flat.numel() - 1) // (PROBES - 1)]) for k in range(PROBES)]
    sizes = ", ".join(map(str, shape))
    total = float(flat.double().sum())
    print(f"INIT_CASE(({call}), ({{{sizes}}}), {following}, {total!r}, {', '.join(map(repr, values))})")
