"""Runs what the command line names as `python` itself would: as __main__, with its arguments, path and tracebacks."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any

from tenon.run import activate

_USAGE = """\
usage: python -m tenon.run (script.py | folder | -m module | -c code | -) [arguments]

Runs a program written for PyTorch, unchanged, with Tenon in the place of torch.
"""


class _Program:
    """What is to run: its code and how __main__ describes it."""

    def __init__(self, code: CodeType | Any, **attributes: Any) -> None:
        self.code = code
        described = {"__doc__": None, "__package__": None, "__loader__": None, "__spec__": None}
        self.attributes = {"__name__": "__main__", **described, **attributes}


def _search_first(folder: str) -> None:
    # python -m has put the working folder there, unless it was told not to.
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _compiled(source: Any, name: str) -> CodeType:
    return compile(source, name, "exec", dont_inherit=True)


def _of_text(source: Any, name: str, argument: str, **attributes: Any) -> _Program:
    sys.argv = [argument, *sys.argv]
    _search_first("")
    return _Program(_compiled(source, name), **attributes)


def _of_spec(spec: Any) -> _Program:
    attributes = {"__file__": spec.origin, "__cached__": spec.cached, "__package__": spec.parent}
    code = spec.loader.get_code(spec.name)
    return _Program(code, __loader__=spec.loader, __spec__=spec, **attributes)


def _of_module(name: str) -> _Program:
    import importlib.util

    sys.argv = ["-m", *sys.argv]
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(name + ".__main__")
    if spec is None:
        sys.exit(f"{sys.executable}: No module named {name}")
    sys.argv[0] = spec.origin or name
    return _of_spec(spec)


def _of_path(path: str) -> _Program:
    from importlib.machinery import PathFinder, SourceFileLoader

    sys.argv = [path, *sys.argv]
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        full = os.path.abspath(path)
        _search_first(full)
        spec = PathFinder.find_spec("__main__", [full])
        if spec is None:
            sys.exit(f"{sys.executable}: can't find '__main__' module in {path!r}")
        return _of_spec(spec)
    full = os.path.abspath(path)
    try:
        with io.open_code(full) as file:
            source = file.read()
    except OSError as error:
        print(f"{sys.executable}: can't open file {full!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        sys.exit(2)
    _search_first(os.path.dirname(os.path.realpath(path)))
    code = _compiled(source, full)
    return _Program(code, __file__=full, __cached__=None, __loader__=SourceFileLoader("__main__", full))


def _chosen() -> _Program:
    # Takes from sys.argv what chooses the program; its own arguments remain.
    sys.argv = sys.argv[1:]
    if not sys.argv or sys.argv[0] in ("-h", "--help"):
        print(_USAGE, end="", file=sys.stdout if sys.argv else sys.stderr)
        sys.exit(0 if sys.argv else 2)
    choice = sys.argv.pop(0)
    if choice == "-":
        return _of_text(sys.stdin.buffer.read(), "<stdin>", "-", __file__="<stdin>")
    if choice not in ("-m", "-c"):
        return _of_path(choice)
    if not sys.argv:
        print(f"Argument expected for the {choice} option\n{_USAGE}", end="", file=sys.stderr)
        sys.exit(2)
    value = sys.argv.pop(0)
    return _of_module(value) if choice == "-m" else _of_text(value, "<string>", "-c")


def _below(trace: TracebackType | None) -> TracebackType | None:
    # The program's part of a traceback that begins in here.
    part = trace
    while trace is not None:
        own = trace.tb_frame.f_code.co_filename == __file__
        trace = trace.tb_next
        if own:
            part = trace
    return part


def _hide_own_frames(report: Callable[..., Any]) -> Callable[..., Any]:
    def excepthook(kind: type, error: BaseException, trace: TracebackType | None) -> None:
        trace = _below(trace)
        report(kind, error.with_traceback(trace), trace)

    return excepthook


def main() -> None:
    """Runs the program that sys.argv names, with `torch` answered by Tenon."""
    activate()
    try:
        program = _chosen()
        # The module that python -m has made; whatever looks at __main__, as pickle does, finds the program's names.
        namespace = sys.modules["__main__"].__dict__
        namespace.clear()
        namespace.update(program.attributes)
        exec(program.code, namespace)
    except SystemExit:
        raise
    except BaseException:
        sys.excepthook = _hide_own_frames(sys.excepthook)
        raise
