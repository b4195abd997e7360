"""Safetensors and NumPy's files against the packages of their authors."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
import safetensors
import safetensors.torch
import tenon
import torch
from tenon import safetensors as files

NAMES = ("bool", "uint8", "int8", "int16", "uint16", "float16", "bfloat16", "int32", "uint32", "float32", "complex64",
         "float64", "int64", "uint64")  # fmt: skip
NUMPY = [name for name in (*NAMES, "complex128") if name != "bfloat16"]


def tensors(module):
    made = {f"z.{name}": module.arange(6).reshape(2, 3).to(getattr(module, name)) for name in reversed(NAMES)}
    return {**made, "scalar": module.tensor(2.5), "empty": module.zeros(0, 3), 'n"\u00e9\n': module.ones(1)}


def alike(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert str(a[name].dtype).rpartition(".")[2] == str(b[name].dtype).rpartition(".")[2], name
        assert a[name].tolist() == b[name].tolist() and tuple(a[name].shape) == tuple(b[name].shape), name


# --- safetensors


@pytest.mark.parametrize("metadata", [None, {"format": "pt", "k": 'v"\u00e9'}])
def test_files_are_the_same_bytes(tmp_path, metadata):
    mine, theirs = files.save(tensors(tenon), metadata), safetensors.torch.save(tensors(torch), metadata)
    if metadata is None or len(metadata) < 2:
        assert mine == theirs
    alike(safetensors.torch.load(mine), tensors(torch))
    alike(files.load(theirs), tensors(tenon))
    files.save_file(tensors(tenon), tmp_path / "a.safetensors", metadata)
    assert (tmp_path / "a.safetensors").read_bytes() == mine
    alike(files.load_file(tmp_path / "a.safetensors"), tensors(tenon))
    with safetensors.safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert file.metadata() == metadata
    with files.safe_open(tmp_path / "a.safetensors") as file:
        assert file.metadata() == metadata


def test_safe_open_reads_what_is_asked_for(tmp_path):
    path = tmp_path / "a.safetensors"
    whole = {"b": torch.arange(60.0).reshape(3, 4, 5), "a": torch.ones(2, dtype=torch.int32)}
    safetensors.torch.save_file(whole, path)
    with files.safe_open(path, framework="pt", device="cpu") as mine, safetensors.safe_open(path, "pt") as theirs:
        assert mine.keys() == theirs.keys() and mine.offset_keys() == theirs.offset_keys()
        assert mine.get_tensor("b").tolist() == whole["b"].tolist()
        a, b = mine.get_slice("b"), theirs.get_slice("b")
        assert a.get_shape() == b.get_shape() and a.get_dtype() == b.get_dtype()
        for index in (0, slice(1, 3), (slice(None), 2), (..., slice(0, 4, 2)), (1, slice(None), slice(2, None))):
            assert a[index].tolist() == whole["b"][index].tolist()
        with pytest.raises(files.SafetensorError, match="does not contain tensor c"):
            mine.get_tensor("c")
    with pytest.raises(files.SafetensorError, match="closed"):
        mine.keys()


def test_writing_into_a_mapped_tensor_leaves_the_file(tmp_path):
    path = tmp_path / "a.safetensors"
    files.save_file({"a": tenon.zeros(10000)}, path)
    loaded = files.load_file(path)["a"]
    loaded += 1
    assert loaded.sum() == 10000
    assert files.load_file(path)["a"].sum() == 0


def test_what_cannot_be_saved_is_refused():
    x = tenon.arange(6.0).reshape(2, 3)
    for given, error, words in (
        ({"a": x, "b": x[0]}, RuntimeError, "share memory"),
        ({"a": x.t()}, ValueError, "non contiguous"),
        ({"a": x.to_sparse()}, ValueError, "sparse"),
        ({"a": 1}, ValueError, "expected torch.Tensor"),
        ([x], ValueError, "Expected a dict"),
        ({"a": x.to(tenon.complex128)}, TypeError, "complex128"),
    ):
        with pytest.raises(error, match=words):
            files.save(given)
    assert files.load(files.save({"a": x[0], "b": x[1]}))["b"].tolist() == [3, 4, 5]


def test_dtypes_that_tenon_lacks_are_named():
    data = safetensors.torch.save({"a": torch.ones(2).to(torch.float8_e4m3fn)})
    with pytest.raises(files.SafetensorError, match="tensor 'a' is of dtype F8_E4M3"):
        files.load(data)


def test_a_tensor_that_is_not_aligned_is_copied(tmp_path):
    header = json.dumps({"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}}).encode() + b" "
    header += b" " * (3 - len(header) % 8 % 3)
    for pad in range(8):
        text = header + b" " * pad
        (tmp_path / "a").write_bytes(struct.pack("<Q", len(text)) + text + struct.pack("<2d", 1, 2))
        assert files.load_file(tmp_path / "a")["a"].tolist() == [1, 2]


def one(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"a": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}}


HOSTILE = {
    "not_json": b"{abc",
    "array": b"[]",
    "number": b"1",
    "empty": b"",
    "blank_first": b" {}",
    "trailing": b"{}x",
    "bad_utf8": b'{"\xff": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    "lone_surrogate": b'{"\\ud800": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    "same_key": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
    b'"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
    "same_field": b'{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    "same_metadata": b'{"__metadata__":{},"__metadata__":{},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    "deep": b'{"a":' + b'{"a":' * 100000 + b"1" + b"}" * 100001,
    "deep_lists": b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}",
    "text_metadata": b'{"__metadata__": "x"}',
    "number_in_metadata": b'{"__metadata__": {"a": 1}}',
    "missing_field": b'{"a":{"dtype":"F32","shape":[2]}}',
    "unknown_dtype": one("F99"),
    "dtype_number": one(5),
    "reversed": one(offsets=(8, 0)),
    "outside": one(shape=(3,), offsets=(0, 12)),
    "far_outside": one(offsets=(2**63, 2**63 + 8)),
    "beyond_64_bits": b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999999]}}',
    "hole_at_start": one(shape=(1,), offsets=(4, 8)),
    "hole_at_end": one(shape=(1,), offsets=(0, 4)),
    "wrong_size": one(shape=(3,)),
    "overflow": one(shape=(2**32, 2**32)),
    "overflow_to_fit": one(shape=(2**62, 4, 2)),
    "negative": one(shape=(-2,)),
    "fraction": one(shape=(2.0,)),
    "three_offsets": one(offsets=(0, 8, 8)),
    "null": b"null",
    "extra_field": one(more=1),
    "overlap": {**one(shape=(2,), offsets=(0, 8)), "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(tmp_path, name):
    header = HOSTILE[name]
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    data = struct.pack("<Q", len(header)) + header + b"\0" * 8
    with pytest.raises(files.SafetensorError):
        files.load(data)
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(files.SafetensorError):
        files.load_file(tmp_path / "a")


@pytest.mark.parametrize("length", [0, 1, 2**32, 2**63, 2**64 - 1, 100_000_001, 10**8])
def test_wrong_header_lengths_are_refused(length):
    with pytest.raises(files.SafetensorError):
        files.load(struct.pack("<Q", length) + b'{"a":1}')


# --- .npy and .npz


@pytest.mark.parametrize("name", NUMPY)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 1, 3)])
def test_npy_is_read_and_written_as_numpy_does(tmp_path, name, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(name)
    path = tmp_path / "a.npy"
    for made in (array, np.array(array, order="F"), array.astype(array.dtype.newbyteorder(">"))):
        np.save(path, made)
        for mapped in (True, False):
            loaded = tenon.io.load_npy(path, mmap=mapped)
            assert loaded.tolist() == array.tolist() and str(loaded.dtype).endswith(name)
            assert tuple(loaded.shape) == array.shape
            assert loaded.is_contiguous() or made.flags.f_contiguous
        assert tenon.io.load_npy(io.BytesIO(path.read_bytes())).tolist() == array.tolist()
    tensor = tenon.from_numpy(array.copy()) if shape else tenon.tensor(array.tolist(), dtype=getattr(tenon, name))
    tenon.io.save_npy(path, tensor)
    again = np.load(path)
    assert again.dtype == array.dtype and again.tolist() == array.tolist() and again.shape == array.shape
    np.save(tmp_path / "b.npy", array)
    assert path.read_bytes() == (tmp_path / "b.npy").read_bytes()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_npy_is_read(version):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.arange(5), version=version)
    file.seek(0)
    assert tenon.io.load_npy(file).tolist() == [0, 1, 2, 3, 4]


def test_views_are_written_as_they_are_seen(tmp_path):
    x = tenon.arange(24.0).reshape(2, 3, 4)
    for view in (x.transpose(0, 2), x[:, 1], x[..., ::2], x.expand(2, 2, 3, 4), x[0].t()):
        tenon.io.save_npy(tmp_path / "a.npy", view)
        assert np.load(tmp_path / "a.npy").tolist() == view.tolist()
    tenon.io.save_npy(tmp_path / "a.npy", x[0].t())
    assert np.load(tmp_path / "a.npy").flags.f_contiguous


@pytest.mark.parametrize("compressed", [True, False])
def test_npz_is_read_and_written_as_numpy_does(tmp_path, compressed):
    arrays = {name: np.arange(1000).astype(name) for name in NUMPY}
    (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", **arrays)
    loaded = tenon.io.load_npz(tmp_path / "a.npz")
    assert loaded.keys() == arrays.keys()
    assert all(loaded[name].tolist() == arrays[name].tolist() for name in arrays)
    tenon.io.save_npz(tmp_path / "b.npz", compressed=compressed, **loaded)
    with np.load(tmp_path / "b.npz") as again:
        assert all(again[name].tolist() == arrays[name].tolist() for name in arrays)
    assert zipfile.ZipFile(tmp_path / "b.npz").testzip() is None
    small = (tmp_path / "b.npz").stat().st_size < 40000
    assert small == compressed
    file = io.BytesIO()
    tenon.io.save_npz(file, tenon.ones(2), tenon.zeros(1), named=tenon.ones(1))
    assert set(np.load(io.BytesIO(file.getvalue()))) == {"arr_0", "arr_1", "named"}


def npy(header, data=b"\0" * 8, version=1):
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x04\x00\x02\x00{}",
        npy("{}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}"),
        npy("{'descr': '<f4', 'fortran_order': False}"),
        npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x"),
        npy("{'descr': '<U5', 'fortran_order': False, 'shape': (2,)}"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}"),
        npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}"),
        npy("{'descr': '<f16', 'fortran_order': False, 'shape': (2,)}"),
        npy("__import__('os')"),
        npy("{" + " " * 20000),
        npy("(" * 60000, version=2),
    ],
)
def test_hostile_npy_is_refused(data):
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        tenon.io.load_npy(io.BytesIO(data))


def test_objects_in_npy_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        tenon.io.load_npy(tmp_path / "a.npy")
    with pytest.raises(TypeError, match="bfloat16"):
        tenon.io.save_npy(tmp_path / "a.npy", tenon.ones(1, dtype=tenon.bfloat16))


def test_damaged_archives_are_refused(tmp_path):
    file = io.BytesIO()
    np.savez_compressed(file, a=np.arange(1000))
    good = file.getvalue()
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        start = archive.infolist()[0].header_offset
    broken = bytearray(good)
    broken[start + 200] ^= 1
    with pytest.raises(RuntimeError, match="damaged"):
        tenon.io.load_npz(io.BytesIO(broken))
    stored = io.BytesIO()
    np.savez(stored, a=np.arange(1000))
    broken = bytearray(stored.getvalue())
    broken[5000] ^= 1
    with pytest.raises(RuntimeError, match="CRC-32"):
        tenon.io.load_npz(io.BytesIO(broken))
    # A record that says it unpacks to more than deflate can.
    bomb = bytearray(good)
    directory = bomb.rindex(b"PK\x01\x02")
    bomb[directory + 24 : directory + 28] = struct.pack("<I", 2**31)
    with pytest.raises(RuntimeError, match="cannot hold"):
        tenon.io.load_npz(io.BytesIO(bomb))
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr("a.npy", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", b"2")
    with pytest.raises(RuntimeError, match="two records"):
        tenon.io.load_npz(io.BytesIO(twice.getvalue()))


def test_zip64_archives(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a", "b"):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as record:
                np.lib.format.write_array(record, np.arange(3))
    assert tenon.io.load_npz(path)["b"].tolist() == [0, 1, 2]
    many = {f"t{i}": tenon.tensor(i) for i in range(66000)}
    tenon.io.save_npz(path, many)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 66000
    loaded = tenon.io.load_npz(path)
    assert len(loaded) == 66000 and loaded["t65999"] == 65999
