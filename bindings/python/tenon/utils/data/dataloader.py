"""DataLoader: batches of a dataset's samples, read by this process or by workers."""

from __future__ import annotations

import itertools
import math
import multiprocessing as python_multiprocessing
import multiprocessing.context
import os
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import tenon
from tenon._C import Generator
from tenon._utils import ExceptionWrapper
from tenon.utils.data import _utils
from tenon.utils.data._utils.collate import default_collate, default_convert
from tenon.utils.data._utils.worker import Job, get_worker_info, place
from tenon.utils.data.dataset import Dataset, IterableDataset
from tenon.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, _drawn_seed

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_T_co = TypeVar("_T_co", covariant=True)


class _DatasetKind:
    """How a dataset is read: by index, or as a stream."""

    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(
        kind: int,
        dataset: Any,
        auto_collation: bool,
        collate_fn: Callable,
        drop_last: bool,
        watch: Callable[[Iterable], Iterable] = iter,
    ) -> Any:
        """What reads batches of a dataset."""
        fetch = _utils.fetch
        fetcher = fetch._MapDatasetFetcher if kind == _DatasetKind.Map else fetch._IterableDatasetFetcher
        return fetcher(dataset, auto_collation, collate_fn, drop_last, watch)


class _InfiniteConstantSampler(Sampler):
    """Stands for the indices that a stream does not have."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


# What is fixed once a loader is made.
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[_T_co]):
    """An iterable of batches of a dataset."""

    dataset: Dataset[_T_co]
    batch_size: int | None
    num_workers: int
    pin_memory: bool
    drop_last: bool
    timeout: float
    sampler: Sampler | Iterable
    pin_memory_device: str
    prefetch_factor: int | None
    _iterator: _BaseDataLoaderIter | None
    __initialized = False

    def __init__(
        self,
        dataset: Dataset[_T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing."
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")

        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self._dataset_kind = _DatasetKind.Map
        if isinstance(dataset, IterableDataset):
            self._dataset_kind = _DatasetKind.Iterable
            _check_stream(shuffle, sampler, batch_sampler)
        shuffle = bool(shuffle)

        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
            drop_last = False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            sampler = self._default_sampler(shuffle, generator)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)

        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self._IterableDataset_len_called: int | None = None
        self._iterator = None
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle: bool, generator: Generator | None) -> Sampler:
        dataset: Any = self.dataset
        if self._dataset_kind == _DatasetKind.Iterable:
            return _InfiniteConstantSampler()
        return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)

    def _get_iterator(self) -> _BaseDataLoaderIter:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    @property
    def multiprocessing_context(self) -> Any:
        """How workers are started; None is the default of this system."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, multiprocessing_context: Any) -> None:
        context = multiprocessing_context
        if context is not None:
            if not self.num_workers > 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
                    f"but got num_workers={self.num_workers}"
                )
            if isinstance(context, str):
                methods = python_multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {methods!r}, "
                        f"but got multiprocessing_context={context!r}"
                    )
                context = python_multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying "
                    f"the start method, but got multiprocessing_context={context}"
                )
        self.__multiprocessing_context = context

    def __setattr__(self, attr: str, val: Any) -> None:
        if self.__initialized and attr in _FIXED:
            raise ValueError(f"{attr} attribute should not be set after {self.__class__.__name__} is initialized")
        super().__setattr__(attr, val)

    def __iter__(self) -> _BaseDataLoaderIter:
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None or self._iterator._shutdown:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        dataset: Any = self.dataset
        # Iterators warn when more samples come than this.
        length = self._IterableDataset_len_called = len(dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warns if there are to be more workers than processors."""
        if not self.num_workers:
            return
        by_affinity = hasattr(os, "sched_getaffinity")
        processors = len(os.sched_getaffinity(0)) if by_affinity else os.cpu_count()
        if processors is None:
            suggestion = "DataLoader is not able to compute a suggested max number of worker in current system."
        elif self.num_workers > processors:
            checked = "" if by_affinity else " (`cpuset` is not taken into account)"
            suggestion = (
                f"Our suggested max number of worker in current system is {processors}{checked}, "
                "which is smaller than what this DataLoader is going to create."
            )
        else:
            return
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker processes in total. {suggestion} "
            "Please be aware that excessive worker creation might get DataLoader running slow or even freeze, "
            "lower the worker number to avoid potential slowness/freeze if necessary.",
            stacklevel=2,
        )


def _check_stream(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    # A stream has its own order.
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for option, value in given.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {option} option, but got {option}={value}"
            )


class _BaseDataLoaderIter:
    """One pass over a loader's dataset."""

    _shutdown = False

    def __init__(self, loader: DataLoader) -> None:
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
        self._sampler_iter = iter(self._index_sampler)
        self._base_seed = _drawn_seed(loader.generator)
        self._persistent_workers = loader.persistent_workers
        self._num_yielded = 0

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def _reset(self, loader: DataLoader, first_iter: bool = False) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _next_index(self) -> Any:
        return next(self._sampler_iter)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
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

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        if self._num_workers != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires num_workers == 0")
        self._dataset_fetcher = _DatasetKind.create_fetcher(
            self._dataset_kind, self._dataset, self._auto_collation, self._collate_fn, self._drop_last
        )

    def _next_data(self) -> Any:
        data = self._dataset_fetcher.fetch(self._next_index())
        return _utils.pin_memory.pin_memory(data) if self._pin_memory else data


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

    def __init__(self, loader: DataLoader) -> None:
        from tenon.utils.data._utils.workers import Workers

        super().__init__(loader)
        self._prefetch_factor: int = loader.prefetch_factor or 0
        self._in_order = loader.in_order
        if self._num_workers <= 0:
            raise AssertionError("num_workers must be greater than 0 for MultiProcessingDataLoaderIter")
        if self._prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        self._worker_init_fn = loader.worker_init_fn
        context = loader.multiprocessing_context or tenon.multiprocessing
        self._pool = Workers(context, self._job, self._num_workers)
        # Also where the interpreter ends while this is about.
        self._finalizer = weakref.finalize(self, self._pool.shut_down)
        self._failure: str | None = None
        self._reset(loader, first_iter=True)

    def _job(self, worker_id: int) -> Job:
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
        )

    @property
    def _workers(self) -> list:
        return [worker.process for worker in self._pool.list]

    @property
    def _shutdown(self) -> bool:  # type: ignore[override]
        return self._pool.is_shut_down

    def _reset(self, loader: DataLoader, first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        self._send_idx = 0
        self._rcvd_idx = 0
        # By number, what is not yet given out.
        self._tasks: dict[int, _Task] = {}
        # Which workers have more for this epoch, and how much each was asked for.
        self._workers_status = [True] * self._num_workers
        self._workers_num_tasks = [0] * self._num_workers
        self._worker_cycle = itertools.cycle(range(self._num_workers))
        if not first_iter:
            self._resume()
        for _ in range(self._prefetch_factor * self._num_workers):
            self._try_put_index()

    def _resume(self) -> None:
        # Batches of the last epoch, if it was not read to its end, come before the workers' answers.
        request = _utils.worker._ResumeIteration()
        for worker_id in range(self._num_workers):
            self._pool.send(worker_id, request)
        answers = 0
        while answers < self._num_workers:
            number, _ = self._get_data()
            answers += isinstance(number, _utils.worker._ResumeIteration)

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
        worker = self._pool.list[worker_id]
        how = worker.how_it_ended()
        self._failure = (
            f"DataLoader worker (pid(s) {worker.pid}) exited unexpectedly: "
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
                task = self._tasks[number]
                if isinstance(data, _utils.worker._IterableDatasetStopIteration):
                    self._end_stream(data.worker_id, number)
                    continue
                task.data, task.is_done = data, True
                if number != self._rcvd_idx and self._in_order:
                    continue
            else:
                number = self._rcvd_idx
            del self._tasks[number]
            if number == self._rcvd_idx:
                self._rcvd_idx += 1
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

    def _end_stream(self, worker_id: int, number: int) -> None:
        self._workers_status[worker_id] = False
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
        return _utils.pin_memory.pin_memory(task.data) if self._pin_memory else task.data

    def _shutdown_workers(self) -> None:
        self._pool.shut_down()
