"""Python threads that compute at the same time, and how much faster two of them are than one."""

import time
from concurrent.futures import ThreadPoolExecutor

import my_package.my_module.parallel_processing as pp
import tenon as torch


def work(x):
    """Some tens of milliseconds of arithmetic, in ops of a millisecond or less."""
    return sum((x.sin() * x).sum().item() for _ in range(20))


def seconds(threads, tensors):
    """How long `threads` threads take for all tensors."""
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        list(pool.map(work, tensors))
        return time.perf_counter() - start


def main():
    print("parallel_sum([1, 2, 3, 4, 5]) =", pp.parallel_sum([1, 2, 3, 4, 5]))
    print("parallel_sum(range(1_000_000)) =", pp.parallel_sum(torch.arange(1_000_000)))

    # One thread for each op, so that it is the Python threads that share the cores.
    torch.set_num_threads(1)
    tensors = [torch.rand(1_000_000) for _ in range(8)]
    # Turn by turn, and the best of several, for the machine may be busy.
    turns = [(seconds(1, tensors), seconds(2, tensors)) for _ in range(7)]
    one, two = (min(times) for times in zip(*turns))
    print(f"8 tensors on one thread: {1000 * one:.0f} ms, on two: {1000 * two:.0f} ms, {one / two:.2f} times as fast")


if __name__ == "__main__":
    main()
