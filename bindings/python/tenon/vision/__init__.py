"""Images: data sets read from files, transforms, models and pictures, under torchvision's names."""

from tenon._lazy import lazy_attributes
from tenon.version import __version__

__getattr__ = lazy_attributes("tenon.vision", {name: name for name in ("datasets", "models", "transforms", "utils")})

__all__ = ["__version__", "datasets", "get_image_backend", "models", "set_image_backend", "transforms", "utils"]


def get_image_backend() -> str:
    """What reads image files: PIL."""
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Accepts PIL."""
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}': Tenon reads images with PIL")
