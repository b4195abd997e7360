"""Fourier transforms, under the names of torch.fft."""

from tenon import _C

globals().update(_C.fft_functions)
