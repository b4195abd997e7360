"""Passes over a loader's dataset: read by this process, or ahead by workers; each knows its place."""

from __future__ import annotations

import itertools
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import tenon
from tenon._utils import ExceptionWrapper
from tenon.utils.data._utils import states, worker
from tenon.utils.data._utils.fetch import _DatasetKind
from tenon.utils.data._utils.pin_memory import pin_memory
from tenon.utils.data._utils.worker import Job, place
from tenon.utils.data.sampler import _drawn_seed

if TYPE_CHECKING:
    from tenon.utils.data.dataloader import DataLoader


class _BaseDataLoaderIter:
    """One pass over a loader's dataset."""

    _shutdown = False
    # The pass has come to its end.
    _finished = False

    def __init__(self, loader: DataLoader, state: dict[str, Any] | None = None) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        if loader.pin_memory and loader.pin_memory_device:
            warnings.warn(
                "pin_memory_device is deprecated, the current accelerator will be used as the device,"
                f"ignore pin_memory_device='{loader.pin_memory_device}'.",
                stacklevel=2,
            )
        self._pin_memory = loader.pin_memory and tenon.cuda.is_available()
        if loader.pin_memory and not self._pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, "
                "then device pinned memory won't be used.",
                stacklevel=2,
            )
        self._timeout = loader.timeout
        self._collate_fn = loader.collate_fn
        self._persistent_workers = loader.persistent_workers
        self._begin(loader, None if state is None or state["finished"] else state)
        self._base_seed = _drawn_seed(loader.generator) if state is None else state["base_seed"]

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def _begin(self, loader: DataLoader, state: dict[str, Any] | None) -> None:
        # A pass, or the rest of one.
        if self._dataset_kind == _DatasetKind.Iterable:
            self._sampler_iter = iter(self._index_sampler)
        else:
            indices = None if state is None else state["indices"]
            self._sampler_iter = states.Indices(self._index_sampler, loader.generator, indices)
        self._num_yielded: int = 0 if state is None else state["num_yielded"]
        # How many of the sampler's indices the batches that were given out have used.
        self._used: int = 0 if state is None else state["used"]
        self._finished = False

    def _reset(self, loader: DataLoader, first_iter: bool = False) -> None:
        self._begin(loader, None)
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def state_dict(self) -> dict[str, Any]:
        """Where this pass is."""
        indices = self._sampler_iter
        return {
            "num_yielded": self._num_yielded,
            "used": self._used,
            "finished": self._finished,
            "base_seed": self._base_seed,
            "indices": indices.state_dict(self._used) if isinstance(indices, states.Indices) else None,
        }

    def _next_index(self) -> Any:
        return next(self._sampler_iter)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        try:
            data = self._next_data()
        except StopIteration:
            self._finished = True
            raise
        self._num_yielded += 1
        promised = self._IterableDataset_len_called
        if self._dataset_kind == _DatasetKind.Iterable and promised is not None and self._num_yielded > promised:
            message = (
                f"Length of IterableDataset {self._dataset} was reported to be {promised}"
                f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
            )
            if self._num_workers > 0:
                message += (
                    "For multiprocessing data-loading, this could be caused by not properly configuring the "
                    "IterableDataset replica at each worker. Each worker reads the whole dataset unless it asks "
                    "get_worker_info() which part is its own."
                )
            warnings.warn(message, stacklevel=2)
        return data

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", self.__class__.__name__)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Reads in this process."""

    def __init__(self, loader: DataLoader, state: dict[str, Any] | None = None) -> None:
        super().__init__(loader, state)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        if self._num_workers != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires num_workers == 0")
        self._dataset_fetcher = _DatasetKind.create_fetcher(
            self._dataset_kind,
            self._dataset,
            self._auto_collation,
            self._collate_fn,
            self._drop_last,
            state=None if state is None else state["fetcher"],
        )

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "fetcher": self._dataset_fetcher.state_dict()}

    def _next_data(self) -> Any:
        index = self._next_index()
        self._used += 1
        data = self._dataset_fetcher.fetch(index)
        return pin_memory(data) if self._pin_memory else data


