"""The graph of recorded ops: its nodes, and hooks on what it saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Node, Tensor
from tenon.utils.hooks import RemovableHandle

__all__ = ["Node", "save_on_cpu", "saved_tensors_hooks"]


class saved_tensors_hooks:
    """Within its block, tensors saved for backward are packed by one function and unpacked by another when used."""

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _C._push_saved_tensor_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exception: object) -> None:
        _C._pop_saved_tensor_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Within its block, tensors saved for backward wait on the CPU."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda packed: packed[1].to(packed[0]))


def _register_prehook(self: Node, fn: Callable[..., Any]) -> RemovableHandle:
    """Calls `fn` with the gradients of the op's outputs before the node runs."""
    return RemovableHandle(self._remove_hook, self._add_pre_hook(fn))


def _register_hook(self: Node, fn: Callable[..., Any]) -> RemovableHandle:
    """Calls `fn` with the gradients of the op's inputs and outputs after the node ran."""
    return RemovableHandle(self._remove_hook, self._add_post_hook(fn))


Node.register_prehook = _register_prehook
Node.register_hook = _register_hook
