"""Sums on several Python threads at once: each op of Tenon lets the others run while it computes."""

from concurrent.futures import ThreadPoolExecutor

import tenon


def parallel_sum(data, threads=2):
    """The sum of a list, an array or a tensor, a piece of it on each thread."""
    numbers = tenon.as_tensor(data)
    if numbers.numel() == 0:
        return 0
    with ThreadPoolExecutor(threads) as pool:
        sums = pool.map(tenon.sum, numbers.flatten().chunk(threads))
        return tenon.stack(list(sums)).sum().item()
