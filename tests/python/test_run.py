"""Programs written for PyTorch under tenon.run: each runs as `python` would run it, with Tenon as torch."""

import subprocess
import sys
import textwrap
import zipfile

import pytest


def run(*arguments, cwd, **options):
    command = [sys.executable, "-m", "tenon.run", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, **options)


def run_script(tmp_path, source, *arguments, name="script.py"):
    (tmp_path / name).write_text(textwrap.dedent(source))
    return run(name, *arguments, cwd=tmp_path)


def output_of(tmp_path, source, *arguments):
    done = run_script(tmp_path, source, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_python(tmp_path, *arguments, **options):
    """What `python` itself does with the same program, which needs no torch."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, **options)


def test_a_script_trains_with_the_imports_that_scripts_have(tmp_path):
    source = """
        import torch
        import torch.nn.functional as F
        from torch import nn, Tensor
        from torch.autograd import Function, Variable
        from torch.autograd.function import once_differentiable
        from torch.nn.init import xavier_uniform_
        from torch.utils.checkpoint import checkpoint
        from torch.utils.dlpack import from_dlpack, to_dlpack

        torch.manual_seed(0)
        points, weight = torch.randn(64, 3), torch.zeros(3, 1, requires_grad=True)
        target = points @ torch.tensor([[1.0], [-2.0], [0.5]])
        for step in range(200):
            loss = F.mse_loss(points @ weight, target)
            loss.backward()
            with torch.no_grad():
                weight -= 0.1 * weight.grad
                weight.grad = None
        print(torch.__version__, isinstance(weight, Tensor), [round(value, 3) for value in weight.flatten().tolist()])
    """
    assert output_of(tmp_path, source).split(" ", 1)[1] == "True [1.0, -2.0, 0.5]\n"


def test_modules_are_the_same_objects_under_both_names(tmp_path):
    source = """
        import sys
        import torch.autograd.grad_mode, torch.nn.functional, torch.backends.cudnn
        import tenon.autograd.grad_mode

        for name, module in list(sys.modules.items()):
            if name == "torch" or name.startswith("torch."):
                assert module is sys.modules["tenon" + name[5:]], name
                assert module.__spec__.name == module.__name__ == "tenon" + name[5:], name
        assert torch.autograd.grad_mode is tenon.autograd.grad_mode
        assert torch.Tensor is tenon.Tensor and torch.float32 is tenon.float32
        import importlib
        assert importlib.import_module("torch.linalg") is tenon.linalg
    """
    output_of(tmp_path, source)


def test_objects_show_themselves_as_under_pytorch(tmp_path):
    source = """
        import torch
        x = torch.zeros(2, 3, dtype=torch.float64)
        print(x.shape, x.dtype, x.type(), x.layout, torch.preserve_format, torch.typename(x), [torch.int8], x)
        print(x.type("torch.IntTensor").type(), x.type(torch.HalfTensor).type(), f"{x.size()} {x.dtype!s}")
    """
    output = output_of(tmp_path, source)
    assert output == as_python(tmp_path, "script.py").stdout and "torch.Size([2, 3])" in output


def test_a_program_that_ends_with_a_graph_at_hand_ends_in_silence(tmp_path):
    source = """
        import torch

        class Double(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, grad):
                return grad * 2

        device = torch.device("cpu")
        y = Double.apply(torch.ones(3, device=device, requires_grad=True))
        y.register_hook(lambda grad: grad * len(y))
        y.sum().backward()
    """
    done = run_script(tmp_path, source)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_packages_that_are_not_stood_in_for_are_found_as_ever(tmp_path):
    (tmp_path / "torchaudio.py").write_text("name = 'the real one'")
    assert output_of(tmp_path, "import torchaudio; print(torchaudio.name)") == "the real one\n"


def test_the_version_is_pytorchs_with_tenons_as_its_local_part(tmp_path):
    version = output_of(tmp_path, "import torch; print(torch.__version__); assert torch.version.cuda is None").strip()
    assert version.startswith("2.13.0+tenon") and tuple(map(int, version.split("+")[0].split("."))) >= (2, 13)
    import tenon

    assert tenon.__version__ == version.split("+tenon")[1]


@pytest.mark.parametrize(
    ("statement", "error", "named"),
    [
        ("import torch.no_such", "ModuleNotFoundError", "torch.no_such"),
        ("from torch import no_such", "ModuleNotFoundError", "torch.no_such"),
        ("from torch.nn import NoSuch", "ModuleNotFoundError", "torch.nn.NoSuch"),
        ("import torch; torch.no_such", "AttributeError", "no_such"),
        ("import torch; torch.nn.NoSuch", "AttributeError", "NoSuch"),
        ("import torch.utils.no_such.deeper", "ModuleNotFoundError", "torch.utils.no_such"),
    ],
)
def test_what_tenon_lacks_is_named(tmp_path, statement, error, named):
    done = run("-c", statement, cwd=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith(error) and named in last and "Tenon lacks it" in last


def test_questions_after_missing_names_are_answered(tmp_path):
    source = """
        import importlib.util
        import torch
        assert not hasattr(torch, "no_such") and getattr(torch.nn, "NoSuch", 3) == 3
        assert importlib.util.find_spec("torch.no_such") is None
        assert importlib.util.find_spec("torch.linalg") is not None
        try:
            from torch import no_such
        except ImportError as error:
            assert error.name == "torch.no_such"
    """
    output_of(tmp_path, source)


DESCRIBE = """
import sys
module = sys.modules["__main__"]
names = ("__name__", "__file__", "__package__", "__doc__")
print([getattr(module, name, "absent") for name in names], sys.argv, sys.path[0], __name__, vars(module) is globals())
print(getattr(__spec__, "name", None), type(__loader__).__name__)
"""


@pytest.mark.parametrize("way", ["script", "elsewhere", "module", "package", "folder", "zip", "-"])
def test_a_program_finds_itself_described_as_under_python(tmp_path, way):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "script.py").write_text(DESCRIBE)
    (folder / "__main__.py").write_text(DESCRIBE)
    (folder / "inner.py").write_text(DESCRIBE)
    with zipfile.ZipFile(tmp_path / "program.zip", "w") as archive:
        archive.write(folder / "__main__.py", "__main__.py")
    arguments = {
        "script": ["script.py", "a", "-b"],
        "elsewhere": ["folder/inner.py", "--", "x"],
        "module": ["-m", "folder.inner", "a"],
        "package": ["-m", "folder", "a"],
        "folder": ["folder", "a"],
        "zip": ["program.zip", "a"],
        "-": ["-", "a"],
    }[way]
    options = {"input": DESCRIBE} if way == "-" else {}
    ours = run(*arguments, cwd=tmp_path, **options)
    theirs = as_python(tmp_path, *arguments, **options)
    assert ours.returncode == theirs.returncode == 0, ours.stderr
    if way == "-":
        # Python reads the standard input without a loader of files.
        ours.stdout, theirs.stdout = ours.stdout.splitlines()[0], theirs.stdout.splitlines()[0]
    assert ours.stdout == theirs.stdout


@pytest.mark.parametrize(
    "ending",
    [
        "sys.exit(7)",
        "sys.exit('a word')",
        "raise SystemExit",
        "os._exit(9)",
        "f()",
        "raise ValueError from KeyError()",
        "x = = 1",
        "raise KeyboardInterrupt",
        "atexit.register(print, 'last')",
        "sys.excepthook = lambda *error: print('own hook', error[0].__name__); f()",
    ],
)
def test_errors_and_exit_codes_are_those_of_python(tmp_path, ending):
    (tmp_path / "script.py").write_text(f"import atexit, os, sys\ndef f():\n    return 1 / 0\n{ending}\n")
    ours, theirs = run("script.py", cwd=tmp_path), as_python(tmp_path, "script.py")
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


def test_code_may_be_given_on_the_command_line(tmp_path):
    done = run("-c", "import torch, sys; print(torch.ones(2).sum().item(), sys.argv)", "a", cwd=tmp_path)
    assert done.stdout == "2.0 ['-c', 'a']\n"


def test_modules_of_torch_and_other_programs_run_by_name(tmp_path):
    assert run("-m", "torch.version", cwd=tmp_path).returncode == 0
    assert run("-m", "torch.linalg", cwd=tmp_path).returncode == 0
    (tmp_path / "test_sample.py").write_text("import torch\ndef test(): assert torch.__name__ == 'tenon'\n")
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sample.py", cwd=tmp_path)
    assert done.returncode == 0 and "1 passed" in done.stdout


def test_a_wrong_command_line_is_explained(tmp_path):
    assert run("missing.py", cwd=tmp_path).returncode == as_python(tmp_path, "missing.py").returncode == 2
    assert "missing.py" in run("missing.py", cwd=tmp_path).stderr
    assert run(cwd=tmp_path).returncode == 2 and "usage" in run(cwd=tmp_path).stderr
    assert run("--help", cwd=tmp_path).returncode == 0
    assert run("-m", "no_such_module", cwd=tmp_path).returncode == 1


def test_objects_are_pickled_by_names_that_tenon_answers_too(tmp_path):
    source = """
        import pickle
        import torch
        import torch.nn.functional as F

        class Point:
            def __init__(self, at):
                self.at = at

        values = [torch.float32, torch.device("cpu"), torch.Size([2]), torch.sin, F.conv2d, F.relu, torch.Tensor.sin,
                  torch.autograd.Function, torch.nn.init.normal_, torch.tensor, torch.einsum, torch.linalg.qr]
        for value in values:
            assert pickle.loads(pickle.dumps(value)) == value, value
            assert b"torch" not in pickle.dumps(value), value
        point = pickle.loads(pickle.dumps(Point(torch.arange(3))))
        assert type(point) is Point and point.at.tolist() == [0, 1, 2]
    """
    output_of(tmp_path, source)


WORKERS = """
import multiprocessing
import sys

import torch
from torch.nn import functional as F


class Held:
    def __init__(self, value):
        self.value = value


def work(held):
    import torch.linalg

    assert torch.__name__ == "tenon" and type(held).__module__ in ("__main__", "__mp_main__")
    return Held(F.relu(held.value) + 1)


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        results = pool.map(work, [Held(torch.tensor([-1.0, i])) for i in range(3)])
    print([held.value.tolist() for held in results])
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("way", ["script", "module"])
def test_workers_inherit_it(tmp_path, method, way):
    (tmp_path / "program.py").write_text(WORKERS)
    done = run(*(["program.py"] if way == "script" else ["-m", "program"]), method, cwd=tmp_path)
    assert done.stdout == "[[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]\n", done.stderr


def test_activate_makes_torch_tenon_for_the_rest_of_the_process(tmp_path):
    source = """
        import tenon.run
        tenon.run.activate()
        tenon.run.activate()
        assert tenon.run.is_active()
        import torch
        import tenon
        assert torch is tenon and torch.__version__.startswith("2.")
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(source))
    assert as_python(tmp_path, "script.py").returncode == 0


def test_activate_comes_before_torch_is_imported(tmp_path):
    (tmp_path / "torch.py").write_text("")
    (tmp_path / "script.py").write_text("import torch, tenon.run\ntenon.run.activate()\n")
    done = as_python(tmp_path, "script.py")
    assert done.returncode == 1 and "must come before torch is imported" in done.stderr


def test_without_it_torch_is_not_touched(tmp_path):
    (tmp_path / "torch.py").write_text("mine = True")
    done = as_python(tmp_path, "-c", "import tenon, torch; assert torch.mine")
    assert done.returncode == 0, done.stderr
    assert run("-c", "import torch; assert not hasattr(torch, 'mine')", cwd=tmp_path).returncode == 0


def test_pythons_options_are_kept(tmp_path):
    (tmp_path / "script.py").write_text("import sys; assert sys.flags.optimize and sys.flags.dont_write_bytecode")
    command = [sys.executable, "-O", "-B", "-m", "tenon.run", "script.py"]
    assert subprocess.run(command, cwd=tmp_path, timeout=60).returncode == 0
