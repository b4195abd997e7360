"""Parameters that are computed from others: registered on a module, seen as its attribute, removed again."""

from __future__ import annotations

import copy
import copyreg
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tenon._C import Tensor
from tenon.autograd.grad_mode import no_grad
from tenon.nn.modules.container import ModuleDict, ModuleList
from tenon.nn.modules.module import Module
from tenon.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class _Cache:
    """What parametrized tensors are while caching is on, by module and name; and how many blocks ask for it."""

    tensors: dict[tuple[int, str], Tensor] = {}
    depth = 0


@contextmanager
def cached() -> Iterator[None]:
    """Within its block a parametrized tensor is computed once."""
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if _Cache.depth == 0:
            _Cache.tensors = {}


def _register_parameter_or_buffer(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _require_tensor(value: Any, told: str) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"{told} {type(value).__name__}{'' if told.endswith(':') else '.'}")


def _require_same(
    before: Any, after: Any, what: str, before_name: str, after_name: str, names: tuple[str, ...] = ("dtype", "shape")
) -> None:
    for name in names:
        one, other = getattr(before, name), getattr(after, name)
        if one != other:
            raise ValueError(f"{what.format(name)}\n{before_name}{name}: {one}\n{after_name}{name}: {other}")


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor in the order in which they are applied, and the tensors that they start from.

    These are `original`, or `original0`, `original1` and so on where the first parametrization takes several.
    """

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        # The value is then not what it was, but still a start.
                        pass
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            what = "When `right_inverse` outputs one tensor, it may not change the {}."
            _require_same(original, new, what, "original.", "right_inverse(original).", ("dtype", "device"))
            with no_grad():
                original.set_(new)
            _register_parameter_or_buffer(self, "original", original)
        else:
            self._register_originals(new, original)
        if not unsafe:
            self._check_result(shape, dtype)

    def _register_originals(self, tensors: Sequence[Any], original: Tensor) -> None:
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {i} of the sequence with type {type(tensor).__name__}."
                )
            if isinstance(original, Parameter):
                tensor = Parameter(tensor, original.requires_grad)
            tensor.requires_grad_(original.requires_grad)
            _register_parameter_or_buffer(self, f"original{i}", tensor)

    def _check_result(self, shape: Any, dtype: Any) -> None:
        result = self()
        _require_tensor(result, "A parametrization must return a tensor. Got")
        for name, before in (("dtype", dtype), ("shape", shape)):
            after = getattr(result, name)
            if after != before:
                raise ValueError(
                    f"Registering a parametrization may not change the {name} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {name}: {before}\nparametrized {name}: {after}"
                )

    def _originals(self) -> list[Any]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def right_inverse(self, value: Any) -> None:
        """Sets the tensors that the parametrizations start from so that the result becomes `value`."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor:
                _require_tensor(value, "`right_inverse` should return a tensor. Got")
                values = [value]
            else:
                if not isinstance(value, Sequence):
                    raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}.")
                if len(value) != self.ntensors:
                    raise ValueError(
                        f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence "
                        f"of length {len(value)}."
                    )
                values = list(value)
            for i, (original, new) in enumerate(zip(self._originals(), values)):
                number = "" if self.is_tensor else str(i)
                _require_tensor(new, f"`right_inverse` must return a sequence of tensors. Got element {i} of type")
                if new.dtype != original.dtype:
                    raise ValueError(
                        f"Tensor {number} returned by `right_inverse` has dtype {new.dtype} while `original{number}` "
                        f"has dtype {original.dtype}"
                    )
                original.set_(new)

    def forward(self) -> Tensor:
        first, *others = self
        result = first(*self._originals())
        for module in others:
            result = module(result)
        return result


def _inject_new_class(module: Module) -> None:
    # A class for this module alone, on which properties can be set.
    kind = type(module)

    def deepcopy(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        replica = self.__new__(self.__class__)
        memo[id(self)] = replica
        replica.__dict__.update(copy.deepcopy(self.__dict__, memo))
        slots: Any = copyreg._slotnames(self.__class__)  # type: ignore[attr-defined]
        for slot in slots:
            if hasattr(self, slot):
                setattr(replica, slot, copy.deepcopy(getattr(self, slot), memo))
        return replica

    def getstate(self: Any) -> Any:
        raise RuntimeError("Serialization of parametrized modules is only supported through state_dict().")

    methods: dict[str, Any] = {"__getstate__": getstate}
    if not hasattr(kind, "__deepcopy__"):
        methods["__deepcopy__"] = deepcopy
    module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), methods)


def _inject_property(module: Module, name: str) -> None:
    def get_parametrized(self: Any) -> Tensor:
        parametrization = self.parametrizations[name]
        if not _Cache.depth:
            return parametrization()
        key = id(self), name
        if key not in _Cache.tensors:
            _Cache.tensors[key] = parametrization()
        return _Cache.tensors[key]

    def set_original(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get_parametrized, set_original))


def _check_appended(module: Module, name: str, parametrization: Any) -> None:
    # A parametrization after others takes and gives what they gave.
    before = getattr(module, name)
    after = parametrization(before)
    _require_tensor(after, "A parametrization must return a tensor. Got")
    what = "Registering a parametrization may not change the {} of the tensor, unless the `unsafe` flag is enabled."
    _require_same(before, after, what, f"module.{name}.", f"parametrization(module.{name}).")
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        inverse = parametrization.right_inverse(after)
    except NotImplementedError:
        return
    _require_tensor(inverse, "parametrization.right_inverse must return a tensor. Got:")
    what = "The tensor returned by parametrization.right_inverse must have the same {} as module."
    what += f"{name}, unless the `unsafe` flag is enabled."
    _require_same(before, inverse, what, f"module.{name}.", "returned ")


def register_parametrization(module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False) -> Any:
    """Makes the parameter or buffer `tensor_name` what `parametrization` computes from it, each time it is read."""
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_appended(module, tensor_name, parametrization)
        found = module.parametrizations[tensor_name]
        found.append(parametrization)
        found.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        # Made first, for it may refuse.
        parametrizations = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = parametrizations
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether the tensor of this name, or any of the module, is parametrized."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Makes the tensor a parameter or buffer again: with the value that was computed, or with the original one."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        tensor = parametrizations.original
        if leave_parametrized:
            with no_grad():
                tensor.set_(getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        tensor = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register_parameter_or_buffer(module, tensor_name, tensor)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Any) -> type:
    """The module's class as it was before any parametrization."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module: Any, to_module: Any, tensor_name: str | None = None) -> Any:
    """Gives a module the parametrizations, and the tensors they start from, of another."""
    if not is_parametrized(from_module):
        return to_module
    for name in from_module.parametrizations if tensor_name is None else [tensor_name]:
        found = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in found:
            register_parametrization(to_module, name, parametrization)
        target = to_module.parametrizations[name]
        for original in ["original"] if found.is_tensor else [f"original{i}" for i in range(found.ntensors)]:
            setattr(target, original, getattr(found, original))
    return to_module
