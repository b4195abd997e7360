"""Helpers around tensors and training."""

from tenon._lazy import lazy_attributes
from tenon.utils import checkpoint, dlpack, hooks

__getattr__ = lazy_attributes("tenon.utils", {"_pytree": "_pytree", "data": "data", "model_zoo": "model_zoo"})
