"""Event files that TensorBoard's own reader reads, with what PyTorch's writer puts into its own."""

import glob
import io
import sys

import numpy as np
import pytest
import tenon
import torch
from PIL import Image
from tenon.utils.tensorboard import SummaryWriter as Writer
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.utils.tensorboard import SummaryWriter as TorchWriter

VALUES = np.random.RandomState(0).randn(200)


def summaries(folder):
    """All values below a folder: (file's folder, step, tag, plugin, value)."""
    found = []
    for path in sorted(glob.glob(f"{folder}/**/events.out.tfevents.*", recursive=True)):
        for event in EventFileLoader(path).Load():
            for value in event.summary.value:
                found.append((event.step, value))
    return found


def written(kind, folder, write, library):
    with kind(log_dir=str(folder)) as writer:
        write(writer, library)
    return summaries(folder)


def same(ours, theirs):
    (step, own), (expected_step, their) = ours, theirs
    assert step == expected_step and own.tag == their.tag
    own_metadata, their_metadata = own.metadata, their.metadata
    assert own_metadata.plugin_data == their_metadata.plugin_data
    assert own_metadata.data_class == their_metadata.data_class
    if "image" in own.metadata.plugin_data.plugin_name:
        own, their = (each.tensor.string_val for each in (own, their))
        assert own[:2] == their[:2]
        pixels = [np.asarray(Image.open(io.BytesIO(each[2]))) for each in (own, their)]
        np.testing.assert_array_equal(*pixels)
        return
    own, their = own.tensor, their.tensor
    assert own.dtype == their.dtype and own.tensor_shape == their.tensor_shape and own.string_val == their.string_val
    numbers = [
        np.frombuffer(each.tensor_content, {1: "f4", 2: "f8"}[each.dtype])
        if each.tensor_content
        else np.array([*each.float_val, *each.double_val])
        for each in (own, their)
    ]
    np.testing.assert_allclose(*numbers, rtol=1e-6)


@pytest.mark.parametrize(
    "write",
    [
        lambda w, x: [w.add_scalar("loss", 0.5 / (step + 1), step) for step in range(20)],
        lambda w, x: w.add_scalar("tensor", x.tensor(2.5), 3, new_style=True),
        lambda w, x: w.add_scalar("double", np.float64(1) / 3, 3, new_style=True, double_precision=True),
        lambda w, x: w.add_scalars("both", {"a": 1.0, "b": 2.0}, 5),
        lambda w, x: w.add_histogram("all", x.tensor(VALUES), 1),
        lambda w, x: w.add_histogram("few", x.tensor(VALUES), 2, bins=10),
        lambda w, x: w.add_histogram("limited", VALUES, 2, bins=64, max_bins=10),
        lambda w, x: w.add_histogram("chosen", VALUES, 2, bins="auto"),
        lambda w, x: w.add_histogram("one", x.zeros(3), 2),
        lambda w, x: w.add_histogram_raw("raw", 0, 5, 3, 6, 14, [1, 2, 5], [1, 1, 1], 4),
        lambda w, x: w.add_image("gray", x.tensor(VALUES.reshape(1, 10, 20) / 4 + 0.5), 1),
        lambda w, x: w.add_image("colour", np.uint8(np.abs(VALUES[:120]) * 50).reshape(5, 8, 3), 1, dataformats="HWC"),
        lambda w, x: w.add_image("flat", np.abs(VALUES).reshape(10, 20) / 3, 1, dataformats="HW"),
        lambda w, x: w.add_images("several", x.tensor(np.abs(VALUES[:180])).reshape(10, 3, 2, 3) / 3, 1),
        lambda w, x: w.add_text("note", "some **words**, über", 7),
        lambda w, x: w.add_pr_curve("pr", VALUES > 0, 1 / (1 + np.exp(-VALUES - 0.3)), 2),
        lambda w, x: w.add_pr_curve("weighted", VALUES > 0, np.abs(VALUES) / 5, 2, 50, np.abs(VALUES)),
        lambda w, x: w.add_pr_curve_raw("counted", *([[3, 2, 1]] * 4), [0.1, 0.2, 0.3], [0.9, 0.5, 0.1], 1, 3),
        lambda w, x: w.add_custom_scalars({"kind": {"lines": ["Multiline", ["a", "b"]], "m": ["Margin", ["a"] * 3]}}),
        lambda w, x: w.add_custom_scalars_multilinechart(["a", "b"]),
    ],
)
def test_what_is_written_is_what_pytorch_writes(tmp_path, write):
    ours = written(Writer, tmp_path / "ours", write, tenon)
    theirs = written(TorchWriter, tmp_path / "theirs", write, torch)
    assert len(ours) == len(theirs) > 0
    for own, their in zip(ours, theirs):
        same(own, their)


