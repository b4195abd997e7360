"""oneDNN, which Tenon does not use."""


def is_available() -> bool:
    """False."""
    return False
