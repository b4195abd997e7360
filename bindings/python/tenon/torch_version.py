"""TorchVersion: a version that programs may compare with strings and with tuples of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_Key = tuple[tuple[int, ...], tuple[int, str, int], str]


def _key(version: Any) -> _Key | None:
    # The numbers, whether it comes before their release, and what is its own behind a plus sign.
    import re

    text = version if isinstance(version, str) else ".".join(str(part) for part in version)
    found = re.fullmatch(r"v?(\d+(?:\.\d+)*)(?:\.?(a|b|rc|dev)(\d*))?(?:\+([\w.]+))?", text.strip())
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    stage = found[2] or "release"
    return tuple(numbers), (["dev", "a", "b", "rc", "release"].index(stage), stage, int(found[3] or 0)), found[4] or ""


class TorchVersion(str):
    """A string that compares as a version; with what is no version, as a string."""

    def _compared(self, other: Any, method: str) -> Any:
        # What is neither a string nor a sequence of numbers is left to str, which says so.
        own, theirs = _key(str(self)), _key(other) if isinstance(other, (str, Iterable)) else None
        if own is None or theirs is None:
            return getattr(str, method)(str(self), other)
        return getattr(tuple, method)(own, theirs)

    def __lt__(self, other: Any) -> bool:
        return self._compared(other, "__lt__")

    def __le__(self, other: Any) -> bool:
        return self._compared(other, "__le__")

    def __gt__(self, other: Any) -> bool:
        return self._compared(other, "__gt__")

    def __ge__(self, other: Any) -> bool:
        return self._compared(other, "__ge__")

    def __eq__(self, other: Any) -> bool:
        return self._compared(other, "__eq__")

    def __ne__(self, other: Any) -> bool:
        return self._compared(other, "__ne__")

    __hash__ = str.__hash__
