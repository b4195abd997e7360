"""tenon.multiprocessing: shared memory, queues, spawned processes and their errors, against PyTorch's."""

import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import pytest
import tenon
import tenon.multiprocessing as mp
import torch
import torch.multiprocessing
from process_tasks import answer, double, fail, features, set_own, train

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")


def test_it_has_what_pytorchs_has():
    names = {name for name in dir(torch.multiprocessing) if not name.startswith("_")}
    names -= {"torch", "sys", "init_reductions", "ENV_VAR_PARALLEL_START"}
    assert names <= set(dir(mp))
    assert mp.get_sharing_strategy() == torch.multiprocessing.get_sharing_strategy()
    assert mp.get_all_sharing_strategies() == torch.multiprocessing.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_system")
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError, match="invalid sharing strategy 'none'"):
        mp.set_sharing_strategy("none")
    mp._set_thread_name("a name")
    assert mp._get_thread_name() == "a name"


# --- shared memory


def test_share_memory_moves_the_storage_for_all_its_tensors():
    x = tenon.arange(12.0).reshape(3, 4)
    row, storage = x[1], x.storage()
    assert not x.is_shared() and not storage.is_shared() and not x.untyped_storage().is_shared()
    assert x.share_memory_() is x
    assert x.is_shared() and row.is_shared() and storage.is_shared()
    row.fill_(7)
    assert x[1].tolist() == [7] * 4 and x.data_ptr() == storage.data_ptr() and x[2, 3] == 11
    address = x.data_ptr()
    assert x.share_memory_().data_ptr() == address
    assert not x.clone().is_shared()
    assert tenon.ones(3, requires_grad=True).share_memory_().requires_grad
    # Arrays made before keep what they had; those made after see the shared memory.
    y = tenon.ones(3)
    before = y.numpy()
    y.share_memory_().fill_(2)
    assert before.tolist() == [1, 1, 1] and y.numpy().tolist() == [2, 2, 2]
    del y
    gc.collect()
    assert before.tolist() == [1, 1, 1]
    storage = tenon.UntypedStorage(10)
    assert storage.share_memory_() is storage and storage.is_shared()
    assert tenon.empty(0).share_memory_().tolist() == []


def run_forked(function, *args):
    process = mp.get_context("fork").Process(target=function, args=args)
    process.start()
    process.join(30)
    assert process.exitcode == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_see_each_others_edits(method):
    x = tenon.arange(1000.0).share_memory_()
    alone = tenon.ones(3)
    process = mp.get_context(method).Process(target=double, args=(x,))
    process.start()
    process.join(60)
    assert process.exitcode == 0 and x[999] == 1998
    run_forked(double, alone)
    assert alone.tolist() == [1, 1, 1]


@pytest.fixture(params=["fork", "spawn"])
def ask(request):
    context = mp.get_context(request.param)
    requests, answers = context.Queue(), context.Queue()
    process = context.Process(target=answer, args=(requests, answers))
    process.start()

    def ask(kind, value):
        requests.put((kind, value))
        result = answers.get(timeout=60)
        if kind == "echo":
            requests.put(None)
        return result

    yield ask
    requests.put(None)
    process.join(30)
    assert process.exitcode == 0
    for queue in (requests, answers):
        queue.close()
        queue.join_thread()


def test_tensors_in_queues_are_shared(ask):
    x = tenon.zeros(2, 3)
    ask("edit", x)
    assert x.is_shared() and x.tolist() == [[5] * 3] * 2
    assert ask("same memory", (x, x.view(-1)))
    assert ask("same as before", x) is False
    ask("edit", x)
    assert ask("same as before", x)
    for made in (
        tenon.arange(6).reshape(2, 3).T,
        tenon.ones(3, dtype=tenon.bfloat16),
        tenon.tensor(3.5),
        tenon.empty(0, 3),
        tenon.ones(2, requires_grad=True),
    ):
        got = ask("echo", made)
        assert tenon.equal(got, made) and got.dtype is made.dtype and got.stride() == made.stride()
        assert got.requires_grad == made.requires_grad and got.is_leaf


def test_what_needs_its_graph_is_refused():
    texts = []
    for module in (tenon, torch):
        x = module.ones(2, requires_grad=True) * 2
        with pytest.raises(RuntimeError) as raised:
            multiprocessing.reduction.ForkingPickler.dumps(x)
        texts.append(str(raised.value))
    assert texts[0] == texts[1]
    # Plain pickling makes copies, as ever.
    assert pickle.loads(pickle.dumps(tenon.ones(2))).tolist() == [1, 1]


def test_pools_take_and_return_tensors():
    with mp.Pool(2) as pool:
        inputs = [tenon.full((1000,), float(i)) for i in range(6)]
        results = pool.map(tenon.Tensor.sum, inputs)
    assert [result.item() for result in results] == [1000.0 * i for i in range(6)]
    assert all(x.is_shared() for x in inputs)


def shared_files():
    # Semaphores are Python's own, and other tests that run meanwhile have some.
    return {name for name in os.listdir("/dev/shm") if not name.startswith("sem.")}


def test_shared_memory_leaves_nothing_behind():
    source = """
        import os, signal, tenon, tenon.multiprocessing as mp
        x = tenon.ones(100_000).share_memory_()
        queue = mp.SimpleQueue()
        queue.put(x)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    before = shared_files()
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL and done.stderr == ""
    assert shared_files() <= before

    files = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        tenon.ones(10).share_memory_()
    assert len(os.listdir("/proc/self/fd")) == files


# --- several processes


def test_spawn_runs_a_function_in_processes():
    x = tenon.zeros(2).share_memory_()
    assert mp.spawn(set_own, (x, 10), nprocs=2) is None
    assert x.tolist() == [10, 11]
    context = mp.start_processes(set_own, (x, 20), nprocs=2, join=False, start_method="fork")
    assert len(context.pids()) == 2
    while not context.join(timeout=30):
        pass
    assert x.tolist() == [20, 21] and context.join() is True


@pytest.mark.parametrize("how", ["raise", "exit", "kill"])
def test_failures_are_pytorchs(how):
    found = []
    for module in (mp, torch.multiprocessing):
        with pytest.raises(module.spawn.__globals__["ProcessException"]) as raised:
            module.start_processes(fail, (how,), nprocs=2, start_method="fork")
        error = raised.value
        text = str(error)
        head, tail = text.splitlines()[:2], text.splitlines()[-1]
        found.append((type(error).__name__, error.error_index, head, tail, getattr(error, "exit_code", None)))
        copied = pickle.loads(pickle.dumps(error))
        assert (str(copied), copied.error_pid) == (text, error.error_pid)
    assert found[0] == found[1]


# --- Hogwild: processes that train one model without locks


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_hogwild(method):
    weight = tenon.zeros(4, 1, requires_grad=True)
    bias = tenon.zeros(1, requires_grad=True)
    for parameter in (weight, bias):
        parameter.share_memory_()
    context = mp.get_context(method)
    processes = [context.Process(target=train, args=(rank, weight, bias, 200)) for rank in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    x, y = features(99, 100)
    assert ((x @ weight + bias - y) ** 2).mean() < 1e-3
