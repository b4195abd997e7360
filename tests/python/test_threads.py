"""Python threads run while ops compute: every op gives up the interpreter's lock for as long as it works."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tenon

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
SIZE = 16_000_000


@pytest.fixture(scope="module")
def big():
    return tenon.rand(SIZE)


@pytest.fixture(autouse=True)
def one_thread_per_op():
    threads = tenon.get_num_threads()
    tenon.set_num_threads(1)
    yield
    tenon.set_num_threads(threads)


def ticks_during(work):
    """How often another Python thread got to run between the start and the end of `work`."""
    ticks, done = [], threading.Event()

    def watch():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        time.sleep(0.01)
        start = time.perf_counter()
        work()
        end = time.perf_counter()
    finally:
        done.set()
        watcher.join()
    return sum(start < tick < end for tick in ticks)


def backward_of(x):
    leaf = x.detach().requires_grad_()
    loss = (leaf.sin() * leaf).sum()
    return lambda: loss.backward(retain_graph=True)


CALLS = {
    "operator": lambda x: lambda: x + x,
    "operator with a number": lambda x: lambda: 2 / x,
    "operator in place": lambda x: lambda: x.clone().__imul__(x),
    "unary operator": lambda x: lambda: -x,
    "operator with an array": lambda x: (lambda array: lambda: x * array)(x.numpy()),
    "function": lambda x: lambda: tenon.sin(x),
    "method": lambda x: lambda: x.exp(),
    "method in place": lambda x: (lambda y: lambda: y.sin_())(x.clone()),
    "out=": lambda x: (lambda y: lambda: tenon.exp(x, out=y))(tenon.empty_like(x)),
    "reduction": lambda x: lambda: x.cumsum(0).sum(),
    "sorting": lambda x: lambda: x[:1_000_000].sort(),
    "matrix product": lambda x: (lambda m: lambda: m @ m)(x[:4_000_000].reshape(2000, 2000)),
    "factory": lambda x: lambda: tenon.randn(SIZE),
    "reading an index": lambda x: (lambda i: lambda: x[i])(tenon.arange(SIZE)),
    "writing an index": lambda x: (lambda y, m: lambda: y.__setitem__(m, 0.0))(x.clone(), x > 0.5),
    "conversion": lambda x: lambda: x.double(),
    "to": lambda x: lambda: x.to(tenon.float64),
    "type_as": lambda x: (lambda y: lambda: x.type_as(y))(tenon.ones(1, dtype=tenon.int64)),
    "tensor of an array": lambda x: (lambda a: lambda: tenon.tensor(a))(np.ones(4 * SIZE, np.float32)),
    "initial values": lambda x: (lambda y: lambda: tenon.nn.init.normal_(y))(tenon.empty(SIZE)),
    "operator that broadcasts": lambda x: lambda: x[:2000, None] ** x[:2000],
    "repeat": lambda x: lambda: x[:1].repeat(SIZE),
    "sizes": lambda x: lambda: x[:1].new_full((SIZE,), 1.0),
    "in": lambda x: lambda: 3 in x,
    "pickling": lambda x: lambda: x.untyped_storage().__reduce__(),
    "backward": backward_of,
    "grad": lambda x: (lambda y: lambda: tenon.autograd.grad(y.sin().sum(), y))(x.detach().requires_grad_()),
}


@pytest.mark.parametrize("name", CALLS)
def test_other_threads_run_while_an_op_computes(big, name):
    call = CALLS[name](big)
    # A busy machine may leave the watcher out for a while. It never comes twice into a call that keeps the lock.
    assert any(ticks_during(call) >= 2 for _ in range(30))


def test_ops_of_two_threads_run_at_the_same_time(big):
    spans = {}

    def work(name, x):
        start = time.perf_counter()
        x.sin()
        spans[name] = start, time.perf_counter()

    def overlap():
        threads = [threading.Thread(target=work, args=(name, big)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (start_a, end_a), (start_b, end_b) = spans["a"], spans["b"]
        return min(end_a, end_b) - max(start_a, start_b)

    assert max(overlap() for _ in range(5)) > 0


def test_threads_get_the_results_that_one_thread_gets():
    xs = [tenon.randn(50_000) for _ in range(8)]
    expected = [(x.exp() * x).sum().item() for x in xs]
    found = [[] for _ in xs]

    def work(i):
        for _ in range(20):
            leaf = xs[i].detach().requires_grad_()
            loss = (leaf.exp() * leaf).sum()
            loss.backward()
            found[i].append((loss.item(), leaf.grad.sum().item()))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(xs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for value, results in zip(expected, found):
        assert len(set(results)) == 1 and results[0][0] == value


def test_the_example_sums_in_parallel(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import my_package.my_module.parallel_processing as pp

    data = [1, 2, 3, 4, 5]
    result = pp.parallel_sum(data)
    assert result == 15
    assert pp.parallel_sum(tenon.arange(1001), threads=3) == 500500 and pp.parallel_sum([]) == 0
    done = subprocess.run([sys.executable, EXAMPLES / "parallel_sum.py"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "= 15\n" in done.stdout, done.stderr


def test_objects_that_graphs_keep_may_die_on_any_thread():
    # In a process of its own, for a mistake ends it.
    program = """
import threading, time, tenon
end = time.monotonic() + 3

class Packed:
    def __init__(self, tensor):
        self.tensor = tensor

def train():
    x = tenon.ones(64, requires_grad=True)
    while time.monotonic() < end:
        with tenon.autograd.graph.saved_tensors_hooks(Packed, lambda packed: packed.tensor):
            y = x
            for _ in range(50):
                y = y.sin() * x
        y.sum().backward()

def compute():
    while time.monotonic() < end:
        [object() for _ in range(1000)]

threads = [threading.Thread(target=target) for target in (train, train, compute, compute)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
