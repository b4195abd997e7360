"""Data sets read from local files, and random images. Nothing is downloaded."""

from tenon.vision.datasets.cifar import CIFAR10, CIFAR100
from tenon.vision.datasets.fakedata import FakeData
from tenon.vision.datasets.folder import DatasetFolder, ImageFolder
from tenon.vision.datasets.mnist import KMNIST, MNIST, FashionMNIST
from tenon.vision.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "KMNIST",
    "MNIST",
    "VisionDataset",
]
