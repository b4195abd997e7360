"""Modules, optimizers and what else training keeps, saved by one library and loaded by the other."""

import io

import pytest
import tenon
import torch


def saved(obj, module, **options):
    file = io.BytesIO()
    module.save(obj, file, **options)
    file.seek(0)
    return file


def network(module):
    nn = module.nn
    first = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1)
    return nn.Sequential(*first, nn.Linear(4 * 36, 5), nn.Softmax(1))


def alike(a, b):
    assert list(a) == list(b)
    for name in a:
        assert a[name].tolist() == b[name].tolist(), name


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("source, target", [(torch, tenon), (tenon, torch), (tenon, tenon)])
def test_state_dicts_cross(source, target, zipped):
    model, other = network(source), network(target)
    other.load_state_dict(target.load(saved(model.state_dict(), source, _use_new_zipfile_serialization=zipped)))
    alike(other.state_dict(), model.state_dict())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("source, target", [(torch, tenon), (tenon, torch), (tenon, tenon)])
def test_whole_modules_cross_where_that_is_allowed(source, target, zipped):
    model = network(source).eval()
    file = saved(model, source, _use_new_zipfile_serialization=zipped)
    with pytest.raises(Exception, match="Weights only load failed"):
        target.load(file)
    file.seek(0)
    other = target.load(file, weights_only=False)
    assert type(other) is target.nn.Sequential and not other.training
    assert type(other[0].weight) is target.nn.Parameter and other[0].weight.requires_grad
    alike(other.state_dict(), model.state_dict())
    x = torch.arange(64.0).reshape(1, 1, 8, 8) / 64
    inputs = {torch: x, tenon: tenon.from_torch(x)}
    mine, theirs = other(inputs[target]).tolist()[0], model(inputs[source]).tolist()[0]
    assert mine == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("source, target", [(torch, tenon), (tenon, torch), (tenon, tenon)])
def test_parameters_cross(source, target):
    for parameter in (source.nn.Parameter(source.ones(2)), source.nn.Parameter(source.ones(2), requires_grad=False)):
        loaded = target.load(saved(parameter, source))
        assert type(loaded) is target.nn.Parameter
        assert loaded.requires_grad == parameter.requires_grad and loaded.tolist() == [1, 1]


@pytest.mark.parametrize("source, target", [(torch, tenon), (tenon, torch), (tenon, tenon)])
def test_training_goes_on_from_a_checkpoint(source, target):
    def trained(module, model, optimizer, scheduler, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = (model(module.ones(3, 2)) ** 2).sum()
            loss.backward()
            optimizer.step()
            scheduler.step()
        return model.weight.tolist()[0]

    def parts(module):
        model = module.nn.Linear(2, 1)
        optimizer = module.optim.AdamW(model.parameters(), lr=0.1)
        return model, optimizer, module.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

    began = parts(source)
    trained(source, *began, 3)
    file = saved([part.state_dict() for part in began], source)
    resumed = parts(target)
    for part, state in zip(resumed, target.load(file)):
        part.load_state_dict(state)
    assert trained(target, *resumed, 4) == pytest.approx(trained(source, *began, 4), rel=1e-5)


def test_safetensors_of_modules(tmp_path):
    model, other = network(tenon), network(tenon)
    model.tied = model[0]
    other.tied = other[0]
    tenon.safetensors.save_model(model, tmp_path / "a.safetensors", {"k": "v"})
    with tenon.safetensors.safe_open(tmp_path / "a.safetensors") as file:
        assert file.metadata() == {"k": "v", "tied.weight": "0.weight", "tied.bias": "0.bias"}
    assert tenon.safetensors.load_model(other, tmp_path / "a.safetensors") == (set(), [])
    alike(other.state_dict(), model.state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        tenon.safetensors.load_model(tenon.nn.Linear(2, 2), tmp_path / "a.safetensors")
