"""Python threads run while ops compute: every op gives up the interpreter's lock for as long as it works. And all at
the same time where the interpreter has no such lock: these tests need no PyTorch, so that they run there too."""

import itertools
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tenon

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
SIZE = 16_000_000
# For how long, and on how many threads, the tests of races try to meet one.
SECONDS, THREADS = 0.4, 8


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
    spans, both = {}, threading.Barrier(2)

    def work(name, x):
        both.wait()
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

    assert any(overlap() > 0 for _ in range(500))


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


# --- threads that use the same objects


def race(*works):
    """Each of the works over and over, all at the same time, on eight threads; what fails there fails here."""
    start = threading.Barrier(THREADS)
    errors = []

    def run(work):
        start.wait()
        end = time.monotonic() + SECONDS
        try:
            while not errors and time.monotonic() < end:
                work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(works[i % len(works)],)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def at_once(work):
    """What each of eight threads gets from one call of `work`, which all begin together."""
    start = threading.Barrier(THREADS)
    results = []

    def run():
        start.wait()
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == THREADS
    return results


def run_program(program):
    return subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=300)


def test_importing_the_package_brings_no_lock_back():
    has_lock = not sysconfig.get_config_var("Py_GIL_DISABLED")
    done = run_program("import sys, tenon; print(getattr(sys, '_is_gil_enabled', lambda: True)())")
    assert done.stdout == f"{has_lock}\n" and not done.stderr, done.stderr


def test_threads_read_one_tensor():
    base = tenon.arange(12.0).reshape(3, 4).requires_grad_()
    (base * base).sum().backward()
    rows = base.tolist()

    def shapes():
        assert base.T.shape == (4, 3) and base.mT.shape == (4, 3) and base.shape == (3, 4) and base.ndim == 2

    def items():
        assert base[1, 2].item() == rows[1][2] and base[0].tolist() == rows[0] and [len(row) for row in base] == [4] * 3

    def texts():
        assert repr(base).startswith("tensor([[ 0.,  1.,  2.,  3.],") and "requires_grad=True" in repr(base)

    def flags():
        assert base.requires_grad and base.is_leaf and base.grad_fn is None and base.dtype is tenon.float32

    def gradients():
        assert base.grad is base.grad and base.grad.tolist()[1] == [2 * x for x in rows[1]]

    def arrays():
        assert base.detach().numpy().sum() == 66 and tenon.from_dlpack(base.detach()).sum() == 66

    race(shapes, items, texts, flags, gradients, arrays)


class Labelled(tenon.Tensor):
    pass


def test_a_tensor_that_c_code_keeps_has_one_object_at_a_time():
    view = Labelled(4)[1:]
    view._base.label = "base"

    def come_and_go():
        base = view._base
        assert type(base) is Labelled and base.label == "base" and base is view._base

    race(come_and_go)
    assert type(view._base) is Labelled and view._base.label == "base"


def test_a_gradient_keeps_its_object_and_attributes():
    leaf = tenon.ones(3, requires_grad=True)
    leaf.sum().backward()
    leaf.grad.label = "gradient"

    def come_and_go():
        gradient = leaf.grad
        assert gradient is leaf.grad and gradient.label == "gradient"

    race(come_and_go)


def test_a_gradient_is_replaced_while_others_read_it():
    leaf = tenon.zeros(3, requires_grad=True)

    def replace():
        leaf.grad = tenon.ones(3)
        leaf.grad = None

    def read():
        gradient = leaf.grad
        assert gradient is None or all(value >= 1 for value in gradient.tolist())

    def accumulate():
        leaf.sum().backward()

    race(replace, read, accumulate)


def test_threads_walk_one_graph():
    x = tenon.ones(3, requires_grad=True)
    y = (x.sin() * x).exp()

    def walk():
        node = y.grad_fn
        assert node is y.grad_fn and node.name() == "ExpBackward0"
        node.metadata["seen"] = True
        product = node.next_functions[0][0]
        assert product is node.next_functions[0][0] and type(product).__name__ == "MulBackward0"
        assert product.next_functions[1][0].variable is x

    race(walk)
    assert y.grad_fn.metadata == {"seen": True}


def test_the_nodes_of_an_op_have_one_type_whoever_asks_first():
    tenon._C._node_types.clear()
    x = tenon.rand(3, 3, requires_grad=True)
    for result in (x.cos(), x.exp(), x @ x, x.sum(), x[0], x.tanh(), x.mean(0), x.reshape(9), x.sqrt(), x.log()):
        assert len(set(map(type, at_once(lambda y=result: y.grad_fn)))) == 1


def test_metadata_of_a_node_is_one_dict():
    for _ in range(50):
        node = (tenon.ones(1, requires_grad=True) * 2).grad_fn
        found = at_once(lambda node=node: node.metadata)
        assert all(metadata is found[0] for metadata in found)


def test_a_storage_is_one_object():
    for _ in range(50):
        x = tenon.ones(3)
        found = at_once(x.untyped_storage)
        assert all(storage is found[0] for storage in found)


