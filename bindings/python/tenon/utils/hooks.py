"""The handle by which a hook is taken away again."""

from __future__ import annotations

from collections.abc import Callable


class RemovableHandle:
    """Removes its hook when told, or at the end of a with block."""

    def __init__(self, remove: Callable[[int], None], id: int) -> None:
        self._remove: Callable[[int], None] | None = remove
        self.id = id

    def remove(self) -> None:
        """Takes the hook away; later calls do nothing."""
        remove, self._remove = self._remove, None
        if remove is not None:
            remove(self.id)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
