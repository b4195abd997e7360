"""What `import tenon` costs: the modules that it brings in, the time and the memory that it takes."""

import subprocess
import sys
import textwrap

import pytest


def run(source):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Modules that are slow to import, and that nothing of a plain `import tenon` needs.
SLOW = """
    argparse ast asyncio concurrent ctypes dataclasses decimal email inspect json logging matplotlib multiprocessing
    numpy pathlib pickle random shutil socket subprocess tempfile threading tokenize torch tqdm traceback unittest
    tenon.accelerator tenon.backends tenon.config tenon.functional tenon.interop tenon.linalg tenon.metal tenon.mps
    tenon.operations tenon.run tenon.special
""".split()


def test_import_brings_in_nothing_that_is_optional_or_slow():
    before = set(run("import sys; print(*sys.modules)").split())
    after = set(run("import sys, tenon; print(*sys.modules)").split())
    assert sorted((after - before) & set(SLOW)) == []
    assert "tenon.nn" in after


def test_using_tensors_imports_nothing_either():
    source = """
        import sys, tenon
        before = set(sys.modules)
        x = tenon.randn(3, 3, requires_grad=True)
        (x @ x).exp().sum().backward()
        repr(x), x.tolist(), x[0], x.grad.sort()
        print(*set(sys.modules) - before)
    """
    assert run(source).split() == []


def test_import_is_quick_and_small():
    # The machine may be busy, so the process's own time counts, of the best of several tries.
    source = """
        import time
        start = time.process_time()
        import tenon
        seconds = time.process_time() - start
        resident = int(open("/proc/self/statm").read().split()[1]) * 4096
        print(seconds, resident)
    """
    tries = [tuple(map(float, run(source).split())) for _ in range(5)]
    assert min(seconds for seconds, _ in tries) < 0.15
    assert min(resident for _, resident in tries) < 60e6


@pytest.mark.parametrize(
    "name",
    "accelerator autograd backends.cuda backends.cudnn backends.mps config cuda functional interop linalg metal mps "
    "nn.functional nn.init nn.parallel nn.utils.rnn operations optim.lr_scheduler random run serialization sparse "
    "special tensor utils.checkpoint utils.data utils.dlpack version vision.models".split(),
)
def test_every_module_can_be_imported_first_and_found_as_an_attribute(name):
    parts = name.split(".")
    run(f"import tenon.{name} as module; import sys; assert module is sys.modules['tenon.{name}']")
    run(f"import tenon, sys; assert tenon.{name} is sys.modules['tenon.{name}']; assert '{parts[0]}' in dir(tenon)")
    run(f"from tenon{''.join('.' + part for part in parts[:-1])} import {parts[-1]}")
