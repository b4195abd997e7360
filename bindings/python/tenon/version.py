"""Which version this is: of Tenon, and of PyTorch where Tenon stands in for it."""

from __future__ import annotations

tenon = "0.1.0"
# The PyTorch whose API and numbers are followed.
torch = "2.13.0"
# What programs read as torch.__version__ under tenon.run: they compare it with PyTorch's versions.
stand_in = f"{torch}+tenon{tenon}"

__version__ = tenon
debug = False
cuda: str | None = None
hip: str | None = None
git_version: str | None = None
