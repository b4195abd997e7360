"""What is shown: each function gives the bytes of one value of a Summary message."""

from __future__ import annotations

import io
import math
from typing import Any

import tenon
from tenon import Tensor
from tenon.utils._png import png
from tenon.utils.tensorboard._records import doubles, field, integers, number, real, text

__all__ = [
    "as_bytes",
    "as_tensor",
    "audio",
    "custom_layout",
    "figure_image",
    "grid",
    "histogram",
    "hparams",
    "image",
    "mesh",
    "precision_recall",
    "raw_histogram",
    "raw_precision_recall",
    "scalar",
    "video",
    "words",
]

_STRING = 7


def as_tensor(values: Any) -> Tensor:
    """Numbers in any of the forms that a writer is given."""
    return (values.detach() if isinstance(values, Tensor) else tenon.as_tensor(values)).cpu()


def _plugin(name: str, content: bytes = b"") -> bytes:
    return field(9, field(1, text(1, name), field(2, content)))


def scalar(tag: str, value: Any, new_style: bool = False, double_precision: bool = False) -> bytes:
    """A number."""
    value = float(value.item() if hasattr(value, "item") else value)
    if not new_style:
        return text(1, tag) + real(2, value, double=False)
    dtype, values = (2, real(6, value)) if double_precision else (1, real(5, value, double=False))
    return text(1, tag) + field(8, number(1, dtype), values) + _plugin("scalars")


def _edges(bins: Any, values: Tensor) -> Tensor:
    if isinstance(bins, str):
        if bins != "tensorflow":
            import numpy as np

            return tenon.tensor(np.histogram_bin_edges(values.numpy(), bins=bins))
        # Each bucket a tenth wider than the one before, for both signs.
        limits, limit = [], 1e-12
        while limit < 1e20:
            limits.append(limit)
            limit *= 1.1
        return tenon.tensor([-limit for limit in reversed(limits)] + [0.0] + limits, dtype=tenon.float64)
    if isinstance(bins, int):
        low, high = values.min().item(), values.max().item()
        if low == high:
            low, high = low - 0.5, high + 0.5
        return tenon.linspace(low, high, bins + 1, dtype=tenon.float64)
    return tenon.as_tensor(bins, dtype=tenon.float64)


def histogram(tag: str, values: Any, bins: Any, max_bins: int | None) -> bytes:
    """How often numbers fall between limits."""
    values = as_tensor(values).reshape(-1).double()
    if values.numel() == 0:
        raise ValueError("The input has no element.")
    edges = _edges(bins, values)
    # The last bucket holds its upper limit too.
    inside = values[(values >= edges[0]) & (values <= edges[-1])]
    places = (tenon.searchsorted(edges, inside, right=True) - 1).clamp(max=len(edges) - 2)
    counts = tenon.bincount(places, minlength=len(edges) - 1)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        counts = tenon.nn.functional.pad(counts, (0, -len(counts) % step)).view(-1, step).sum(1)
        edges = tenon.cat((edges[:-1:step], edges[-1:]))
    filled = counts.nonzero().reshape(-1)
    if filled.numel() == 0:
        raise ValueError("The histogram is empty, please file a bug report.")
    first, last = int(filled[0]), int(filled[-1])
    # The first limit closes an empty bucket, from which the reader takes the lower end of the next.
    buckets = [0.0, *counts[first : last + 1].tolist()]
    message = [
        real(1, values.min().item()),
        real(2, values.max().item()),
        real(3, values.numel()),
        real(4, values.sum().item()),
        real(5, values.dot(values).item()),
        doubles(6, edges[first : last + 2].tolist()),
        doubles(7, buckets),
    ]
    return text(1, tag) + field(5, *message)


def raw_histogram(tag: str, statistics: tuple, limits: Any, counts: Any) -> bytes:
    """A histogram that was counted elsewhere; `statistics` are its least, greatest, number, sum and sum of squares."""
    parts = [real(index + 1, float(value)) for index, value in enumerate(statistics)]
    return text(1, tag) + field(5, *parts, doubles(6, limits), doubles(7, counts))


def grid(images: Tensor, columns: int) -> Tensor:
    """Images (count, height, width, channels) beside each other, as one."""
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    places = images.new_zeros(rows * columns, height, width, channels)
    places[:count] = images
    return (
        places.view(rows, columns, height, width, channels)
        .transpose(1, 2)
        .reshape(rows * height, columns * width, channels)
    )


