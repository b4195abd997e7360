"""How this library was built, as text."""

from __future__ import annotations

from tenon import _C, version

__all__ = ["parallel_info", "show"]


def show() -> str:
    """The version, the CPU's instruction set in use and the CUDA plug-in, a line each."""
    cuda = _C.cuda_unavailable_reason()
    return (
        f"Tenon {version.__version__}, with the names of PyTorch built with:\n"
        f"  - CPU capability usage: {_C.get_cpu_isa().upper()}\n"
        f"  - CUDA: {'not used, ' + cuda if cuda else 'used'}\n"
    )


def parallel_info() -> str:
    """The number of threads that ops may use."""
    return f"at::get_num_threads() : {_C.get_num_threads()}\nATen parallel backend: a pool of Tenon's own\n"
