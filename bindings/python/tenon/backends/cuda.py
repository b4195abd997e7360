"""The CUDA backend, and settings that programs make for its matrix products, which Tenon computes in full precision."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tenon import cuda


class _MatmulSettings:
    """What products may do for speed; Tenon does none of it, and keeps what it is told."""

    def __init__(self) -> None:
        vars(self).update(
            allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True,
            allow_fp16_accumulation=False, fp32_precision="none",
        )  # fmt: skip

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in vars(self):
            raise AttributeError("Unknown attribute " + name)
        if name.endswith("_reduction") and not isinstance(value, bool):
            raise TypeError(f"{name} expects a bool, but got {type(value)!r}")
        vars(self)[name] = value


matmul = _MatmulSettings()


def is_built() -> bool:
    """Whether the CUDA plug-in was found."""
    return cuda.is_available()


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[None]:
    """Accepts a choice of implementations of attention, of which Tenon has one; see tenon.nn.attention."""
    if not (enable_flash or enable_math or enable_mem_efficient or enable_cudnn):
        raise RuntimeError("sdp_kernel: at least one implementation of attention must be enabled")
    yield


# --- implementations of attention: programs may choose among PyTorch's, results and speed are the same with each


def _switch(what: str, value: bool) -> tuple[Callable[[bool], None], Callable[[], bool]]:
    # A setting that is kept and changes nothing: what sets it, and what asks for it.
    def enable(enabled: bool) -> None:
        nonlocal value
        if not isinstance(enabled, bool):
            raise RuntimeError(f"{what}: expected a bool, but got {type(enabled).__name__}")
        value = enabled

    def enabled() -> bool:
        return value

    enable.__doc__ = f"Sets whether {what} is allowed, of which Tenon makes no use."
    enabled.__doc__ = f"Whether {what} is allowed."
    return enable, enabled


enable_flash_sdp, flash_sdp_enabled = _switch("flash attention", True)
enable_math_sdp, math_sdp_enabled = _switch("attention by products", True)
enable_mem_efficient_sdp, mem_efficient_sdp_enabled = _switch("memory-efficient attention", True)
enable_cudnn_sdp, cudnn_sdp_enabled = _switch("attention of cuDNN", True)
allow_fp16_bf16_reduction_math_sdp, fp16_bf16_reduction_math_sdp_allowed = _switch("summing in half types", False)


def is_flash_attention_available() -> bool:
    """Whether PyTorch's flash attention is built in: it is not."""
    return False


def can_use_flash_attention(params: Any, debug: bool = False) -> bool:
    """Whether PyTorch's flash attention would take these arguments: it is not there."""
    return False


can_use_efficient_attention = can_use_cudnn_attention = can_use_flash_attention


# --- libraries that PyTorch may choose among


def _preference(libraries: list[str]) -> Callable[[str | None], str]:
    chosen = libraries[0]

    def prefer(backend: str | None = None) -> str:
        """Keeps the name of a library, of which Tenon makes no use, and tells the last one."""
        nonlocal chosen
        if backend is not None:
            if backend not in libraries:
                raise RuntimeError(f"Unknown input value. Choose from: {', '.join(libraries)}.")
            chosen = backend
        return chosen

    return prefer


preferred_linalg_library = _preference(["default", "cusolver", "magma"])
preferred_blas_library = _preference(["default", "cublas", "cublaslt", "hipblaslt", "ck"])
