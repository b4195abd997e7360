"""Small programs in both languages: schedules, optimizers, averages, autocast, hooks, lazy modules and nn.utils.

The program twin_scenes, which the C++ build makes of tests/twins/scenes.cpp, prints what C++ gives; TENON_TWIN_SCENES
names it if it is not in a build folder of this checkout. Tenon's Python must give the same to the bit, and PyTorch the
same within rounding.
"""

import copy
import importlib
import os
import pathlib
import subprocess

import numpy
import pytest
import tenon
import torch

ROOT = pathlib.Path(__file__).parents[2]
# What was computed in bfloat16.
SHORT_ROOM = {"autocast", "autocast_RNN", "autocast_GRU", "autocast_LSTM", "autocast_dtypes", "Muon"}


DTYPES = ("float32", "float64", "bfloat16", "float16", "int64", "bool")


def program():
    named = os.environ.get("TENON_TWIN_SCENES")
    built = [pathlib.Path(named)] if named else list(ROOT.glob("build/**/tests/twin_scenes"))
    assert built, "twin_scenes is not built; TENON_TWIN_SCENES may name it"
    return max(built, key=lambda path: path.stat().st_mtime)


def read_scenes():
    """By scene: the values in their order, as name, dtype, sizes and elements."""
    scenes = {}
    text = subprocess.run([program()], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "scene":
            values = scenes.setdefault(rest, [])
            continue
        words = rest.split(" ")
        # The name may have spaces.
        at = next(i for i, word in enumerate(words) if word in DTYPES)
        shape = [int(size) for size in words[at + 1].split(",") if size not in ("", "-")]
        elements = [float.fromhex(word) for word in words[at + 2 :]]
        values.append((" ".join(words[:at]), words[at], shape, elements))
    return scenes


SCENES = read_scenes()
PROGRAMS = {}


def scene(function):
    PROGRAMS[function.__name__] = function
    return function


class Values(list):
    """What a scene leaves, in order."""

    def add(self, t, name, value):
        if not isinstance(value, t.Tensor):
            value = t.tensor(value, dtype=t.float64)
        dtype = str(value.dtype).rpartition(".")[2]
        self.append((name, dtype, list(value.shape), value.detach().double().flatten().tolist()))

    def state(self, t, module):
        for key, value in module.state_dict().items():
            self.add(t, key, value)

    def gradients(self, t, module):
        for key, parameter in module.named_parameters():
            if parameter.grad is not None:
                self.add(t, "gradient of " + key, parameter.grad)


def numbers(t, *sizes):
    return t.rand(sizes) - 0.5


def train(t, values, module, x):
    optimizer = t.optim.SGD(module.parameters(), 0.1)
    for i in range(2):
        optimizer.zero_grad()
        out = module(x)
        values.add(t, f"out{i}", out)
        (out * out).sum().backward()
        optimizer.step()
    values.gradients(t, module)
    values.state(t, module)


# --- schedules

SCHEDULES = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda e: 1.0 / (1 + e)),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.95),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 3, 3, 7], 0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.3, 3),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.2, 0.9, 4),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.7),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 6, 1.7),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 5, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 2, 0.1),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, 20),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, 0.5, 2, 3, "exp_range", 0.9),
    "OneCycleThreePhases": lambda s, o: s.OneCycleLR(
        o, 0.5, 20, pct_start=0.4, anneal_strategy="linear", three_phase=True
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o,
        [s.LinearLR(o, 0.1, 1.0, 3), s.ExponentialLR(o, 0.8), s.CosineAnnealingLR(o, 4), s.StepLR(o, 2, 0.5)],
        [3, 6, 10],
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9), s.StepLR(o, 3, 0.5)]
    ),
}


def schedule_scene(name):
    def run(t, values):
        optimizer = t.optim.SGD([t.ones(1, requires_grad=True)], 0.3, momentum=0.9)
        if name == "SWALR":
            schedule = t.optim.swa_utils.SWALR(optimizer, 0.05, 6)
        else:
            schedule = SCHEDULES[name](t.optim.lr_scheduler, optimizer)
        for i in range(14):
            values.add(t, f"lr{i}", optimizer.param_groups[0]["lr"])
            values.add(t, f"momentum{i}", optimizer.param_groups[0]["momentum"])
            optimizer.step()
            schedule.step()

    PROGRAMS[name] = run


for _name in (*SCHEDULES, "SWALR"):
    schedule_scene(_name)


# --- optimizers


