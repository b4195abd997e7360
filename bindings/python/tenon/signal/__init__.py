"""Signal processing, under the names of torch.signal."""

from tenon.signal import windows

__all__ = ["windows"]
