"""What processes of tests do: at the top of a module that is quickly imported, where spawned ones find it."""

import os
import signal
import sys
import time

import tenon


def double(x):
    x.mul_(2)


def answer(requests, answers):
    before = None
    while (request := requests.get()) is not None:
        kind, value = request
        if kind == "edit":
            value.fill_(5)
            answers.put(None)
        elif kind == "same memory":
            answers.put(value[0].data_ptr() == value[1].data_ptr())
        elif kind == "same as before":
            answers.put(before is not None and before.data_ptr() == value.data_ptr())
            before = value
        else:
            answers.put(value)
            # What it sends must live until it is received.
            requests.get()


def set_own(i, x, offset):
    x[i] = i + offset


def fail(i, how):
    if i != 1:
        time.sleep(60)
    if how == "raise":
        raise ValueError("from process one")
    if how == "exit":
        sys.exit(5)
    os.kill(os.getpid(), signal.SIGKILL)


def features(seed, count):
    generator = tenon.Generator().manual_seed(seed)
    x = tenon.randn(count, 4, generator=generator)
    return x, x @ tenon.tensor([[1.0], [-2.0], [3.0], [0.5]]) + 0.25


def train(rank, weight, bias, steps):
    tenon.manual_seed(rank)
    x, y = features(rank, 256)
    for step in range(steps):
        rows = slice(step % 8 * 32, step % 8 * 32 + 32)
        loss = ((x[rows] @ weight + bias - y[rows]) ** 2).mean()
        for parameter, gradient in zip((weight, bias), tenon.autograd.grad(loss, (weight, bias))):
            parameter.data.sub_(gradient, alpha=0.05)
