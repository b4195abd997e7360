"""Custom differentiable functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd.grad_mode import no_grad


class FunctionCtx:
    """What forward tells backward, and the graph about its outputs."""

    needs_input_grad: tuple[bool, ...] = ()
    to_save: tuple[Tensor | None, ...] = ()
    dirty_tensors: tuple[Tensor, ...] = ()
    non_differentiable: tuple[Tensor, ...] = ()
    materialize_grads = True
    _saved: Any = None
    _sparse_forms: list[Any] | None = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors, guarded against later edits in place; call it once, in forward or setup_context."""
        self.to_save = tensors
        if any(value is not None and not isinstance(value, Tensor) for value in tensors):
            from tenon.sparse import as_dense_parts

            self.to_save, self._sparse_forms = as_dense_parts(tensors)

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Accepted as PyTorch has it; forward-mode differentiation is not supported."""

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]:
        """The tensors of save_for_backward."""
        saved = self.to_save if self._saved is None else self._saved.get()
        if self._sparse_forms is None:
            return saved
        from tenon.sparse import of_dense_parts

        return of_dense_parts(saved, self._sparse_forms)

    def mark_dirty(self, *args: Tensor) -> None:
        """Says which inputs forward edited in place; it must return them."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Says which outputs take no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for outputs without gradient."""
        self.materialize_grads = value


class Function(FunctionCtx):
    """Subclass it with static methods forward and backward, and call `apply`."""

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the outputs: forward(ctx, *args), or forward(*args) where setup_context is given."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """Tells `ctx` what backward needs, apart from forward."""
        raise NotImplementedError("setup_context is not implemented.")

    # Whether vmap may call forward and backward example by example.
    generate_vmap_rule = False

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *args: Any) -> Any:
        """Computes the outputs of a batch, and their batch dims; what vmap calls."""
        raise NotImplementedError("To use autograd.Function with vmap, you must override its vmap staticmethod.")

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Accepted as PyTorch has it; forward-mode differentiation never calls it."""
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Computes one gradient per argument of forward from one per output."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Calls forward, recording it as one op of the graph."""
        if _C._has_override(*args):
            from tenon.func.custom import apply_batched, is_batched

            if is_batched(args):
                return apply_batched(cls, args, kwargs)
        ctx = cls._new_context()
        ctx.needs_input_grad = tuple(isinstance(value, Tensor) and value.requires_grad for value in args)
        call = _Call(cls, ctx, args, kwargs)
        outputs = _C._apply_function(f"{cls.__name__}Backward", ctx, call.inputs(), call.forward, call.backward)
        ctx.to_save = ()
        return call.result(outputs)

    @classmethod
    def _new_context(cls) -> Any:
        # The context's own class, so that attributes of the Function are seen through it as in PyTorch.
        ctx = FunctionCtx.__new__(cls)
        return ctx


class _Call:
    """One application: sorts tensors from other arguments and outputs, which the graph does not know."""

    def __init__(self, function: type[Function], ctx: Any, args: tuple, kwargs: dict[str, Any]) -> None:
        self.function, self.ctx, self.args, self.kwargs = function, ctx, args, kwargs
        self.tensor_slots = [i for i, value in enumerate(args) if isinstance(value, Tensor)]
        self.count = len(args)
        self.outputs: list[Any] = []
        self.single = False
        self.output_slots: list[int] = []

    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(self.args[i] for i in self.tensor_slots)

    def forward(self) -> tuple[Tensor, ...]:
        function, args = self.function, self.args
        if function.setup_context is Function.setup_context:
            outputs = function.forward(self.ctx, *args, **self.kwargs)
        else:
            outputs = function.forward(*args, **self.kwargs)
            function.setup_context(self.ctx, args, outputs)
        # The arguments must not live as long as the graph.
        self.args, self.kwargs = (), {}
        self.single = not isinstance(outputs, tuple)
        self.outputs = [outputs] if self.single else list(outputs)
        self.output_slots = [i for i, value in enumerate(self.outputs) if isinstance(value, Tensor)]
        if self.single and not self.output_slots:
            name = type(outputs).__name__
            raise TypeError(f"{function.__name__}.forward: expected to return a Tensor or a tuple of them, not {name}")
        return tuple(self.outputs[i] for i in self.output_slots)

    def result(self, tensors: tuple[Tensor, ...]) -> Any:
        outputs, self.outputs = self.outputs, [None] * len(self.outputs)
        for slot, tensor in zip(self.output_slots, tensors):
            outputs[slot] = tensor
        return outputs[0] if self.single else tuple(outputs)

    def backward(self, saved: Any, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        self.ctx._saved = saved
        all_grads: list[Tensor | None] = [None] * len(self.outputs)
        for slot, grad in zip(self.output_slots, grads):
            all_grads[slot] = grad
        try:
            result = self.function.backward(self.ctx, *all_grads)
        finally:
            self.ctx._saved = None
        if not isinstance(result, tuple):
            result = (result,)
        extra = result[self.count :]
        if len(result) < self.count or any(value is not None for value in extra):
            raise RuntimeError(
                f"function {self.function.__name__}Backward returned an incorrect number of gradients "
                f"(expected {self.count}, got {len(result)})"
            )
        for i in range(self.count):
            if i not in self.tensor_slots and result[i] is not None:
                raise RuntimeError(
                    f"function {self.function.__name__}Backward returned a gradient different than None at position "
                    f"{i + 1}, but the corresponding forward input was not a Tensor"
                )
        return tuple(result[i] for i in self.tensor_slots)


class _Undifferentiable(Function):
    """Passes tensors on, and raises when backward reaches it."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensor.detach() for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a backward unrecorded: differentiating its result raises."""

    @functools.wraps(fn)
    def wrapped(ctx: Any, *args: Any) -> Any:
        with no_grad():
            outputs = fn(ctx, *args)
        needs_error = _C.is_grad_enabled() and any(isinstance(arg, Tensor) and arg.requires_grad for arg in args)
        if not needs_error:
            return outputs
        many = outputs if isinstance(outputs, tuple) else (outputs,)
        marked = tuple(
            _Undifferentiable.apply(value.detach().requires_grad_())[0] if isinstance(value, Tensor) else value
            for value in many
        )
        return marked if isinstance(outputs, tuple) else marked[0]

    return wrapped
