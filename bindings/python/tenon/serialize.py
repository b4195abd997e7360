"""save() and load() under the name of other libraries."""

from tenon.serialization import load, save

__all__ = ["load", "save"]
