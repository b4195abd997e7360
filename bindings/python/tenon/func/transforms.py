"""Derivatives of functions as functions. They nest, among themselves and with vmap.

An inner derivative is recorded only if something outside could want it: an input that requires grad, or a tensor that
the function closes over. Forward derivatives are the gradient of a gradient, which is linear in what it starts from.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd import enable_grad
from tenon.autograd import grad as autograd_grad
from tenon.func.batched import BatchedTensor, lift, wrap
from tenon.utils._pytree import tree_flatten, tree_map, tree_unflatten

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp"]

_zeros_like = _C.functions["zeros_like"]


def _physical(tensor: Tensor) -> Tensor:
    while type(tensor) is BatchedTensor:
        tensor = tensor.value
    return tensor


def _opened(tensor: Tensor) -> Tensor:
    if type(tensor) is BatchedTensor:
        return wrap(_opened(tensor.value), tensor.level)
    return _C._open_transform_input(tensor)


class _Inputs:
    """The tensors of `tree` as inputs to differentiate with respect to."""

    def __init__(self, tree: Any) -> None:
        leaves, self.spec = tree_flatten(tree)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise ValueError(f"Thing passed to transform API must be Tensor, got {type(leaf)}")
        self.recorded = _C.is_grad_enabled()
        self.linked = self.recorded and any(leaf.requires_grad for leaf in leaves)
        self.leaves = [self._input(leaf) for leaf in leaves]
        self._nodes = [_physical(leaf).grad_fn for leaf in self.leaves]

    def _input(self, leaf: Tensor) -> Tensor:
        own = lift(leaf)
        if self.recorded and own.requires_grad:
            with enable_grad():
                return own.view_as(own)
        return _opened(own.detach())

    def run(self, func: Callable, *args: Any) -> Any:
        """Calls the function that was given the inputs."""
        try:
            with enable_grad():
                output = func(*args)
        finally:
            for leaf in self.leaves:
                _C._close_transform_input(_physical(leaf))
        for leaf, node in zip(self.leaves, self._nodes):
            if _physical(leaf).grad_fn is not node:
                raise RuntimeError(
                    "a leaf Variable that requires grad is being used in an in-place operation: the function edits an "
                    "input that it is differentiated with respect to"
                )
        return output

    def tree(self) -> Any:
        """The inputs in their structure."""
        return tree_unflatten(self.leaves, self.spec)

    def wanted_outside(self, tensor: Tensor) -> bool:
        """Whether somebody else could differentiate `tensor`: it depends on more than these inputs."""
        if not self.recorded or not tensor.requires_grad:
            return False
        return self.linked or _C._is_wanted_outside(_physical(tensor), [_physical(leaf) for leaf in self.leaves])

    def released(self, tree: Any) -> Any:
        """What the function returned, without a graph where nobody outside could want it."""

        def release(value: Any) -> Any:
            return value if not isinstance(value, Tensor) or self.wanted_outside(value) else value.detach()

        return tree_map(release, tree)

    def filled(self, grads: tuple[Tensor | None, ...]) -> list[Tensor]:
        """The gradients, with zeros for what nothing depends on."""
        return [_zeros_like(leaf.detach()) if one is None else one for leaf, one in zip(self.leaves, grads)]


def _selected(args: tuple, argnums: int | tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """The arguments of these numbers, and the numbers counted from 0."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not numbers:
        raise RuntimeError("argnums cannot be empty: at least one argument must be differentiated")
    for number in numbers:
        if not isinstance(number, int):
            raise RuntimeError(f"argnum must be int, got {type(number)}")
        if not -len(args) <= number < len(args):
            raise RuntimeError(f"Got argnum={number}, but only {len(args)} positional inputs")
    positive = tuple(number % len(args) for number in numbers)
    if len(set(positive)) != len(positive):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    if isinstance(argnums, int):
        return args[positive[0]], positive
    return tuple(args[number] for number in positive), positive


def _replaced(args: tuple, numbers: tuple[int, ...], argnums: Any, values: Any) -> tuple:
    replaced = list(args)
    for number, value in zip(numbers, (values,) if isinstance(argnums, int) else values):
        replaced[number] = value
    return tuple(replaced)


def _split_aux(output: Any, has_aux: bool, where: str) -> tuple[Any, Any]:
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(f"{where}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def _only_tensors(output: Any, where: str) -> tuple[list[Tensor], Any]:
    leaves, spec = tree_flatten(output)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{where}: expected f(*primals) to return only tensors, got unsupported type {type(leaf)}"
            )
    if not leaves:
        raise RuntimeError(f"{where}: expected f(*primals) to return at least one tensor, got none")
    return leaves, spec


