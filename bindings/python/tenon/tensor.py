"""Tensors and the functions that make and change them; called as a function, the module makes a tensor of data."""

from __future__ import annotations

import sys
from types import ModuleType

from tenon import _C
from tenon._C import Tensor as Tensor
from tenon._creation import create_tensor as create_tensor

globals().update(_C.functions)


class _TensorModule(ModuleType):
    """A module that is called as PyTorch's function of this name."""

    __call__ = staticmethod(_C._overridable(_C.tensor, False))

    def __reduce__(self) -> tuple:
        return _this_module, ()


def _this_module() -> ModuleType:
    return sys.modules[__name__]


_this_module().__class__ = _TensorModule
__doc__ = f"{__doc__}\n\n{_C.tensor.__doc__}"
