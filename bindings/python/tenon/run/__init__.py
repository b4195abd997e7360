"""Runs programs written for PyTorch: `import torch`, and imports of what is below it, give Tenon's own modules.

`python -m tenon.run script.py` does so for a script that uses what Tenon has, and names what it lacks; `activate()` for
the rest of this process. The workers that multiprocessing starts inherit it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import tenon
from tenon import version
from tenon.torch_version import TorchVersion

__all__ = ["activate", "is_active"]

# What stands in for which package.
_STAND_INS = {"torch": "tenon"}


def _own_name(name: str) -> str | None:
    # tenon.nn for torch.nn; None for what is not stood in for.
    root, dot, rest = name.partition(".")
    return _STAND_INS[root] + dot + rest if root in _STAND_INS else None


def _their_name(name: str) -> str:
    # torch.nn for tenon.nn
    for theirs, own in sorted(_STAND_INS.items(), key=lambda item: -len(item[1])):
        if name == own or name.startswith(own + "."):
            return theirs + name[len(own) :]
    return name


def _is_probed() -> bool:
    # Whether importlib.util.find_spec() asks, which wants None for what is not there; an import wants the reason.
    return sys._getframe(3).f_globals.get("__name__") == "importlib.util"


class _StandIn(Loader):
    """Loads the alias of a module: the module itself, with the spec of its own name."""

    def __init__(self, own_name: str) -> None:
        self.own_name = own_name
        self.own_spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.own_name)
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own_spec
        _explain(module)

    def get_code(self, fullname: str) -> Any:
        """What python -m runs."""
        found: Any = importlib.util.find_spec(self.own_name)
        return found.loader.get_code(self.own_name)


class _StandInFinder(MetaPathFinder):
    """Finds torch and what is below it; comes first."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        own_name = _own_name(fullname)
        if own_name is None:
            return None
        found = importlib.util.find_spec(own_name)
        if found is not None:
            is_package = found.submodule_search_locations is not None
            return ModuleSpec(fullname, _StandIn(own_name), origin=found.origin, is_package=is_package)
        if _is_probed():
            return None
        raise ModuleNotFoundError(f"No module named {fullname!r}: Tenon lacks it", name=fullname)


class _MissingFinder(MetaPathFinder):
    """Says what `from torch import name` lacks, which Python looks for as tenon.name; comes last."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not fullname.startswith("tenon.") or _is_probed():
            return None
        name = _their_name(fullname)
        raise ModuleNotFoundError(f"cannot import {name!r}: Tenon lacks it", name=name)


def _explain(module: ModuleType) -> None:
    # Makes a missing attribute's error name it as the program does.
    if "__getattr__" in module.__dict__:
        return
    theirs = _their_name(module.__name__)

    def missing(name: str) -> Any:
        raise AttributeError(f"module {theirs!r} has no attribute {name!r}: Tenon lacks it", name=name, obj=module)

    module.__dict__["__getattr__"] = missing


def _inherit() -> None:
    # Workers are started by a line of Python after -c; those that will run the program's code are made to begin with
    # activate(). A forked worker has all of this already.
    from multiprocessing import util

    start = util.spawnv_passfds
    root = os.path.dirname(tenon.__path__[0])
    activation = f"import sys; sys.path.append({root!r}); import tenon.run; tenon.run.activate(); "
    runs_programs = ("from multiprocessing.spawn ", "from multiprocessing.forkserver ")

    def spawnv_passfds(path: Any, args: Any, passfds: Any) -> int:
        commands = [activation + arg if isinstance(arg, str) and arg.startswith(runs_programs) else arg for arg in args]
        return start(path, commands, passfds)

    util.spawnv_passfds = spawnv_passfds


def is_active() -> bool:
    """Whether `import torch` gives Tenon in this process."""
    return any(isinstance(finder, _StandInFinder) for finder in sys.meta_path)


def activate() -> None:
    """Makes `import torch` give Tenon from now on, in this process and in the workers that it starts."""
    if is_active():
        return
    for name in _STAND_INS:
        if name in sys.modules:
            raise ImportError(f"tenon.run.activate() must come before {name} is imported", name=name)
    sys.meta_path.insert(0, _StandInFinder())
    sys.meta_path.append(_MissingFinder())
    tenon._C._set_shown_package("torch")
    tenon.__version__ = version.__version__ = TorchVersion(version.stand_in)
    for name, module in list(sys.modules.items()):
        if name.startswith("tenon."):
            _explain(module)
    _inherit()
