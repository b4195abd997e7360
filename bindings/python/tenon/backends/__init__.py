"""What the library can use on this machine."""

from tenon.backends import cpu, cuda, cudnn, mha, mps

__all__ = ["cpu", "cuda", "cudnn", "mha", "mps"]
