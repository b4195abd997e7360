"""Products with Jacobians and Hessians, and these themselves, of functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.autograd.grad_mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_zeros_like, _ones_like, _stack = (_C.functions[name] for name in ("zeros_like", "ones_like", "stack"))

Tensors = tuple[Tensor, ...]


# --- arguments and results


def _as_tuple(value: Any, what: str, name: str) -> tuple[bool, Tensors]:
    many = isinstance(value, tuple)
    items = value if many else (value,)
    for i, item in enumerate(items):
        if not isinstance(item, Tensor):
            where = f"the value at index {i}" if many else f"the given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but {where} has type "
                f"{type(item)}."
            )
    return many, items


def _as_given(values: Any, *many: bool) -> Any:
    """Takes away the tuples around single tensors, as they were given."""
    if not many:
        return values
    return tuple(_as_given(value, *many[1:]) for value in values) if many[0] else _as_given(values[0], *many[1:])


def _own_inputs(inputs: Tensors, create_graph: bool) -> Tensors:
    """The inputs apart from the graph that they come from, or linked to it on request."""
    if create_graph:
        return tuple(one.view_as(one) if one.requires_grad else one.clone().requires_grad_() for one in inputs)
    return tuple(one.detach().requires_grad_() for one in inputs)


def _released(values: Any, create_graph: bool) -> Any:
    if isinstance(values, tuple):
        return tuple(_released(value, create_graph) for value in values)
    return values if create_graph else values.detach()


def _check_vectors(vectors: Tensors, others: Tensors, many: bool) -> None:
    if len(vectors) != len(others):
        if many:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(others)} but got {len(vectors)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (vector, other) in enumerate(zip(vectors, others)):
        if vector.shape != other.shape:
            where = f"Entry {i} in " if many else ""
            raise RuntimeError(f"{where}v has invalid size: should be {other.shape} but got {vector.shape}.")


def _check_depends(values: Tensors, what: str, strict: bool) -> None:
    for i, value in enumerate(values):
        if strict and not value.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The {what} must be a "
                "differentiable function of the inputs when running in strict mode."
            )


def _grad(outputs: Tensors, inputs: Tensors, starts: Tensors | None, create_graph: bool) -> tuple[Tensor | None, ...]:
    """The gradients of the outputs that have any, kept for another use."""
    used = [i for i, output in enumerate(outputs) if output.requires_grad]
    if not used:
        return (None,) * len(inputs)
    from tenon.autograd import grad

    return grad(
        [outputs[i] for i in used],
        inputs,
        None if starts is None else [starts[i] for i in used],
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
    )


def _filled(
    grads: tuple[Tensor | None, ...], like: Tensors, strict: bool, create_graph: bool, what: str = "inputs"
) -> Tensors:
    """Zeros for gradients that there are none of, which strictness forbids."""
    for i, grad in enumerate(grads):
        if strict and grad is None:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode."
            )
        if strict and create_graph and not grad.requires_grad:
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in "
                "strict mode when create_graph=True."
            )
    return tuple(_zeros_like(one) if grad is None else grad for grad, one in zip(grads, like))


def _call(func: Callable, inputs: Tensors, name: str) -> tuple[bool, Tensors]:
    return _as_tuple(func(*inputs), "outputs of the user-provided function", name)


def _only_number(many: bool, outputs: Tensors, name: str) -> None:
    if many or outputs[0].numel() != 1:
        what = "is a tuple of Tensors" if many else f"has {outputs[0].numel()} elements"
        raise RuntimeError(f"The function given to {name} must return one Tensor of a single element, but it {what}")


# --- products with the Jacobian


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs of `func`, and the product of `v` and its Jacobian."""
    with enable_grad():
        many, given = _as_tuple(inputs, "inputs", "vjp")
        own = _own_inputs(given, create_graph)
        many_outputs, outputs = _call(func, own, "vjp")
        _check_depends(outputs, "outputs", strict)
        if v is not None:
            many_v, vectors = _as_tuple(v, "v", "vjp")
            vectors = vectors if create_graph else _released(vectors, False)
            _check_vectors(vectors, outputs, many_v)
        else:
            if len(outputs) != 1 or outputs[0].numel() != 1:
                raise RuntimeError(
                    "The vector v can only be None if the user-provided function returns a single Tensor with a "
                    "single element."
                )
            vectors = (_ones_like(outputs[0]),)
        grads = _filled(_grad(outputs, own, vectors, create_graph), own, strict, create_graph)
    return (
        _as_given(_released(outputs, create_graph), many_outputs),
        _as_given(_released(grads, create_graph), many),
    )