class _Task:
    """What a worker was asked for, and what it answered."""

    __slots__ = ("data", "index", "is_done", "worker_id")

    def __init__(self, worker_id: int, index: Any) -> None:
        self.worker_id = worker_id
        self.index = index
        self.data: Any = None
        self.is_done = False


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Lets workers read ahead, and gives their batches in the order of the sampler."""

    def __init__(self, loader: DataLoader, state: dict[str, Any] | None = None) -> None:
        from tenon.utils.data._utils.workers import Workers

        super().__init__(loader, state)
        self._prefetch_factor: int = loader.prefetch_factor or 0
        self._in_order = loader.in_order
        if self._num_workers <= 0:
            raise AssertionError("num_workers must be greater than 0 for MultiProcessingDataLoaderIter")
        if self._prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        self._worker_init_fn = loader.worker_init_fn
        context = loader.multiprocessing_context or tenon.multiprocessing
        self._pool = Workers(context, lambda worker_id: self._job(worker_id, state), self._num_workers)
        # Also where the interpreter ends while this is about.
        self._finalizer = weakref.finalize(self, self._pool.shut_down)
        self._failure: str | None = None
        if state is None:
            self._reset(loader, first_iter=True)
        else:
            self._clear(state["next_worker"])
            self._read_ahead()

    def _job(self, worker_id: int, state: dict[str, Any] | None) -> Job:
        return Job(
            dataset_kind=self._dataset_kind,
            dataset=self._dataset,
            auto_collation=self._auto_collation,
            collate_fn=self._collate_fn,
            drop_last=self._drop_last,
            base_seed=self._base_seed,
            init_fn=self._worker_init_fn,
            worker_id=worker_id,
            num_workers=self._num_workers,
            kept_states=self._prefetch_factor * self._num_workers + 2,
            state=None if state is None else state["workers"][worker_id],
            begins_pass=state is None or state["finished"],
        )

    @property
    def _workers(self) -> list:
        return [each.process for each in self._pool.list]

    @property
    def _shutdown(self) -> bool:  # type: ignore[override]
        return self._pool.is_shut_down

    def _reset(self, loader: DataLoader, first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        self._clear()
        if not first_iter:
            self._resume()
        self._read_ahead()

    def _clear(self, next_worker: int = 0) -> None:
        self._send_idx = 0
        self._rcvd_idx = 0
        # By number, what is not yet given out.
        self._tasks: dict[int, _Task] = {}
        # Which workers have more for this epoch, and how much each was asked for.
        self._workers_status = [True] * self._num_workers
        self._workers_num_tasks = [0] * self._num_workers
        self._worker_cycle = itertools.cycle(range(self._num_workers))
        states.skip(self._worker_cycle, next_worker)
        self._next_worker = next_worker
        # The number of the batch of each that was given out last, and what those remember whose streams have ended.
        self._last_given = [worker.BEGIN] * self._num_workers
        self._histories: dict[int, dict[int, Any]] = {}
        self._told: dict[int, Any] = {}

    def _read_ahead(self) -> None:
        for _ in range(self._prefetch_factor * self._num_workers):
            self._try_put_index()

    def _resume(self) -> None:
        # Batches of the last epoch, if it was not read to its end, come before the workers' answers.
        request = worker._ResumeIteration()
        for worker_id in range(self._num_workers):
            self._pool.send(worker_id, request)
        answers = 0
        while answers < self._num_workers:
            number, _ = self._get_data()
            answers += isinstance(number, worker._ResumeIteration)

    def state_dict(self) -> dict[str, Any]:
        if self._failure is not None:
            raise RuntimeError(self._failure)
        if not self._in_order:
            raise RuntimeError("DataLoader.state_dict: batches that come in any order have no place; set in_order=True")
        workers = self._worker_states()
        return {**super().state_dict(), "workers": workers, "next_worker": 0 if self._finished else self._next_worker}

    def _worker_states(self) -> list[Any]:
        # After a pass what they have become since its last batch counts too.
        numbers = [None if self._finished else number for number in self._last_given]
        self._told.clear()
        for worker_id, number in enumerate(numbers):
            if worker_id not in self._histories:
                self._pool.send(worker_id, worker.StateAfter(worker_id, number))
        # A stream may end meanwhile; then its history tells.
        while len(self._told.keys() | self._histories.keys()) < self._num_workers:
            self._keep(*self._get_data())
        found = []
        for worker_id, number in enumerate(numbers):
            history = self._histories.get(worker_id)
            state = self._told[worker_id] if history is None else worker.state_in(history, number)
            if isinstance(state, ExceptionWrapper):
                state.reraise()
            found.append(state)
        return found

    def _keep(self, number: Any, data: Any) -> _Task | None:
        # Notes an answer; it is no task's where a state was asked for or a stream has ended.
        if isinstance(number, worker.StateAfter):
            self._told[number.worker_id] = data
            return None
        if isinstance(data, worker._IterableDatasetStopIteration):
            self._end_stream(data, number)
            return None
        task = self._tasks[number]
        task.data, task.is_done = data, True
        return task

    def _get_data(self) -> tuple[Any, Any]:
        from tenon.utils.data._utils.workers import WorkerEnded

        while True:
            try:
                answer = self._pool.receive(self._timeout if self._timeout > 0 else None)
            except WorkerEnded as end:
                if self._workers_status[end.worker_id]:
                    self._fail(end.worker_id)
                continue
            if answer is not None:
                return answer
            self._time_out()

    def _at(self, worker_id: int) -> str:
        # Where a worker is: in the first of its tasks that it has not answered.
        for task in self._tasks.values():
            if task.worker_id == worker_id and not task.is_done:
                return f"at {place(task.index, self._pool.list[worker_id].progress.get())}"
        return "between batches"

    def _fail(self, worker_id: int) -> None:
        ended = self._pool.list[worker_id]
        how = ended.how_it_ended()
        self._failure = (
            f"DataLoader worker (pid(s) {ended.pid}) exited unexpectedly: "
            f"worker {worker_id} {how} {self._at(worker_id)}"
        )
        self._pool.shut_down()
        raise RuntimeError(self._failure)

    def _time_out(self) -> None:
        awaited = self._tasks.get(self._rcvd_idx)
        late = "" if awaited is None else f": worker {awaited.worker_id} is {self._at(awaited.worker_id)}"
        # Who does not answer will not end by itself either.
        self._finalizer.detach()
        self._finalizer = weakref.finalize(self, self._pool.shut_down, 0)
        raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds{late}")

    def _next_data(self) -> Any:
        if self._failure is not None:
            raise RuntimeError(self._failure)
        while True:
            self._skip_ended()
            if self._rcvd_idx >= self._send_idx:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            task = self._tasks.get(self._rcvd_idx)
            if task is None or not task.is_done:
                number, data = self._get_data()
                task = self._keep(number, data)
                if task is None or (number != self._rcvd_idx and self._in_order):
                    continue
            else:
                number = self._rcvd_idx
            del self._tasks[number]
            if number == self._rcvd_idx:
                self._rcvd_idx += 1
            self._used += 1
            self._last_given[task.worker_id] = number
            self._next_worker = (task.worker_id + 1) % self._num_workers
            return self._process_data(task)

    def _skip_ended(self) -> None:
        # What was asked of workers whose streams have ended does not come.
        while self._rcvd_idx < self._send_idx:
            task = self._tasks.get(self._rcvd_idx)
            if task is not None:
                if task.is_done or self._workers_status[task.worker_id]:
                    return
                del self._tasks[self._rcvd_idx]
            self._rcvd_idx += 1

    def _end_stream(self, end: Any, number: int) -> None:
        worker_id = end.worker_id
        self._workers_status[worker_id] = False
        self._histories[worker_id] = end.history
        del self._tasks[number]
        if not self._persistent_workers:
            self._pool.dismiss(worker_id)
        self._try_put_index()

    def _try_put_index(self) -> None:
        try:
            index = self._next_index()
        except StopIteration:
            return
        active = sum(self._workers_status)
        most = self._prefetch_factor * self._num_workers // max(active, 1)
        for _ in range(self._num_workers):
            worker_id = next(self._worker_cycle)
            has_room = self._in_order or self._workers_num_tasks[worker_id] < most
            if self._workers_status[worker_id] and has_room:
                break
        else:
            return
        self._tasks[self._send_idx] = _Task(worker_id, index)
        self._workers_num_tasks[worker_id] += 1
        self._pool.send(worker_id, (self._send_idx, index))
        self._send_idx += 1

    def _process_data(self, task: _Task) -> Any:
        self._workers_num_tasks[task.worker_id] -= 1
        self._try_put_index()
        if isinstance(task.data, ExceptionWrapper):
            task.data.reraise()
        return pin_memory(task.data) if self._pin_memory else task.data

    def _shutdown_workers(self) -> None:
        self._pool.shut_down()
