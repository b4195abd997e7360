"""What the library can use on this machine."""

from tenon.backends import cpu

__all__ = ["cpu"]
