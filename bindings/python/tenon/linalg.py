"""Linear algebra, under the names of torch.linalg."""

from tenon import _C

globals().update(_C.linalg_functions)
