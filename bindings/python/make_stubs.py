"""Writes the .pyi stubs of a built package: what type checkers cannot read in its Python files is in the table of ops.

python make_stubs.py FOLDER, the folder that holds the package `tenon` with its built extension.
"""

from __future__ import annotations

import inspect
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# Modules that put ops into their namespace as they are imported; _C is the extension itself.
MODULES = ("", "functional", "linalg", "nn.functional", "operations", "special", "tensor")

HEADER = """\
# Made by make_stubs.py from the table of ops; do not edit.
import builtins
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

"""

# What the extension module holds beside ops.
EXTENSION = """\
_Number = builtins.int | builtins.float | builtins.complex

class TensorError(RuntimeError): ...
class DeviceError(RuntimeError): ...
class OutOfMemoryError(RuntimeError): ...
class LinAlgError(RuntimeError): ...

class DisableTorchFunction:
    def __enter__(self) -> None: ...
    def __exit__(self, *args: Any) -> None: ...

class DisableTorchFunctionSubclass(DisableTorchFunction): ...

class Overridable:
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class dtype:
    is_floating_point: builtins.bool
    is_complex: builtins.bool
    is_signed: builtins.bool
    itemsize: builtins.int
    def to_real(self) -> dtype: ...
    def to_complex(self) -> dtype: ...

class layout: ...
class memory_format: ...

class Size(tuple[builtins.int, ...]):
    def numel(self) -> builtins.int: ...
    @overload
    def __getitem__(self, key: typing.SupportsIndex, /) -> builtins.int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...

class ValuesIndices(typing.NamedTuple):
    values: Tensor
    indices: Tensor

class device:
    type: builtins.str
    index: builtins.int | None
    @overload
    def __init__(self, device: builtins.str | device) -> None: ...
    @overload
    def __init__(self, index: builtins.int) -> None: ...
    @overload
    def __init__(self, type: builtins.str, index: builtins.int) -> None: ...

class Generator:
    device: _Device
    def __init__(self, device: builtins.str | _Device = ...) -> None: ...
    def manual_seed(self, seed: builtins.int) -> Generator: ...
    def seed(self) -> builtins.int: ...
    def initial_seed(self) -> builtins.int: ...
    def get_state(self) -> Tensor: ...
    def set_state(self, new_state: Tensor) -> None: ...
    def clone_state(self) -> Generator: ...

class Node:
    def name(self) -> builtins.str: ...
    next_functions: Any
    metadata: builtins.dict[Any, Any]
    def register_hook(self, fn: Callable[..., Any]) -> Any: ...
    def register_prehook(self, fn: Callable[..., Any]) -> Any: ...
    variable: Any
    def __call__(self, *args: Any) -> Any: ...

_Dtype = dtype
_Device = device
_Layout = layout
_MemoryFormat = memory_format
_Size = Size

default_generator: Generator
functions: builtins.dict[builtins.str, Callable[..., Any]]
nn_functions: builtins.dict[builtins.str, Callable[..., Any]]
linalg_functions: builtins.dict[builtins.str, Callable[..., Any]]
fft_functions: builtins.dict[builtins.str, Callable[..., Any]]
elementwise_names: Any
special_functions: builtins.dict[builtins.str, Callable[..., Any]]
return_types: builtins.dict[builtins.str, builtins.type[Any]]
nn_init: Any
def __getattr__(name: builtins.str) -> Any: ...
"""

# Properties of tensors, by their types; those of one kind share a line.
PROPERTIES = {
    "builtins.bool": "is_cpu is_cuda is_sparse is_sparse_csr is_quantized is_meta is_nested "
    "is_ipu is_maia is_mkldnn is_mps is_mtia is_vulkan is_xla is_xpu volatile "
    "requires_grad is_leaf retains_grad",
    "builtins.int": "ndim itemsize nbytes output_nr _version",
    "Tensor": "data T mT H mH real imag",
    "Tensor | None": "_base",
    "builtins.str | None": "name",
    # None before backward; programs that use it come after.
    "Any": "grad",
    "_Size": "shape",
    "_Dtype": "dtype",
    "_Device": "device",
    "_Layout": "layout",
    "Node | None": "grad_fn",
}

BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()

