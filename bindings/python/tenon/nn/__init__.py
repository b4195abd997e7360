"""Neural networks."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tenon.nn import functional, init

if TYPE_CHECKING:
    from tenon.nn import attention, common_types, grad, modules, parallel, parameter, utils
    from tenon.nn.modules import *  # noqa: F403
    from tenon.nn.parallel import DataParallel
    from tenon.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

_SUBMODULES = ("attention", "common_types", "grad", "modules", "parallel", "parameter", "utils")


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The device, dtype and memory format among keyword arguments, and among those in `factory_kwargs` there."""
    if kwargs is None:
        return {}
    unexpected = set(kwargs) - {"device", "dtype", "memory_format", "factory_kwargs"}
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}")
    result = dict(kwargs.get("factory_kwargs", {}))
    for name, value in kwargs.items():
        if name in result:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        if name != "factory_kwargs":
            result[name] = value
    return result


def _load_classes() -> list[str]:
    """Makes the classes of modules attributes of this module, and lists its public names."""
    from tenon.nn import modules, parallel, parameter

    own = globals()
    parameters = ("Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter")
    for home, names in (
        (parameter, parameters),
        (parallel, ("DataParallel",)),
        (modules, [name for name, value in vars(modules).items() if isinstance(value, type)]),
    ):
        for name in names:
            own.setdefault(name, getattr(home, name))
    public = {name for name in own if name[0] != "_"}
    return sorted({*_SUBMODULES, *public} - {"Any", "annotations", "importlib"})


def __getattr__(name: str) -> Any:
    # Modules take a while to import, and programs that only compute with tensors need none.
    if name in _SUBMODULES:
        return importlib.import_module(f"tenon.nn.{name}")
    if name == "__all__":
        return _load_classes()
    if not name.startswith("_"):
        _load_classes()
        if name in globals():
            return globals()[name]
    raise AttributeError(f"module 'tenon.nn' has no attribute {name!r}: Tenon lacks it", name=name)


def __dir__() -> list[str]:
    return _load_classes()
