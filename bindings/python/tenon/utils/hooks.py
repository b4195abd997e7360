"""The handle by which a hook is taken away again, and the hooks of a module's backward pass."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tenon import _C
from tenon._C import Tensor

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class RemovableHandle:
    """Removes its hook from the dict that holds it when told, or at the end of a with block."""

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self._refer(hooks_dict, extra_dict if isinstance(extra_dict, (list, tuple)) else (extra_dict,))

    def _refer(self, hooks_dict: Any, extras: Iterable[Any]) -> None:
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks_dict is None else hooks_dict)
        self.extra_dict_ref = tuple(weakref.ref(extra) for extra in extras if extra is not None)

    def remove(self) -> None:
        """Takes the hook away; later calls do nothing."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self) -> tuple:
        return self.hooks_dict_ref(), self.id, tuple(reference() for reference in self.extra_dict_ref)

    def __setstate__(self, state: tuple) -> None:
        self.id = state[1]
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
        self._refer(state[0], state[2] or () if len(state) > 2 else ())

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class LibraryHandle(RemovableHandle):
    """The handle of a hook that the library holds, which `remove` takes away by its number there."""

    def __init__(self, remove: Callable[[int], None], id: int) -> None:
        self._remove: Callable[[int], None] | None = remove
        self.id = id

    def remove(self) -> None:
        """Takes the hook away; later calls do nothing."""
        remove, self._remove = self._remove, None
        if remove is not None:
            remove(self.id)

    def __getstate__(self) -> tuple:
        return None, self.id, ()


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a hook of a tensor as one that need not be saved with it."""
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warns of hooks that saving the tensor would lose."""
    for hook in (getattr(tensor, "_backward_hooks", None) or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized. If this is expected, decorate the function "
                "with @tenon.utils.hooks.unserializable_hook",
                stacklevel=2,
            )


class BackwardHook:
    """Runs the backward hooks of one call of a module: nodes around the call see the gradients come and go."""

    def __init__(self, module: Any, user_hooks: Sequence[Callable], user_pre_hooks: Sequence[Callable]) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        # Of one backward pass: what the hooks of the inputs are to be told.
        self.grad_outputs: tuple | None = None
        self.n_inputs = self.n_outputs = -1
        # Where the tensors are among the inputs and outputs; None where none of them requires grad.
        self.input_tensors_index: list[int] | None = None
        self.output_tensors_index: list[int] | None = None

    def setup_input_hook(self, args: tuple) -> tuple:
        """The arguments, behind a node that calls the hooks with their gradients."""
        self.n_inputs = len(args)
        result, self.input_tensors_index = _behind_node(args, lambda node: node.register_hook(self._at_inputs))
        return result

    def setup_output_hook(self, args: Any) -> Any:
        """The outputs, behind a node that calls the pre-hooks with their gradients."""
        outputs = args if isinstance(args, tuple) else (args,)
        self.n_outputs = len(outputs)
        result, self.output_tensors_index = _behind_node(outputs, lambda node: node.register_hook(self._at_outputs))
        return result if isinstance(args, tuple) else result[0]

    def _at_inputs(self, grad_inputs: tuple, _: Any) -> tuple | None:
        if self.grad_outputs is None:
            # Only the gradients of some outputs were asked for.
            return None
        assert self.input_tensors_index is not None
        grads = _spread(self.input_tensors_index, grad_inputs, self.n_inputs)
        for hook in self.user_hooks:
            changed = hook(self.module, grads, self.grad_outputs)
            grads = _replaced(grads, changed, "Backward hook returned an invalid number of grad_input")
        self.grad_outputs = None
        return tuple(grads[i] for i in self.input_tensors_index)

    def _at_outputs(self, _: Any, grad_outputs: tuple) -> tuple | None:
        assert self.output_tensors_index is not None
        grads = _spread(self.output_tensors_index, grad_outputs, self.n_outputs)
        for hook in self.user_pre_hooks:
            changed = hook(self.module, grads)
            grads = _replaced(grads, changed, "Backward pre hook returned an invalid number of grad_output")
        self.grad_outputs = grads
        if self.input_tensors_index is None:
            self._call_without_inputs(grads)
        return tuple(grads[i] for i in self.output_tensors_index)

    def _call_without_inputs(self, grads: tuple) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients.",
            stacklevel=3,
        )
        for hook in self.user_hooks:
            changed = hook(self.module, (None,) * self.n_inputs, grads)
            if changed is not None and not (isinstance(changed, tuple) and all(grad is None for grad in changed)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )
        self.grad_outputs = None


def _spread(indices: Sequence[int], values: Sequence[Any], size: int) -> tuple:
    result = [None] * size
    for index, value in zip(indices, values):
        result[index] = value
    return tuple(result)


def _replaced(grads: tuple, changed: Any, problem: str) -> Any:
    if changed is None:
        return grads
    if len(changed) != len(grads):
        raise RuntimeError(f"{problem}, got {len(changed)}, but expected {len(grads)}")
    return changed


def _behind_node(args: Any, register: Callable[[Any], Any]) -> tuple[Any, list[int] | None]:
    # The arguments, the tensors among them as results of a node that passes gradients on unchanged.
    indices = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)]
    if not (_C.is_grad_enabled() and any(args[i].requires_grad for i in indices)):
        return args, None
    from tenon.nn.modules._functions import BackwardHookFunction

    passed = BackwardHookFunction.apply(*(args[i] for i in indices))
    register(next(tensor.grad_fn for tensor in passed if tensor.grad_fn is not None))
    changed = list(args)
    for i, tensor in zip(indices, passed):
        changed[i] = tensor
    return (tuple(changed) if type(args) is tuple else type(args)(*changed)), indices
