"""VGG, of "Very deep convolutional networks for large-scale image recognition"."""

from __future__ import annotations

from typing import Any

from tenon import Tensor, nn
from tenon.vision.models._builders import initialize_convolutions, refuse_weights

__all__ = ["VGG", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"]

# How many convolutions there are before each pooling, and their channels.
_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_CHANNELS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Convolutions of three by three pixels, and three linear layers."""

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialize_convolutions(self, "relu", 0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _features(depth: int, batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 3
    for count, channels in zip(_STAGES[depth], _CHANNELS):
        for _ in range(count):
            layers.append(nn.Conv2d(before, channels, kernel_size=3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.ReLU(inplace=True))
            before = channels
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


def _vgg(depth: int, batch_norm: bool, weights: Any, options: dict[str, Any]) -> VGG:
    refuse_weights(f"vgg{depth}{'_bn' if batch_norm else ''}", weights, options)
    return VGG(_features(depth, batch_norm), **options)


def vgg11(*, weights: Any = None, **kwargs: Any) -> VGG:
    """VGG of 11 layers."""
    return _vgg(11, False, weights, kwargs)


def vgg11_bn(*, weights: Any = None, **kwargs: Any) -> VGG:
    """VGG of 11 layers, with batch norm."""
    return _vgg(11, True, weights, kwargs)


def vgg13(*, weights: Any = None, **kwargs: Any) -> VGG:
    """VGG of 13 layers."""
    return _vgg(13, False, weights, kwargs)


def vgg13_bn(*, weights: Any = None, **kwargs: Any) -> VGG:
    """VGG of 13 layers, with batch norm."""
    return _vgg(13, True, weights, kwargs)


def vgg16(*, weights: Any = None, **kwargs: Any) -> VGG:
    """VGG of 16 layers."""
    return _vgg(16, False, weights, kwargs)


def vgg16_bn(*, weights: Any = None, **kwargs: Any) -> VGG:
    """VGG of 16 layers, with batch norm."""
    return _vgg(16, True, weights, kwargs)


def vgg19(*, weights: Any = None, **kwargs: Any) -> VGG:
    """VGG of 19 layers."""
    return _vgg(19, False, weights, kwargs)


def vgg19_bn(*, weights: Any = None, **kwargs: Any) -> VGG:
    """VGG of 19 layers, with batch norm."""
    return _vgg(19, True, weights, kwargs)
