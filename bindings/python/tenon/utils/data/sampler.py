"""The orders in which datasets are read; random ones draw what PyTorch draws for the same seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from tenon import _C
from tenon._C import Generator, Tensor
from tenon.utils.data._utils.states import load_state, state_of

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_T_co = TypeVar("_T_co", covariant=True)
_randperm, _randint = _C.functions["randperm"], _C.functions["randint"]


def _drawn_seed(generator: Generator | None = None) -> int:
    # A whole int64, as PyTorch draws seeds.
    return _C.functions["empty"]((), dtype=_C.int64).random_(generator=generator).item()


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class Sampler(Generic[_T_co]):
    """Gives the indices of samples, or lists of them; mostly has a `__len__`."""

    def __iter__(self) -> Iterator[_T_co]:
        raise NotImplementedError


class _DrawingSampler(Sampler[int]):
    """A sampler that draws from its generator, the default one where it was given none."""

    generator: Generator | None

    def state_dict(self) -> dict[str, Tensor | None]:
        """What the next pass is drawn from; DataLoader.state_dict() tells the place within a pass too."""
        return {"generator": None if self.generator is None else self.generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Tensor | None]) -> None:
        """Makes the next pass the one that was next when state_dict() was called."""
        state = state_dict["generator"]
        if self.generator is not None and state is not None:
            self.generator.set_state(state)


class SequentialSampler(Sampler[int]):
    """All indices in order."""

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(_DrawingSampler):
    """All indices in a random order, or as many as asked for, drawn with or without replacement."""

    data_source: Sized
    replacement: bool

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many indices it gives; a dataset may grow."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(_drawn_seed())
        chunk = 32 if self.replacement else size
        whole, rest = divmod(self.num_samples, chunk)
        for _ in range(whole):
            yield from self._drawn(size, chunk, generator)
        yield from self._drawn(size, rest, generator)

    def _drawn(self, size: int, count: int, generator: Generator) -> list[int]:
        if self.replacement:
            return _randint(high=size, size=(count,), dtype=_C.int64, generator=generator).tolist()
        # Drawn even where nothing of it is taken, as PyTorch does: a later order depends on it.
        return _randperm(size, generator=generator).tolist()[:count]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(_DrawingSampler):
    """Given indices in a random order."""

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in _randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(_DrawingSampler):
    """Indices drawn with probabilities in the ratio of weights."""

    weights: Tensor
    num_samples: int
    replacement: bool

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if not _is_count(num_samples):
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = _C.as_tensor(weights, dtype=_C.float64)
        if self.weights.ndim != 1:
            shape = tuple(self.weights.shape)
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {shape}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = self.weights.multinomial(self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of `batch_size`."""

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not _is_count(batch_size):
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        shortest = self.batch_size if self.drop_last else 1
        while len(batch := list(itertools.islice(indices, self.batch_size))) >= shortest:
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The state of the sampler whose indices it takes."""
        return {"sampler": state_of(self.sampler)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Gives that sampler its state back."""
        load_state(self.sampler, state_dict["sampler"])

    def __len__(self) -> int:
        sampler: Any = self.sampler
        return (len(sampler) + (0 if self.drop_last else self.batch_size - 1)) // self.batch_size
