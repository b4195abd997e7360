"""The types of the tuples with named fields that ops with several results return."""

from tenon import _C

globals().update(_C.return_types)
__all__ = list(_C.return_types)
