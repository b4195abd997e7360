"""Neural networks."""

from tenon._lazy import lazy_attributes
from tenon.nn import functional, init

__getattr__ = lazy_attributes("tenon.nn", {"attention": "attention"})

__all__ = ["attention", "functional", "init"]