def stepped(t, values, shapes, make):
    params = [numbers(t, *shape).requires_grad_() for shape in shapes]
    optimizer = make(params)
    for i in range(10):
        for param in params:
            param.grad = param.detach() * 0.5 + 0.25 * (i % 3) - 0.2
        optimizer.step()
    for i, param in enumerate(params):
        values.add(t, f"param{i}", param)


@scene
def Adafactor(t, values):
    shapes = [(7, 33), (65,), (2, 3, 17, 5), (300, 400), ()]
    stepped(t, values, shapes, lambda p: t.optim.Adafactor(p, 0.05, weight_decay=0.1, d=1.5))


@scene
def Muon(t, values):
    shapes = [(6, 9), (12, 5), (8, 8)]
    stepped(t, values, shapes, lambda p: t.optim.Muon(p, 0.02, adjust_lr_fn="match_rms_adamw"))


@scene
def SparseAdam(t, values):
    table, flat = numbers(t, 40, 7).requires_grad_(), numbers(t, 50).requires_grad_()
    optimizer = t.optim.SparseAdam([table, flat], 0.1, (0.8, 0.9))
    for _ in range(5):
        optimizer.zero_grad()
        rows = t.randint(40, (9,))
        (table.index_select(0, rows).pow(2).sum() + flat.index_select(0, rows).sin().sum()).backward()
        for param in (table, flat) if t is torch else ():
            param.grad = param.grad.to_sparse(1)
        optimizer.step()
    values.add(t, "table", table)
    values.add(t, "flat", flat)


# --- averages


@scene
def AveragedModel(t, values):
    swa = t.optim.swa_utils
    model = t.nn.Sequential(t.nn.Linear(4, 3), t.nn.BatchNorm1d(3))
    equal = swa.AveragedModel(model)
    moving = swa.AveragedModel(model, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))
    single = swa.AveragedModel(model, avg_fn=swa.get_ema_avg_fn(0.8), use_buffers=True)
    optimizer = t.optim.SGD(model.parameters(), 0.1)
    batches = []
    for _ in range(4):
        batches.append(numbers(t, 5, 4))
        optimizer.zero_grad()
        model(batches[-1]).pow(2).sum().backward()
        optimizer.step()
        for average in (equal, moving, single):
            average.update_parameters(model)
    swa.update_bn(batches, equal)
    values.add(t, "out", equal(batches[0]))
    values.state(t, equal)
    for name, average in (("moving", moving), ("single", single)):
        for key, value in average.state_dict().items():
            values.add(t, f"{name} {key}", value)


# --- mixed precision


@scene
def autocast(t, values):
    model = t.nn.Sequential(t.nn.Linear(8, 16), t.nn.ReLU(), t.nn.Linear(16, 4))
    optimizer = t.optim.SGD(model.parameters(), 0.1)
    scaler = t.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    for i in range(5):
        optimizer.zero_grad()
        with t.amp.autocast("cpu"):
            out = model(numbers(t, 5, 8))
            loss = t.nn.functional.cross_entropy(out, t.randint(4, (5,)))
        if i == 3:
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        if i % 2:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        values.add(t, f"out{i}", out)
        values.add(t, f"loss{i}", loss)
        values.add(t, f"scale{i}", scaler.get_scale())
    values.gradients(t, model)
    values.state(t, model)


def recurrent(t, values, module):
    x = numbers(t, 5, 3, 4).requires_grad_()
    with t.autocast("cpu"):
        out, hidden = module(x)
    hidden = hidden[1] if isinstance(hidden, tuple) else hidden
    values.add(t, "out", out)
    values.add(t, "hidden", hidden)
    (out.float().sum() + hidden.float().pow(2).sum()).backward()
    values.add(t, "gradient of x", x.grad)
    values.gradients(t, module)


@scene
def autocast_RNN(t, values):
    recurrent(t, values, t.nn.RNN(4, 6, num_layers=2))


@scene
def autocast_GRU(t, values):
    recurrent(t, values, t.nn.GRU(4, 6, num_layers=2, bidirectional=True))


@scene
def autocast_LSTM(t, values):
    recurrent(t, values, t.nn.LSTM(4, 6))


