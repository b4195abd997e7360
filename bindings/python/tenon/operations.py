"""All functions of tensors in one module."""

from tenon import _C

globals().update(_C.functions)
