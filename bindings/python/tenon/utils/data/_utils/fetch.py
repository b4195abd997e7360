"""Reads what the indices of a batch name, and collates it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.utils.data._utils import worker
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

    def fetch(self, possibly_batched_index: Any) -> Any:
        """The batch, or the sample where there are no batches."""
        raise NotImplementedError


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    """Reads the next samples of a stream, as many as there are indices."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dataset_iter = iter(self.dataset)
        self.ended = False

    def fetch(self, possibly_batched_index: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        samples = []
        for _ in self.watch(possibly_batched_index):
            try:
                samples.append(next(self.dataset_iter))
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
