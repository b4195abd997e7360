"""The C interface through cffi and ctypes: the same models as in Python and PyTorch, and what it refuses.

tests/c has what a C program sees.
"""

import ctypes
import gc
import math
import os
import random
import re
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tenon
import tenon.c
import torch
from cffi import FFI
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).parents[2]
ffi = FFI()
ffi.cdef(tenon.c.declarations())
lib = ffi.dlopen(tenon.c.library_path())


def error():
    return ffi.string(lib.tenon_last_error()).decode()


def floats(array):
    return ffi.from_buffer("float[]", array)


class Model:
    """A handle that is freed with its object."""

    def __init__(self, handle):
        assert handle != ffi.NULL, error()
        self.handle = ffi.gc(handle, lib.tenon_free_model)

    def run(self, rows):
        rows = np.ascontiguousarray(rows, dtype=np.float32).reshape(len(rows), -1)
        assert rows.shape[1] == lib.tenon_input_size(self.handle)
        out = np.empty((len(rows), lib.tenon_output_size(self.handle)), dtype=np.float32)
        status = lib.tenon_run(self.handle, floats(rows), len(rows), floats(out), out.size)
        assert status == 0, error()
        return out

    def fit(self, rows, targets, **options):
        loss = ffi.new("double*")
        given = ffi.new("tenon_training*", {"size": ffi.sizeof("tenon_training"), **options})
        status = lib.tenon_fit(self.handle, floats(rows), len(rows), floats(targets), given, loss)
        assert status == 0, error()
        return loss[0]

    def save(self, path):
        assert lib.tenon_save_model(self.handle, os.fsencode(path)) == 0, error()
        return path


def build(text, seed=0):
    return Model(lib.tenon_build_model(text.encode(), seed))


def refusal(text):
    assert lib.tenon_build_model(text.encode(), 0) == ffi.NULL
    return error()


def load_error(path):
    assert lib.tenon_load_model(os.fsencode(path)) == ffi.NULL
    return error()


def test_the_seed_snippet_runs():
    data, recent = (np.array(values, dtype=np.float32) for values in ([1, 2, 3], [4, 5, 6]))
    model = lib.tenon_train_model(floats(data), len(data))
    assert lib.tenon_predict(model, floats(recent), len(recent)) == 7
    assert lib.tenon_free_model(model) == 0


def test_declared_is_what_the_library_has():
    declared = set(re.findall(r"^[\w* ]+\b(tenon_\w+)\(", tenon.c.declarations(), re.MULTILINE))
    symbols = subprocess.run(["nm", "-D", "--defined-only", tenon.c.library_path()], capture_output=True, text=True)
    assert declared == set(re.findall(r" T (tenon_\w+)$", symbols.stdout, re.MULTILINE)) and len(declared) == 12
    assert ffi.string(lib.tenon_version()).decode() == tenon.__version__


@pytest.mark.parametrize("length", [3, 4, 7, 40, 1000])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_a_series_goes_on(length, offset):
    steps = np.arange(length + 1)
    for values in (0.5 * steps + offset, np.full(length + 1, 3.0) + offset):
        series = values.astype(np.float32)
        model = Model(lib.tenon_train_model(floats(series), length))
        predicted = lib.tenon_predict(model.handle, floats(series), length)
        assert predicted == pytest.approx(values[-1], rel=1e-5, abs=1e-4)


def test_a_series_is_fitted_by_least_squares():
    values = np.random.default_rng(0).normal(size=200).cumsum().astype(np.float32)
    model = Model(lib.tenon_train_model(floats(values), len(values)))
    lags = lib.tenon_input_size(model.handle)
    windows = np.lib.stride_tricks.sliding_window_view(values.astype(np.float64), lags + 1)
    known = np.column_stack([windows[:, :-1], np.ones(len(windows))])
    best = np.linalg.lstsq(known, windows[:, -1], rcond=None)[0]
    expected = best[:-1] @ values[-lags:] + best[-1]
    assert lib.tenon_predict(model.handle, floats(values), len(values)) == pytest.approx(expected, rel=1e-4)


