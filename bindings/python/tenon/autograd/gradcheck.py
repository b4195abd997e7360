"""Gradients compared with finite differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

_zeros_like, _stack = _C.functions["zeros_like"], _C.functions["stack"]


class GradcheckError(RuntimeError):
    """What gradcheck found wrong."""


Tensors = tuple[Tensor, ...]


def _as_tuple(value: Any) -> tuple:
    return value if isinstance(value, tuple) else tuple(value) if isinstance(value, list) else (value,)


def _differentiable(values: tuple) -> Tensors:
    return tuple(
        value
        for value in values
        if isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex()) and value.requires_grad
    )


def _check_inputs(inputs: tuple) -> None:
    wanted = [value for value in inputs if isinstance(value, Tensor) and value.requires_grad]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for i, value in enumerate(inputs):
        if isinstance(value, Tensor) and value.requires_grad:
            if value.dtype not in (_C.float64, _C.complex128):
                warnings.warn(
                    f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                    "will likely fail if all the inputs are not of double precision floating point or complex.",
                    stacklevel=3,
                )
            if any(step == 0 and size > 1 for step, size in zip(value.stride(), value.shape)):
                raise RuntimeError(
                    f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                    "non-overlapping to be able to compute the numerical gradients correctly."
                )
            value.retain_grad()


# --- both derivatives, as matrices of one row per element of the input and one column per element of the output


def _outputs_of(func: Callable, inputs: tuple) -> Tensors:
    return tuple(value for value in _as_tuple(func(*inputs)) if isinstance(value, Tensor))


def _numerical(func: Callable, inputs: tuple, output_number: int, input: Tensor, eps: float) -> Tensor:
    """Central differences of one real output. That by a complex input is its derivatives by both parts."""
    # The elements are edited where they are, and behind autograd's back.
    values = input.data
    rows = []
    for index in _indices(values.shape):
        before = values[index].item()

        def at(step: complex, index: tuple = index, before: Any = before) -> Tensor:
            values[index] = before + step
            return _outputs_of(func, inputs)[output_number].detach().clone()

        slope = (at(eps) - at(-eps)) / (2 * eps)
        if values.is_complex():
            slope = slope + 1j * (at(eps * 1j) - at(-eps * 1j)) / (2 * eps)
        values[index] = before
        rows.append(slope.reshape(-1))
    return _stack(rows) if rows else values.new_zeros((0, 0))


def _indices(shape: tuple[int, ...]) -> Any:
    import itertools

    return itertools.product(*[range(size) for size in shape])


def _analytical(output: Tensor, inputs: Tensors) -> list[Tensor]:
    """The gradients of each element of one real output, for each input."""
    from tenon.autograd import grad

    columns: list[list[Tensor]] = [[] for _ in inputs]
    for k in range(output.numel()):
        start = output.new_zeros(output.numel()).detach()
        start[k] = 1
        start = start.reshape(output.shape)
        grads = grad(output, inputs, start, retain_graph=True, allow_unused=True)
        for own, found, one in zip(columns, grads, inputs):
            if found is not None and (found.shape != one.shape or found.device != one.device):
                raise GradcheckError(
                    f"Analytical gradient has incorrect size: {list(found.shape)}, expected {list(one.shape)}"
                )
            own.append((_zeros_like(one.detach()) if found is None else found.detach()).reshape(-1))
    return [_stack(own, 1) if own else one.new_zeros((one.numel(), 0)).detach() for own, one in zip(columns, inputs)]


# --- the checks


def _parts(func: Callable, inputs: tuple) -> list[tuple[str, Callable]]:
    """`func`, or where it has complex outputs, its real and its imaginary part."""
    if not any(output.is_complex() for output in _outputs_of(func, inputs)):
        return [("", func)]

    def part(name: str) -> Callable:
        return lambda *own: tuple(
            getattr(output, name) if output.is_complex() else output for output in _outputs_of(func, own)
        )

    kind = "While considering the {} part of complex outputs only, "
    return [(kind.format("imaginary"), part("imag")), (kind.format("real"), part("real"))]


def _mismatch(i: int, j: int, analytical: Tensor, numerical: Tensor, kind: str) -> GradcheckError:
    return GradcheckError(
        f"{kind}Jacobian mismatch for output {i} with respect to input {j},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _check_part(func: Callable, inputs: tuple, options: dict[str, Any], kind: str) -> None:
    wanted = _differentiable(inputs)
    outputs = _outputs_of(func, inputs)
    for i, output in enumerate(outputs):
        if output.is_complex() or not output.is_floating_point():
            continue
        numerical = [_numerical(func, inputs, i, one, options["eps"]) for one in wanted]
        if not output.requires_grad:
            if any(one.numel() and bool((one.abs() > options["atol"]).any()) for one in numerical):
                raise GradcheckError("Numerical gradient for function expected to be zero")
            continue
        analytical = _analytical(output, wanted)
        for j, (ours, theirs) in enumerate(zip(analytical, numerical)):
            if (
                ours.numel()
                and not ours.to(theirs.dtype)
                .isclose(theirs, rtol=options["rtol"], atol=options["atol"], equal_nan=True)
                .all()
                .item()
            ):
                raise _mismatch(i, j, ours, theirs, kind)
        again = _analytical(output, wanted)
        for first, second in zip(analytical, again):
            if first.numel() and not (first - second).abs().max().item() <= options["nondet_tol"]:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    "gives different values, although analytical gradient matches numerical gradient. The tolerance "
                    f"for nondeterminism was {options['nondet_tol']}."
                )


def _check_grad_dtypes(func: Callable, inputs: tuple) -> None:
    from tenon.autograd import grad

    wanted = _differentiable(inputs)
    for output in _differentiable(_outputs_of(func, inputs)):
        for one, found in zip(wanted, grad(output.sum(), wanted, allow_unused=True) if not output.is_complex() else ()):
            if found is not None and found.dtype is not one.dtype:
                raise GradcheckError(f"Gradient has dtype {found.dtype}, but its input has {one.dtype}")


def _check_batched_grad(func: Callable, inputs: tuple, options: dict[str, Any]) -> None:
    from tenon.autograd import grad
    from tenon.func import vmap

    wanted = _differentiable(inputs)
    for output in _differentiable(_outputs_of(func, inputs)):
        starts = _C.functions["randn"]((2, *output.shape), dtype=output.dtype)

        def gradients(start: Tensor, output: Tensor = output) -> Tensors:
            return grad(output, wanted, start, retain_graph=True, allow_unused=True, materialize_grads=True)

        one_by_one = [gradients(start) for start in starts]
        for i, found in enumerate(vmap(gradients)(starts)):
            expected = _stack([own[i] for own in one_by_one])
            if not found.isclose(expected, rtol=options["rtol"], atol=options["atol"]).all().item():
                raise GradcheckError(
                    f"While testing batched gradients: the gradients of input {i} differ from those computed one by one"
                )


def _check(func: Callable, inputs: tuple, options: dict[str, Any]) -> None:
    _check_inputs(inputs)
    outputs = _outputs_of(func, inputs)
    if not _differentiable(outputs) and not outputs:
        raise ValueError("gradcheck expects the function to return at least one tensor")
    for kind, part in _parts(func, inputs):
        _check_part(part, inputs, options, kind)
    if options["check_grad_dtypes"]:
        _check_grad_dtypes(func, inputs)
    if options["check_batched_grad"]:
        _check_batched_grad(func, inputs, options)


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` are those of finite differences; raises GradcheckError if not, on request.

    `fast_mode` and `check_undefined_grad` change nothing: all elements are compared in any case, and the gradients of
    one output are computed without those of others."""
    if check_forward_ad or check_batched_forward_grad:
        raise NotImplementedError("gradcheck: there is no forward-mode differentiation to check")
    if not check_backward_ad:
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    options = {
        "eps": eps,
        "atol": atol,
        "rtol": rtol,
        "nondet_tol": nondet_tol,
        "check_grad_dtypes": check_grad_dtypes,
        "check_batched_grad": check_batched_grad,
    }
    if raise_exception:
        _check(func, _as_tuple(inputs), options)
        return True
    try:
        _check(func, _as_tuple(inputs), options)
    except GradcheckError:
        return False
    return True


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """The same for the gradients of the gradients, which start from `grad_outputs` or random numbers."""
    if check_fwd_over_rev:
        raise NotImplementedError("gradgradcheck: there is no forward-mode differentiation to check")
    if not check_rev_over_rev:
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    from tenon.autograd import grad

    given = _as_tuple(inputs)
    outputs = _differentiable(_outputs_of(func, given))
    if grad_outputs is None:
        starts = tuple(_random_start(output, gen_non_contig_grad_outputs) for output in outputs)
    else:
        starts = _as_tuple(grad_outputs)
    count = len(given)

    def gradients(*values: Any) -> Tensors:
        own, own_starts = values[:count], values[count:]
        found = grad(
            _differentiable(_outputs_of(func, own)),
            _differentiable(own),
            own_starts,
            create_graph=True,
            allow_unused=True,
        )
        return tuple(one for one in found if one is not None)

    return gradcheck(
        gradients,
        (*given, *starts),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _random_start(output: Tensor, spread: bool) -> Tensor:
    dtype = _C.complex128 if output.is_complex() else _C.float64
    start = _C.functions["randn"](tuple(output.shape), dtype=dtype).to(output.dtype)
    if spread and start.dim() and start.numel() > 1:
        start = _stack([start, start], -1)[..., 0]
    return start.requires_grad_()
