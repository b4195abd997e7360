"""PyTorch's name for Apple's GPUs; see tenon.metal."""

from tenon.metal import device_count, empty_cache, is_available, synchronize

__all__ = ["device_count", "empty_cache", "is_available", "synchronize"]