NETWORKS = [
    (lambda nn: nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 3, bias=False))),
    (lambda nn: nn.Sequential(
        nn.LayerNorm(6), nn.Linear(6, 5), nn.BatchNorm1d(5, eps=1e-3), nn.PReLU(5), nn.Softmax(1),
    )),
    (lambda nn: nn.Sequential(
        nn.Unflatten(1, (2, 9, 8)), nn.Conv2d(2, 6, 3, padding=(1, 0), stride=(1, 2)), nn.BatchNorm2d(6), nn.SiLU(),
        nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.Conv2d(6, 4, (1, 3), padding="same", groups=2, bias=False), nn.GELU("tanh"),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 2), nn.LogSoftmax(dim=-1),
    )),
    (lambda nn: nn.Sequential(
        nn.Unflatten(1, (1, 12, 12)), nn.Conv2d(1, 4, 3, dilation=2, padding=2, padding_mode="reflect"),
        nn.AdaptiveAvgPool2d((2, 3)), nn.LayerNorm([4, 2, 3]), nn.Flatten(2), nn.Flatten(start_dim=1, end_dim=2),
    )),
    (lambda nn: nn.Sequential(
        nn.BatchNorm1d(3, momentum=None, affine=False), nn.Linear(3, 8), nn.ReLU(inplace=True), nn.ReLU6(), nn.SELU(),
        nn.ELU(0.5), nn.CELU(0.7), nn.LeakyReLU(0.2), nn.Hardtanh(-2, 3), nn.Softplus(2, 10), nn.GELU(), nn.Identity(),
        nn.Mish(), nn.Hardsigmoid(), nn.Hardswish(), nn.LogSigmoid(), nn.Softsign(), nn.Tanhshrink(), nn.Sigmoid(),
        nn.PReLU(),
    )),
    (lambda nn: nn.Sequential(
        nn.LayerNorm(4, elementwise_affine=False), nn.Linear(4, 2, bias=False),
        nn.BatchNorm1d(2, affine=False, track_running_stats=False),
    )),
]  # fmt: skip


@pytest.mark.parametrize("make", NETWORKS)
def test_what_pytorch_prints_becomes_the_same_model(make, tmp_path):
    torch.manual_seed(5)
    theirs = make(torch.nn).eval()
    tenon.manual_seed(5)
    ours = make(tenon.nn).eval()
    model = build(str(theirs), seed=5)

    saved = load_file(model.save(tmp_path / "model.safetensors"))
    assert list(saved) and set(saved) == set(theirs.state_dict())
    for key, value in ours.state_dict().items():
        assert saved[key].numpy().tobytes() == value.numpy().tobytes(), key
    theirs.load_state_dict(saved)

    rows = torch.randn(7, lib.tenon_input_size(model.handle))
    got = model.run(rows.numpy())
    assert got.tobytes() == ours(tenon.from_torch(rows)).reshape(7, -1).detach().numpy().tobytes()
    torch.testing.assert_close(torch.from_numpy(got), theirs(rows).detach().reshape(7, -1))
    again = Model(lib.tenon_load_model(os.fsencode(tmp_path / "model.safetensors")))
    assert again.run(rows.numpy()).tobytes() == got.tobytes()


def test_a_list_with_commas_is_the_same_as_the_printed_form():
    short = build("Linear(4, 16), Tanh(),Linear(16,3,), ", 3)
    rows = np.random.default_rng(0).normal(size=(5, 4))
    printed = build(str(torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))), 3)
    assert short.run(rows).tobytes() == printed.run(rows).tobytes()


LOSSES = {
    "mse": (lambda: lib.TENON_MSE, "mse_loss"),
    "cross_entropy": (lambda: lib.TENON_CROSS_ENTROPY, "cross_entropy"),
    "bce": (lambda: lib.TENON_BCE_WITH_LOGITS, "binary_cross_entropy_with_logits"),
}
OPTIMIZERS = {
    "Adam": (lambda: lib.TENON_ADAM, {}),
    "AdamW": (lambda: lib.TENON_ADAMW, {"lr": 0.02, "weight_decay": 0.1}),
    "SGD": (lambda: lib.TENON_SGD, {"lr": 0.1, "momentum": 0.9}),
    "RMSprop": (lambda: lib.TENON_RMSPROP, {"momentum": 0.5, "weight_decay": 0.01}),
}


