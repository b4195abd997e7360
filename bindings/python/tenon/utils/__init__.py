"""Helpers around tensors and training."""

from tenon.utils import checkpoint, dlpack, hooks