SLOTS = """\
    def __init__(self, *args: Any) -> None: ...
    def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
    def __lt__(self, other: Any) -> Tensor: ...
    def __le__(self, other: Any) -> Tensor: ...
    def __gt__(self, other: Any) -> Tensor: ...
    def __ge__(self, other: Any) -> Tensor: ...
    def __hash__(self) -> builtins.int: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __bool__(self) -> builtins.bool: ...
    def __int__(self) -> builtins.int: ...
    def __float__(self) -> builtins.float: ...
    def __index__(self) -> builtins.int: ...
    def __len__(self) -> builtins.int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __contains__(self, item: Any) -> builtins.bool: ...
    def __getitem__(self, index: Any) -> Tensor: ...
    def __setitem__(self, index: Any, value: Any) -> None: ...
    def __buffer__(self, flags: builtins.int, /) -> memoryview: ...
"""

# Methods that every object has.
OBJECTS = "__new__ __repr__ __dir__ __delitem__ __format__ __reduce_ex__".split()

# Methods whose result the extension declares as an object.
RESULTS = {"detach_": "Tensor", "requires_grad_": "Tensor"}

KINDS = {
    "Tensor": "Tensor",
    "Number": "_Number",
    "int": "builtins.int",
    "float": "builtins.float",
    "bool": "builtins.bool",
    "tuple of ints": "builtins.int | Sequence[builtins.int]",
    "tuple of floats": "Sequence[builtins.float]",
    "tuple of Tensors": "Sequence[Tensor]",
    "str": "builtins.str",
    "dtype": "_Dtype",
    "device": "_Device | builtins.str | builtins.int",
    "memory_format": "_MemoryFormat",
    "Generator": "Generator",
}

OP_RESULTS = {
    "Tensor": "Tensor",
    "const Tensor&": "Tensor",
    "ValuesIndices": "ValuesIndices",
    "std::vector<Tensor>": "builtins.tuple[Tensor, ...]",
    "bool": "builtins.bool",
    "double": "builtins.float",
    "int64_t": "builtins.int",
    "ScalarType": "_Dtype",
}

OPTIONS = (
    "dtype: _Dtype | builtins.type | None = ...",
    "layout: _Layout | None = ...",
    "device: _Device | builtins.str | builtins.int | None = ...",
    "requires_grad: builtins.bool = ...",
    "pin_memory: builtins.bool = ...",
    "memory_format: _MemoryFormat | None = ...",
)

# What attributes of tensors hide under the same names.
ALIASES = {
    "dtype": "_Dtype",
    "device": "_Device",
    "Size": "_Size",
    "layout": "_Layout",
    "memory_format": "_MemoryFormat",
}

# Builtins that tensors and dtypes hide under the same names.
HIDDEN = re.compile(r"(?<![\w.])(bool|bytes|complex|dict|float|int|list|object|set|slice|str|tuple|type)(?![\w.])")


def annotation(text: Any) -> str:
    """An annotation of a Python file in the words of a stub."""
    if text in (inspect.Parameter.empty, inspect.Signature.empty):
        return "Any"
    if not isinstance(text, str):
        text = getattr(text, "__name__", "Any")
    text = re.sub(r"\b(tenon\.)?_C\.", "", text).replace("numpy.ndarray", "Any").replace("torch.Tensor", "Any")
    text = HIDDEN.sub(r"builtins.\1", text)
    text = re.sub(rf"(?<![\w.])({'|'.join(ALIASES)})(?![\w.])", lambda found: ALIASES[found[1]], text)
    known = set(re.findall(r"\w+", HEADER + EXTENSION)) | {"None", "Tensor"}
    return text if set(re.findall(r"[A-Za-z_]\w*", text)) <= known else "Any"


def of_function(name: str, function: Any, method: bool) -> list[str]:
    """The stub of a function that is written in Python."""
    signature = inspect.signature(inspect.unwrap(function))
    parts = []
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    for i, parameter in enumerate(signature.parameters.values()):
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.VAR_POSITIONAL not in kinds[:i]:
            if i == 0 or kinds[i - 1] is not parameter.KEYWORD_ONLY:
                parts.append("*")
        if method and i == 0:
            parts.append("self")
            continue
        default = " = ..." if parameter.default is not parameter.empty else ""
        parts.append(f"{star}{parameter.name}: {annotation(parameter.annotation)}{default}")
    return [f"def {name}({', '.join(parts)}) -> {annotation(signature.return_annotation)}: ..."]


