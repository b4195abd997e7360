"""The hooks of modules: their registration, on one module and on all, and the call of a module that has some."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from tenon._C import Tensor
from tenon.utils.hooks import BackwardHook, RemovableHandle

Hook = Callable[..., Any]

# Called for every module.
_global_backward_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_forward_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_forward_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
# Called before a buffer, module or parameter is registered; may replace it.
_global_buffer_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_parameter_registration_hooks: OrderedDict[int, Hook] = OrderedDict()


class _GlobalKind:
    """Whether the backward hooks of all modules are full ones; None while there was none."""

    is_full: bool | None = None


def _add(hooks: OrderedDict[int, Hook], hook: Hook, extra: Any = None, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks, extra_dict=extra)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def registered(hooks: OrderedDict[int, Hook], owner: Any, name: str, value: Any) -> Any:
    """What is to be registered under a name after the hooks on registrations have seen it."""
    for hook in hooks.values():
        output = hook(owner, name, value)
        if output is not None:
            value = output
    return value


# --- hooks on all modules


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls hook(module, name, buffer) before a buffer is registered; what it returns, if anything, replaces it."""
    return _add(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls hook(module, name, submodule) before a module is registered; what it returns, if anything, replaces it."""
    return _add(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls hook(module, name, param) before a parameter is registered; what it returns, if anything, replaces it."""
    return _add(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Calls hook(module, args) before every module's forward; may return other arguments."""
    return _add(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Calls hook(module, args, output) after every module's forward; may return another output."""
    handle = _add(_global_forward_hooks, hook, _global_forward_hooks_always_called)
    if with_kwargs:
        _global_forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        _global_forward_hooks_always_called[handle.id] = True
    return handle


def _set_global_kind(full: bool) -> None:
    if _GlobalKind.is_full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
            "Please use only one of them."
        )
    _GlobalKind.is_full = full


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """Calls hook(module, grad_input, grad_output) with the gradients at the last node of every module's output."""
    _set_global_kind(False)
    return _add(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Calls hook(module, grad_output) when the gradients of every module's output are known; may return others."""
    return _add(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Calls hook(module, grad_input, grad_output) when the gradients of every module's input are known."""
    _set_global_kind(True)
    return _add(_global_backward_hooks, hook)


# --- hooks on one module


class WrappedHook:
    """A hook that is pickled with its module, to which it refers weakly."""

    def __init__(self, hook: Hook, module: Any = None) -> None:
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if module is not None:
            self.module = weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        state = {"hook": self.hook, "with_module": self.with_module}
        return {**state, "module": self.module()} if self.with_module else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["with_module"] and state["module"] is None:
            raise RuntimeError("You are trying to revive the hook of a dead Module!")
        self.__init__(state["hook"], state["module"] if state["with_module"] else None)


class HookedModule:
    """The part of Module that registers hooks around the call of a module."""

    _backward_pre_hooks: OrderedDict[int, Hook]
    _backward_hooks: OrderedDict[int, Hook]
    _is_full_backward_hook: bool | None
    _forward_hooks: OrderedDict[int, Hook]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Hook]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls hook(module, args[, kwargs]) before forward; may return other arguments."""
        handle = _add(self._forward_pre_hooks, hook, self._forward_pre_hooks_with_kwargs, prepend)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls hook(module, args[, kwargs], output) after forward, on request also after one that raised."""
        extra = [self._forward_hooks_with_kwargs, self._forward_hooks_always_called]
        handle = _add(self._forward_hooks, hook, extra, prepend)
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return handle

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Calls hook(module, grad_output) when the gradients of the output are known; may return others."""
        return _add(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Calls hook(module, grad_input, grad_output) when the gradients of the input are known; may return others."""
        self._set_kind(True)
        return _add(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """Calls hook(module, grad_input, grad_output) with the gradients at the last node of the output."""
        self._set_kind(False)
        return _add(self._backward_hooks, hook)

    def _set_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. "
                "Please use only one of them."
            )
        self._is_full_backward_hook = full

    def _get_backward_hooks(self) -> tuple[list[Hook], list[Hook]]:
        """The full backward hooks and the others; those on all modules come first."""
        full: list[Hook] = []
        others: list[Hook] = []
        for is_full, hooks in (
            (_GlobalKind.is_full, _global_backward_hooks),
            (self._is_full_backward_hook, self._backward_hooks),
        ):
            if is_full is not None:
                (full if is_full else others).extend(hooks.values())
        return full, others

    def _get_backward_pre_hooks(self) -> list[Hook]:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]


# --- the call of a module that has hooks, or of any while there are hooks on all


class _Call:
    """One call of a module and what its hooks have made of the arguments and of the result so far."""

    def __init__(self, module: Any, args: tuple, kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.called: set[int] = set()

    def run(self) -> Any:
        module = self.module
        full_hooks, other_hooks = module._get_backward_hooks()
        pre_hooks = module._get_backward_pre_hooks()
        self.call_forward_pre_hooks()
        backward = None
        if full_hooks or pre_hooks:
            backward = BackwardHook(module, full_hooks, pre_hooks)
            self.args = backward.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self.call_forward_hooks()
        if backward is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    f"received {type(self.result)}",
                    stacklevel=5,
                )
            self.result = backward.setup_output_hook(self.result)
        if other_hooks:
            self.register_at_last_node(other_hooks)
        return self.result

    def call_forward_pre_hooks(self) -> None:
        module = self.module
        for id, hook in (*_global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()):
            if id in module._forward_pre_hooks_with_kwargs:
                changed = hook(module, self.args, self.kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                self.args, self.kwargs = changed
            else:
                changed = hook(module, self.args)
                if changed is not None:
                    self.args = changed if isinstance(changed, tuple) else (changed,)

    def call_forward_hooks(self) -> None:
        for id, hook in (*_global_forward_hooks.items(), *self.module._forward_hooks.items()):
            if self.is_always_called(id):
                self.called.add(id)
            self.call_forward_hook(id, hook)

    def call_forward_hook(self, id: int, hook: Hook) -> None:
        module = self.module
        takes_kwargs = id in module._forward_hooks_with_kwargs or id in _global_forward_hooks_with_kwargs
        changed = hook(module, self.args, *([self.kwargs] if takes_kwargs else []), self.result)
        if changed is not None:
            self.result = changed

    def is_always_called(self, id: int) -> bool:
        return id in self.module._forward_hooks_always_called or id in _global_forward_hooks_always_called

    def call_remaining_hooks(self) -> None:
        """After an error: the hooks that are called always and were not yet."""
        for kind, hooks in (("global module", _global_forward_hooks), ("module", self.module._forward_hooks)):
            for id, hook in hooks.items():
                if not self.is_always_called(id) or id in self.called:
                    continue
                try:
                    self.call_forward_hook(id, hook)
                except Exception as error:
                    warnings.warn(
                        f"{kind} forward hook with ``always_call=True`` raised an exception that was silenced as "
                        f"another error was raised in forward: {error}",
                        stacklevel=4,
                    )

    def register_at_last_node(self, hooks: list[Hook]) -> None:
        found = self.result
        while not isinstance(found, Tensor):
            if isinstance(found, dict):
                found = next(value for value in found.values() if isinstance(value, Tensor))
            else:
                found = found[0]
        node = found.grad_fn
        if node is None:
            return
        for hook in hooks:
            node.register_hook(WrappedHook(hook, self.module))
        problem = _missed_gradients(self.args, self.result, node)
        if problem:
            warnings.warn(
                f"Using a non-full backward hook when {problem} is deprecated and will be removed in future versions. "
                "Please use register_full_backward_hook to get the documented behavior.",
                FutureWarning,
                stacklevel=5,
            )


def _missed_gradients(args: Any, result: Any, node: Any) -> str | None:
    # Why hooks at the node see less than all gradients of the module's inputs and outputs.
    tensors = []
    for what, values in (("return", result), ("take as input", args)):
        values = (values,) if isinstance(values, Tensor) else values
        if not (isinstance(values, tuple) and all(isinstance(value, Tensor) for value in values)):
            return f"a Module does not {what} a single Tensor or a tuple of Tensors"
        tensors.append(values)
    outputs = {output.grad_fn for output in tensors[0] if output.grad_fn is not None}
    if outputs != {node}:
        nested = node not in outputs
        return "outputs are " + ("nested in python data structure" if nested else "of different autograd Nodes")
    inputs = {input.grad_fn for input in tensors[1] if input.grad_fn is not None}
    if inputs != {function for function, _ in node.next_functions}:
        return "the forward contains multiple autograd Nodes"
    return None


def call_with_hooks(module: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Calls a module's forward with all hooks around it."""
    call = _Call(module, args, kwargs)
    try:
        return call.run()
    except Exception:
        call.call_remaining_hooks()
        raise
