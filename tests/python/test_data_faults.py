"""Loaders whose workers fail, hang or lose their parent: told within seconds, and nothing is left over."""

import gc
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import re
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import loader_datasets as datasets
import pytest
import tenon
import tenon.utils.data

pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create", "ignore:.*multi-threaded.*fork.*:DeprecationWarning"
)


def children(pid="self"):
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def open_files():
    return len(os.listdir("/proc/self/fd"))


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


@pytest.fixture(scope="module", autouse=True)
def helpers_of_the_system():
    """Those that multiprocessing starts once are there before anything is counted."""
    multiprocessing.resource_tracker.ensure_running()
    multiprocessing.forkserver.ensure_running()


def shared_files():
    # Semaphores are Python's own, and other tests that run meanwhile have some.
    return {name for name in os.listdir("/dev/shm") if not name.startswith("sem.")}


@pytest.fixture(autouse=True)
def nothing_is_left_over():
    gc.collect()
    before, shared, files = set(children()), shared_files(), open_files()
    yield
    gc.collect()
    assert set(children()) <= before and shared_files() <= shared and open_files() <= files


def loaded(how, at=6, **options):
    dataset = datasets.Failing(at, how)
    return list(tenon.utils.data.DataLoader(dataset, batch_size=4, **{"num_workers": 2, **options}))


ENDS = {
    datasets.kill_this: "was killed by signal SIGKILL",
    datasets.abort: "was killed by signal SIGABRT",
    datasets.leave: "exited with code 7",
    datasets.exit_python: "exited with code 3",
}


@pytest.mark.parametrize("how", ENDS, ids=lambda how: how.__name__)
def test_a_worker_that_ends_is_named_with_its_end_and_its_sample(how):
    with pytest.raises(RuntimeError, match=r"^DataLoader worker \(pid\(s\) \d+\) exited unexpectedly") as raised:
        loaded(how)
    expected = rf"worker 1 {ENDS[how]}.* at sample 6 in the batch of samples \[4, 5, 6, 7\]"
    assert re.search(expected, str(raised.value))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_the_same_in_fresh_interpreters(method):
    with pytest.raises(RuntimeError, match="worker 0 was killed by signal SIGKILL.* at sample 6"):
        loaded(datasets.kill_this, num_workers=1, multiprocessing_context=method)


def test_a_loader_that_failed_says_so_again_and_begins_anew():
    loader = tenon.utils.data.DataLoader(
        datasets.Failing(6, datasets.kill_this), batch_size=4, num_workers=2, persistent_workers=True
    )
    iterator = iter(loader)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="exited unexpectedly"):
            list(iterator)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(loader)


def test_a_worker_killed_from_outside():
    loader = tenon.utils.data.DataLoader(datasets.Numbers(100_000), num_workers=2)
    iterator = iter(loader)
    next(iterator)
    os.kill(iterator._workers[0].pid, signal.SIGKILL)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="worker 0 was killed by signal SIGKILL"):
        list(iterator)
    assert time.monotonic() - start < 3


def test_a_worker_that_hangs_is_named_in_time():
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="^DataLoader timed out after 1 seconds.*worker 1 is at sample 6 in the b"):
        # A forked worker is at work at once.
        loaded(datasets.hang, timeout=1, multiprocessing_context="fork")
    assert time.monotonic() - start < 5


def test_leaving_early_and_dropping_the_loader():
    for persistent in (False, True):
        loader = tenon.utils.data.DataLoader(
            datasets.Numbers(1000), num_workers=2, prefetch_factor=4, persistent_workers=persistent
        )
        for _ in range(3):
            for i, _batch in enumerate(loader):
                if i == 3:
                    break
        running = [worker.pid for worker in loader._iterator._workers] if persistent else []
        del loader
        gc.collect()
        assert not any(is_running(pid) for pid in running)


def test_many_epochs_use_no_more_files():
    loader = tenon.utils.data.DataLoader(datasets.Numbers(6), batch_size=2, num_workers=2, shuffle=True)
    list(loader)
    files = open_files()
    for _ in range(12):
        assert len(list(loader)) == 3
    assert open_files() == files
    # Hundreds of batches kept do not use hundreds of files.
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files + 40, limits[1]))
    try:
        data = tenon.utils.data.TensorDataset(tenon.arange(600_000.0).reshape(300, 2000))
        kept = list(tenon.utils.data.DataLoader(data, num_workers=2))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert all(row[0, 0] == 2000 * i for i, (row,) in enumerate(kept))


PROGRAM = """
    import os, sys, time
    sys.path[:0] = [{here!r}]
    import tenon, tenon.utils.data, warnings
    import loader_datasets as datasets
    warnings.simplefilter("ignore")
    if __name__ == "__main__":
        dataset = datasets.{dataset}
        loader = tenon.utils.data.DataLoader(dataset, num_workers=2, multiprocessing_context={method!r}, **{options!r})
        iterator = iter(loader)
        {first}
        print(*(worker.pid for worker in iterator._workers), flush=True)
        {then}
"""


@pytest.fixture
def program(tmp_path):
    def start(method="fork", first="next(iterator)", then="", dataset="Numbers(1000)", **options):
        text = PROGRAM.format(
            here=str(Path(__file__).parent), method=method, options=options, dataset=dataset, first=first, then=then
        )
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(text))
        process = subprocess.Popen(
            [sys.executable, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, [int(pid) for pid in process.stdout.readline().split()]

    started = []
    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_end_when_their_parent_is_killed(program, method):
    process, workers = program(method, then="time.sleep(100)", persistent_workers=True)
    assert len(workers) == 2 and all(is_running(pid) for pid in workers)
    process.kill()
    wait_until(lambda: not any(is_running(pid) for pid in workers))


def test_also_those_that_are_busy(program):
    process, workers = program(dataset="Failing(0, datasets.hang)", first="time.sleep(0.2)", then="next(iterator)")
    process.kill()
    wait_until(lambda: not any(is_running(pid) for pid in workers))


@pytest.mark.parametrize(
    ("then", "persistent"),
    [("", False), ("", True), ("sys.exit(0)", False), ("del iterator, loader", True), ("list(iterator)", False)],
)
def test_programs_end_quietly(program, then, persistent):
    process, workers = program(then=then, persistent_workers=persistent)
    output = process.communicate(timeout=30)
    assert process.returncode == 0 and output == ("", "")
    assert not any(is_running(pid) for pid in workers)


@pytest.mark.parametrize("to_all", [False, True])
def test_ctrl_c_ends_all_with_one_traceback(program, to_all):
    process, workers = program(then="for batch in iterator: time.sleep(0.05)")
    time.sleep(0.2)
    (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    # Python's own way to end by the signal, unless code has run since.
    assert process.returncode in (1, -signal.SIGINT) and errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    wait_until(lambda: not any(is_running(pid) for pid in workers))
