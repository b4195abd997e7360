"""Neural networks."""

from tenon.nn import functional

__all__ = ["functional"]
