"""The standard pool; tensors travel to and from its workers by shared memory."""

from multiprocessing.pool import Pool

__all__ = ["Pool"]
