"""Reads what the indices of a batch name, and collates it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.utils.data._utils import states, worker
from tenon.utils.data._utils.collate import collate_tensor_fn, default_collate, default_collate_fn_map
from tenon.utils.data.dataset import Subset, TensorDataset

Watch = Callable[[Iterable], Iterable]
_index_select = _C.functions["index_select"]


class _BaseDatasetFetcher:
    """A dataset with how to read it; `watch` passes the indices on while it notes where reading is."""

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool, watch: Watch = iter
    ) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.watch = watch

    def state_dict(self) -> dict[str, Any] | None:
        """Where reading is, as far as no index says it."""
        return None

    def fetch(self, possibly_batched_index: Any) -> Any:
        """The batch, or the sample where there are no batches."""
        raise NotImplementedError


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    """Reads the next samples of a stream, as many as there are indices."""

    def __init__(self, *args: Any, state: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.taken = 0
        self.ended = False
        self._begin = states.random_states()
        if state is None:
            self.dataset_iter = iter(self.dataset)
        else:
            self._resume(**state)

    def _resume(self, begin: dict[str, Any], dataset: Any, iterator: Any, taken: int, ended: bool) -> None:
        self._begin, self.taken, self.ended = begin, taken, ended
        with states.as_before(begin):
            states.load_state(self.dataset, dataset)
            self.dataset_iter = iter(self.dataset)
            states.load_state(self.dataset_iter, iterator)
            if dataset is None and iterator is None:
                states.skip(self.dataset_iter, taken)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is: in its own words where it has some, by what was taken from it otherwise."""
        return {
            "begin": self._begin,
            "dataset": states.state_of(self.dataset),
            "iterator": states.state_of(self.dataset_iter),
            "taken": self.taken,
            "ended": self.ended,
        }

    def _next(self) -> Any:
        sample = next(self.dataset_iter)
        self.taken += 1
        return sample

    def fetch(self, possibly_batched_index: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(self._next())
        samples = []
        for _ in self.watch(possibly_batched_index):
            try:
                samples.append(self._next())
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(possibly_batched_index)):
            raise StopIteration
        return self.collate_fn(samples)


class _MapDatasetFetcher(_BaseDatasetFetcher):
    """Reads samples by index."""

    def fetch(self, possibly_batched_index: Any) -> Any:
        dataset = self.dataset
        if not self.auto_collation:
            return self.collate_fn(dataset[possibly_batched_index])
        if self.collate_fn is default_collate:
            rows = _rows_of_tensors(dataset, possibly_batched_index)
            if rows is not None:
                return rows
        if getattr(dataset, "__getitems__", None):
            return self.collate_fn(dataset.__getitems__(possibly_batched_index))
        return self.collate_fn([dataset[index] for index in self.watch(possibly_batched_index)])


class _DatasetKind:
    """How a dataset is read: by index, or as a stream."""

    __module__ = "tenon.utils.data.dataloader"

    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(
        kind: int,
        dataset: Any,
        auto_collation: bool,
        collate_fn: Callable,
        drop_last: bool,
        watch: Watch = iter,
        state: dict[str, Any] | None = None,
    ) -> Any:
        """What reads batches of a dataset, a stream from where a state says."""
        how = (dataset, auto_collation, collate_fn, drop_last, watch)
        if kind == _DatasetKind.Map:
            return _MapDatasetFetcher(*how)
        return _IterableDatasetFetcher(*how, state=state)


def _rows_of_tensors(dataset: Any, indices: Any) -> list[Tensor] | None:
    # The batch that default_collate would make of a TensorDataset's samples, or of a subset's, read at once; None where
    # there may be a difference.
    if type(dataset) is Subset and type(dataset.dataset) is TensorDataset:
        chosen = dataset.indices
        if not all(type(i) is int for i in indices):
            return None
        dataset, indices = dataset.dataset, [chosen[i] for i in indices]
    if type(dataset) is not TensorDataset or default_collate_fn_map.get(Tensor) is not collate_tensor_fn:
        return None
    size = len(dataset)
    if not indices or not all(type(i) is int and 0 <= i < size for i in indices):
        return None
    if any(type(x) is not Tensor or x.requires_grad or not x.is_contiguous() for x in dataset.tensors):
        return None
    order = _C.tensor(indices)
    return [
        _index_select(x, 0, order, out=worker.shared_memory(x.dtype, (len(indices), *x.shape[1:])))
        for x in dataset.tensors
    ]
