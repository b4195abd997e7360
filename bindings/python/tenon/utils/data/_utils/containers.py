"""Containers of the kinds that samples come in, made again with other contents."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any


def same_mapping(mapping: Mapping, values: dict) -> Any:
    """A mapping like `mapping`, with what else it has, with these values; a dict where it cannot be."""
    try:
        if not isinstance(mapping, MutableMapping):
            return type(mapping)(values)  # type: ignore[call-arg]
        clone: Any = copy.copy(mapping)
        clone.update(values)
        return clone
    except TypeError:
        return values


def same_sequence(sequence: Sequence, items: list) -> Any:
    """A sequence like `sequence`, with what else it has, with these items; a list where it cannot be."""
    try:
        if not isinstance(sequence, MutableSequence):
            return type(sequence)(items)  # type: ignore[call-arg]
        clone: Any = copy.copy(sequence)
        for i, item in enumerate(items):
            clone[i] = item
        return clone
    except TypeError:
        return items


def is_namedtuple(value: Any) -> bool:
    """Whether it is a tuple whose items have names."""
    return isinstance(value, tuple) and hasattr(value, "_fields")


def mapped(data: Any, function: Callable[[Any], Any], same_tuple: Callable[[list], Any]) -> Any:
    """`data` with `function` applied to what it contains; itself when it is no container."""
    if isinstance(data, Mapping):
        return same_mapping(data, {key: function(value) for key, value in data.items()})
    if is_namedtuple(data):
        return type(data)(*(function(item) for item in data))
    if isinstance(data, tuple):
        return same_tuple([function(item) for item in data])
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return same_sequence(data, [function(item) for item in data])
    return data
