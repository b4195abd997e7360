"""ONNX: programs may import it, but Tenon does not trace models, so nothing can be exported."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["dynamo_export", "export", "is_in_onnx_export"]


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises: Tenon cannot export models."""
    raise NotImplementedError("torch.onnx.export: Tenon does not trace models, so it cannot write them as ONNX")


dynamo_export = _export = export


def is_in_onnx_export() -> bool:
    """Whether a model is being exported: never."""
    return False
