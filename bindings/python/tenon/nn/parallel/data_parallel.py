"""DataParallel, which runs a module on the devices that there are: one."""

from __future__ import annotations

from typing import Any

from tenon.nn.modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Runs its module; its parameters are called module.* as where there are several devices."""

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.dim = dim
        self.device_ids = _checked(device_ids)
        self.output_device = output_device

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def _checked(device_ids: Any) -> list[Any]:
    ids = [] if device_ids is None else list(device_ids)
    if len(ids) > 1:
        raise NotImplementedError(f"DataParallel: several devices are not supported, got device_ids={ids}")
    return ids


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Runs `module` as DataParallel does."""
    _checked(device_ids)
    positional = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*positional, **(module_kwargs or {}))