@scene
def autocast_dtypes(t, values):
    f = t.nn.functional
    a, b = numbers(t, 4, 4), numbers(t, 4, 4)
    half, wide = a.bfloat16(), a.double()
    with t.autocast("cpu"):
        values.add(t, "mm", a.mm(b))
        values.add(t, "matmul", half @ b)
        values.add(t, "double", wide.mm(wide))
        values.add(t, "linear", f.linear(a, b, a[0]))
        values.add(t, "conv2d", f.conv2d(a.view(1, 1, 4, 4), b.view(1, 1, 4, 4)))
        values.add(t, "in place", a.clone().addmm_(a, b))
        values.add(t, "softmax", a.softmax(1))
        values.add(t, "exp", half.exp())
        values.add(t, "prod", half.prod())
        values.add(t, "mse_loss", f.mse_loss(half, b))
        values.add(t, "cat", t.cat((half, b)))
        values.add(t, "rfft", t.view_as_real(t.fft.rfft(half)))
        values.add(t, "avg_pool3d", f.avg_pool3d(half.view(1, 1, 1, 4, 4), (1, 2, 2)))
        with t.autocast("cpu", enabled=False):
            values.add(t, "off", a.mm(b))
            with t.autocast("cpu", dtype=t.float16):
                values.add(t, "half", a.mm(b))
        values.add(t, "again", a.mm(b))


# --- modules


@scene
def lazy_modules(t, values):
    nn = t.nn
    model = nn.Sequential(
        nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.LazyConvTranspose2d(2, 2), nn.LazyInstanceNorm2d(),
        nn.Flatten(), nn.LazyLinear(5),
    )  # fmt: skip
    x = numbers(t, 2, 3, 6, 5)
    # An optimizer of the C++ scene has the parameters that its model has by then.
    optimizer = None
    for i in range(2):
        out = model(x)
        if optimizer is None:
            optimizer = t.optim.SGD(model.parameters(), 0.1)
        optimizer.zero_grad()
        values.add(t, f"out{i}", out)
        (out * out).sum().backward()
        optimizer.step()
    values.gradients(t, model)
    values.state(t, model)


@scene
def lazy_modules_of_other_dims(t, values):
    nn = t.nn
    for dims, layers, input_sizes in (
        ("1d", ((4, 3), (), (2, 2), ()), (2, 3, 7)),
        ("3d", ((2, 2), (), (2, 2), ()), (2, 1, 3, 4, 3)),
    ):
        kinds = ("LazyConv", "LazyBatchNorm", "LazyConvTranspose", "LazyInstanceNorm")
        model = nn.Sequential(*(getattr(nn, kind + dims)(*sizes) for kind, sizes in zip(kinds, layers)))
        out = model(numbers(t, *input_sizes))
        values.add(t, "out", out)
        out.exp().mean().backward()
        values.gradients(t, model)
        values.state(t, model)


@scene
def containers(t, values):
    nn = t.nn
    a, b = nn.Linear(3, 2), nn.Linear(2, 3)
    modules = nn.ModuleList([a, b])
    modules.append(nn.Linear(3, 1))
    values.add(t, "of the list", modules[2](b(a(numbers(t, 2, 3)))))
    values.state(t, modules)
    values.state(t, nn.ModuleDict({"one": a, "two": b}))
    parameters = nn.ParameterList([nn.Parameter(numbers(t, 2)), nn.Parameter(numbers(t, 1, 2))])
    parameters.append(nn.Parameter(numbers(t)))
    values.state(t, parameters)
    named = nn.ParameterDict()
    named["p"] = nn.Parameter(numbers(t, 2))
    named["q"] = nn.Parameter(numbers(t, 3))
    values.add(t, "q", named["q"])
    values.state(t, named)


@scene
def lazy_modules_loaded(t, values):
    full, lazy = t.nn.Linear(3, 4), t.nn.LazyLinear(4)
    lazy.load_state_dict(full.state_dict())
    train(t, values, lazy, numbers(t, 2, 3))


