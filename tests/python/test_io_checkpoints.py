"""save() and load() against PyTorch's: each reads what the other writes, and refuses what it refuses."""

import collections
import io
import mmap
import os
import pathlib
import pickle
import warnings
import zipfile

import pytest
import tenon
import torch
from compare import comparisons

NAMES = ("uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
         "complex128", "bool", "uint16", "uint32", "uint64")  # fmt: skip
WIDE = ("uint16", "uint32", "uint64")


def content(module, legacy=False):
    """One of everything that a checkpoint may hold, as tensors of `module`."""
    matrix = module.arange(20.0).reshape(4, 5)
    # PyTorch cannot read its own older files with these.
    names = [name for name in NAMES if not (legacy and name in WIDE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sparse = module.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (3,))
    return {
        **{name: module.arange(12).reshape(3, 4).to(getattr(module, name)) for name in names},
        "views": [matrix, matrix.t(), matrix[1:, 2:], matrix[::2, ::3], matrix.expand(2, 4, 5)],
        "leaf": module.ones(2, requires_grad=True),
        "none": None,
        "ints": [0, -1, 255, 65536, -(2**31), 2**40, -(2**63), 2**80],
        "floats": (1.5, float("inf"), -0.0, 1e-320),
        "texts": ["", "h\u00e9", "\U0001f600" * 100, "x" * 70000],
        "bytes": [b"\x00\xff" * 200, bytearray(b"ab")],
        "nested": {"tuple": (1, (2, [3, {"x": ()}])), 5: True, (1, "a"): False},
        "ordered": collections.OrderedDict(b=1, a=2),
        "counter": collections.Counter("aab"),
        "set": {1, "two"},
        "complex": 1 - 2j,
        "size": module.Size([1, 2]),
        "device": module.device("cpu"),
        "dtype": module.bfloat16,
        "empty": module.zeros(0, 3),
        "scalar": module.tensor(3.5),
        "sparse": sparse,
    }


def short(thing):
    return str(thing).rpartition(".")[2]


def same(a, b, path=""):
    """Whether two values are alike, tensors with their strides and offsets."""
    if getattr(b, "is_sparse", False):
        assert a.is_coalesced() == b.is_coalesced()
        same(a.to_dense(), b.to_dense(), path)
    elif isinstance(b, (torch.Tensor, tenon.Tensor)):
        for view in (lambda t: (*t.shape, *t.stride(), t.storage_offset()), lambda t: t.requires_grad):
            assert view(a) == view(b), path
        assert short(a.dtype) == short(b.dtype) and a.tolist() == b.tolist(), path
    elif isinstance(b, (torch.device, tenon.device, torch.dtype, tenon.dtype)):
        assert short(a) == short(b), path
    else:
        kinds = {torch.Size: tuple, tenon.Size: tuple}
        assert kinds.get(type(a), type(a)) is kinds.get(type(b), type(b)), path
        if isinstance(b, dict):
            assert list(a) == list(b), path
            for key in b:
                same(a[key], b[key], f"{path}/{key}")
        elif isinstance(b, (list, tuple)):
            assert len(a) == len(b), path
            for i, items in enumerate(zip(a, b)):
                same(*items, f"{path}/{i}")
        else:
            assert repr(a) == repr(b), path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_tenon_reads_what_pytorch_writes(tmp_path, zipped, protocol):
    path = tmp_path / "a.pt"
    want = content(torch, legacy=not zipped)
    torch.save(want, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    for weights_only in (True, False):
        same(tenon.load(path, weights_only=weights_only), want)
        with open(path, "rb") as file:
            same(tenon.load(io.BytesIO(file.read()), weights_only=weights_only), want)
        if zipped:
            same(tenon.load(path, weights_only=weights_only, mmap=True), want)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_pytorch_reads_what_tenon_writes(tmp_path, zipped, protocol):
    path = tmp_path / "a.pt"
    want = content(tenon, legacy=not zipped)
    tenon.save(want, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(torch.load(path, weights_only=False), want)
        if protocol == 2:
            # PyTorch's own reader of weights knows this protocol.
            same(torch.load(path), want)
            same(torch.load(path, mmap=zipped), want)
    same(tenon.load(path), want)
    same(tenon.load(path, weights_only=False), want)


def test_archives_are_laid_out_as_pytorchs(tmp_path):
    def records(module):
        path = tmp_path / f"{module.__name__}.pt"
        module.save({"a": module.ones(3), "b": module.zeros(0)}, path)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            for record in archive.infolist():
                with open(path, "rb") as file:
                    file.seek(record.header_offset + 26)
                    start = record.header_offset + 30 + sum(int.from_bytes(file.read(2), "little") for _ in range(2))
                assert start % 64 == 0
            return {name.removeprefix(f"{module.__name__}/"): archive.read(name) for name in archive.namelist()}

    mine, theirs = records(tenon), records(torch)
    theirs.pop(".data/serialization_id")
    assert list(mine) == list(theirs)
    assert mine == theirs  # the pickles too, byte for byte


def test_offsets_that_pytorch_computes_are_those_of_the_records(tmp_path):
    path = tmp_path / "a.pt"
    tenon.save([tenon.arange(n) for n in (1, 1000, 0, 7, 77777)], path)
    from torch.utils.serialization import config

    before = config.load.calculate_storage_offsets
    config.load.calculate_storage_offsets = True
    try:
        loaded = torch.load(path, mmap=True)
    finally:
        config.load.calculate_storage_offsets = before
    assert [t.tolist() for t in loaded] == [list(range(n)) for n in (1, 1000, 0, 7, 77777)]


@pytest.mark.parametrize("mapped", [True, False])
def test_views_share_memory_again(tmp_path, mapped):
    whole = tenon.arange(10.0)
    tenon.save({"whole": whole, "part": whole[2:5]}, tmp_path / "a.pt")
    loaded = tenon.load(tmp_path / "a.pt", mmap=mapped)
    loaded["part"].fill_(-1)
    assert loaded["whole"].tolist() == [0, 1, -1, -1, -1, 5, 6, 7, 8, 9]
    assert tenon.load(tmp_path / "a.pt")["whole"].tolist() == list(range(10))


def test_a_mapped_tensor_outlives_the_file_and_keeps_it_as_it_was(tmp_path):
    path = tmp_path / "a.pt"
    tenon.save(tenon.ones(5000), path)
    mapped = tenon.load(path, mmap=True)
    tenon.save(tenon.zeros(5000), path)
    os.remove(path)
    assert mapped.sum() == 5000


def test_storages_are_saved_once_and_whole(tmp_path):
    big = tenon.zeros(100000)
    tenon.save([big[:3], big[5:]], tmp_path / "a.pt")
    assert 400000 < (tmp_path / "a.pt").stat().st_size < 402000
    loaded = tenon.load(tmp_path / "a.pt")
    assert loaded[0].untyped_storage() is loaded[1].untyped_storage()


def test_one_memory_as_two_dtypes_is_refused():
    x = tenon.zeros(4)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        tenon.save([x, x.view(tenon.int32)], io.BytesIO())


def test_several_objects_in_one_file(tmp_path):
    with open(tmp_path / "a.pt", "wb") as file:
        for i in range(3):
            tenon.save(tenon.full((i + 1,), i), file, _use_new_zipfile_serialization=False)
    with open(tmp_path / "a.pt", "rb") as file:
        assert [tenon.load(file).tolist() for _ in range(3)] == [[0], [1, 1], [2, 2, 2]]
    with open(tmp_path / "a.pt", "rb") as file:
        assert [torch.load(file).tolist() for _ in range(3)] == [[0], [1, 1], [2, 2, 2]]


# --- where tensors go


def test_map_location_in_all_its_forms(tmp_path):
    path = tmp_path / "a.pt"
    tenon.save(tenon.ones(2), path)
    seen = []
    for location in (None, "cpu", b"cpu", tenon.device("cpu"), {"cpu": "cpu"}, {"cuda:0": "cpu"},
                     lambda storage, where: seen.append(where), lambda storage, where: storage):  # fmt: skip
        assert tenon.load(path, map_location=location).tolist() == [1, 1]
    assert seen == ["cpu"]
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        tenon.load(path, map_location="nowhere")
    if not tenon.cuda.is_available():
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
            tenon.load(path, map_location="cuda:0")


def test_own_locations():
    tenon.serialization.register_package(5, lambda storage: None, lambda storage, tag: storage.clone())
    try:
        file = io.BytesIO()
        tenon.save(tenon.ones(2), file)
        file.seek(0)
        assert tenon.load(file, map_location="elsewhere").tolist() == [1, 1]
    finally:
        tenon.serialization._packages.pop(0)


# --- what is refused


class Plain:
    def __init__(self):
        self.x = tenon.ones(2)


class Slotted:
    __slots__ = ("x",)

    def __init__(self):
        self.x = 5


def saved(obj, module=tenon, **options):
    file = io.BytesIO()
    module.save(obj, file, **options)
    file.seek(0)
    return file


def test_objects_are_loaded_only_where_they_are_allowed():
    with pytest.raises(pickle.UnpicklingError) as refused:
        tenon.load(saved(Plain()))
    for part in ("Weights only load failed", f"Unsupported global: GLOBAL {__name__}.Plain was not an allowed global",
                 f"add_safe_globals([{__name__}.Plain])"):  # fmt: skip
        assert part in str(refused.value)
    assert tenon.load(saved(Plain()), weights_only=False).x.tolist() == [1, 1]
    with tenon.serialization.safe_globals([Plain, (Slotted, f"{__name__}.Slotted")]):
        assert tenon.load(saved(Plain())).x.tolist() == [1, 1]
        assert tenon.load(saved(Slotted())).x == 5
        assert len(tenon.serialization.get_safe_globals()) == 2
    assert tenon.serialization.get_safe_globals() == []
    tenon.serialization.add_safe_globals([Plain])
    assert tenon.load(saved(Plain())).x.tolist() == [1, 1]
    tenon.serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        tenon.load(saved(Plain()))


def test_unsafe_globals_are_listed():
    for protocol in (2, 4):
        file = saved([Plain(), tenon.ones(2)], pickle_protocol=protocol)
        assert tenon.serialization.get_unsafe_globals_in_checkpoint(file) == [f"{__name__}.Plain"]
    with pytest.raises(ValueError, match="Expected input to be a checkpoint"):
        tenon.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(b"abc"))


class Evil:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "evil",
    [
        Evil(os.system, "echo ran > {path}"),
        Evil(eval, "open('{path}', 'w')"),
        Evil(exec, "open('{path}', 'w')"),
        Evil(open, "{path}", "w"),
        Evil(getattr, os, "system"),
        Evil(pathlib.Path.touch, pathlib.Path("{path}")),
        Evil(bytearray, 10**15),
        Evil(tenon.Tensor, 10**15),
        Evil(__import__, "this"),
    ],
    ids=lambda evil: evil.call[0].__name__,
)
def test_code_is_never_run(tmp_path, evil):
    path = tmp_path / "ran"
    function, args = evil.call
    filled = Evil(function, *(a.replace("{path}", str(path)) if isinstance(a, str) else a for a in args))
    with open(tmp_path / "evil.pt", "wb") as file:
        try:
            tenon.save({"a": tenon.ones(2), "b": filled}, file)
        except (pickle.PicklingError, TypeError):
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("evil/data.pkl", b"cos\nsystem\n(X\x04\x00\x00\x00truetR.")
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        tenon.load(tmp_path / "evil.pt")
    assert not path.exists()


def pickled(code, storages=()):
    """A checkpoint with this pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", code)
        for i, data in enumerate(storages):
            archive.writestr(f"a/data/{i}", data)
    file.seek(0)
    return file


def tensor_code(size=b"K\x02\x85", stride=b"K\x01\x85", offset=b"K\x00", count=b"K\x02", kind=b"FloatStorage"):
    function, storage = b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\n" + kind + b"\n"
    texts = [b"X" + len(text).to_bytes(4, "little") + text for text in (b"storage", b"0", b"cpu")]
    saved_id = b"(" + texts[0] + storage + texts[1] + texts[2] + count + b"tQ"
    return b"\x80\x02" + function + b"(" + saved_id + offset + size + stride + b"\x89ccollections\nOrderedDict\n)RtR."


def test_hostile_tensors_are_refused():
    good = tensor_code()
    assert tenon.load(pickled(good, [b"\0" * 8])).tolist() == [0, 0]
    for code in (
        tensor_code(size=b"K\x03\x85"),
        tensor_code(stride=b"K\x05\x85"),
        tensor_code(stride=b"J\xff\xff\xff\xff\x85"),
        tensor_code(size=b"J\xff\xff\xff\xff\x85"),
        tensor_code(offset=b"K\x01"),
        tensor_code(offset=b"J\xff\xff\xff\xff"),
        tensor_code(size=b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85"),
        tensor_code(offset=b"\x8a\x08" + b"\xff" * 7 + b"\x7f"),
        tensor_code(stride=b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85"),
        tensor_code(size=b"K\x02K\x01\x86"),
        tensor_code(size=b"N"),
        tensor_code(count=b"K\x03"),
        tensor_code(count=b"N"),
        tensor_code(count=b"J\xff\xff\xff\xff"),
        tensor_code(count=b"\x8a\x08" + b"\xff" * 7 + b"\x7f"),
        tensor_code(kind=b"DoubleStorage"),
        tensor_code(kind=b"float32"),
    ):
        for weights_only in (True, False):
            with pytest.raises((pickle.UnpicklingError, RuntimeError, TypeError, ValueError, AttributeError)):
                tenon.load(pickled(code, [b"\0" * 8]), weights_only=weights_only)


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x02" + b"]" * 1 + b"(" * 100000,
        b"\x80\x02" + b"]" * 100000 + b"a" * 99999 + b".",
        b"\x80\x02" + b")" + b"\x85" * 100000 + b".",
        b"\x80\x02})" + b"q\x000" + b"h\x00h\x00\x86q\x00" * 60 + b"K\x01s.",
        b"\x80\x02K\x01r\xff\xff\xff\xff.",
        b"\x80\x02h\x05.",
        b"\x80\x02a.",
        b"\x80\x02R.",
        b"\x80\x02(t",
        b"\x80\x02]K\x01K\x02s.",
        b"\x80\x02K\x01K\x02a.",
        b"\x80\x02K\x01}b.",
        b"\x80\x02NQ.",
        b"\x80\x02)Q.",
        b"\x80\x02X\xff\xff\xff\xffabc.",
        b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
        b"\x80\x02ccollections\nOrderedDict\nK\x01R.",
        b"\x80\x02c__builtin__\neval\n.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(tR.",
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(c__builtin__\nset\nctorch\nTensor\n)NtR.",
        b"\x80\x02ctorch\nTensor\n)R.",
        b"\x80\x02ctorch\nTensor\n)\x81.",
        b"\x80\x02c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00bz2tR.",
        b"\x80\x09N.",
        b"",
        b"\x80",
    ],
)
def test_damaged_pickles_end_in_errors_or_values(code):
    """Deep nesting and shared parts that PyTorch would follow to the end of its stack, and what does not parse."""
    try:
        tenon.load(pickled(code))
    except (pickle.UnpicklingError, RuntimeError, EOFError, UnicodeDecodeError):
        pass


# --- pickling and copying


def test_tensors_pickle_without_save():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        want = {k: v for k, v in content(tenon).items() if k != "sparse"}
        got = pickle.loads(pickle.dumps(want, protocol))
        same(got, want)
        assert got["views"][0].untyped_storage() is got["views"][1].untyped_storage()


class Tagged(tenon.Tensor):
    pass


def test_subclasses_and_attributes_are_kept():
    tagged = tenon.arange(3.0).as_subclass(Tagged)
    tagged.note = "n"
    plain = tenon.ones(2)
    plain.mark = [1]
    for loaded in (tenon.load(saved([tagged, plain]), weights_only=False), pickle.loads(pickle.dumps([tagged, plain]))):
        assert type(loaded[0]) is Tagged and loaded[0].note == "n" and loaded[1].mark == [1]
    with tenon.serialization.safe_globals([Tagged]):
        assert type(tenon.load(saved(tagged))) is Tagged
    with pytest.raises(pickle.UnpicklingError, match="Tagged"):
        tenon.load(saved(tagged))
    assert tenon.load(saved(plain)).mark == [1]


def test_generators_and_storages_are_saved():
    generator = tenon.Generator().manual_seed(3)
    tenon.rand(5, generator=generator)
    state = tenon.load(saved(generator.get_state()))
    other = tenon.Generator()
    other.set_state(state)
    assert other.get_state().equal(generator.get_state())
    storage = tenon.arange(3, dtype=tenon.uint8).untyped_storage()
    assert tenon.load(saved(storage)).untyped().tolist() == [0, 1, 2]
    assert torch.load(saved(tenon.arange(3.0).storage()), weights_only=False).tolist() == [0, 1, 2]


# --- arguments


def test_wrong_arguments_are_told_as_pytorch_tells_them(tmp_path):
    for call in (
        lambda m: m.save(1, 5),
        lambda m: m.save(1, tmp_path / "none" / "a.pt"),
        lambda m: m.load(tmp_path / "none.pt"),
        lambda m: m.load(5),
        lambda m: m.load(io.BytesIO(b"")),
        lambda m: m.load(io.BytesIO(b"abc"), pickle_module=pickle, weights_only=True),
        lambda m: m.load(saved(m.ones(1), m), mmap=True),
    ):
        errors = []
        for module in (torch, tenon):
            with pytest.raises(Exception) as caught:  # noqa: PT011
                call(module)
            errors.append(caught.value)
        assert type(errors[0]) is type(errors[1]) or isinstance(errors[1], type(errors[0])), errors
    with pytest.raises(FileNotFoundError) as missing:
        tenon.load(tmp_path / "none.pt")
    assert missing.value.filename == str(tmp_path / "none.pt")
    tenon.save(1, tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        tenon.load(tmp_path / "legacy.pt", mmap=True)


def test_a_file_object_is_left_open_and_written_from_where_it_is():
    file = io.BytesIO()
    tenon.save([1], file)
    assert not file.closed and file.tell() == len(file.getvalue())


def test_safetensors_are_loaded_by_their_ending(tmp_path):
    tenon.safetensors.save_file({"a": tenon.ones(2)}, tmp_path / "a.safetensors")
    assert tenon.load(tmp_path / "a.safetensors")["a"].tolist() == [1, 1]


def test_seeds_names():
    assert tenon.serialize.save is tenon.save and tenon.serialize.load is tenon.load


def test_archives_that_do_not_say_their_order_of_bytes(tmp_path):
    torch.save(torch.arange(3, dtype=torch.int32), tmp_path / "a.pt", _disable_byteorder_record=True)

    def loaded(m, order):
        m.serialization.set_default_load_endianness(order and m.serialization.LoadEndianness[order])
        try:
            return m.serialization.get_default_load_endianness() is None, m.load(tmp_path / "a.pt").tolist()
        finally:
            m.serialization.set_default_load_endianness(None)

    with comparisons() as check:
        for order in (None, "LITTLE", "BIG", "NATIVE"):
            check(str(order), lambda m, order=order: loaded(m, order))
        check("no order", lambda m: m.serialization.set_default_load_endianness("big"))


def test_settings_of_files(tmp_path):
    def kept(m):
        m.serialization.set_crc32_options(False)
        found = [m.serialization.get_crc32_options()]
        m.serialization.set_crc32_options(True)
        with m.serialization.set_default_mmap_options(mmap.MAP_PRIVATE):
            found.append(m.serialization.get_default_mmap_options())
        return [*found, m.serialization.get_crc32_options()]

    with comparisons() as check:
        check("kept", kept)
        check("no flags", lambda m: m.serialization.set_default_mmap_options(99))
    with pytest.raises(NotImplementedError, match="MAP_PRIVATE only"):
        tenon.serialization.set_default_mmap_options(mmap.MAP_SHARED)


def test_big_endian_files(tmp_path):
    tenon.save({"f": tenon.arange(3.0), "c": tenon.tensor([1 + 2j]), "b": tenon.tensor([1], dtype=tenon.uint8)},
               tmp_path / "a.pt")  # fmt: skip
    with zipfile.ZipFile(tmp_path / "a.pt") as archive, zipfile.ZipFile(tmp_path / "b.pt", "w") as swapped:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith("byteorder"):
                data = b"big"
            elif "/data/0" in name or "/data/1" in name:
                data = b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))
            swapped.writestr(name, data)
    for mapped in (True, False):
        loaded = tenon.load(tmp_path / "b.pt", mmap=mapped)
        assert [t.tolist() for t in loaded.values()] == [[0, 1, 2], [1 + 2j], [1]]
