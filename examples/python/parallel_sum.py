"""Python threads that compute at the same time, and how much faster two of them are than one."""

import time
from concurrent.futures import ThreadPoolExecutor

import my_package.my_module.parallel_processing as pp
import tenon as torch


def work(x):
    """Some 50 ms of arithmetic in one call."""
    return (x.sin() * x).sum().item()


def seconds(threads, tensors):
    """How long `threads` threads take for all tensors; the best of several tries."""
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(7):
            start = time.perf_counter()
            list(pool.map(work, tensors))
            best = min(best, time.perf_counter() - start)
    return best


def main():
    print("parallel_sum([1, 2, 3, 4, 5]) =", pp.parallel_sum([1, 2, 3, 4, 5]))
    print("parallel_sum(range(1_000_000)) =", pp.parallel_sum(torch.arange(1_000_000)))

    # One thread for each op, so that it is the Python threads that share the cores.
    torch.set_num_threads(1)
    tensors = [torch.rand(2_000_000) for _ in range(8)]
    one, two = seconds(1, tensors), seconds(2, tensors)
    print(f"8 tensors on one thread: {1000 * one:.0f} ms, on two: {1000 * two:.0f} ms, {one / two:.2f} times as fast")


if __name__ == "__main__":
    main()
