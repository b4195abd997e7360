"""What the modules share: sizes that are given as one number or several, and prefixes of state dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """The entries in reverse order, each `n` times: sizes of the dims as nn.functional.pad() takes them."""
    return tuple(entry for entry in reversed(t) for _ in range(n))


def _named(module: Any, *names: str) -> str:
    """Attributes of a module as its repr shows them."""
    return ", ".join(f"{name}={getattr(module, name)}" for name in names)


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Takes `prefix` from the keys that begin with it, and from the names of modules in the metadata."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", {})
    for key in [key for key in metadata if key and (key.startswith(prefix) or key == prefix.replace(".", ""))]:
        metadata[key[len(prefix) :]] = metadata.pop(key)