def train(framework, network, rows, targets, loss, optimizer, options, batch_size, epochs):
    """A loop as PyTorch's users write it."""
    optimizer = getattr(framework.optim, optimizer)(network.parameters(), **options)
    for _ in range(epochs):
        total = 0.0
        for batch in framework.randperm(len(rows)).split(batch_size):
            optimizer.zero_grad()
            value = getattr(framework.nn.functional, loss)(network(rows[batch]), targets[batch])
            value.backward()
            optimizer.step()
            total += value.item() * len(batch)
    return total / len(rows)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_is_that_of_a_loop_in_python(loss, optimizer, tmp_path):
    number, function = LOSSES[loss]
    code, options = OPTIMIZERS[optimizer]
    # Not a multiple of the batch.
    rows = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    score = np.stack([rows[:, 0] * rows[:, 1], rows[:, 2], rows.sum(1)], axis=1)
    targets = {"mse": score, "cross_entropy": score.argmax(1), "bce": score > 0}[loss].astype(np.float32)
    names = {"lr": "learning_rate"}
    model = build("Linear(4, 16), LayerNorm(16), Tanh(), Dropout(0.1), Linear(16, 3)", 11)
    reached = model.fit(
        rows, targets, loss=number(), optimizer=code(), seed=2, epochs=4, batch_size=16,
        **{names.get(name, name): value for name, value in options.items()},
    )  # fmt: skip

    results = {}
    for framework in (tenon, torch):
        nn = framework.nn
        framework.manual_seed(11)
        network = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 3))
        framework.manual_seed(2)
        wanted = framework.from_numpy(targets)
        wanted = wanted.long() if loss == "cross_entropy" else wanted
        value = train(framework, network, framework.from_numpy(rows), wanted, function, optimizer, options, 16, 4)
        results[framework] = value, network.state_dict()
    saved = load_file(model.save(tmp_path / "model.safetensors"))
    value, state = results[tenon]
    assert reached == value
    for key, tensor in state.items():
        assert saved[key].numpy().tobytes() == tensor.numpy().tobytes(), key
    value, state = results[torch]
    assert reached == pytest.approx(value, rel=1e-4)
    torch.testing.assert_close(saved, dict(state), rtol=1e-3, atol=1e-4)


def test_a_python_function_follows_and_stops_the_training():
    seen = []

    @ffi.callback("tenon_progress")
    def progress(user, epoch, epochs, loss):
        seen.append((ffi.from_handle(user), epoch, epochs, loss))
        return epoch == 3

    user = object()
    handle = ffi.new_handle(user)
    rows = np.ones((4, 2), dtype=np.float32)
    reached = build("Linear(2, 1)").fit(rows, rows[:, :1].copy(), progress=progress, user=handle, epochs=9)
    assert [(*call[:3],) for call in seen] == [(user, epoch, 9) for epoch in (1, 2, 3)]
    assert seen[-1][3] == reached


