"""Helpers around tensors and training."""

from tenon._lazy import lazy_attributes
from tenon.utils import checkpoint, dlpack, hooks

__getattr__ = lazy_attributes("tenon.utils", {name: name for name in ("_pytree", "cpp_extension", "data", "model_zoo")})
