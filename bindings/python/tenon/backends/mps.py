"""Whether PyTorch's backend for Apple's GPUs is there: see tenon.metal for why it is not."""

from tenon import metal


def is_built() -> bool:
    """Whether this build has the backend."""
    return False


def is_available() -> bool:
    """Whether the backend can be used."""
    return metal.is_available()
