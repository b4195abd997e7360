"""Writers of event files, with the methods of PyTorch's."""

from __future__ import annotations

import atexit
import itertools
import os
import socket
import time
import warnings
import weakref
from pathlib import Path
from typing import Any

from tenon.utils.tensorboard import _summaries as summaries
from tenon.utils.tensorboard._projector import write_embedding
from tenon.utils.tensorboard._records import field, number, real, record, text

__all__ = ["FileWriter", "SummaryWriter"]

_counter = itertools.count()
_open_files: weakref.WeakSet[FileWriter] = weakref.WeakSet()


class FileWriter:
    """One event file; what is added reaches it at a flush, at the latest every `flush_secs` seconds."""

    def __init__(
        self, log_dir: str | os.PathLike, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = ""
    ) -> None:
        self._log_dir, self._flush_secs, self._suffix = str(log_dir), flush_secs, filename_suffix
        os.makedirs(self._log_dir, exist_ok=True)
        self._file: Any = None
        self.reopen()
        _open_files.add(self)

    def get_logdir(self) -> str:
        """The folder of the file."""
        return self._log_dir

    def _write(self, step: int | None, walltime: float | None, *content: bytes) -> None:
        if self._file is None:
            self.reopen()
        parts = [real(1, time.time() if walltime is None else walltime)]
        if step is not None:
            parts.append(number(2, step))
        self._file.write(record(b"".join((*parts, *content))))
        if time.monotonic() - self._flushed >= self._flush_secs:
            self.flush()

    def add_value(self, value: bytes, global_step: int | None = None, walltime: float | None = None) -> None:
        """Adds one value of a Summary message."""
        self._write(None if global_step is None else int(global_step), walltime, field(5, field(1, value)))

    def flush(self) -> None:
        """Brings what was added to the file."""
        if self._file is not None:
            self._file.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Ends the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def reopen(self) -> None:
        """Begins a new file in the folder."""
        self.close()
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_counter)}"
        self._file = open(os.path.join(self._log_dir, name + self._suffix), "wb")  # noqa: SIM115
        self._flushed = time.monotonic()
        self._write(None, None, text(3, "brain.Event:2"))
        self.flush()


@atexit.register
def _flush_all() -> None:
    for file in list(_open_files):
        file.flush()


class SummaryWriter:
    """Writes what TensorBoard shows: numbers, histograms, images, sounds, texts and settings over the steps."""

    def __init__(
        self,
        log_dir: str | os.PathLike | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            moment = time.strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{moment}_{socket.gethostname()}{comment}")
        self.log_dir = str(log_dir)
        self.purge_step, self.max_queue, self.flush_secs = purge_step, max_queue, flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        # The list of embeddings, which is written anew with each one.
        self._embeddings = ""
        self._get_file_writer()

    def _new_file(self, folder: str) -> FileWriter:
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self) -> FileWriter:
        if self.file_writer is None or self.all_writers is None:
            self.file_writer = self._new_file(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                # What was written for this step and later, before a restart, is to be forgotten.
                self.file_writer._write(self.purge_step, None, field(7, number(1, 1)))
                self.purge_step = None
        return self.file_writer

    def get_logdir(self) -> str:
        """The folder of the files."""
        return self.log_dir

    def _add(self, value: bytes, global_step: Any, walltime: float | None) -> None:
        self._get_file_writer().add_value(value, global_step, walltime)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A number."""
        self._add(summaries.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Numbers that are shown in one chart; each has a file in a folder of its own."""
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        writers: Any = self.all_writers
        for tag, value in tag_scalar_dict.items():
            own = os.path.join(folder, f"{main_tag.replace('/', '_')}_{tag}")
            if own not in writers:
                writers[own] = self._new_file(own)
            writers[own].add_value(summaries.scalar(main_tag, value), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How numbers are distributed."""
        self._add(summaries.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """A histogram that was counted elsewhere."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        statistics = (min, max, num, sum, sum_squares)
        self._add(summaries.raw_histogram(tag, statistics, bucket_limits, bucket_counts), global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """An image: bytes, or numbers from 0 to 1."""
        self._add(summaries.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Several images, in a grid."""
        self._add(summaries.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """A figure of matplotlib, or several."""
        self.add_images(tag, summaries.figure_image(figure, close), global_step, walltime)

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: int | None = None,
        fps: float = 4,
        walltime: float | None = None,
    ) -> None:
        """A video (N, T, C, H, W): bytes, or numbers from 0 to 1."""
        self._add(summaries.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: int | None = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """A sound of one channel."""
        self._add(summaries.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """A text, in Markdown."""
        self._add(summaries.words(tag, text_string), global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict,
        metric_dict: dict,
        hparam_domain_discrete: dict | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """The settings of this run and what it reached with them, in a folder of their own."""
        values = summaries.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(log_dir=folder) as writer:
            for value in values:
                writer._add(value, None, None)
            for tag, value in metric_dict.items():
                writer.add_scalar(tag, value, global_step)

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: int | None = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Points (count, features) with labels and images, for the projector."""
        folder = Path(self._get_file_writer().get_logdir())
        self._embeddings += write_embedding(folder, mat, metadata, label_img, global_step or 0, tag, metadata_header)
        (folder / "projector_config.pbtxt").write_text(self._embeddings)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: dict | None = None,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Triangles in space, or points: vertices, colors and faces are each (batch, count, 3)."""
        for value in summaries.mesh(tag, vertices, colors, faces, config_dict):
            self._add(value, global_step, walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Precision and recall of predictions from 0 to 1, at each threshold."""
        self._add(summaries.precision_recall(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """A curve of precision and recall that was counted elsewhere."""
        counts = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts)
        value = summaries.raw_precision_recall(tag, *counts, precision, recall, num_thresholds)
        self._add(value, global_step, walltime)

    def add_custom_scalars(self, layout: dict) -> None:
        """Which charts are shown together: {category: {title: ["Multiline" or "Margin", tags]}}."""
        self._add(summaries.custom_layout(layout), None, None)

    def add_custom_scalars_multilinechart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """One chart of several tags."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """One chart of a value and its margins."""
        if len(tags) != 3:
            raise ValueError(f"add_custom_scalars_marginchart: a value and its two bounds, got {len(tags)} tags")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Warns: Tenon does not trace models, so nothing is written."""
        warnings.warn("SummaryWriter.add_graph: Tenon does not trace models, so no graph is written", stacklevel=2)

    def flush(self) -> None:
        """Brings what was added to the files."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Ends the files."""
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