def test_threads_make_and_drop_tensors():
    shared = tenon.arange(6.0)
    kept = [None] * 4

    def make():
        tensors = [tenon.full((3,), float(i)) for i in range(50)]
        assert [x[0].item() for x in tensors] == list(range(50))

    def views():
        assert [x.item() for x in shared.reshape(2, 3).T.flatten()] == [0, 3, 1, 4, 2, 5]

    def exchange():
        # The last reference to a tensor goes on another thread than the one that made it.
        kept[next(turn) % 4] = tenon.ones(8) * 2
        other = kept[next(turn) % 4]
        assert other is None or other.tolist() == [2.0] * 8

    turn = itertools.count()
    race(make, views, exchange)


def test_lists_change_while_they_are_read():
    # Longer than there are threads that take something away.
    numbers, tensors, sizes = [1.0, 2.0] * 4, [tenon.ones(2)] * 8, [1, 2] * 4

    def change():
        for items in numbers, tensors, sizes:
            item = items.pop()
            items.append(item)
            # A list of its own, as large as the number that is its item's successor.
            items[0] = type(item)(item) if items is not tensors else tenon.ones(2)

    def read():
        try:
            assert 4 <= tenon.tensor(numbers).numel() <= 8
            assert 8 <= tenon.cat(tensors).numel() <= 16
            assert 4 <= tenon.zeros(sizes).dim() <= 8
        except ValueError as error:
            assert "sequence" in str(error)

    race(change, read)


def test_threads_accumulate_into_one_leaf():
    leaf = tenon.zeros(5, requires_grad=True)
    passes = itertools.count()

    def accumulate():
        (leaf * 2).sum().backward()
        next(passes)

    def read():
        gradient = leaf.grad
        assert gradient is None or gradient.shape == (5,)

    race(accumulate, accumulate, read)
    assert leaf.grad.tolist() == [2.0 * next(passes)] * 5


def test_hooks_come_and_go_while_graphs_run():
    leaf = tenon.ones(3, requires_grad=True)
    shared = leaf * 3

    def of_the_leaf():
        seen = []
        handle = leaf.register_hook(lambda grad: seen.append(grad.tolist()))
        (leaf * 2).sum().backward()
        handle.remove()
        assert seen and all(grad in ([2.0] * 3, [3.0] * 3) for grad in seen)

    def after_the_leaf():
        seen = []
        handle = leaf.register_post_accumulate_grad_hook(lambda x: seen.append(x is leaf))
        (leaf * 2).sum().backward()
        handle.remove()
        assert seen and all(seen)

    def of_a_result():
        seen = []
        result = leaf * 3
        handle = result.register_hook(lambda grad: seen.append(grad.tolist()))
        result.grad_fn.register_hook(lambda inputs, outputs: seen.append(None))
        result.sum().backward()
        handle.remove()
        assert seen == [[1.0] * 3, None]

    def unused():
        shared.register_hook(lambda grad: None).remove()
        shared.grad_fn.register_prehook(lambda grads: None).remove()

    race(of_the_leaf, after_the_leaf, of_a_result, unused)


def test_threads_use_named_results_for_the_first_time():
    program = """
import threading, tenon
x = tenon.rand(3, 3)
calls = [lambda: x.max(0), lambda: x.sort(), lambda: x.topk(2), lambda: x.mode(), lambda: x.median(0),
         lambda: x.kthvalue(1), lambda: tenon.linalg.svd(x), lambda: tenon.linalg.qr(x), lambda: x.slogdet(),
         lambda: x.aminmax(), lambda: x.cummax(0), lambda: tenon.linalg.eigh(x @ x.T), lambda: tenon.frexp(x)]
start = threading.Barrier(8)
types = [[] for _ in calls]

def run():
    for call, found in zip(calls, types):
        start.wait()
        found.append(type(call()))

threads = [threading.Thread(target=run) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert all(len(found) == 8 and len(set(found)) == 1 for found in types), types
"""
    for _ in range(3):
        done = run_program(program)
        assert done.returncode == 0, done.stderr


def test_settings_change_while_others_read_them():
    def change():
        tenon.set_default_dtype(tenon.float64)
        tenon.set_printoptions(precision=2)
        tenon.set_default_dtype(tenon.float32)
        tenon.set_printoptions(precision=4)

    def read():
        assert tenon.get_default_dtype() in (tenon.float32, tenon.float64)
        assert tenon.ones(1).dtype in (tenon.float32, tenon.float64)
        assert repr(tenon.full((1,), 1 / 3, dtype=tenon.float32)).startswith("tensor([0.33")

    def modes():
        with tenon.no_grad():
            assert not tenon.is_grad_enabled()
        with tenon.enable_grad():
            assert tenon.is_grad_enabled()

    try:
        race(change, read, modes)
    finally:
        tenon.set_default_dtype(tenon.float32)
        tenon.set_printoptions(profile="default")


class Answering(tenon.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        assert types == (cls,)
        return super().__torch_function__(function, types, args, kwargs or {})


def test_overrides_and_modes_are_each_threads_own():
    x = tenon.ones(3).as_subclass(Answering)
    tensors = [tenon.ones(3), x]

    class Counting(tenon.overrides.TorchFunctionMode):
        calls = 0

        def __torch_function__(self, function, types, args=(), kwargs=None):
            self.calls += 1
            return function(*args, **(kwargs or {}))

    def with_mode():
        with Counting() as mode:
            tenon.ones(2) + 1
        assert mode.calls == 2

    def subclass():
        assert type(x + 1) is Answering and type(tenon.cat(tensors)) is Answering

    race(with_mode, subclass)
