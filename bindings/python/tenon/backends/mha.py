"""Whether attention may take PyTorch's fast path, which in evaluation leaves what is padding zero."""

_enabled = True


def get_fastpath_enabled() -> bool:
    """Whether it may."""
    return _enabled


def set_fastpath_enabled(value: bool) -> None:
    """Says whether it may."""
    global _enabled
    _enabled = value