@scene
def buffers_that_are_not_persistent(t, values):
    class Keep(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("kept", t.ones(2))
            self.register_buffer("scratch", t.zeros(2), persistent=False)
            self.fc = t.nn.Linear(2, 2)

        def forward(self, x):
            return self.fc(x) * self.kept + self.scratch

    module = Keep()
    module.fc.requires_grad_(False)
    module.fc.weight.requires_grad_()
    train(t, values, module, numbers(t, 3, 2))


@scene
def hooks(t, values):
    module = t.nn.Linear(3, 2)

    def see(module, inputs, output):
        values.add(t, "seen input", inputs[0])
        return output + 1

    def halve(module, grad_inputs, grad_outputs):
        values.add(t, "seen gradient of input", grad_inputs[0])
        values.add(t, "seen gradient of output", grad_outputs[0])
        return (grad_inputs[0] * 0.5,)

    module.register_forward_pre_hook(lambda module, inputs: inputs[0] * 2)
    module.register_forward_hook(see)
    module.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 3,))
    module.register_full_backward_hook(halve)
    once = module.register_forward_pre_hook(lambda module, inputs: inputs[0] - 1, prepend=True)
    x = numbers(t, 4, 3).requires_grad_()
    first = module(x)
    once.remove()
    second = module(x)
    (first * second).sum().backward()
    values.add(t, "first", first)
    values.add(t, "second", second)
    values.add(t, "gradient of x", x.grad)
    values.gradients(t, module)


@scene
def state_dict_hooks(t, values):
    def add_extra(module, state_dict, prefix, local_metadata):
        state_dict[prefix + "extra"] = t.ones(1)

    model = t.nn.Sequential(t.nn.Linear(2, 2))
    model[0].register_state_dict_post_hook(add_extra)
    values.state(t, model)
    saved = model.state_dict()
    other = t.nn.Sequential(t.nn.Linear(2, 2))
    other[0].register_load_state_dict_post_hook(lambda module, keys: keys.unexpected_keys.clear())
    other.load_state_dict(saved)
    values.add(t, "loaded", other(t.ones(1, 2)))


@scene
def load_state_dict_assign(t, values):
    module = t.nn.Linear(2, 2)
    given = {"weight": numbers(t, 2, 2).double(), "bias": numbers(t, 2).double()}
    module.load_state_dict(given, assign=True)
    given["weight"].fill_(0.25)
    values.state(t, module)
    values.add(t, "out", module(t.ones(1, 2, dtype=t.float64)))


# --- utilities


@scene
def weight_norm(t, values):
    module = t.nn.Linear(3, 4)
    with pytest.warns(FutureWarning):
        t.nn.utils.weight_norm(module)
    train(t, values, module, numbers(t, 2, 3))
    t.nn.utils.remove_weight_norm(module)
    values.add(t, "removed", module(numbers(t, 2, 3)))
    values.state(t, module)


@scene
def weight_norm_of_all(t, values):
    module = t.nn.Conv1d(2, 3, 2)
    with pytest.warns(FutureWarning):
        t.nn.utils.weight_norm(module, dim=None)
    train(t, values, module, numbers(t, 2, 2, 4))


@scene
def parametrized_weight_norm(t, values):
    module = t.nn.Linear(3, 4)
    t.nn.utils.parametrizations.weight_norm(module, dim=1)
    train(t, values, module, numbers(t, 2, 3))
    t.nn.utils.parametrize.remove_parametrizations(module, "weight")
    values.state(t, module)


@scene
def spectral_norm(t, values):
    module = t.nn.Conv2d(2, 3, 2)
    t.nn.utils.spectral_norm(module, n_power_iterations=2)
    train(t, values, module, numbers(t, 1, 2, 4, 4))
    t.nn.utils.remove_spectral_norm(module)
    values.state(t, module)


@scene
def parametrized_spectral_norm(t, values):
    module = t.nn.ConvTranspose2d(2, 3, 2)
    t.nn.utils.parametrizations.spectral_norm(module)
    train(t, values, module, numbers(t, 1, 2, 4, 4))
    module.eval()
    values.add(t, "evaluated", module(numbers(t, 1, 2, 4, 4)))


@scene
def orthogonal(t, values):
    made = t.nn.utils.parametrizations.orthogonal
    square, wide, tall, plain = (t.nn.Linear(*sizes) for sizes in ((4, 4), (5, 3), (3, 5), (3, 5)))
    made(square)
    made(wide, orthogonal_map="cayley")
    made(tall)
    made(plain, orthogonal_map="householder", use_trivialization=False)
    for module in (square, wide, tall, plain):
        train(t, values, module, numbers(t, 2, module.in_features))


@scene
def parametrizations_in_a_row(t, values):
    class Symmetric(t.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).t()

    class Doubled(t.nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, value):
            return value / 2

    parametrize = t.nn.utils.parametrize
    module = t.nn.Linear(3, 3)
    parametrize.register_parametrization(module, "weight", Doubled())
    parametrize.register_parametrization(module, "weight", Symmetric())
    train(t, values, module, numbers(t, 2, 3))
    values.add(t, "of the copy", copy.deepcopy(module)(numbers(t, 2, 3)))
    parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
    values.state(t, module)


