"""Datasets for tests of loaders: at the top of a module that is quickly imported, where spawned workers find them."""

import importlib
import os
import random
import signal
import time

import numpy as np
import tenon
import tenon.utils.data


def made(data, **methods):
    """A dataset of one of the libraries with these methods."""
    return type("Made", (data.Dataset,), methods)()


class Numbers(tenon.utils.data.Dataset):
    """Tensors, numbers and texts that follow from the index."""

    def __init__(self, count=20, module=tenon):
        self.count = count
        self.name = module.__name__

    @property
    def module(self):
        return importlib.import_module(self.name)

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        return {
            "x": self.module.full((3, 40), float(i)),
            "i": i,
            "name": f"n{i}",
            "parts": (self.module.tensor(i), 0.5),
        }


class Draws(Numbers):
    """Random numbers of every kind."""

    def __getitem__(self, i):
        return i, random.random(), np.random.rand(), self.module.rand(()), self.module.randint(0, 99, (2,))


class Stream(tenon.utils.data.IterableDataset):
    """Whole numbers of which each worker gives its own."""

    def __init__(self, count, length=None):
        self.count = count
        if length is not None:
            self.length = length

    def __len__(self):
        return self.length

    def __iter__(self):
        info = tenon.utils.data.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.count, step))


class Failing(Numbers):
    """Does something at one index."""

    def __init__(self, at, how, module=tenon):
        super().__init__(20, module)
        self.at = at
        self.how = how

    def __getitem__(self, i):
        if i == self.at:
            self.how()
        return super().__getitem__(i)


def kill_this():
    os.kill(os.getpid(), signal.SIGKILL)


def abort():
    os.kill(os.getpid(), signal.SIGABRT)


def leave():
    os._exit(7)


def exit_python():
    raise SystemExit(3)


def hang():
    time.sleep(1000)


def raise_value_error():
    raise ValueError("a bad sample")


def raise_key_error():
    raise KeyError("a bad key")


class Odd(Exception):
    """Cannot be made of a text alone."""

    def __init__(self, one, two):
        super().__init__(one, two)


def raise_odd():
    raise Odd(1, 2)


def fail_for_worker_one(worker_id):
    if worker_id == 1:
        raise ValueError("no")