def test_settings_and_metrics_are_those_of_pytorch(tmp_path):
    def write(writer, library):
        settings = {"rate": 0.1, "layers": 3, "name": "mlp", "wide": True, "none": None}
        domain = {"rate": [0.1, 0.2], "name": ["mlp", "cnn"]}
        writer.add_hparams(settings, {"accuracy": 0.9, "loss": 0.3}, domain, run_name="run", global_step=4)

    ours = written(Writer, tmp_path / "ours", write, tenon)
    theirs = written(TorchWriter, tmp_path / "theirs", write, torch)
    assert len(ours) == len(theirs) == 5
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    for (_, own), (_, their) in zip(ours, theirs):
        assert own.tag == their.tag
        if own.metadata.plugin_data.plugin_name == "hparams":
            parsed = [HParamsPluginData.FromString(each.metadata.plugin_data.content) for each in (own, their)]
            for each in parsed:
                # The moment is each one's own.
                each.session_start_info.start_time_secs = each.session_end_info.end_time_secs = 0
                each.experiment.time_created_secs = 0
            assert parsed[0] == parsed[1]


def test_figures_and_sounds(tmp_path):
    import matplotlib.pyplot as pyplot

    with Writer(tmp_path / "run") as writer:
        figure = pyplot.figure(figsize=(2, 1), dpi=50)
        figure.gca().plot([1, 2, 3])
        writer.add_figure("figure", figure, 1)
        writer.add_audio("sound", tenon.linspace(-1, 1, 100), 2, sample_rate=8000)
    (_, drawn), (_, sound) = summaries(tmp_path)
    assert Image.open(io.BytesIO(drawn.tensor.string_val[2])).size == (100, 50)
    assert b"WAVE" in sound.tensor.string_val[0] or sound.audio.sample_rate == 8000


def test_files_are_readable_while_they_grow_and_after_reopening(tmp_path):
    writer = Writer(tmp_path, flush_secs=0, filename_suffix=".own", comment="ignored")
    writer.add_scalar("x", 1, 0)
    assert [value.tag for _, value in summaries(tmp_path)] == ["x"]
    writer.close()
    writer.add_scalar("x", 2, 1)
    writer.flush()
    assert len(glob.glob(f"{tmp_path}/*.own")) == 2 and len(summaries(tmp_path)) == 2
    assert writer.get_logdir() == str(tmp_path)


def test_meshes_are_those_of_pytorch(tmp_path):
    points = VALUES[:12].reshape(1, 4, 3)
    faces, colours = [[[0, 2, 3], [0, 3, 1], [0, 1, 2], [1, 3, 2]]], np.uint8(np.abs(points) * 90)

    def write(writer, library):
        lights = {"camera": {"cls": "PerspectiveCamera", "fov": 75}}
        writer.add_mesh("all", library.tensor(points), library.tensor(colours), library.tensor(faces), lights, 3)
        writer.add_mesh("cloud", library.tensor(points))

    ours = written(Writer, tmp_path / "ours", write, tenon)
    theirs = written(TorchWriter, tmp_path / "theirs", write, torch)
    assert len(ours) == len(theirs) == 4
    for own, their in zip(ours, theirs):
        same(own, their)
    with Writer(tmp_path) as writer, pytest.raises(ValueError, match="should be of shape BxNx3"):
        writer.add_mesh("flat", tenon.ones(4, 3))


