"""What the functions that build models share."""

from __future__ import annotations

from typing import Any

from tenon import nn

__all__ = ["initialize_convolutions", "refuse_weights"]


def refuse_weights(name: str, weights: Any, options: dict[str, Any]) -> None:
    """Raises where trained weights are asked for; takes the arguments about them from the options."""
    options.pop("progress", None)
    if weights is not None or options.pop("pretrained", False):
        raise ValueError(
            f"{name}: Tenon holds no trained weights and downloads none; build it with weights=None and load a file "
            "by model.load_state_dict(tenon.load(path))"
        )


def initialize_convolutions(model: nn.Module, nonlinearity: str, linear_std: float | None) -> None:
    """Kaiming's numbers for convolutions, ones and zeros for norms, normal numbers for linear layers if asked for."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity=nonlinearity)
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear) and linear_std is not None:
            nn.init.normal_(module.weight, 0, linear_std)
        else:
            continue
        if module.bias is not None and (linear_std is not None or not isinstance(module, nn.Conv2d)):
            nn.init.zeros_(module.bias)
