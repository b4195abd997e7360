"""Functions of Tenon in PyTorch's graphs and the reverse, and the exchange of tensors that they are made of.

`torch_function(f)` makes a function of PyTorch tensors from `f`, a function of Tenon tensors; `tenon_function(f)` makes
one of Tenon tensors from a function of PyTorch tensors. A call is one node of the caller's graph: gradients pass
through it, and the parameters that `f` itself holds receive theirs in backward. Tensors share their memory, so `f` must
not edit its arguments in place. The gradients cannot be differentiated again: an attempt raises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tenon
from tenon._C import from_dlpack, from_torch

__all__ = ["from_dlpack", "from_torch", "tenon_function", "torch_function"]


def _to_torch(tensor: Any) -> Any:
    return tensor.detach().to_torch()


class _Call:
    """One call of the inner function: which arguments are tensors of the outer framework, and the others."""

    def __init__(self, function: Callable[..., Any], args: tuple, kwargs: dict[str, Any], tensor_type: type) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.slots = [i for i, value in enumerate(args) if isinstance(value, tensor_type)]
        self.keys = [key for key, value in kwargs.items() if isinstance(value, tensor_type)]
        self.single = True

    def tensors(self) -> list[Any]:
        return [self.args[i] for i in self.slots] + [self.kwargs[key] for key in self.keys]

    def run(self, tensors: list[Any]) -> list[Any]:
        """Calls the function with other tensors in the places of its tensor arguments."""
        args, kwargs = list(self.args), dict(self.kwargs)
        for slot, tensor in zip(self.slots, tensors):
            args[slot] = tensor
        kwargs.update(zip(self.keys, tensors[len(self.slots) :]))
        # The graph must not keep the outer tensors alive through here.
        self.args, self.kwargs = (), {}
        outputs = self.function(*args, **kwargs)
        self.single = not isinstance(outputs, (tuple, list))
        return [outputs] if self.single else list(outputs)


@functools.cache
def _node(outer: Any, inner: Any, to_inner: Callable[[Any], Any], to_outer: Callable[[Any], Any]) -> Any:
    # The outer framework's autograd.Function that computes with the inner one.
    class Bridge(outer.autograd.Function):
        @staticmethod
        def forward(ctx: Any, call: _Call, anchor: Any, *tensors: Any) -> Any:
            leaves = [
                to_inner(tensor).requires_grad_(needed) for tensor, needed in zip(tensors, ctx.needs_input_grad[2:])
            ]
            with inner.enable_grad():
                outputs = call.run(leaves)
            for output in outputs:
                if not isinstance(output, inner.Tensor):
                    raise TypeError(
                        f"{call.function.__name__}: expected it to return tensors of {inner.__name__}, "
                        f"but it returned {type(output).__name__}"
                    )
            results = tuple(to_outer(output) for output in outputs)
            ctx.leaves, ctx.outputs = leaves, outputs
            # Both frameworks see one memory: backward finds by these whether it was edited since.
            ctx.save_for_backward(*tensors, *results)
            ctx.mark_non_differentiable(
                *(result for result, output in zip(results, outputs) if not output.requires_grad)
            )
            return results[0] if call.single else results

        @staticmethod
        @outer.autograd.function.once_differentiable
        def backward(ctx: Any, *grads: Any) -> Any:
            # Raises if one was edited.
            _ = ctx.saved_tensors
            pairs = [(output, to_inner(grad)) for output, grad in zip(ctx.outputs, grads) if output.requires_grad]
            if pairs:
                # The outer graph may be kept for another backward, so this one is kept as long as it.
                roots, root_grads = zip(*pairs)
                inner.autograd.backward(roots, root_grads, retain_graph=True)
            results = []
            for leaf in ctx.leaves:
                results.append(None if leaf.grad is None else to_outer(leaf.grad))
                leaf.grad = None
            return None, None, *results

    return Bridge


def _bridged(function: Callable[..., Any], outer: Any, *sides: Any) -> Callable[..., Any]:
    node = _node(outer, *sides)

    @functools.wraps(function)
    def bridged(*args: Any, **kwargs: Any) -> Any:
        call = _Call(function, args, kwargs, outer.Tensor)
        # The node must be in the graph for what the function holds, even if no argument requires a gradient.
        anchor = outer.empty(0, requires_grad=True)
        return node.apply(call, anchor, *call.tensors())

    return bridged


def torch_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which takes and returns Tenon tensors, as one of PyTorch tensors that PyTorch differentiates."""
    import torch

    return _bridged(function, torch, tenon, from_torch, _to_torch)


def tenon_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which takes and returns PyTorch tensors, as one of Tenon tensors that Tenon differentiates."""
    import torch

    return _bridged(function, tenon, torch, _to_torch, from_torch)