def test_the_settings_of_the_process_stay_and_do_not_matter(tmp_path):
    text = "Linear(4, 8), Dropout(0.5), Linear(8, 1)"
    rows = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    plain = build(text, 3)
    plain.fit(rows, rows[:, :1].copy(), seed=1)
    tenon.manual_seed(9)
    before = tenon.get_rng_state()
    tenon.set_default_dtype(tenon.float64)
    try:
        with tenon.no_grad():
            model = build(text, 3)
            model.fit(rows, rows[:, :1].copy(), seed=1)
        with tenon.inference_mode():
            build(text, 3).fit(rows, rows[:, :1].copy(), seed=1)
    finally:
        tenon.set_default_dtype(tenon.float32)
    assert tenon.equal(tenon.get_rng_state(), before)
    saved = load_file(model.save(tmp_path / "model.safetensors"))
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    assert model.run(rows).shape == plain.run(rows).shape
    with tenon.autocast("cpu"):
        model = build(text, 3)
        model.fit(rows, rows[:, :1].copy(), seed=1)
        assert model.run(rows).tobytes() == plain.run(rows).tobytes()
    assert model.run(rows).tobytes() == plain.run(rows).tobytes()


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "at character 1: expected a layer, got the end"),
        ("Sequential()", "at character 12: expected a layer, got ')'"),
        ("Liner(4, 3)", "at character 1: Liner(4, 3): no layer has this name; there are Linear, Conv2d"),
        ("Linear(4, 3", "at character 12: expected ',', got the end"),
        ("Linear(4, 3), Tanh", "at character 19: expected '(', got the end"),
        ("Linear(4, 3) Tanh()", "at character 14: expected ',' or a new line between layers, got 'Tanh()'"),
        ("Linear(4, 3), Linear(4, 1)", "at character 15: Linear(4, 1): takes 4 in dim 1, but a row has shape [3]"),
        ("Linear(4)", "Linear(4): lacks out_features (in_features, out_features, bias=True)"),
        ("Linear(4, 3, out_features=3)", "is given out_features twice"),
        ("Linear(4, 3, True, 5)", "takes at most 3 arguments by their places"),
        ("Linear(4, 3, device=cpu)", "has no parameter 'device'"),
        ("Linear(4, 3, 1)", "bias must be one of True, False"),
        ("Linear(4, x)", "out_features must be a number"),
        ("Linear(4, 1.5)", "out_features must be an integer, got 1.5"),
        ("Linear(4, 0)", "out_features must be at least 1, got 0"),
        ("Linear(4, 1e999)", "at character 11: expected a number, got '1e999)'"),
        ("Linear(4, 3x)", "at character 11: expected a number, got '3x)'"),
        ("Linear(9007199254740992, 9007199254740992)", "makes rows of"),
        ("(1): Linear(4, 3)", "at character 2: expected 0, the number of the layer"),
        ("Sequential(Linear(4, 3)), Tanh()", "at character 25: expected nothing after Sequential(...)"),
        ("Tanh()", "none tells how many numbers a row has"),
        ("Conv2d(1, 2, 3)", "begin with Linear, BatchNorm1d, LayerNorm or, before images, Unflatten(1,"),
        ("Unflatten(1, (1, 2, 2)), Conv2d(1, 2, 3)", "has windows of 3, but a row has only 2 and paddings of 0"),
        ("Unflatten(1, (1, 2, 2)), MaxPool2d(2, padding=2)", "has paddings of 2, more than half its kernel of 2"),
        ("Unflatten(1, (1, 2, 2)), Conv2d(1, 2, (1, 1, 1))", "kernel_size must be one number or two, got 3"),
        ("Unflatten(1, (1, 2, 2)), Conv2d(1, 2, 1, padding=all)", "padding must be one of same, valid"),
        ("Unflatten(1, (1, 2, 2)), Conv2d(1, 2, 1, padding=1000000)", "makes rows of"),
        ("Unflatten(1, (100000, 100000))", "makes rows of 10000000000 numbers; 2147483647 are allowed"),
        ("Unflatten(1, ())", "unflattened_size must be numbers"),
        ("Linear(4, 3), Softmax(0)", "dim must not be 0, that of the rows"),
        ("Linear(4, 3), Softmax(2)", "range"),
        ("Linear(4, 3), Dropout(2)", "between 0 and 1"),
        ("Linear(4, 3), Unflatten(1, (2, 2))", "takes 4 in dim 1, but a row has shape [3]"),
        ("Linear(4, 3), BatchNorm2d(3)", "takes rows of 3 to 3 dims, but a row has shape [3]"),
        ("Unflatten(1, (3, 2, 2)), Conv2d(3, 4, 1, groups=2)", "in_channels must be divisible by groups"),
        ("Linear(4, \x01)", "expected a value"),
        ("L\xefnear(4, 3)", "at character 2: expected '('"),
    ],
)
def test_errors_of_a_text_name_the_place_and_what_is_right(text, message):
    found = refusal(text)
    assert found.startswith("tenon_build_model: ") and message in found


