"""Settings that PyTorch programs make; where Tenon has nothing to choose, they are kept and answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_DEBUG_MODES = ("default", "warn", "error")


class _Settings:
    matmul_precision = "highest"
    deterministic = False
    deterministic_warns = False
    warns_always = False


def set_float32_matmul_precision(precision: str) -> None:
    """Says how exact float32 matrix products must be: 'highest', 'high' or 'medium'; all are computed as 'highest'."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"set_float32_matmul_precision: expected 'highest', 'high' or 'medium', but got {precision!r}"
        )
    _Settings.matmul_precision = precision


def get_float32_matmul_precision() -> str:
    """What set_float32_matmul_precision() said; 'highest' at first."""
    return _Settings.matmul_precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for deterministic results, which all ops of Tenon give anyhow, on any number of threads."""
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            kind = type(value).__name__
            raise TypeError(f"use_deterministic_algorithms(): argument '{name}' must be bool, not {kind}")
    _Settings.deterministic, _Settings.deterministic_warns = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether use_deterministic_algorithms() asked for them."""
    return _Settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether use_deterministic_algorithms() asked for warnings instead of errors."""
    return _Settings.deterministic_warns


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """use_deterministic_algorithms() by number or name: 0 'default', 1 'warn', 2 'error'."""
    if isinstance(debug_mode, str) and debug_mode in _DEBUG_MODES:
        debug_mode = _DEBUG_MODES.index(debug_mode)
    if not isinstance(debug_mode, int) or not 0 <= debug_mode < len(_DEBUG_MODES):
        raise RuntimeError(
            f"set_deterministic_debug_mode: expected 0, 1, 2 or one of {_DEBUG_MODES}, but got {debug_mode!r}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """What set_deterministic_debug_mode() or use_deterministic_algorithms() set, as a number."""
    return 0 if not _Settings.deterministic else 1 if _Settings.deterministic_warns else 2


def set_warn_always(b: bool) -> None:
    """Asks for warnings to be repeated; which of them Python shows is for its warnings filter to say."""
    if not isinstance(b, bool):
        raise TypeError(f"set_warn_always expects a bool, but got {type(b).__name__}")
    _Settings.warns_always = b


def is_warn_always_enabled() -> bool:
    """What set_warn_always() set."""
    return _Settings.warns_always


def get_num_interop_threads() -> int:
    """How many ops run at a time for one thread of the program: 1."""
    return 1


def set_num_interop_threads(threads: int) -> None:
    """Accepts a positive number, and changes nothing: each thread of the program runs its ops one after the other."""
    if not isinstance(threads, int) or threads < 1:
        raise RuntimeError(f"set_num_interop_threads expects a positive integer, but got {threads!r}")


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
) -> Callable[..., Any]:
    """Returns `model` itself: Tenon runs everything eagerly, as PyTorch's backend "eager" does, and compiles nothing.

    Without a model, a decorator that does the same.
    """

    def unchanged(model: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(model):
            raise TypeError(f"compile: expected a function or a module, but got {type(model).__name__}")
        return model

    return unchanged if model is None else unchanged(model)