def test_embeddings_are_those_of_pytorch(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    rows = [["a", 1], ["b", 2], ["c", 3], ["d", 4], ["e", 5]]
    images = np.abs(VALUES[: 5 * 12]).reshape(5, 1, 3, 4) / 4

    def write(writer, library):
        points = library.tensor(VALUES[:15].reshape(5, 3), dtype=library.float32)
        writer.add_embedding(points, "vwxyz", library.tensor(images), 2, 'a/"%b')
        writer.add_embedding(points, rows, metadata_header=["letter", "number"])
        writer.add_embedding(points.numpy(), label_img=library.tensor(images).repeat(1, 3, 1, 1), tag="images")

    written(Writer, tmp_path / "ours", write, tenon)
    written(TorchWriter, tmp_path / "theirs", write, torch)
    names = []
    for folder in ("ours", "theirs"):
        files = (path for path in (tmp_path / folder).rglob("*") if path.is_file() and "tfevents" not in path.name)
        names.append(sorted(str(path.relative_to(tmp_path / folder)) for path in files))
    assert names[0] == names[1] and len(names[0]) == 8
    for name in names[0]:
        own, their = tmp_path / "ours" / name, tmp_path / "theirs" / name
        if name.endswith(".png"):
            np.testing.assert_array_equal(np.asarray(Image.open(own)), np.asarray(Image.open(their)))
        elif name.endswith(".pbtxt"):
            own, their = (text_format.Parse(path.read_text(), ProjectorConfig()) for path in (own, their))
            assert own == their and len(own.embeddings) == 3
        else:
            assert own.read_text() == their.read_text()
    with Writer(tmp_path) as writer:
        for options in ({"metadata": "ab"}, {"label_img": tenon.ones(2, 3, 4, 4)}):
            with pytest.raises(AssertionError, match="should equal with #data points"):
                writer.add_embedding(tenon.ones(3, 2), **options)
        with pytest.raises(AssertionError, match="mat should be 2D"):
            writer.add_embedding(tenon.ones(3))


def test_videos_are_the_frames_that_pytorch_arranges(tmp_path, monkeypatch):
    from torch.utils.tensorboard._utils import _prepare_video

    frames = np.uint8(np.random.RandomState(1).randint(0, 2, (3, 4, 1, 5, 6)) * 255).repeat(3, 2)
    with Writer(tmp_path) as writer:
        writer.add_video("moving", tenon.tensor(frames), 1, fps=5)
        writer.add_video("floats", tenon.tensor(frames).double() / 255, 1)
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "PIL", None)
            with pytest.raises(ImportError, match="add_video: writing a GIF needs the package pillow"):
                writer.add_video("not", tenon.tensor(frames))
    expected = np.round(_prepare_video(frames) * 255).astype("uint8")
    for _, value in summaries(tmp_path):
        width, height, gif = value.tensor.string_val[:3]
        assert (int(height), int(width)) == expected.shape[1:3]
        video = Image.open(io.BytesIO(gif))
        assert video.n_frames == 4 and video.info["duration"] in (200, 250)
        for i, frame in enumerate(expected):
            video.seek(i)
            np.testing.assert_array_equal(np.asarray(video.convert("RGB")), frame)


def test_a_graph_is_not_written_and_that_is_told(tmp_path):
    with Writer(tmp_path) as writer, pytest.warns(UserWarning, match="does not trace"):
        writer.add_graph(tenon.nn.Linear(1, 1), tenon.ones(1, 1))


def test_wrong_values_raise(tmp_path):
    with Writer(tmp_path) as writer:
        for wrong in (
            lambda: writer.add_histogram("x", tenon.zeros(0)),
            lambda: writer.add_image("x", tenon.zeros(3, 3)),
            lambda: writer.add_image("x", tenon.zeros(5, 3, 3)),
            lambda: writer.add_histogram_raw("x", 0, 1, 2, 3, 4, [1], [1, 2]),
            lambda: writer.add_hparams({"x": [1]}, {}),
        ):
            with pytest.raises(ValueError):
                wrong()
        with pytest.raises(TypeError):
            writer.add_hparams([], {})