def test_arbitrary_texts_are_read_or_refused():
    rng = random.Random(0)
    text = str(NETWORKS[2](torch.nn))
    pieces = re.findall(r"\w+|\W", text)
    wrong = [*pieces, "(", ")", "-1", "0", "99999999999999999999"]
    kept = 0
    for _ in range(2000):
        mixed = list(pieces)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(mixed))
            mixed[at : at + rng.randint(0, 2)] = [rng.choice(wrong)]
        handle = lib.tenon_build_model("".join(mixed).encode(), 0)
        assert (handle != ffi.NULL) == (error() == "")
        kept += handle != ffi.NULL and lib.tenon_free_model(handle) == 0
    assert kept < 1000


def test_hostile_files_are_refused(tmp_path):
    path = build("Linear(4, 8), BatchNorm1d(8), Linear(8, 3)").save(tmp_path / "model.safetensors")
    tensors = load_file(path)
    layers = "Linear(4, 8), BatchNorm1d(8), Linear(8, 3)"

    def written(tensors, layers):
        save_file(tensors, tmp_path / "other.safetensors", {"tenon.layers": layers} if layers is not None else None)
        return tmp_path / "other.safetensors"

    assert Model(lib.tenon_load_model(os.fsencode(written(tensors, layers))))
    assert "its metadata has no 'tenon.layers'" in load_error(written(tensors, None))
    assert "at character 1" in load_error(written(tensors, "os.system('true')"))
    for huge in ("Linear(4, 1000000000)", "Linear(1000000, 1000000)", "BatchNorm1d(2000000000, affine=False)",
                 "Unflatten(1, (1, 9, 9)), Conv2d(1, 100000, 9)"):  # fmt: skip
        assert "more parameters than the file" in load_error(written(tensors, huge))
    assert "Missing key" in load_error(written({k: v for k, v in tensors.items() if k != "2.bias"}, layers))
    assert "Unexpected key" in load_error(written({**tensors, "extra": torch.ones(1)}, layers))
    assert "size mismatch" in load_error(written({**tensors, "2.bias": torch.ones(4)}, layers))
    assert "2.bias must be" in load_error(written({**tensors, "2.bias": torch.ones(3, dtype=torch.float64)}, layers))
    assert load_error(tmp_path) and load_error(tmp_path / "missing")


def test_damaged_files_are_read_or_refused(tmp_path):
    path = build("Linear(4, 8), ReLU(), Linear(8, 3)").save(tmp_path / "model.safetensors")
    content, damaged = path.read_bytes(), tmp_path / "damaged.safetensors"
    header = 8 + struct.unpack("<Q", content[:8])[0]
    rng = random.Random(1)
    for _ in range(500):
        changed = bytearray(content)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(header)] = rng.choice([rng.randrange(256), ord(rng.choice('{}[]",:0123456789'))])
        del changed[rng.choice([len(changed), rng.randrange(len(changed))]) :]
        damaged.write_bytes(changed)
        handle = lib.tenon_load_model(os.fsencode(damaged))
        assert (handle != ffi.NULL) == (lib.tenon_last_error()[0] == b"\0")
        if handle != ffi.NULL:
            assert lib.tenon_free_model(handle) == 0


def test_a_failed_save_names_the_file_and_leaves_the_old_one(tmp_path):
    model = build("Linear(1, 1)")
    path = model.save(tmp_path / "model.safetensors")
    content = path.read_bytes()
    assert lib.tenon_save_model(model.handle, os.fsencode(tmp_path / "none" / "x")) != 0 and "none/x" in error()
    assert path.read_bytes() == content and os.listdir(tmp_path) == ["model.safetensors"]


