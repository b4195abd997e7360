"""The files from which TensorBoard's projector shows embeddings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tenon import Tensor
from tenon.utils._png import png
from tenon.utils.tensorboard._summaries import as_bytes, as_tensor, grid

__all__ = ["write_embedding"]


def write_embedding(
    folder: Path, mat: Any, metadata: Any, label_img: Any, global_step: int, tag: str, metadata_header: Any
) -> str:
    """Writes points, their labels and their images below `folder`; gives their entry for its list of embeddings."""
    points = as_tensor(mat)
    if points.ndim != 2:
        raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
    if metadata is not None and len(points) != len(metadata):
        raise AssertionError("#labels should equal with #data points")
    if label_img is not None and len(points) != label_img.shape[0]:
        raise AssertionError("#images should equal with #data points")
    step = f"{global_step:05d}"
    name = tag.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
    own = folder / step / name
    own.mkdir(parents=True, exist_ok=True)
    (own / "tensors.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in points.tolist()))
    entry = [("tensor_name", f"{tag}:{step}"), ("tensor_path", f"{step}/{name}/tensors.tsv")]
    if metadata is not None:
        (own / "metadata.tsv").write_text("\n".join(_rows(metadata, metadata_header)) + "\n")
        entry.append(("metadata_path", f"{step}/{name}/metadata.tsv"))
    lines = [f"  {key}: {_quoted(value)}\n" for key, value in entry]
    if label_img is not None:
        images = as_tensor(label_img)
        (own / "sprite.png").write_bytes(png(_sprite(images)))
        sizes = "".join(f"    single_image_dim: {size}\n" for size in (images.shape[3], images.shape[2]))
        lines.append(f"  sprite {{\n    image_path: {_quoted(f'{step}/{name}/sprite.png')}\n{sizes}  }}\n")
    return f"embeddings {{\n{''.join(lines)}}}\n"


def _rows(metadata: Any, header: Any) -> list[str]:
    if not header:
        return [str(label) for label in metadata]
    if len(header) != len(metadata[0]):
        raise AssertionError("len of header must be equal to the number of columns in metadata")
    return ["\t".join(str(entry) for entry in row) for row in [header, *metadata]]


def _sprite(images: Tensor) -> Tensor:
    # A square of images: what the projector cuts them from.
    pixels = as_bytes(grid(images.permute(0, 2, 3, 1), math.ceil(len(images) ** 0.5)))
    height, width, channels = pixels.shape
    square = pixels.new_zeros(width, width, 3)
    square[:height] = pixels.expand(-1, -1, 3) if channels == 1 else pixels
    return square


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
