"""Modules as functions of their parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from tenon import _C
from tenon._C import Tensor

__all__ = ["functional_call", "stack_module_state"]


def _tied_names(module: Any) -> dict[str, list[str]]:
    """For the name of each parameter and buffer, the names of all that are the same tensor."""
    groups: dict[int, list[str]] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for own in (part._parameters, part._buffers):
            for name, tensor in own.items():
                if tensor is not None:
                    groups.setdefault(id(tensor), []).append(f"{prefix}.{name}" if prefix else name)
    return {name: names for names in groups.values() for name in names}


# Stands for an attribute that a module has not.
_MISSING = object()


def _holder(module: Any, path: str) -> tuple[dict, str]:
    """The dict of parameters, buffers or other attributes in which `path` leads to an entry."""
    *parts, name = path.split(".")
    part = module
    for step in parts:
        part = getattr(part, step)
    for own in (part._parameters, part._buffers):
        if name in own:
            return own, name
    return part.__dict__, name


@contextlib.contextmanager
def _replaced_tensors(module: Any, tensors: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    tied = _tied_names(module)
    unexpected = sorted(set(tensors) - set(tied))
    given = {other for name in tensors for other in (tied.get(name, [name]) if tie_weights else [name])}
    missing = sorted(set(tied) - given) if strict else []
    if strict and (unexpected or missing):
        problems = [f"Unexpected key(s): {', '.join(unexpected)}."] * bool(unexpected)
        problems += [f"Missing key(s): {', '.join(missing)}."] * bool(missing)
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(problems))
    places: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for other in tied.get(name, [name]) if tie_weights else [name]:
            if other != name and other in tensors and tensors[other] is not tensor:
                raise ValueError(f"functional_call got multiple values for keys {sorted(tied[name])}, which are tied.")
            places[other] = tensor
    before = []
    try:
        for path, tensor in places.items():
            own, name = _holder(module, path)
            before.append((path, own, name, own.get(name, _MISSING)))
            own[name] = tensor
        yield
    finally:
        for path, own, name, tensor in before:
            # What the module has put there is for the caller.
            after = own.pop(name, None) if tensor is _MISSING else own[name]
            if tensor is not _MISSING:
                own[name] = tensor
            if path in tensors:
                tensors[path] = after


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls `module` with these tensors in the place of its parameters and buffers."""
    if isinstance(parameter_and_buffer_dicts, dict):
        tensors = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, Sequence):
        tensors = {}
        for part in parameter_and_buffer_dicts:
            repeated = sorted(set(tensors) & set(part))
            if repeated:
                raise ValueError(
                    f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
                )
            tensors.update(part)
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced_tensors(module, tensors, tie_weights, strict):
        return module(*positional, **(kwargs or {}))


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of like modules, each as one stacked tensor."""
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(model.training for model in models) or all(not model.training for model in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    stack = _C.functions["stack"]

    def stacked(tensors: list[Tensor]) -> Tensor:
        required = {tensor.requires_grad for tensor in tensors}
        if len(required) > 1:
            raise RuntimeError("Expected parameters to have requires_grad set alike in all models.")
        return stack([tensor.detach() for tensor in tensors]).requires_grad_(required.pop())

    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return (
        {name: stacked([own[name] for own in parameters]) for name in parameters[0]},
        {name: stacked([own[name] for own in buffers]) for name in buffers[0]},
    )