def with_ctypes():
    library = ctypes.CDLL(tenon.c.library_path())
    library.tenon_build_model.restype = ctypes.c_void_p
    library.tenon_build_model.argtypes = [ctypes.c_char_p, ctypes.c_uint64]
    library.tenon_free_model.argtypes = [ctypes.c_void_p]
    library.tenon_predict.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_float), ctypes.c_size_t]
    library.tenon_predict.restype = ctypes.c_float
    library.tenon_last_error.restype = ctypes.c_char_p
    return library


def test_ctypes_sees_numbers_that_are_no_pointers():
    library = with_ctypes()
    handles = [library.tenon_build_model(b"Linear(2, 1)", 0) for _ in range(1000)]
    assert len(set(handles)) == 1000 and all(handle % 2 == 1 for handle in handles)
    values = (ctypes.c_float * 2)(1, 2)
    assert math.isfinite(library.tenon_predict(handles[0], values, 2)) and library.tenon_last_error() == b""
    freed = handles.pop()
    assert library.tenon_free_model(freed) == 0
    rng = random.Random(0)
    foreign = [None, freed, id(library), ctypes.addressof(values), *(rng.getrandbits(64) for _ in range(1000))]
    foreign += [handle ^ 1 for handle in handles[:100]] + [handle + 2 for handle in handles[:100]]
    for handle in foreign:
        assert math.isnan(library.tenon_predict(handle, values, 2)) and library.tenon_free_model(handle) != 0
        assert library.tenon_last_error() in (
            b"tenon_free_model: the model is null",
            b"tenon_free_model: the handle is of no model: it was freed, or is no handle",
        )
    assert all(library.tenon_free_model(handle) == 0 for handle in handles)


def test_errors_are_those_of_a_thread_and_models_may_be_shared():
    model = build("Linear(4, 64), ReLU(), Linear(64, 2)")
    rows = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    expected = model.run(rows)
    wrong = []

    def work(number):
        for turn in range(50):
            message = f"Layer{number}_{turn}"
            if message not in refusal(message + "()"):
                wrong.append(message)
            if model.run(rows).tobytes() != expected.tobytes():
                wrong.append("run")
            if turn % 10 == 0:
                build("Linear(4, 2)").fit(rows, expected, epochs=2)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_forked_child_goes_on_with_its_models():
    model = build("Linear(4, 64), ReLU(), Linear(64, 2)")
    rows = np.ones((16, 4), dtype=np.float32)
    expected = model.run(rows)
    stop = threading.Event()

    def build_and_free():
        while not stop.is_set():
            build("Linear(4, 2)")

    thread = threading.Thread(target=build_and_free)
    thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                same = model.run(rows).tobytes() == expected.tobytes()
                os._exit(0 if same and build("Linear(4, 2)").run(rows).shape == (16, 2) else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_hundred_thousand_models_leave_nothing_behind():
    def build_and_free(count):
        for _ in range(count):
            assert lib.tenon_free_model(lib.tenon_build_model(b"Linear(4, 16), Tanh(), Linear(16, 3)", 0)) == 0
        for _ in range(count // 10):
            lib.tenon_build_model(b"Linear(4, 16), Tanh(), Linear(15, 3)", 0)

    build_and_free(2000)
    gc.collect()
    before = resident_bytes()
    build_and_free(100_000)
    assert resident_bytes() - before < 4 << 20


def test_a_c_compiler_finds_header_and_library(tmp_path):
    library = tenon.c.library_path()
    program = tmp_path / "product"
    subprocess.run(
        ["cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I", tenon.c.include_path(),
         ROOT / "examples/c/product.c", library, f"-Wl,-rpath,{Path(library).parent}", "-lm", "-o", program],
        check=True,
    )  # fmt: skip
    result = subprocess.run([program, tmp_path / "product.safetensors"], check=True, capture_output=True, text=True)
    assert re.search(r"0\.5 \* -0\.8 is about -0\.(3[89]|4[01])", result.stdout)
    assert set(load_file(tmp_path / "product.safetensors")) == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_the_example_with_cffi_runs():
    result = subprocess.run([sys.executable, ROOT / "examples/cffi/series.py"], capture_output=True, text=True)
    assert result.returncode == 0 and result.stdout.startswith("Prediction: 7.0\n"), result.stderr
