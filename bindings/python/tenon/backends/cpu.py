"""The CPU backend."""

from tenon import _C


def get_cpu_capability() -> str:
    """The instruction set in use under PyTorch's names: 'DEFAULT', 'AVX2' or 'AVX512'."""
    isa = _C.get_cpu_isa()
    return "DEFAULT" if isa == "baseline" else isa.upper()
