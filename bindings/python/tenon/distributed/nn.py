"""Collectives that gradients pass; like the others, they raise without a process group."""

from typing import Any

from tenon import distributed


def __getattr__(name: str) -> Any:
    return getattr(distributed, name)