def _forward_product(outputs: Tensors, inputs: Tensors, vectors: Tensors, strict: bool, create_graph: bool) -> Tensors:
    """The product of the Jacobian and `vectors`: the gradient of what is linear in the start of a gradient."""
    starts = tuple(_zeros_like(output).requires_grad_() for output in outputs)
    grads = _filled(_grad(outputs, inputs, starts, True), inputs, strict, False)
    _check_depends(grads, "Jacobian", strict)
    products = _grad(grads, starts, vectors, create_graph)
    return _filled(products, outputs, strict, create_graph, "Jacobian")


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs of `func`, and the product of its Jacobian and `v`."""
    with enable_grad():
        many, given = _as_tuple(inputs, "inputs", "jvp")
        own = _own_inputs(given, create_graph)
        vectors = _vectors_like_inputs(v, own, "jvp", create_graph)
        many_outputs, outputs = _call(func, own, "jvp")
        _check_depends(outputs, "outputs", strict)
        products = _forward_product(outputs, own, vectors, strict, create_graph)
    return (
        _as_given(_released(outputs, create_graph), many_outputs),
        _as_given(_released(products, create_graph), many_outputs),
    )


def _vectors_like_inputs(v: Any, inputs: Tensors, name: str, create_graph: bool) -> Tensors:
    if v is None:
        if len(inputs) != 1 or inputs[0].numel() != 1:
            raise RuntimeError(
                "The vector v can only be None if the input to the user-provided function is a single Tensor with a "
                "single element."
            )
        return (_ones_like(inputs[0]),)
    many, vectors = _as_tuple(v, "v", name)
    _check_vectors(vectors, inputs, many)
    return vectors if create_graph else _released(vectors, False)


# --- the Jacobian and the Hessian


def _rows(output: Tensor, inputs: Tensors, index: int, strict: bool, create_graph: bool) -> Tensors:
    """The Jacobian of one output with respect to each input."""
    rows: list[Tensors] = []
    for k in range(output.numel()):
        start = output.new_zeros(output.numel())
        start[k] = 1
        grads = _grad((output,), inputs, (start.view(output.shape),), create_graph)
        for i, grad in enumerate(grads):
            if strict and create_graph and grad is not None and not grad.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {i}. This is not allowed in "
                    "strict mode when create_graph=True."
                )
            if strict and grad is None:
                raise RuntimeError(
                    f"Output {index} of the user-provided function is independent of input {i}. This is not allowed "
                    "in strict mode."
                )
        rows.append(_filled(grads, inputs, False, False))
    shapes = [(*output.shape, *one.shape) for one in inputs]
    if not rows:
        return tuple(one.new_zeros(shape) for one, shape in zip(inputs, shapes))
    return tuple(_stack([row[i] for row in rows]).view(shape) for i, shape in enumerate(shapes))


def _check_strategy(strategy: str) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            f'than inputs, "forward-mode" tends to be more performant. Got {strategy!r}'
        )


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of every element of the outputs with respect to every element of the inputs."""
    _check_strategy(strategy)
    if strategy == "forward-mode":
        return _forward_jacobian(func, inputs, create_graph, strict, vectorize)
    if vectorize and strict:
        raise RuntimeError(
            "jacobian: `strict=True` and `vectorized=True` are not supported together. Please either set "
            "`strict=False` or `vectorize=False`."
        )
    with enable_grad():
        many, given = _as_tuple(inputs, "inputs", "jacobian")
        own = _own_inputs(given, create_graph)
        many_outputs, outputs = _call(func, own, "jacobian")
        _check_depends(outputs, "outputs", strict)
        rows = tuple(_rows(output, own, i, strict, create_graph) for i, output in enumerate(outputs))
    return _as_given(_released(rows, create_graph), many_outputs, many)