def image(tag: str, values: Any, dataformats: str) -> bytes:
    """An image, or several in a grid."""
    values, formats = as_tensor(values), dataformats.upper()
    if len(set(formats)) != len(formats):
        raise ValueError(f"You can not use the same dimension shordhand twice. input_format: {dataformats}")
    if len(formats) != values.ndim:
        raise ValueError(f"size of input tensor and input format are different: {tuple(values.shape)}, {dataformats}")
    for missing in "CN":
        if missing not in formats:
            values, formats = values.unsqueeze(0), missing + formats
    images = values.permute(*(formats.index(name) for name in "NHWC"))
    pixels = as_bytes(grid(images, min(len(images), 8)))
    if pixels.shape[-1] == 1:
        pixels = pixels.expand(-1, -1, 3)
    return text(1, tag) + _image(pixels.shape, png(pixels))


def as_bytes(pixels: Tensor) -> Tensor:
    """Pixels of bytes, or of numbers from 0 to 1, as bytes."""
    return pixels if pixels.dtype == tenon.uint8 else (pixels.double() * 255).clamp(0, 255).to(tenon.uint8)


def _image(sizes: Any, content: bytes) -> bytes:
    height, width, channels = sizes
    return field(4, number(1, height), number(2, width), number(3, channels), field(4, content))


