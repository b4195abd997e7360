"""Special functions, under the names of torch.special."""

from tenon import _C

# What an op is called here, where that is not its own name.
_ALIASES = {
    "digamma": "psi",
    "lgamma": "gammaln",
    "sigmoid": "expit",
}
_NAMES = (
    "digamma entr erf erfc erfcx erfinv exp2 expm1 i0 i0e i1 i1e lgamma log1p log_ndtr log_softmax logit logsumexp "
    "multigammaln ndtr ndtri polygamma round sigmoid sinc softmax xlog1py xlogy zeta"
).split()

for _name in _NAMES:
    if _name in _C.functions:
        globals()[_ALIASES.get(_name, _name)] = _C.functions[_name]
for _name, _op in _C.functions.items():
    if _name.startswith("special_"):
        globals()[_name.removeprefix("special_")] = _op