def _gradients(outputs: list, inputs: list, starts: list | None, create_graph: bool, retain_graph: bool) -> tuple:
    """The gradients of those outputs that have any; None for inputs that none depends on."""
    used = [i for i, output in enumerate(outputs) if output.requires_grad]
    if not used:
        return (None,) * len(inputs)
    return autograd_grad(
        [outputs[i] for i in used],
        inputs,
        None if starts is None else [starts[i] for i in used],
        retain_graph=retain_graph or create_graph,
        create_graph=create_graph,
        allow_unused=True,
    )


# --- reverse mode


def grad_and_value(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """A function of the gradient of `func`, which returns one number, and of its value."""

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        chosen, numbers = _selected(args, argnums)
        inputs = _Inputs(chosen)
        given = _replaced(args, numbers, argnums, inputs.tree())
        output, aux = _split_aux(inputs.run(lambda: func(*given, **kwargs)), has_aux, "grad_and_value(f)(*args)")
        if not isinstance(output, Tensor):
            raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}")
        if output.dim() != 0:
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        recorded = inputs.wanted_outside(output)
        with enable_grad():
            grads = inputs.filled(_gradients([output], inputs.leaves, None, recorded, has_aux))
        result = tree_unflatten(grads, inputs.spec)
        value = output if recorded else output.detach()
        return (result, (value, inputs.released(aux))) if has_aux else (result, value)

    return wrapped


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """A function of the gradient of `func`, which returns one number."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result, value = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return wrapped


class _Pullback:
    """A function run once, and the gradients of its outputs as often as wanted."""

    def __init__(self, func: Callable, primals: tuple, has_aux: bool, where: str) -> None:
        self.inputs = _Inputs(primals)
        output, aux = _split_aux(self.inputs.run(func, *self.inputs.tree()), has_aux, where)
        self.outputs, self.spec = _only_tensors(output, where)
        self.aux = self.inputs.released(aux)

    def output(self) -> Any:
        return self.inputs.released(tree_unflatten(self.outputs, self.spec))

    def is_wanted_outside(self) -> bool:
        return any(self.inputs.wanted_outside(output) for output in self.outputs)

    def gradients(self, cotangents: list[Tensor], recorded: bool) -> list[Tensor]:
        with enable_grad():
            return self.inputs.filled(_gradients(self.outputs, self.inputs.leaves, cotangents, recorded, True))


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The outputs of `func`, and a function from gradients of these to gradients of its arguments."""
    if not primals:
        raise ValueError("vjp(f, *primals): expected at least one primal")
    pullback = _Pullback(func, primals, has_aux, "vjp(f, *primals)")

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> tuple:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        leaves, spec = tree_flatten(given)
        if spec != pullback.spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {spec}, primal output: {pullback.spec}"
            )
        recorded = create_graph
        if recorded is None:
            linked = any(leaf.requires_grad for leaf in leaves)
            recorded = _C.is_grad_enabled() and (linked or pullback.is_wanted_outside())
        return tree_unflatten(pullback.gradients(leaves, recorded), pullback.inputs.spec)

    return (pullback.output(), vjp_fn, pullback.aux) if has_aux else (pullback.output(), vjp_fn)


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """A function of the Jacobian of `func`, row by row."""
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        chosen, numbers = _selected(args, argnums)

        def of_chosen(values: Any) -> Any:
            return func(*_replaced(args, numbers, argnums, values), **kwargs)

        pullback = _Pullback(of_chosen, (chosen,), has_aux, "vjp(f, *primals)")
        recorded = pullback.is_wanted_outside()
        jacobians = []
        for i, output in enumerate(pullback.outputs):
            rows = [pullback.gradients(_one_hot(pullback.outputs, i, k), recorded) for k in range(output.numel())]
            blocks = [_block(list(column), output, leaf) for column, leaf in _columns(rows, pullback.inputs.leaves)]
            jacobians.append(tree_unflatten(blocks, pullback.inputs.spec)[0])
        result = tree_unflatten(jacobians, pullback.spec)
        return (result, pullback.aux) if has_aux else result

    return wrapped


def _columns(rows: list[list[Tensor]], leaves: list[Tensor]) -> Any:
    return zip(zip(*rows) if rows else ([] for _ in leaves), leaves)


def _block(rows: list[Tensor], output: Tensor, leaf: Tensor) -> Tensor:
    if not rows:
        return leaf.new_zeros((*output.shape, *leaf.shape))
    return _C.functions["stack"](rows).reshape(*output.shape, *leaf.shape)


def _one_hot(tensors: list[Tensor], which: int, element: int) -> list[Tensor]:
    """Zeros like these tensors, but for a one."""
    result = [_zeros_like(tensor.detach()) for tensor in tensors]
    one = tensors[which].new_zeros(tensors[which].numel())
    one[element] = 1
    result[which] = one.reshape(tensors[which].shape)
    return result


# --- forward mode


