"""Figures that only Python shows: the cost of a call, a graph of a million nodes, and training beside a busy process.

Both libraries live in one process and run in turns; each is given as a module with PyTorch's names.
"""

import gc
import importlib
import multiprocessing
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

CALLS = 2000
CHAIN = 1_000_000
STEPS_PER_TURN = 40
# What every exchange is measured beside.
FROM_NUMPY = "torch.from_numpy"
EXCHANGES = [
    "py_from_numpy_1G", "py_from_dlpack_1G", "py_from_dlpack_1G_own", "py_from_dlpack_1G_torch", "py_from_torch_1G",
    "py_to_torch_1G", "py_dlpack_1G", "py_numpy_1G",
]


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


def exchange_bodies(libraries, numpy):
    """{library: {figure: body}}: CALLS exchanges of 1 GB each, which share it; FROM_NUMPY beside each of them."""
    array = numpy.zeros(1 << 28, numpy.float32)
    tensors = {name: library.from_numpy(array) for name, library in libraries.items()}

    def with_numpy(library, tensor):
        return {
            "py_from_numpy_1G": repeated(lambda: library.from_numpy(array)),
            "py_from_dlpack_1G": repeated(lambda: library.from_dlpack(array)),
            "py_from_dlpack_1G_own": repeated(lambda: library.from_dlpack(tensor)),
            "py_dlpack_1G": repeated(lambda: tensor.__dlpack__(max_version=(1, 0))),
            "py_numpy_1G": repeated(tensor.numpy),
        }

    bodies = {name: with_numpy(library, tensors[name]) for name, library in libraries.items()}
    if "torch" in libraries:
        tenon, torch = libraries["tenon"], libraries["torch"]
        own, theirs = tensors["tenon"], tensors["torch"]
        take = repeated(lambda: torch.from_dlpack(own))
        bodies["torch"] |= {"py_from_dlpack_1G_torch": take, "py_from_torch_1G": take, "py_to_torch_1G": take}
        bodies["tenon"] |= {
            "py_from_dlpack_1G_torch": repeated(lambda: tenon.from_dlpack(theirs)),
            "py_from_torch_1G": repeated(lambda: tenon.from_torch(theirs)),
            "py_to_torch_1G": repeated(own.to_torch),
        }
        bodies[FROM_NUMPY] = dict.fromkeys(bodies["tenon"], bodies["torch"]["py_from_numpy_1G"])
    return bodies


def sine_sums(values, passes=20):
    """The work that is shared by threads or by processes."""
    for x in values:
        for _ in range(passes):
            (x.sin() * x).sum().item()


def million_floats(library, tensors):
    """Tensors to work on, with an op's own threads off."""
    library.set_num_threads(1)
    return [library.rand(1_000_000) for _ in range(tensors)]


def work_on_request(name, tensors, pipe):
    """A process that works whenever it is asked to, and answers with the CPU time that it took."""
    values = million_floats(importlib.import_module(name), tensors)
    while pipe.recv():
        start = time.process_time()
        sine_sums(values)
        pipe.send(time.process_time() - start)


@contextmanager
def workers(name, count, tensors):
    """A function that lets `count` processes work on `tensors` tensors each, and tells their CPU time."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for _ in range(count):
        pipe, their_end = context.Pipe()
        pipes.append(pipe)
        processes.append(context.Process(target=work_on_request, args=(name, tensors, their_end), daemon=True))
        processes[-1].start()

    def run():
        for pipe in pipes:
            pipe.send(True)
        return sum(pipe.recv() for pipe in pipes)

    run()
    yield run
    for pipe, process in zip(pipes, processes):
        pipe.send(False)
        process.join()


def threads_gain(library, turns, tensors=8):
    """{"threads" | "processes": (gain, share)}: how many times as fast two of them are as one thread, and the share of
    two cores that they had meanwhile. Processes share nothing, so theirs is what the machine had to give.
    """
    values = million_floats(library, tensors)
    busy = {"one": [], "threads": [], "processes": []}

    def in_threads(count):
        start = time.process_time()
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(sine_sums, [values[i::count] for i in range(count)]))
        return time.process_time() - start

    with workers(library.__name__, 2, tensors // 2) as in_processes:
        ways = {"one": lambda: in_threads(1), "threads": lambda: in_threads(2), "processes": in_processes}
        times = in_turns({way: lambda way=way: busy[way].append(ways[way]()) for way in ways}, turns)
    one = statistics.median(times["one"])
    return {
        way: (one / statistics.median(times[way]),
              statistics.median(cpu / (2 * wall) for cpu, wall in zip(busy[way], times[way])))
        for way in ("threads", "processes")
    }


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
