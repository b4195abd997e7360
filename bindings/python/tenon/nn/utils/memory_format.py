"""The weights of convolutions in another memory format."""

from __future__ import annotations

from typing import Any

from tenon.nn import modules

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _convert(module: Any, memory_format: Any, kinds: tuple[str, ...]) -> Any:
    for part in module.modules():
        if isinstance(part, tuple(getattr(modules, kind) for kind in kinds)):
            part.weight.data = part.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Lays out the weights of all 2-d convolutions in the format."""
    return _convert(module, memory_format, ("Conv2d", "ConvTranspose2d"))


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Lays out the weights of all 3-d convolutions in the format."""
    return _convert(module, memory_format, ("Conv3d", "ConvTranspose3d"))