def of_native(name: str, function: Any) -> list[str]:
    """The stubs of a function of the extension that is no op."""
    lines = []
    for signature, *_ in function.__nb_signature__:
        found = re.fullmatch(r"def \w+\((.*)\) -> (.*)", signature)
        assert found, signature
        params, result = re.sub(r"\\\d+", "...", found[1]), found[2]
        params = re.sub(r"(:|->) (.*?)(?= = |, \w+:|, \*|, /|$)", lambda m: f"{m[1]} {declared(m[2])}", params)
        lines.append(f"def {name}({params}) -> {RESULTS.get(name) or declared(result)}: ...")
    return lines


def declared(text: str) -> str:
    """A type as the extension names it."""
    return annotation(re.sub(r"\bobject\b", "Any", text))


def of_form(name: str, form: dict[str, Any], method: bool) -> Iterator[str]:
    """The stubs of one form of an op: a list that may be given as several arguments is one form more."""
    for unpacked in [False] if form["variadic"] is None else [False, True]:
        parts: list[str] = []
        keywords: list[str] = []
        required = True
        for i, (param, kind, nullable, keyword_only, optional, _) in enumerate(form["params"]):
            if kind == "options":
                keywords += OPTIONS
                continue
            if method and i == 0:
                parts.append("self")
                continue
            own_name = "input" if param == "self" else param + "_" * keyword.iskeyword(param)
            # What follows an argument that may be left out can only be named.
            keyword_only = keyword_only or (not required and not optional)
            if unpacked and i == form["variadic"]:
                parts.append(f"*{own_name}: {'Tensor' if kind == 'tuple of Tensors' else 'builtins.int'}")
                continue
            text = f"{own_name}: {KINDS[kind]}{' | None' if nullable else ''}{' = ...' if optional else ''}"
            (keywords if keyword_only or (unpacked and i > form["variadic"]) else parts).append(text)
            required = required and not optional
        if form["takes_out"]:
            keywords.append("out: Any = ...")
        if keywords and not unpacked:
            keywords.insert(0, "*")
        result = OP_RESULTS.get(form["result"], "Any")
        yield f"def {name}({', '.join(parts + keywords)}) -> {result}: ..."


def of_op(name: str, op: Any, method: bool) -> list[str]:
    """The stubs of an op, without those that say nothing new."""
    lines: list[str] = []
    for form in op._forms:
        for line in of_form(name, form, method):
            if line not in lines:
                lines.append(line)
    return lines


def of_callable(name: str, value: Any, method: bool = False) -> list[str]:
    """The stubs of whatever can be called."""
    value = getattr(value, "__wrapped__", value) if not inspect.isfunction(value) else value
    if hasattr(value, "_forms"):
        return of_op(name, value, method)
    if hasattr(value, "__nb_signature__"):
        return of_native(name, value)
    return of_function(name, value, method)


def written(lines: list[str], indent: str = "") -> str:
    """Definitions as text: several of one name are overloads."""
    mark = f"{indent}@overload\n" if len(lines) > 1 else ""
    return "".join(f"{mark}{indent}{line}\n" for line in lines)


def tensor_class(tensor: type) -> str:
    """The stub of Tensor."""
    text = "class Tensor:\n" + SLOTS
    for names in (f"__{'i' * inplace}{name}__" for name in BINARY for inplace in (False, True)):
        if names != "__imatmul__":
            text += f"    def {names}(self, other: Any) -> Tensor: ...\n"
    text += "".join(f"    def __r{name}__(self, other: Any) -> Tensor: ...\n" for name in BINARY)
    for kind, names in PROPERTIES.items():
        text += "".join(f"    {name}: {kind}\n" for name in names.split())
    done = set(re.findall(r"^    (?:def )?(\w+)", text, re.MULTILINE))
    for name, value in sorted(vars(tensor).items()):
        if name in done or name in OBJECTS or not callable(value):
            continue
        if isinstance(value, staticmethod):
            text += f"    @staticmethod\n    def {name}(*args: Any, **kwargs: Any) -> Any: ...\n"
        elif name.startswith("__") and not inspect.isfunction(value):
            continue
        elif getattr(value, "__name__", "") == "<lambda>":
            text += f"    def {name}(self, *args: Any, **kwargs: Any) -> Any: ...\n"
        else:
            text += written(of_callable(name, value, method=True), "    ")
    return text


