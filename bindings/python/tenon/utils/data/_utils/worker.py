"""What runs in a loader's worker processes, and what of it datasets and collation ask for."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tenon
from tenon import _C
from tenon._C import Tensor
from tenon._utils import ExceptionWrapper
from tenon.utils.data._utils import states

if TYPE_CHECKING:
    from tenon.utils.data._utils.channel import Channel
    from tenon.utils.data._utils.transfer import Blocks


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """Who a worker is, with its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_worker_info: WorkerInfo | None = None
_blocks: Blocks | None = None


def get_worker_info() -> WorkerInfo | None:
    """Who this process is among a loader's workers; None where it is none."""
    return _worker_info


def shared_memory(dtype: _C.dtype, shape: tuple[int, ...]) -> Tensor | None:
    """In a worker a tensor that its loader will see without a copy; None elsewhere."""
    if _blocks is None:
        return None
    count = 1
    for size in shape:
        count *= size
    if count == 0:
        return None
    strides = [count := count // size for size in shape]
    storage = _blocks.storage(strides[0] * shape[0] * dtype.itemsize)
    return _C._tensor_over(storage, dtype, 0, list(shape), strides)


def shared_output(batch: Any) -> Tensor | None:
    """Where a worker stacks tensors that are alike; None where there is no such place."""
    if _blocks is None:
        return None
    first = batch[0]
    if any(x.dtype is not first.dtype or x.requires_grad or not x.is_cpu for x in batch):
        return None
    return shared_memory(first.dtype, (len(batch), *first.shape))


@dataclass(frozen=True)
class _IterableDatasetStopIteration:
    """Says that a worker's stream has ended, and leaves its history: the worker may be no more when it is asked."""

    worker_id: int
    history: Any = None


@dataclass(frozen=True)
class _ResumeIteration:
    """Asks a worker to begin a new epoch, and is its answer."""

    seed: int | None = None


@dataclass(frozen=True)
class StateAfter:
    """Asks a worker for its state after one of its batches, after the last one where none is named."""

    worker_id: int
    number: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is started with."""

    dataset_kind: Any
    dataset: Any
    auto_collation: bool
    collate_fn: Callable
    drop_last: bool
    base_seed: int
    init_fn: Callable[[int], None] | None
    worker_id: int
    num_workers: int
    # How many states of the past it keeps, and what it goes on from.
    kept_states: int
    state: Any
    begins_pass: bool


class Progress:
    """Where in its batch a worker is, in memory that its loader sees too."""

    WHOLE = -1

    def __init__(self, block: Any) -> None:
        self._positions = memoryview(block.bytes(0, 8)).cast("B").cast("q")

    def set(self, position: int) -> None:
        """Notes the place of the sample being read; WHOLE while it is about the batch."""
        self._positions[0] = position

    def get(self) -> int:
        """The place noted last."""
        return self._positions[0]

    def watched(self, indices: Iterable) -> Iterator:
        """The indices, each noted while its sample is read."""
        positions = self._positions
        for position, index in enumerate(indices):
            positions[0] = position
            yield index
        positions[0] = self.WHOLE


def place(index: Any, position: int) -> str:
    """Says which samples a worker is at, for messages."""
    if not isinstance(index, (list, tuple)):
        return "the next sample of its stream" if index is None else f"sample {index!r}"
    if all(entry is None for entry in index):
        where = f"a batch of {len(index)} samples of its stream"
        return f"sample {position} of {where}" if position >= 0 else where
    listed = ", ".join(repr(entry) for entry in index[:16]) + (", ..." if len(index) > 16 else "")
    where = f"the batch of samples [{listed}]"
    return f"sample {index[position]!r} in {where}" if 0 <= position < len(index) else where


# What the state of a worker that has read nothing yet is kept under.
BEGIN = -1


def state_in(history: dict[int, Any], number: int | None) -> Any:
    """The state after a batch, after the last one where none is named."""
    return history[max(history) if number is None else number]


def _seed(base_seed: int, worker_id: int) -> int:
    seed = base_seed + worker_id
    random.seed(seed)
    tenon.manual_seed(seed)
    with contextlib.suppress(ImportError):
        import numpy

        # Another sequence than that of `random`, which has the same algorithm.
        words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
        numpy.random.seed(numpy.random.SeedSequence(words).generate_state(4))
    return seed


class _Worker:
    """A worker's side of the conversation with its loader."""

    def __init__(self, job: Job, channel: Channel, progress: Progress) -> None:
        self.job = job
        self.channel = channel
        self.progress = progress
        self.fetcher: Any = None
        # Where this worker was after each of its last batches: the loader gives them out later than they are made.
        self.history: dict[int, Any] = {}

    def run(self) -> None:
        """Answers requests until the loader ends the conversation."""
        import pickle

        failure = self._begin()
        ended = False
        while (received := self.channel.receive(wait=True)) is not None:
            request = pickle.loads(received[0])
            if isinstance(request, _ResumeIteration):
                ended = False
                self.fetcher = self._new_fetcher()
                self.history.clear()
                self._note(BEGIN)
                self._send((request, None), None)
            elif isinstance(request, StateAfter):
                self._send((request, self._state_after(request.number)), None)
            elif not ended:
                number, index = request
                answer, failure = (failure, None) if failure is not None else (self._fetched(number, index), None)
                ended = isinstance(answer, _IterableDatasetStopIteration)
                self._send((number, answer), index)

    def _begin(self) -> ExceptionWrapper | None:
        try:
            if self.job.init_fn is not None:
                self.job.init_fn(self.job.worker_id)
            self._begin_from(self.job.state)
            self._note(BEGIN)
        except Exception:
            return self._exception()
        return None

    def _begin_from(self, state: Any) -> None:
        if state is None:
            self.fetcher = self._new_fetcher()
        elif self.job.begins_pass:
            # Persistent workers take what they have become into the next pass.
            states.set_random_states(state["random"])
            if state["fetcher"] is not None:
                states.load_state(self.job.dataset, state["fetcher"]["dataset"])
            self.fetcher = self._new_fetcher()
        else:
            self.fetcher = self._new_fetcher(state["fetcher"])
            states.set_random_states(state["random"])

    def _note(self, number: int) -> None:
        # A state that cannot be had matters only to who asks for it.
        try:
            state: Any = {"random": states.random_states(), "fetcher": self.fetcher.state_dict()}
        except Exception:
            state = self._exception()
        self.history[number] = state
        if len(self.history) > self.job.kept_states:
            del self.history[next(iter(self.history))]

    def _state_after(self, number: int | None) -> Any:
        try:
            return state_in(self.history, number)
        except LookupError:
            return self._exception("\nIt has no state, as it could not begin.")

    def _new_fetcher(self, state: Any = None) -> Any:
        from tenon.utils.data._utils.fetch import _DatasetKind

        job = self.job
        return _DatasetKind.create_fetcher(
            job.dataset_kind,
            job.dataset,
            job.auto_collation,
            job.collate_fn,
            job.drop_last,
            self.progress.watched,
            state,
        )

    def _exception(self, at: str = "") -> ExceptionWrapper:
        wrapper = ExceptionWrapper(where=f"in DataLoader worker process {self.job.worker_id}")
        wrapper.exc_msg += at
        return wrapper

    def _fetched(self, number: int, index: Any) -> Any:
        from tenon.utils.data._utils.fetch import _DatasetKind

        self.progress.set(Progress.WHOLE)
        try:
            try:
                return self.fetcher.fetch(index)
            finally:
                self._note(number)
        except Exception as error:
            if isinstance(error, StopIteration) and self.job.dataset_kind == _DatasetKind.Iterable:
                return _IterableDatasetStopIteration(self.job.worker_id, self.history)
            return self._exception(f"\nThe worker was at {place(index, self.progress.get())}.")

    def _send(self, answer: tuple[Any, Any], index: Any) -> None:
        from tenon.utils.data._utils.transfer import pack

        blocks = _blocks
        assert blocks is not None
        try:
            payload, files, new = pack(answer, blocks)
        except Exception:
            wrapper = self._exception(f"\nThe worker was at {place(index, Progress.WHOLE)}.")
            kind: Any = wrapper.exc_type
            if not issubclass(kind, (TypeError, RuntimeError, AttributeError)):
                wrapper.exc_type = RuntimeError
            payload, files, new = pack((answer[0], wrapper), blocks)
        self.channel.send(payload, files, wait=True)
        blocks.finish(new)


def _worker_loop(job: Job, channel: Channel, loader_pid: int) -> None:
    """The whole life of a worker process."""
    global _worker_info, _blocks
    from tenon.utils.data._utils.transfer import Blocks

    _C._end_with(loader_pid)
    # Ctrl-C goes to all processes of a terminal; the loader's process decides what becomes of its workers.
    signal.signal(signal.SIGINT, lambda *_: None)
    _C._set_thread_name("tenon_worker")
    tenon.set_num_threads(1)
    seed = _seed(job.base_seed, job.worker_id)
    _worker_info = WorkerInfo(id=job.worker_id, num_workers=job.num_workers, seed=seed, dataset=job.dataset)
    _blocks = Blocks()
    hello = channel.receive(wait=True)
    if hello is None:
        return
    progress = Progress(_C._SharedBlock.open(hello[1][0], 8))
    _close_all(hello[1])
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        _Worker(job, channel, progress).run()


def _close_all(files: list[int]) -> None:
    import os

    for file in files:
        os.close(file)
