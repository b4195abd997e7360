"""Tenon in forked children and spawned workers, and twenty threads on one tensor."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading

import pytest
import tenon

THREADS = 20


def together(count, work):
    """Runs `work(i)` on each of `count` threads at once, and raises what one of them raised."""
    barrier, errors = threading.Barrier(count), []

    def run(i):
        try:
            barrier.wait()
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# --- fork


def in_child(work, seconds=60):
    """What `work()` returns in a forked child, or the text of its error; a child that hangs is ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        import signal

        signal.alarm(seconds)
        try:
            answer = ("returned", work())
        except BaseException as error:
            answer = ("raised", repr(error))
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with status {status}"
    kind, value = pickle.loads(data)
    assert kind == "returned", value
    return value


def use_everything():
    tenon.set_num_threads(2)
    tenon.manual_seed(5)
    x = tenon.randn(300, 300, requires_grad=True)
    y = (x @ x).softmax(-1).sum(0)
    y.sin().sum().backward()
    spectrum = tenon.fft.fft(tenon.randn(1000)).abs().sum()
    order = tenon.randn(100_000).sort().indices
    return x.grad.sum().item(), spectrum.item(), order[:5].tolist(), repr(y[:3])


def test_a_forked_child_computes_what_its_parent_does():
    expected = use_everything()
    assert in_child(use_everything) == expected
    # A child of a child, and the parent afterwards.
    assert in_child(lambda: in_child(use_everything)) == expected
    assert use_everything() == expected


@pytest.mark.parametrize("kind", ["random", "products", "memory", "fft"])
def test_forks_while_other_threads_compute(kind):
    big = tenon.randn(500_000)
    matrix = tenon.randn(200, 200)
    work = {
        "random": lambda: tenon.randn(500_000),
        "products": lambda: matrix @ matrix,
        "memory": lambda: [tenon.empty(100_000) for _ in range(20)],
        "fft": lambda: [tenon.fft.fft(big[:n]) for n in range(1000, 1200)],
    }[kind]
    done = threading.Event()

    def keep_busy():
        while not done.is_set():
            work()

    threads = [threading.Thread(target=keep_busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        expected = None
        for _ in range(15):
            result = in_child(use_everything)
            expected = expected or result
            assert result == expected
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_a_child_sees_the_parents_tensors_and_not_the_reverse():
    x = tenon.arange(5.0)

    def edit():
        x.mul_(2)
        return x.tolist()

    assert in_child(edit) == [0, 2, 4, 6, 8] and x.tolist() == [0, 1, 2, 3, 4]


# --- workers


def worker(tensor):
    leaf = tensor.detach().requires_grad_()
    (leaf * leaf).sum().backward()
    return leaf.grad, tensor.dtype, tensor.T.requires_grad_(), {"half": tensor.to(tenon.bfloat16), "size": tensor.shape}


def error_of_worker(tensor):
    return tensor @ tenon.ones(7, 7)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_take_and_return_tensors(method):
    inputs = [tenon.randn(3, 4) + i for i in range(6)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        results = pool.map(worker, inputs)
        with pytest.raises(RuntimeError, match="cannot be multiplied"):
            pool.apply(error_of_worker, (inputs[0],))
    for x, (grad, dtype, transposed, rest) in zip(inputs, results):
        assert dtype is tenon.float32 and rest["size"] == tenon.Size([3, 4])
        assert tenon.equal(grad, 2 * x) and tenon.equal(transposed.detach(), x.T) and transposed.stride() == (1, 4)
        assert transposed.requires_grad and tenon.equal(rest["half"], x.to(tenon.bfloat16))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_queues_and_pipes_carry_tensors(method):
    context = multiprocessing.get_context(method)
    queue, (ours, theirs) = context.Queue(), context.Pipe()
    process = context.Process(target=echo, args=(queue, theirs))
    process.start()
    x = tenon.randn(100, 3, dtype=tenon.float64)
    ours.send((x, x[1:]))
    whole, part = queue.get(timeout=60)
    ours.send("received")
    process.join(60)
    assert process.exitcode == 0
    assert tenon.equal(whole, x) and tenon.equal(part, x[1:])
    # What shared memory before does so after.
    whole[1, 0] = 7
    assert part[0, 0] == 7


def echo(queue, pipe):
    queue.put(pipe.recv())
    # Shared memory is handed over by the process that sends it.
    assert pipe.recv() == "received"


def test_a_program_that_forks_ends_quietly():
    source = """
        import os, tenon
        x = tenon.randn(1000, 1000)
        (x @ x).sum()
        child = os.fork()
        (x @ x).sum()
        if child:
            assert os.waitpid(child, 0)[1] == 0
    """
    # Newer Pythons warn of every fork of a process with threads, which Tenon's may be.
    quiet = ["-W", "ignore:This process:DeprecationWarning", "-c", textwrap.dedent(source)]
    done = subprocess.run([sys.executable, *quiet], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


# --- threads


def test_twenty_threads_read_one_tensor():
    x = tenon.randn(64, 64)
    leaf = x.detach().requires_grad_()
    reads = {
        "sum": lambda: x.sum().item(),
        "row": lambda: x[7].tolist(),
        "indices": lambda: x[tenon.tensor([3, 1])].tolist(),
        "view": lambda: x.T.reshape(-1)[100].item(),
        "product": lambda: (x @ x).sum().item(),
        "text": lambda: repr(x),
        "numpy": lambda: x.numpy().sum().item(),
        "attributes": lambda: (x.shape, x.dtype, x.device, x.stride(), x.data_ptr(), x.is_contiguous()),
        "graph": lambda: tenon.autograd.grad((leaf * leaf).sum(), leaf)[0].sum().item(),
        "pickle": lambda: tenon.equal(pickle.loads(pickle.dumps(x)), x),
        "own object": lambda: leaf.detach().data.data_ptr() == leaf.data_ptr(),
    }
    expected = {name: read() for name, read in reads.items()}

    def hammer(i):
        for _ in range(30):
            for name, read in reads.items():
                assert read() == expected[name], name

    together(THREADS, hammer)


def test_twenty_threads_run_forward_and_backward_through_one_graph():
    weight = tenon.randn(32, 32, requires_grad=True)
    shared = (weight @ weight).tanh()
    x = tenon.randn(8, 32)
    expected = tenon.autograd.grad((x @ shared).sum(), weight, retain_graph=True)[0]

    def run(i):
        for _ in range(20):
            loss = (x @ shared).sum()
            (grad,) = tenon.autograd.grad(loss, weight, retain_graph=True)
            assert tenon.equal(grad, expected)
            assert shared.grad_fn.next_functions[0][0] is not None and weight.grad is None

    together(THREADS, run)


def test_twenty_threads_accumulate_into_one_leaf():
    leaf = tenon.zeros(100, requires_grad=True)
    together(THREADS, lambda i: [(leaf * 1.0).sum().backward() for _ in range(50)])
    assert leaf.grad.tolist() == [THREADS * 50] * 100


def test_twenty_threads_get_the_same_object_for_the_same_tensor():
    leaf = tenon.ones(3, requires_grad=True)
    leaf.sum().backward()
    seen = []
    together(THREADS, lambda i: seen.extend(leaf.grad is leaf.grad for _ in range(200)))
    assert all(seen) and len(seen) == THREADS * 200
