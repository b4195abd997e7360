"""CIFAR-10 and CIFAR-100 in their Python format, whose pickles are read without running what they name."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tenon.vision.datasets.vision import VisionDataset, image_of

__all__ = ["CIFAR10", "CIFAR100"]

# All that a pickled array of NumPy needs.
_NEEDED = {
    (module, name)
    for module, name in (
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
    )
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NEEDED:
            raise pickle.UnpicklingError(f"a CIFAR file names {module}.{name}, which has no place in one")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


class CIFAR10(VisionDataset):
    """Small pictures of ten kinds of things, of the files in root/cifar-10-batches-py."""

    base_folder = "cifar-10-batches-py"
    train_list = [f"data_batch_{number}" for number in range(1, 6)]
    test_list = ["test_batch"]
    meta = ("batches.meta", "label_names")
    label_key = "labels"

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        parts, self.targets = [], []
        for name in self.train_list if train else self.test_list:
            batch = self._load(name)
            pixels, labels = np.asarray(batch["data"]), batch[self.label_key]
            if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 3072):
                raise ValueError(f"{name}: expected bytes of shape {(len(labels), 3072)}, found {pixels.shape}")
            parts.append(pixels)
            self.targets.extend(labels)
        self.data = np.concatenate(parts).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        self.classes = self._load(self.meta[0])[self.meta[1]]
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}

    def _load(self, name: str) -> dict[str, Any]:
        path = os.path.join(self.root, self.base_folder, name)
        if not os.path.isfile(path):
            raise RuntimeError(f"Dataset not found: {path} is missing, and Tenon does not download")
        with open(path, "rb") as file:
            return _Unpickler(file, encoding="latin1").load()

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._transformed(image_of(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """Small pictures of a hundred kinds of things, of the files in root/cifar-100-python."""

    base_folder = "cifar-100-python"
    train_list = ["train"]
    test_list = ["test"]
    meta = ("meta", "fine_label_names")
    label_key = "fine_labels"
