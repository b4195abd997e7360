"""MNIST and the sets in its format: idx files, plain or compressed."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tenon
from tenon import Tensor
from tenon.vision.datasets.vision import VisionDataset, image_of

__all__ = ["KMNIST", "MNIST", "FashionMNIST", "read_image_file", "read_label_file", "read_sn3_pascalvincent_tensor"]

_DTYPES = {
    8: tenon.uint8,
    9: tenon.int8,
    11: tenon.int16,
    12: tenon.int32,
    13: tenon.float32,
    14: tenon.float64,
}


def _content(path: str | Path) -> bytes:
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rb") as file:
        return file.read()


def read_sn3_pascalvincent_tensor(path: str | Path, strict: bool = True) -> Tensor:
    """The tensor of an idx file; `strict` wants the file to end with it."""
    data = _content(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES or not 1 <= data[3] <= 3:
        raise ValueError(f"{path}: not an idx file, which begins with 0, 0, a type (8 to 14) and 1 to 3 dims")
    dtype, start = _DTYPES[data[2]], 4 * (data[3] + 1)
    if len(data) < start:
        raise ValueError(f"{path}: ends within its header")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    count = 1
    for size in shape:
        count *= size
    wanted, found = count * dtype.itemsize, len(data) - start
    if found < wanted or (strict and found > wanted):
        raise ValueError(f"{path}: {found} bytes of numbers, but the shape {list(shape)} in its header has {wanted}")
    if count == 0:
        return tenon.empty(shape, dtype=dtype)
    bytes_ = tenon.frombuffer(bytearray(data[start : start + wanted]), dtype=tenon.uint8)
    # The numbers are big-endian.
    return bytes_.view(-1, dtype.itemsize).flip(1).contiguous().view(-1).view(dtype).view(shape)


def _checked(path: str | Path, dims: int) -> Tensor:
    found = read_sn3_pascalvincent_tensor(path, strict=False)
    if found.dtype != tenon.uint8 or found.ndim != dims:
        raise ValueError(f"{path}: expected bytes in {dims} dims, found {found.dtype} in {found.ndim}")
    return found


def read_image_file(path: str | Path) -> Tensor:
    """The images of a file, (count, height, width) bytes."""
    return _checked(path, 3)


def read_label_file(path: str | Path) -> Tensor:
    """The labels of a file, as int64."""
    return _checked(path, 1).long()


class MNIST(VisionDataset):
    """Handwritten digits, of the four files in root/MNIST/raw."""

    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

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
        part = "train" if train else "t10k"
        self.data = read_image_file(self._file(f"{part}-images-idx3-ubyte"))
        self.targets = read_label_file(self._file(f"{part}-labels-idx1-ubyte"))
        if len(self.data) != len(self.targets):
            raise ValueError(f"{self.raw_folder}: {len(self.data)} images but {len(self.targets)} labels")

    def _file(self, name: str) -> str:
        for ending in ("", ".gz"):
            path = os.path.join(self.raw_folder, name + ending)
            if os.path.isfile(path):
                return path
        raise RuntimeError(
            f"Dataset not found: {os.path.join(self.raw_folder, name)} (or .gz) is missing, and Tenon does not download"
        )

    @property
    def raw_folder(self) -> str:
        """Where the files are."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: index for index, name in enumerate(self.classes)}

    @property
    def train_data(self) -> Tensor:
        """data, under its old name."""
        return self.data

    test_data = train_data

    @property
    def train_labels(self) -> Tensor:
        """targets, under its old name."""
        return self.targets

    test_labels = train_labels

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._transformed(image_of(self.data[index].numpy()), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Articles of clothing, in MNIST's format."""

    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Japanese characters, in MNIST's format."""

    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