def video(tag: str, values: Any, fps: float) -> bytes:
    """A GIF of frames (batch, time, channels, height, width); those of a batch are beside each other."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("SummaryWriter.add_video: writing a GIF needs the package pillow") from None
    values = as_tensor(values)
    if values.ndim != 5:
        raise ValueError(f"add_video: expected (N, T, C, H, W), got {values.ndim} dimensions")
    # As many as the next power of two, in two rows for each four.
    rows = 2 ** ((len(values).bit_length() - 1) // 2)
    columns = 2 ** (len(values) - 1).bit_length() // rows
    frames = [as_bytes(grid(frame.permute(0, 2, 3, 1), columns)) for frame in values.unbind(1)]
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    pictures = [Image.fromarray(frame.squeeze(-1).numpy(), modes[frame.shape[-1]]) for frame in frames]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0)
    return text(1, tag) + _image(frames[0].shape, file.getvalue())


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config_dict: dict | None) -> list[bytes]:
    """Triangles or points in space: a value for each of vertices, faces and colors that there is."""
    import json

    config = "{}" if config_dict is None else json.dumps(config_dict, sort_keys=True)
    named = [("VERTEX", vertices), ("FACE", faces), ("COLOR", colors)]
    present = [(kind, name, as_tensor(part)) for kind, (name, part) in enumerate(named, 1) if part is not None]
    components = sum(1 << kind for kind, _, _ in present)
    values = []
    for kind, name, part in present:
        if part.ndim != 3:
            raise ValueError(f"Tensor shape should be of shape BxNx3, but got {tuple(part.shape)}.")
        about = (text(2, tag), number(3, kind), text(5, config), integers(6, part.shape), number(7, components))
        content = field(5, part.float().contiguous().numpy().tobytes())
        tensor = field(8, number(1, 1), _shape(part.shape), content)
        values.append(text(1, f"{tag}_{name}") + tensor + _plugin("mesh", b"".join(about)))
    return values


def figure_image(figures: Any, close: bool) -> Tensor:
    """Figures of matplotlib as images (count, channels, height, width) of bytes."""
    import matplotlib.backends.backend_agg as backend
    import matplotlib.pyplot as plt
    import numpy as np

    def drawn(figure: Any) -> Tensor:
        canvas = backend.FigureCanvasAgg(figure)
        canvas.draw()
        pixels = tenon.tensor(np.asarray(canvas.buffer_rgba())[:, :, :3])
        if close:
            plt.close(figure)
        return pixels.permute(2, 0, 1)

    return tenon.stack([drawn(figure) for figure in (figures if isinstance(figures, list) else [figures])])


def audio(tag: str, values: Any, sample_rate: int) -> bytes:
    """A sound of one channel, -1 to 1."""
    import wave

    samples = (as_tensor(values).reshape(-1).double().clamp(-1, 1) * 32767.0).to(tenon.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(samples.numpy().tobytes())
    parts = [real(1, sample_rate, double=False), number(2, 1), number(3, len(samples))]
    return text(1, tag) + field(6, *parts, field(4, file.getvalue()), text(5, "audio/wav"))


def _shape(sizes: Any) -> bytes:
    return field(2, *(field(2, number(1, size)) for size in sizes))


def _string(tag: str, content: bytes, plugin: str, *sizes: int) -> bytes:
    return text(1, tag) + field(8, number(1, _STRING), _shape(sizes), field(8, content)) + _plugin(plugin)


def words(tag: str, value: str) -> bytes:
    """A text, in Markdown."""
    return _string(f"{tag}/text_summary", value.encode(), "text", 1)


def custom_layout(layout: dict) -> bytes:
    """Which charts are shown together, by category and title."""
    categories = []
    for category, charts in layout.items():
        parts = [text(1, category)]
        for title, (kind, tags) in charts.items():
            if kind == "Margin":
                series = field(1, *(text(index + 1, tag) for index, tag in enumerate(tags)))
                parts.append(field(2, text(1, title), field(3, series)))
            else:
                parts.append(field(2, text(1, title), field(2, *(text(1, tag) for tag in tags))))
        categories.append(field(2, *parts))
    return _string("custom_scalars__config__", b"".join(categories), "custom_scalars")


def precision_recall(tag: str, labels: Any, predictions: Any, num_thresholds: int, weights: Any) -> bytes:
    """How many of two classes are found at each threshold."""
    count = min(num_thresholds, 127)
    truth = as_tensor(labels).reshape(-1).bool()
    given = tenon.ones(truth.shape) if weights is None else as_tensor(weights)
    weight = given.reshape(-1).double()
    bucket = (as_tensor(predictions).reshape(-1).double() * (count - 1)).floor().long()

    def at_least(chosen: Tensor) -> Tensor:
        found = tenon.bincount(bucket[chosen], weight[chosen], minlength=count)[:count]
        return found.flip(0).cumsum(0).flip(0)

    hits, alarms = at_least(truth), at_least(~truth)
    return raw_precision_recall(tag, hits, alarms, alarms[0] - alarms, hits[0] - hits, *_ratios(hits, alarms), count)


def _ratios(hits: Tensor, alarms: Tensor) -> tuple[Tensor, Tensor]:
    least = 1e-7
    return hits / (hits + alarms).clamp(min=least), hits / hits[0].clamp(min=least)


def raw_precision_recall(
    tag: str, tp: Any, fp: Any, tn: Any, fn: Any, precision: Any, recall: Any, num_thresholds: int
) -> bytes:
    """A curve of precision and recall that was counted elsewhere."""
    count = min(num_thresholds, 127)
    rows = tenon.stack([as_tensor(each).reshape(-1).float() for each in (tp, fp, tn, fn, precision, recall)])
    values = field(5, rows.contiguous().numpy().tobytes())
    return text(1, tag) + field(8, number(1, 1), _shape(rows.shape), values) + _plugin("pr_curves", number(2, count))


def _value(given: Any) -> bytes:
    # A value of JSON.
    if isinstance(given, bool):
        return number(4, given)
    if isinstance(given, (int, float)):
        return real(2, given)
    return text(3, given)


def hparams(hparam_dict: dict, metric_dict: dict, domain: dict | None) -> tuple[bytes, bytes, bytes]:
    """Three values: what settings and metrics there are, the settings of this run, and its end."""
    if not isinstance(hparam_dict, dict):
        raise TypeError("parameter: hparam_dict should be a dictionary, nothing logged.")
    if not isinstance(metric_dict, dict):
        raise TypeError("parameter: metric_dict should be a dictionary, nothing logged.")
    domain = domain or {}
    settings = {
        key: value.item() if isinstance(value, Tensor) else value
        for key, value in hparam_dict.items()
        if value is not None
    }
    described, started = [], []
    for key, value in settings.items():
        if not isinstance(value, (bool, int, float, str)):
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        kind = 2 if isinstance(value, bool) else 3 if isinstance(value, (int, float)) else 1
        choices = [field(5, *(field(1, _value(each)) for each in domain[key]))] if key in domain else []
        described.append(field(4, text(1, key), number(4, kind), *choices))
        started.append(field(1, text(1, key), field(2, _value(value))))
    metrics = [field(5, field(1, text(2, key))) for key in metric_dict]

    def session(tag: str, content: bytes) -> bytes:
        return text(1, tag) + _plugin("hparams", content)

    return (
        session("_hparams_/experiment", field(2, *described, *metrics)),
        session("_hparams_/session_start_info", field(3, *started)),
        session("_hparams_/session_end_info", field(4, number(1, 1))),
    )
