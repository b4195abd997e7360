"""Where a pass over a dataset is, as values that a checkpoint can hold."""

from __future__ import annotations

import collections
import contextlib
import copy
import itertools
import random
import sys
from collections.abc import Iterator
from typing import Any

from tenon._C import Generator, default_generator


def random_states() -> dict[str, Any]:
    """The states of the default generators of Tenon, Python and, where it is imported, NumPy."""
    states: dict[str, Any] = {"tenon": default_generator.get_state(), "python": random.getstate()}
    if "numpy" in sys.modules:
        kind, key, *rest = sys.modules["numpy"].random.get_state()
        states["numpy"] = (kind, key.tobytes(), *rest)
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Goes on from what random_states() gave."""
    default_generator.set_state(states["tenon"])
    random.setstate(states["python"])
    if "numpy" in states:
        import numpy

        kind, key, *rest = states["numpy"]
        numpy.random.set_state((kind, numpy.frombuffer(key, numpy.uint32), *rest))


@contextlib.contextmanager
def as_before(states: dict[str, Any]) -> Iterator[None]:
    """Draws from earlier states meanwhile, and leaves the present ones as they are."""
    present = random_states()
    set_random_states(states)
    try:
        yield
    finally:
        set_random_states(present)


def state_of(part: Any) -> Any:
    """A copy of the state of a sampler, a dataset or an iterator; None where it keeps none."""
    if callable(getattr(part, "state_dict", None)) and callable(getattr(part, "load_state_dict", None)):
        return copy.deepcopy(part.state_dict())
    return None


def load_state(part: Any, state: Any) -> None:
    """Gives back what state_of() found."""
    if state is not None:
        part.load_state_dict(copy.deepcopy(state))


def skip(iterator: Iterator, count: int) -> None:
    """Drops the next `count` items."""
    collections.deque(itertools.islice(iterator, count), maxlen=0)


class Indices:
    """What a sampler gives in one pass; from a state it gives what is left, drawing what was drawn for the pass."""

    def __init__(self, sampler: Any, generator: Generator | None, state: dict[str, Any] | None = None) -> None:
        self._generator = generator
        if state is None:
            self._begin = {**self._sources(), "sampler": state_of(sampler)}
            self._first: dict[str, Any] | None = None
            self._iterator = iter(sampler)
            return
        self._begin, self._first = state["begin"], state["first"]
        with as_before(self._begin["random"]):
            self._set(self._begin)
            load_state(sampler, self._begin["sampler"])
            self._iterator = iter(sampler)
            if self._first is not None:
                self._set(self._first)
                skip(self._iterator, state["count"])
                # Most samplers draw when the first index is asked for.
                self._iterator = itertools.chain(list(itertools.islice(self._iterator, 1)), self._iterator)

    def _sources(self) -> dict[str, Any]:
        own = None if self._generator is None else self._generator.get_state()
        return {"random": random_states(), "generator": own}

    def _set(self, sources: dict[str, Any]) -> None:
        set_random_states(sources["random"])
        if self._generator is not None:
            self._generator.set_state(sources["generator"])

    def __iter__(self) -> Indices:
        return self

    def __next__(self) -> Any:
        if self._first is None:
            self._first = self._sources()
        return next(self._iterator)

    def state_dict(self, count: int) -> dict[str, Any]:
        """The state after the first `count` of them, of which later ones may have been asked for."""
        return {"begin": self._begin, "first": self._first, "count": count}
