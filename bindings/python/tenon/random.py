"""Seeding and the state of the default random generator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tenon import _C
from tenon._C import Generator, Tensor, default_generator


def manual_seed(seed: int) -> Generator:
    """Starts the default generator's sequence of `seed`, the same numbers as PyTorch's, and returns the generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Starts the default generator from a seed of the system's entropy, and returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Goes on from a state that get_rng_state() gave."""
    default_generator.set_state(new_state)


def _rebuild_generator(seed: int, state: Tensor) -> Generator:
    generator = Generator().manual_seed(seed)
    generator.set_state(state)
    return generator


@contextlib.contextmanager
def fork_rng(
    devices: object = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,
) -> Iterator[None]:
    """Restores the default generator's state on leaving."""
    if not enabled:
        yield
        return
    state = _C.default_generator.get_state()
    try:
        yield
    finally:
        _C.default_generator.set_state(state)