def extension_stub(extension: ModuleType) -> str:
    """The stub of tenon._C."""
    text = HEADER + EXTENSION + "\n" + tensor_class(extension.Tensor) + "\n"
    done = set(re.findall(r"^(?:class |def )?(\w+)", text, re.MULTILINE))
    for name, value in vars(extension).items():
        if name in done or name.startswith("__"):
            continue
        if hasattr(value, "__nb_signature__"):
            text += written(of_native(name, value))
        elif type(value).__name__ in ALIASES:
            text += f"{name}: {ALIASES[type(value).__name__]}\n"
    return text


def source_of(value: Any, name: str, module: ModuleType) -> str | None:
    """The other module that defines `value` under a name of its own, if there is one."""
    where, own_name = getattr(value, "__module__", None), getattr(value, "__name__", name)
    if hasattr(value, "_forms"):
        package = sys.modules["tenon"]
        return "tenon" if module is not package and getattr(package, own_name, None) is value else None
    if not isinstance(where, str) or not where.startswith("tenon"):
        return None
    if where == "tenon" and hasattr(sys.modules["tenon._C"], own_name):
        return "tenon._C"
    if where == module.__name__ or getattr(sys.modules.get(where), own_name, None) is not value:
        return None
    return where


def module_stub(module: ModuleType) -> str:
    """The stub of a module of the package."""
    extension = sys.modules["tenon._C"]
    public = [name for name in dir(module) if not name.startswith("_") or name == "__version__"]
    imports = ["from tenon._C import ValuesIndices, _Device, _Dtype, _Layout, _MemoryFormat, _Number, _Size"]
    # A name that is offered must not be imported for the stub's own use before.
    imports += [f"from tenon._C import {name}" for name in ("Generator", "Tensor") if name not in public]
    definitions = ""
    for name in public:
        value = getattr(module, name)
        if name in ("Any", "annotations"):
            continue
        own_name = getattr(value, "__name__", name)
        if isinstance(value, ModuleType):
            if value.__name__ == "tenon.tensor":
                imports.append("from tenon._C import tensor as tensor")
            elif value.__name__.startswith("tenon.") and value.__name__ == f"{module.__name__}.{name}":
                imports.append(f"from {module.__name__} import {name} as {name}")
        elif where := source_of(value, name, module):
            if own_name == name:
                imports.append(f"from {where} import {name} as {name}")
            else:
                # Only what keeps its name is offered by an import.
                imports.append(f"from {where} import {own_name} as _{own_name}")
                definitions += f"{name} = _{own_name}\n"
        elif getattr(extension, name, None) is value and not hasattr(value, "_forms"):
            imports.append(f"from tenon._C import {name} as {name}")
        elif type(value).__name__ == "dtype":
            definitions += f"{name}: _Dtype\n"
        elif isinstance(value, type):
            definitions += f"{name}: builtins.type[Any]\n"
        elif callable(value):
            definitions += written(of_callable(name, value))
        else:
            kind = type(value).__name__
            definitions += f"{name}: {'builtins.' + kind if kind in ('int', 'float', 'str', 'bool') else 'Any'}\n"
    return HEADER + "\n".join(dict.fromkeys(imports)) + "\n\n" + definitions


def main(folder: Path) -> None:
    """Writes the stubs of the package in `folder` beside its modules."""
    sys.path.insert(0, str(folder))
    import importlib

    package = importlib.import_module("tenon")
    target = folder / "tenon"
    (target / "_C.pyi").write_text(extension_stub(sys.modules["tenon._C"]))
    for name in MODULES:
        module = importlib.import_module(f"tenon.{name}") if name else package
        path = target / ("__init__.pyi" if not name else name.replace(".", "/") + ".pyi")
        path.write_text(module_stub(module))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