class _Pushforward:
    """A function run once, and its derivative along tangents as often as wanted."""

    def __init__(self, func: Callable, primals: tuple, has_aux: bool) -> None:
        self.pullback = _Pullback(func, primals, has_aux, "jvp(f, primals, tangents)")
        self.recorded = self.pullback.is_wanted_outside()
        with enable_grad():
            self.starts = [_zeros_like(output.detach()).requires_grad_() for output in self.pullback.outputs]
            self.grads = _gradients(self.pullback.outputs, self.pullback.inputs.leaves, self.starts, True, True)

    def along(self, tangents: list[Tensor | None]) -> list[Tensor]:
        """The derivatives of the outputs; None is a tangent of zeros."""
        used = [
            (grad, tangent)
            for grad, tangent in zip(self.grads, tangents)
            if grad is not None and grad.requires_grad and tangent is not None
        ]
        found: tuple = (None,) * len(self.starts)
        if used:
            linked = _C.is_grad_enabled() and any(tangent.requires_grad for _, tangent in used)
            with enable_grad():
                grads, starts = [grad for grad, _ in used], [tangent for _, tangent in used]
                found = _gradients(grads, self.starts, starts, self.recorded or linked, True)
        return [
            _zeros_like(output.detach()) if one is None else one for output, one in zip(self.pullback.outputs, found)
        ]


def _check_tangents(primals: Any, tangents: Any) -> list[Tensor]:
    for name, value in (("primals", primals), ("tangents", tangents)):
        if name == "primals" and not isinstance(value, tuple):
            raise RuntimeError(
                f"jvp(f, primals, tangents): Expected {name} to be a tuple. E.g. it should be valid to call "
                "f(*primals)."
            )
    inputs, spec = tree_flatten(primals)
    leaves, own = tree_flatten(tangents)
    if spec != own:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. For example, "
            "if primals is a tuple of 3 tensors, tangents also must be. "
            f"Got primals with structure {spec} and tangents with structure {own}"
        )
    for leaf, tangent in zip(inputs, leaves):
        if not isinstance(leaf, Tensor) or not isinstance(tangent, Tensor):
            raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to be tensors")
        if leaf.shape != tangent.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(leaf.shape)} while the given forward gradient is of size "
                f"{list(tangent.shape)}."
            )
    return leaves


def jvp(func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The outputs of `func`, and their derivative along `tangents` of its arguments."""
    leaves = _check_tangents(primals, tangents)
    forward = _Pushforward(func, primals, has_aux)
    derivative = tree_unflatten(forward.along(leaves), forward.pullback.spec)
    output = forward.pullback.output()
    return (output, derivative, forward.pullback.aux) if has_aux else (output, derivative)


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """The outputs of `func`, and a function from tangents of its arguments to those of its outputs."""
    forward = _Pushforward(func, primals, False)

    def jvp_fn(*tangents: Any) -> Any:
        leaves = _check_tangents(primals, tangents)
        return tree_unflatten(forward.along(leaves), forward.pullback.spec)

    return forward.pullback.output(), jvp_fn


def jacfwd(
    func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable:
    """A function of the Jacobian of `func`, column by column."""

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        chosen, numbers = _selected(args, argnums)

        def of_chosen(values: Any) -> Any:
            return func(*_replaced(args, numbers, argnums, values), **kwargs)

        forward = _Pushforward(of_chosen, (chosen,), has_aux)
        inputs, outputs = forward.pullback.inputs, forward.pullback.outputs
        blocks: list[list[Tensor]] = [[] for _ in outputs]
        for i, leaf in enumerate(inputs.leaves):
            columns = []
            for k in range(leaf.numel()):
                tangents: list = [None] * len(inputs.leaves)
                tangents[i] = _one_hot([leaf], 0, k)[0]
                columns.append(forward.along(tangents))
            for own, output, column in zip(blocks, outputs, zip(*columns) if columns else [()] * len(outputs)):
                own.append(_column_block(list(column), output, leaf))
        jacobians = [tree_unflatten(own, inputs.spec)[0] for own in blocks]
        result = tree_unflatten(jacobians, forward.pullback.spec)
        return (result, forward.pullback.aux) if has_aux else result

    return wrapped


def _column_block(columns: list[Tensor], output: Tensor, leaf: Tensor) -> Tensor:
    if not columns:
        return output.new_zeros((*output.shape, *leaf.shape))
    return _C.functions["stack"](columns, -1).reshape(*output.shape, *leaf.shape)


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """A function of the second derivatives of `func`."""
    return jacrev(jacrev(func, argnums), argnums)


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """Returns `func` itself. PyTorch replaces edits in place by other ops for those who read a trace; the results are
    the same, and Tenon makes no traces."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize: remove must be 'mutations' or 'mutations_and_views', but got {remove!r}"
        )
    return func
