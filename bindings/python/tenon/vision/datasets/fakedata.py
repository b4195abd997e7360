"""Random images, where a data set is wanted and none is at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tenon
from tenon.vision import transforms
from tenon.vision.datasets.vision import VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """Images of random numbers that depend on their index alone."""

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        generator = tenon.Generator().manual_seed(index + self.random_offset)
        image = tenon.randn(*self.image_size, generator=generator)
        target = tenon.randint(0, self.num_classes, (1,), generator=generator).item()
        return self._transformed(transforms.ToPILImage()(image), target)

    def __len__(self) -> int:
        return self.size
