"""Batches from samples: tensors are stacked, numbers become tensors, containers are gone through."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.utils.data._utils import worker
from tenon.utils.data._utils.containers import is_namedtuple, mapped, same_mapping, same_sequence

np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)

_CollateMap = dict[Any, Callable]
_stack = _C.functions["stack"]


def default_convert(data: Any) -> Any:
    """`data` with the NumPy arrays in it as tensors; what a loader without batches does."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "string_"):
        if kind.__name__ == "ndarray" and np_str_obj_array_pattern.search(data.dtype.str):
            return data
        return _C.as_tensor(data)
    return mapped(data, default_convert, list)


def collate(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """A batch of samples as one value, by the function that `collate_fn_map` has for the type of the samples."""
    sample = batch[0]
    kind = type(sample)
    if collate_fn_map is not None:
        function = collate_fn_map.get(kind)
        if function is None:
            found = (key for key in collate_fn_map if isinstance(sample, key))
            function = collate_fn_map.get(next(found, None))
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(sample, Mapping):
        columns = {key: [other[key] for other in batch] for key in sample}
        return same_mapping(
            sample, {key: collate(column, collate_fn_map=collate_fn_map) for key, column in columns.items()}
        )
    if is_namedtuple(sample):
        return kind(*(collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)))
    if isinstance(sample, Sequence):
        if any(len(other) != len(sample) for other in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        items = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]
        return items if isinstance(sample, tuple) else same_sequence(sample, items)
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Tensor:
    """Tensors stacked; within a worker into memory that the loader's process sees."""
    return _stack(batch, 0, out=worker.shared_output(batch))


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """Arrays as tensors, stacked."""
    if np_str_obj_array_pattern.search(batch[0].dtype.str):
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([_C.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Tensor:
    """NumPy's numbers as a tensor of their dtype."""
    return _C.as_tensor(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Tensor:
    """Floats as a tensor of doubles."""
    return _C.tensor(batch, dtype=_C.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Tensor:
    """Integers as a tensor."""
    return _C.tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """Texts as they are."""
    return batch


default_collate_fn_map: _CollateMap = {Tensor: collate_tensor_fn}
with contextlib.suppress(ImportError):
    import numpy

    default_collate_fn_map[numpy.ndarray] = collate_numpy_array_fn
    default_collate_fn_map[(numpy.bool_, numpy.number, numpy.object_)] = collate_numpy_scalar_fn
default_collate_fn_map.update(
    {float: collate_float_fn, int: collate_int_fn, str: collate_str_fn, bytes: collate_str_fn}
)


def default_collate(batch: Any) -> Any:
    """A batch of samples as one value: tensors, arrays and numbers become tensors with one more dim in front."""
    return collate(batch, collate_fn_map=default_collate_fn_map)
