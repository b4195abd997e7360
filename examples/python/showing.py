"""What the training examples show: progress while they work, and their losses as a picture."""

import importlib
import importlib.util
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

COLOURS = ["#1f77b4", "#d62728", "#2ca02c"]


def progress(items: Any, label: str) -> Iterable[Any]:
    """The items one by one, with tqdm's bar where it is installed and a line of our own elsewhere."""
    if importlib.util.find_spec("tqdm"):
        return importlib.import_module("tqdm").tqdm(items, desc=label, leave=False)
    return _with_line(items, label)


def _with_line(items: Any, label: str) -> Iterator[Any]:
    count = len(items)
    for i, item in enumerate(items, 1):
        print(f"\r{label}: {i} of {count}", end="", file=sys.stderr, flush=True)
        yield item
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Pace:
    """A line on the terminal that says how far a long work is, how fast it goes, and how long it still takes."""

    def __init__(self, count: int, unit: str) -> None:
        self._count, self._unit = count, unit
        self._done = 0
        self._start = time.perf_counter()

    def add(self, more: int) -> None:
        self._done += more

    def show(self, what: str) -> None:
        rate = self._done / (time.perf_counter() - self._start)
        minutes, seconds = divmod(round((self._count - self._done) / rate), 60)
        line = f"\r\x1b[K{what}   {rate:.0f} {self._unit} a second   {minutes}:{seconds:02} left"
        print(line, end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def save_curves(path: Path, title: str, curves: dict[str, list[float]]) -> None:
    """Draws each curve against its steps as an SVG, with matplotlib where it is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        path.write_text(_drawn(title, curves))
        return
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    for name, values in curves.items():
        axes.plot(range(1, len(values) + 1), values, label=name)
    axes.set(title=title, xlabel="step")
    axes.legend()
    figure.savefig(path)


def _drawn(title: str, curves: dict[str, list[float]]) -> str:
    most = max(value for values in curves.values() for value in values)
    lines = [f'<text x="40" y="24">{title}</text>', '<path d="M40 40V280H480" fill="none" stroke="black"/>']
    lines.append(f'<text x="2" y="44">{most:.2f}</text><text x="20" y="284">0</text>')
    for (name, values), colour, y in zip(curves.items(), COLOURS, range(60, 200, 20)):
        step = 440 / max(len(values) - 1, 1)
        points = " ".join(f"{40 + i * step:.1f},{280 - 240 * value / most:.1f}" for i, value in enumerate(values))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        lines.append(f'<text x="400" y="{y}" fill="{colour}">{name}</text>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 500 300" font-family="sans-serif" font-size="12">'
    return "\n".join([head, *lines, "</svg>\n"])
