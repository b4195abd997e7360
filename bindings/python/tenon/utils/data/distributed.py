"""The sampler by which each of several processes reads its own part of a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import TypeVar

from tenon import _C
from tenon._C import Generator
from tenon.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]

_T_co = TypeVar("_T_co", covariant=True)


def _of_group(question: str) -> int:
    # What the process group says.
    from tenon import distributed

    if not distributed.is_available():
        raise RuntimeError("Requires distributed package to be available")
    return getattr(distributed, question)()


class DistributedSampler(Sampler[_T_co]):
    """The indices of rank r of n: every n-th from the r-th of an order that set_epoch() changes."""

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = _of_group("get_world_size")
        if rank is None:
            rank = _of_group("get_rank")
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        rounded = math.floor if drop_last else math.ceil
        self.num_samples = rounded(len(dataset) / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[_T_co]:
        size = len(self.dataset)
        order: list = list(range(size))
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            order = _C.functions["randperm"](size, generator=generator).tolist()
        if self.drop_last:
            order = order[: self.total_size]
        else:
            # The first ones once more, until all ranks have as many.
            order = (order * math.ceil(self.total_size / max(size, 1)))[: self.total_size]
        if len(order) != self.total_size:
            raise AssertionError(f"Number of indices ({len(order)}) does not match total_size ({self.total_size})")
        return iter(order[self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next iteration, the same for all ranks."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, int]:
        """What the order of the next pass follows from."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Makes the next pass the one that was next when state_dict() was called."""
        self.set_epoch(state_dict["epoch"])
