"""Linear algebra, under the names of torch.linalg."""

from tenon import _C

LinAlgError = _C.LinAlgError
globals().update(_C.linalg_functions)
