"""Extensions that are compiled against libtorch: programs may import this, but Tenon compiles none of them."""

from __future__ import annotations

import shutil
from typing import Any, NoReturn

__all__ = [
    "BuildExtension",
    "CUDAExtension",
    "CppExtension",
    "SyclExtension",
    "include_paths",
    "is_ninja_available",
    "library_paths",
    "load",
    "load_inline",
    "verify_ninja_availability",
]

CUDA_HOME: str | None = None
ROCM_HOME: str | None = None


def _refuse(what: str) -> NoReturn:
    raise NotImplementedError(
        f"torch.utils.cpp_extension.{what}: Tenon does not load extensions of PyTorch; a program in C++ may link "
        "Tenon::tenon, or Tenon::torch_compat where it has libtorch's names"
    )


def load(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: extensions are not compiled."""
    _refuse(f"load: {name}")


def load_inline(name: str, cpp_sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: extensions are not compiled."""
    _refuse(f"load_inline: {name}")


def CppExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: extensions are not compiled."""
    _refuse(f"CppExtension: {name}")


def CUDAExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: extensions are not compiled."""
    _refuse(f"CUDAExtension: {name}")


def SyclExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: extensions are not compiled."""
    _refuse(f"SyclExtension: {name}")


class BuildExtension:
    """Refuses to be made: extensions are not compiled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse("BuildExtension")

    @classmethod
    def with_options(cls, **options: Any) -> type[BuildExtension]:
        """The class itself."""
        return cls


def include_paths(device_type: str = "cpu", torch_include_dirs: bool = True) -> list[str]:
    """Where libtorch's headers are: nowhere."""
    return []


def library_paths(device_type: str = "cpu", torch_include_dirs: bool = True) -> list[str]:
    """Where libtorch's libraries are: nowhere."""
    return []


def is_ninja_available() -> bool:
    """Whether ninja is there."""
    return shutil.which("ninja") is not None


def verify_ninja_availability() -> None:
    """Raises where ninja is not there."""
    if not is_ninja_available():
        raise RuntimeError("Ninja is required to load C++ extensions (pip install ninja to get it)")
