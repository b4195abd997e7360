"""Transforms of functions: derivatives, and vmap, which runs a function on a batch of examples at once."""

from tenon.func import batching
from tenon.func.modules import functional_call, stack_module_state
from tenon.func.transforms import functionalize, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from tenon.func.vmap import vmap

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
