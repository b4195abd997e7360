"""The stubs that type checkers read: complete, well formed, and good enough for the examples."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tenon

PACKAGE = Path(tenon.__file__).parent
EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
STUBS = ["__init__", "_C", "functional", "linalg", "nn/functional", "operations", "special", "tensor"]


def definitions(body):
    """The names that the statements of a stub define."""
    names = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets)
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


def parsed(stub):
    return ast.parse((PACKAGE / f"{stub}.pyi").read_text())


@pytest.mark.parametrize("stub", STUBS)
def test_a_stub_names_what_its_module_has(stub):
    name = "tenon" if stub == "__init__" else f"tenon.{stub.replace('/', '.')}"
    module = sys.modules.get(name) or __import__(name, fromlist=["*"])
    public = {name for name in dir(module) if not name.startswith("_")}
    missing = public - definitions(parsed(stub).body) - {"Any", "annotations"}
    if stub == "__init__":
        # The rest of the package describes itself.
        missing -= {name for name in missing if (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir()}
    if stub == "tensor" or stub == "operations":
        missing -= {"ModuleType", "sys"}
    assert not {name for name in missing if not isinstance(getattr(module, name), type(sys))}


def test_the_class_of_tensors_is_complete():
    (tensor,) = (node for node in parsed("_C").body if isinstance(node, ast.ClassDef) and node.name == "Tensor")
    described = definitions(tensor.body)
    assert {name for name in vars(tenon.Tensor) if not name.startswith("_")} <= described
    assert {"__add__", "__rsub__", "__getitem__", "__matmul__", "__eq__", "__len__"} <= described


# Names of types that exist for type checkers alone.
ALIASES = {"_Device", "_Dtype", "_Layout", "_MemoryFormat", "_Number", "_Size", "ValuesIndices"}


@pytest.mark.parametrize("stub", STUBS)
def test_a_module_has_what_its_stub_names(stub):
    name = "tenon" if stub == "__init__" else f"tenon.{stub.replace('/', '.')}"
    module = sys.modules.get(name) or __import__(name, fromlist=["*"])
    body = parsed(stub).body
    # An import without "as" is for the stub itself.
    own = {alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names if not alias.asname}
    offered = {name for name in definitions(body) - own if not name.startswith("_")} - ALIASES
    assert not {name for name in offered if not hasattr(module, name)}
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name not in ALIASES:
            described = {one for one in definitions(node.body) if one not in ("__init__", "__buffer__")}
            assert not {one for one in described if not hasattr(getattr(module, node.name), one)}, node.name


def test_py_typed_is_there():
    assert (PACKAGE / "py.typed").exists()


GOOD = """
import tenon as torch
from tenon.nn import functional as F

x: torch.Tensor = torch.zeros(2, 3, dtype=torch.float32, requires_grad=True)
y: torch.Tensor = F.relu(x @ torch.ones([3, 4])).sum(1, keepdim=True)
values, indices = torch.max(y, 0)
named: torch.Tensor = torch.sort(y).values
total: torch.Tensor = torch.stack([x, x]).mean(dim=[0, 1])
n: int = x.shape[0] + x.numel()
flag: bool = x.is_floating_point()
gradient: torch.Tensor | None = x.grad
device: torch.device = x.device
(y.clamp(min=0.0) * 2 + 1 / y).sum().backward()
with torch.no_grad():
    x.add_(1).mul_(2)[0, :1] = 3
pieces: tuple[torch.Tensor, ...] = torch.split(x, 1)
made: torch.Tensor = torch.create_tensor([1, 2], shape=[2])
"""

BAD = [
    "import tenon\ntenon.sin('text')",
    "import tenon\ntenon.no_such_function",
    "import tenon\ntenon.zeros(2).no_such_method()",
    "import tenon\ntenon.zeros(2, dtype='float32')",
    "import tenon\nx: int = tenon.zeros(2).sum()",
    "import tenon\nfrom tenon.nn import functional as F\nF.linear(1, 2)",
]


def mypy(folder, paths):
    return [sys.executable, "-m", "mypy", f"--cache-dir={folder / 'cache'}", *paths]


def pyright(folder, paths):
    # What is judged finds the package where this process does.
    (folder / "pyrightconfig.json").write_text(f'{{"extraPaths": ["{PACKAGE.parent}", "{EXAMPLES}"]}}')
    return [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, *paths]


def judged(checker, folder, *paths):
    command = checker(folder, [str(path) for path in paths])
    environment = dict(os.environ)
    if "site-packages" not in PACKAGE.parts:
        environment["MYPYPATH"] = str(PACKAGE.parent)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_checkers_accept_the_examples_and_find_mistakes(checker, tmp_path):
    (tmp_path / "good.py").write_text(GOOD)
    found = judged(checker, tmp_path, tmp_path / "good.py", *EXAMPLES.glob("*.py"))
    assert found.returncode == 0, found.stdout
    for i, source in enumerate(BAD):
        path = tmp_path / f"bad{i}.py"
        path.write_text(source)
    found = judged(checker, tmp_path, *tmp_path.glob("bad*.py"))
    assert found.returncode == 1
    for i in range(len(BAD)):
        assert f"bad{i}.py:{BAD[i].count(chr(10)) + 1}:" in found.stdout, (BAD[i], found.stdout)
