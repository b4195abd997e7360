"""torch.hub of local folders, and what Tenon says of what it cannot do."""

import pytest
import tenon
import torch


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "helper.py").write_text("SIZE = 3")
    (tmp_path / "hubconf.py").write_text(
        "from helper import SIZE\n"
        "def model(scale=1, **options):\n    'A model.'\n    return SIZE * scale, options\n"
        "def _hidden():\n    pass\n"
    )
    return str(tmp_path)


def test_a_local_folder_offers_its_models(folder):
    for library in (torch, tenon):
        assert library.hub.load(folder, "model", 2, source="local", option=1) == (6, {"option": 1})
        with pytest.raises(RuntimeError, match="Cannot find callable other"):
            library.hub.load(folder, "other", source="local")


def test_weights_of_a_file_that_is_there_are_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(tenon.hub, "_folder", None)
    tenon.hub.set_dir(tmp_path)
    assert tenon.hub.get_dir() == str(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    torch.save({"weight": torch.ones(2)}, tmp_path / "checkpoints" / "model.pth")
    assert tenon.hub.load_state_dict_from_url("https://example.org/a/model.pth?x=1")["weight"].tolist() == [1, 1]
    assert tenon.utils.model_zoo.load_url("https://example.org/model.pth")["weight"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: tenon.hub.list("owner/name"), "owner/name.*downloads nothing"),
        (lambda: tenon.hub.help("owner/name", "model"), "owner/name.*downloads nothing"),
        (lambda: tenon.hub.load("owner/name", "model"), "owner/name.*downloads nothing"),
        (lambda: tenon.hub.load_state_dict_from_url("https://example.org/none.pth", "/nowhere"), "none.pth is missing"),
        (lambda: tenon.hub.download_url_to_file("https://example.org/x", "x"), "example.org/x.*downloads nothing"),
        (lambda: tenon.onnx.export(tenon.nn.Linear(1, 1), tenon.ones(1)), "does not trace models"),
    ],
)
def test_what_cannot_be_done_is_told(call, words):
    with pytest.raises(NotImplementedError, match=words):
        call()
