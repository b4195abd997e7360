"""Figures that only Python shows: the cost of a call, a graph of a million nodes, and training beside a busy process.

Both libraries live in one process and run in turns; each is given as a module with PyTorch's names.
"""

import gc
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

CALLS = 2000
CHAIN = 1_000_000
STEPS_PER_TURN = 40


def in_turns(bodies, turns, clock=time.perf_counter, settle=0.0):
    """The times of `turns` interleaved runs of each of {name: body}, in seconds: {name: [time]}."""
    times = {name: [] for name in bodies}
    for _ in range(turns):
        for name, body in bodies.items():
            end = time.perf_counter() + settle
            body()
            while time.perf_counter() < end:
                body()
            gc.collect()
            start = clock()
            body()
            times[name].append(clock() - start)
    return times


def repeated(call):
    """CALLS calls of it."""

    def body():
        for _ in range(CALLS):
            call()

    return body


def call_bodies(library):
    """{figure: body}: CALLS calls of a small op each."""
    a, b = library.ones(2), library.ones(2)
    x, y = library.ones(2, requires_grad=True), library.ones(2, requires_grad=True)
    matrix, weight, bias = library.ones(4, 4), library.ones(4, 4), library.ones(4)
    linear = library.nn.functional.linear

    def add():
        for _ in range(CALLS):
            a + b

    def add_recorded():
        for _ in range(CALLS):
            x + y

    return {
        "py_add_2": add,
        "py_add_2_recorded": add_recorded,
        "py_relu_2": repeated(a.relu),
        "py_sigmoid_2": repeated(a.sigmoid),
        "py_empty_2": repeated(lambda: library.empty(2)),
        "py_view": repeated(lambda: matrix.view(16)),
        "py_select": repeated(lambda: matrix[1]),
        "py_mm_4": repeated(lambda: matrix @ matrix),
        "py_linear_4": repeated(lambda: linear(matrix, weight, bias)),
        "py_sum_backward_2": repeated(lambda: x.sum().backward()),
        "py_mul_sum_backward_2": repeated(lambda: (x * b).sum().backward()),
    }


def exchange_bodies(library, numpy):
    """{figure: body}: CALLS exchanges of 1 GB with NumPy each, which share it."""
    array = numpy.zeros(1 << 28, numpy.float32)
    tensor = library.from_numpy(array)

    return {
        "py_from_numpy_1G": repeated(lambda: library.from_numpy(array)),
        "py_from_dlpack_1G": repeated(lambda: library.from_dlpack(array)),
        "py_numpy_1G": repeated(tensor.numpy),
    }


def threads_gain(library, turns, tensors=8, passes=20):
    """How many times as fast two Python threads are as one on tensors of a million floats; ops keep to one thread."""
    library.set_num_threads(1)
    values = [library.rand(1_000_000) for _ in range(tensors)]

    def work(x):
        return sum((x.sin() * x).sum().item() for _ in range(passes))

    def body(threads):
        def run():
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(work, values))

        return run

    times = in_turns({threads: body(threads) for threads in (1, 2)}, turns)
    return statistics.median(times[1]) / statistics.median(times[2])


def chain_times(library, length=CHAIN):
    """Seconds to record a chain of adds, to run it backwards, and to free it."""
    leaf, one = library.ones(2, requires_grad=True), library.ones(2)
    start = time.perf_counter()
    x = leaf
    for _ in range(length):
        x = x + one
    recorded = time.perf_counter()
    x.sum().backward(retain_graph=True)
    backward = time.perf_counter()
    del x
    freed = time.perf_counter()
    assert leaf.grad.tolist() == [1.0, 1.0]
    return {"py_chain_record": recorded - start, "py_chain_backward": backward - recorded,
            "py_chain_free": freed - backward}


def training_step(library):
    """A step of a two-layer network on a batch of 256."""
    library.manual_seed(0)
    x, target = library.randn(256, 784), library.randn(256, 10)
    w1, w2 = (library.randn(784, 512) * 0.03).requires_grad_(), (library.randn(512, 10) * 0.04).requires_grad_()

    def step():
        loss = (((x @ w1).relu() @ w2 - target) ** 2).mean()
        loss.backward()
        with library.no_grad():
            for w in (w1, w2):
                w -= 0.01 * w.grad
                w.grad = None

    return step


@contextmanager
def busy_neighbours(count):
    """Processes that do nothing but compute."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def neighbour_times(libraries, turns, neighbours=1, threads=(1, 2)):
    """{(library, threads): median seconds of a training step}, in turns beside `neighbours` busy processes.

    A turn is several steps, long enough for the scheduler to give each process its share.
    """

    def body(library, step, count):
        def run():
            library.set_num_threads(count)
            for _ in range(STEPS_PER_TURN):
                step()

        return run

    steps = {name: training_step(library) for name, library in libraries.items()}
    bodies = {(name, count): body(libraries[name], steps[name], count) for name in libraries for count in threads}
    with busy_neighbours(neighbours):
        times = in_turns(bodies, turns, settle=0.03)
    return {key: statistics.median(values) / STEPS_PER_TURN for key, values in times.items()}
