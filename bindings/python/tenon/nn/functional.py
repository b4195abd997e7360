"""The functions that neural networks are made of, under the names of torch.nn.functional."""

from tenon import _C

# Ops of the top-level module that PyTorch has here as well.
_SHARED = (
    "celu elu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_softmax mish one_hot prelu relu relu6 rrelu "
    "selu sigmoid silu softmax softplus softshrink softsign tanh tanhshrink threshold"
).split()
_ALIASES = {"log_sigmoid": "logsigmoid"}

for _name in _SHARED:
    if _name in _C.functions:
        globals()[_name] = _C.functions[_name]
for _name, _alias in _ALIASES.items():
    if _name in _C.functions:
        globals()[_alias] = _C.functions[_name]
globals().update(_C.nn_functions)
