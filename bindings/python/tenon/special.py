"""Special functions, under the names of torch.special."""

from tenon import _C

# Ops of the top-level module that PyTorch has here as well, some under another name.
_SHARED = (
    "digamma erf erfc erfinv exp2 expm1 i0 log1p log_softmax logit logsumexp polygamma round sinc softmax xlogy"
).split()
_ALIASES = {
    "digamma": "psi",
    "igamma": "gammainc",
    "igammac": "gammaincc",
    "lgamma": "gammaln",
    "mvlgamma": "multigammaln",
    "sigmoid": "expit",
}

for _name in _SHARED:
    globals()[_name] = _C.functions[_name]
for _name, _alias in _ALIASES.items():
    globals()[_alias] = _C.functions[_name]
globals().update(_C.special_functions)