@scene
def recurrent_weights_replaced(t, values):
    utils, prune = t.nn.utils, importlib.import_module(f"{t.__name__}.nn.utils.prune")
    gru = t.nn.GRU(3, 4, 2)

    def show(name):
        values.add(t, name, gru(numbers(t, 2, 5, 3))[0])
        values.state(t, gru)

    utils.parametrizations.weight_norm(gru, "weight_hh_l0")
    with t.no_grad():
        gru.parametrizations.weight_hh_l0.original0.mul_(2)
    show("parametrized")
    utils.parametrize.remove_parametrizations(gru, "weight_hh_l0")
    utils.weight_norm(gru, "weight_ih_l1")
    utils.spectral_norm(gru, "weight_hh_l1")
    show("normalized")
    utils.remove_weight_norm(gru, "weight_ih_l1")
    prune.l1_unstructured(gru, "weight_ih_l1", 0.5)
    prune.l1_unstructured(gru, "bias_hh_l0", 3)
    show("pruned")
    prune.remove(gru, "weight_ih_l1")
    utils.remove_spectral_norm(gru, "weight_hh_l1")
    show("removed")

    cell = t.nn.LSTMCell(3, 4)
    utils.parametrizations.spectral_norm(cell, "weight_hh")
    values.add(t, "of the cell", sum(cell(numbers(t, 2, 3))))
    values.state(t, cell)


@scene
def prune(t, values):
    prune = importlib.import_module(f"{t.__name__}.nn.utils.prune")
    a, b = t.nn.Linear(6, 5), t.nn.Linear(5, 4)
    prune.l1_unstructured(a, "weight", 0.3)
    prune.random_unstructured(a, "weight", 4)
    prune.random_unstructured(a, "bias", 0.4)
    prune.ln_structured(b, "weight", 0.5, 2, 0)
    prune.random_structured(b, "weight", 1, 1)
    model = t.nn.Sequential(a, b)
    train(t, values, model, numbers(t, 2, 6))
    prune.remove(a, "weight")
    values.state(t, model)


@scene
def global_prune(t, values):
    prune = importlib.import_module(f"{t.__name__}.nn.utils.prune")
    a, b = t.nn.Linear(6, 5), t.nn.Linear(5, 4)
    prune.custom_from_mask(a, "bias", t.rand(5).gt(0.4))
    places = [(a, "weight"), (b, "weight")]
    prune.global_unstructured(places, prune.L1Unstructured, amount=20)
    prune.global_unstructured(places, prune.RandomUnstructured, amount=0.25)
    values.state(t, t.nn.Sequential(a, b))


@scene
def fusion(t, values):
    nn, fusion = t.nn, t.nn.utils.fusion
    conv, norm = nn.Conv2d(2, 3, 2, bias=False), nn.BatchNorm2d(3)
    linear, flat = nn.Linear(4, 3), nn.BatchNorm1d(3)
    norm(numbers(t, 2, 3, 4, 4))
    flat(numbers(t, 5, 3))
    for module in (conv, norm, linear, flat):
        module.eval()
    fused = fusion.fuse_conv_bn_eval(conv, norm)
    values.add(t, "conv", fused(numbers(t, 2, 2, 4, 4)))
    values.state(t, fused)
    fused_linear = fusion.fuse_linear_bn_eval(linear, flat)
    values.add(t, "linear", fused_linear(numbers(t, 2, 4)))


def left_by(t, name):
    values = Values()
    t.manual_seed(5)
    PROGRAMS[name](t, values)
    return values


def test_both_languages_have_the_same_scenes():
    assert {*SCENES} == {*PROGRAMS}


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_in_cpp_is_exactly_its_twin(name):
    own = left_by(tenon, name)
    assert [value[:3] for value in SCENES[name]] == [value[:3] for value in own]
    for (key, _, _, expected), (_, _, _, found) in zip(SCENES[name], own):
        numpy.testing.assert_array_equal(found, expected, key)


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_that_of_pytorch(name):
    theirs = left_by(torch, name)
    assert [value[:3] for value in SCENES[name]] == [value[:3] for value in theirs]
    relative, absolute = (3e-2, 2e-2) if name in SHORT_ROOM else (2e-5, 2e-6)
    for (key, _, _, expected), (_, _, _, found) in zip(SCENES[name], theirs):
        numpy.testing.assert_allclose(found, expected, relative, absolute, err_msg=key)