def _forward_jacobian(func: Callable, inputs: Any, create_graph: bool, strict: bool, vectorize: bool) -> Any:
    for name, value in (("create_graph", create_graph), ("strict", strict)):
        if value:
            raise NotImplementedError(
                f'jacobian: `{name}=True` and `strategy="forward-mode"` are not supported together. Please either set '
                f'`{name}=False` or `strategy="reverse-mode"`.'
            )
    if not vectorize:
        raise NotImplementedError('jacobian: `strategy="forward-mode"` is only supported with `vectorize=True`.')
    from tenon.func import jacfwd

    many, given = _as_tuple(inputs, "inputs", "jacobian")
    many_outputs = False

    def as_tuples(*own: Tensor) -> Tensors:
        nonlocal many_outputs
        many_outputs, outputs = _call(func, own, "jacobian")
        return outputs

    blocks = jacfwd(as_tuples, argnums=tuple(range(len(given))))(*[one.detach() for one in given])
    return _as_given(blocks, many_outputs, many)


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function that returns one number."""
    _check_strategy(outer_jacobian_strategy)
    many, given = _as_tuple(inputs, "inputs", "hessian")

    def number(*own: Tensor) -> Tensor:
        many_outputs, outputs = _call(func, own, "hessian")
        _only_number(many_outputs, outputs, "hessian")
        _check_depends(outputs, "outputs", strict)
        return outputs[0].reshape(())

    def gradient(*own: Tensor) -> Tensors:
        found = jacobian(number, own, create_graph=True)
        _check_depends(found, "jacobian", strict)
        return found

    forward = outer_jacobian_strategy == "forward-mode"
    found = jacobian(
        gradient,
        given,
        create_graph=create_graph,
        strict=strict,
        vectorize=vectorize,
        strategy="forward-mode" if forward else "reverse-mode",
    )
    return _as_given(found, many, many)


# --- products with the Hessian


def _gradient_of_number(func: Callable, inputs: Tensors, name: str, strict: bool) -> tuple[Tensors, Tensors]:
    many_outputs, outputs = _call(func, inputs, name)
    _check_depends(outputs, "outputs", strict)
    _only_number(many_outputs, outputs, name)
    grads = _filled(_grad(outputs, inputs, (_ones_like(outputs[0]),), True), inputs, strict, False)
    _check_depends(grads, "jacobian", strict)
    return outputs, grads


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The output of `func`, one number, and the product of `v` and its Hessian."""
    with enable_grad():
        many, given = _as_tuple(inputs, "inputs", "vhp")
        own = _own_inputs(given, create_graph)
        vectors = _vectors_like_inputs(v, own, "vhp", create_graph)
        outputs, grads = _gradient_of_number(func, own, "vhp", strict)
        products = _filled(_grad(grads, own, vectors, create_graph), own, strict, create_graph, "hessian")
    return _released(outputs, create_graph)[0], _as_given(_released(products, create_graph), many)


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The output of `func`, one number, and the product of its Hessian and `v`."""
    with enable_grad():
        many, given = _as_tuple(inputs, "inputs", "hvp")
        own = _own_inputs(given, create_graph)
        vectors = _vectors_like_inputs(v, own, "hvp", create_graph)
        outputs, grads = _gradient_of_number(func, own, "hvp", strict)
        products = _forward_product(grads, own, vectors, strict, create_graph)
    return _released(outputs, create_graph)[0], _as_given(_released(products, create_graph), many)
