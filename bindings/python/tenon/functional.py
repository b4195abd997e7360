"""Functions of tensors under the names of torch.functional, where programs import them from there."""

import tenon

_NAMES = (
    "atleast_1d atleast_2d atleast_3d align_tensors block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist "
    "chain_matmul einsum istft lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique unique_consecutive "
    "unravel_index"
).split()

globals().update({name: getattr(tenon, name) for name in _NAMES if hasattr(tenon, name)})
