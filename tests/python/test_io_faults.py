"""Saving that fails or is killed leaves the old file; damaged files end in errors; large ones are mapped at once."""

import io
import json
import os
import pickle
import random
import signal
import struct
import subprocess
import sys
import time
import zipfile

import pytest
import tenon

ERRORS = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError,
          NotImplementedError, OverflowError, ModuleNotFoundError, MemoryError)  # fmt: skip

SAVES = """
import itertools, sys, tenon
print("ready", flush=True)
for i in itertools.count():
    tenon.save({"a": tenon.full((300000,), i), "b": tenon.full((10,), i)}, sys.argv[1])
"""


def consistent(path):
    loaded = tenon.load(path)
    values = {*loaded["a"][:: len(loaded["a"]) // 100].tolist(), *loaded["b"].tolist()}
    return len(values) == 1


def run(code, *args):
    return subprocess.Popen([sys.executable, "-c", code, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_killed_process_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a.pt"
    for i in range(4):
        process = run(SAVES, str(path))
        process.stdout.readline()
        while not path.exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(0.02 + 0.013 * i)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert consistent(path)


def test_of_two_processes_one_wins(tmp_path):
    path = tmp_path / "a.pt"
    processes = [run(SAVES, str(path)) for _ in range(2)]
    for process in processes:
        process.stdout.readline()
    while not path.exists():
        time.sleep(0.001)
    for _ in range(20):
        assert consistent(path)
    for process in processes:
        process.kill()
        process.communicate()
    assert consistent(path)


FILLS = """
import resource, signal, sys, tenon
from tenon import io, safetensors
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))
big = tenon.zeros(1000000)
folder = sys.argv[1]
for save in (
    lambda: tenon.save(big, folder + "/a.pt"),
    lambda: tenon.save(big, folder + "/a.pt", _use_new_zipfile_serialization=False),
    lambda: safetensors.save_file({"a": big}, folder + "/a.safetensors"),
    lambda: io.save_npy(folder + "/a.npy", big),
    lambda: io.save_npz(folder + "/a.npz", big),
):
    try:
        save()
    except OSError as error:
        print(type(error).__name__, error.errno)
"""


def test_a_full_disk_leaves_the_old_files(tmp_path):
    old = tenon.arange(5.0)
    tenon.save(old, tmp_path / "a.pt")
    tenon.safetensors.save_file({"a": old}, tmp_path / "a.safetensors")
    tenon.io.save_npy(tmp_path / "a.npy", old)
    tenon.io.save_npz(tmp_path / "a.npz", a=old)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    output, errors = run(FILLS, str(tmp_path)).communicate()
    assert output.decode().splitlines() == [f"OSError {27}"] * 5, errors
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_object_that_does_not_pickle_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.pt"
    tenon.save(1, path)
    for zipped in (True, False):
        with pytest.raises(Exception, match="pickle|local"):
            tenon.save({"a": tenon.ones(2), "f": lambda: 0}, path, _use_new_zipfile_serialization=zipped)
    assert tenon.load(path) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.pt"]


class Failing(io.BytesIO):
    def write(self, data):
        raise OSError(28, "No space left on device")


def test_a_file_object_that_fails_says_so():
    for zipped in (True, False):
        with pytest.raises(OSError, match="No space left"):
            tenon.save(tenon.ones(2), Failing(), _use_new_zipfile_serialization=zipped)


def something():
    return {
        "w": tenon.arange(6.0).reshape(2, 3).t(),
        "h": tenon.ones(2, dtype=tenon.bfloat16),
        "n": [1, 2.5, None, "text", (True, b"x")],
        "leaf": tenon.ones(2, requires_grad=True),
    }


def attempt(data, **options):
    try:
        tenon.load(io.BytesIO(data), **options)
    except ERRORS:
        pass


@pytest.mark.parametrize("zipped", [True, False])
def test_every_cut_ends_in_an_error(zipped):
    file = io.BytesIO()
    tenon.save(something(), file, _use_new_zipfile_serialization=zipped)
    data = file.getvalue()
    for length in range(len(data)):
        with pytest.raises(ERRORS):
            tenon.load(io.BytesIO(data[:length]))


@pytest.mark.parametrize("zipped", [True, False])
def test_damage_ends_in_errors_or_values(zipped):
    file = io.BytesIO()
    tenon.save(something(), file, _use_new_zipfile_serialization=zipped)
    if zipped:
        # The sums of the archive would keep most damage from being read: it is done to the pickle within.
        with zipfile.ZipFile(file) as archive:
            records = {name: archive.read(name) for name in archive.namelist()}
    data = records["archive/data.pkl"] if zipped else file.getvalue()
    rng = random.Random(0)
    for _ in range(2000):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(damaged))
            damaged[place] = rng.choice((rng.randrange(256), 0, 255, damaged[place] ^ 1 << rng.randrange(8)))
        if zipped:
            rebuilt = io.BytesIO()
            with zipfile.ZipFile(rebuilt, "w") as archive:
                for name, record in records.items():
                    archive.writestr(name, damaged if name.endswith(".pkl") else record)
            damaged = rebuilt.getvalue()
        attempt(bytes(damaged))


def test_a_gigabyte_is_mapped_at_once(tmp_path):
    """Files with holes, so that the disk is not what is measured."""
    nbytes = 1 << 30
    header = json.dumps({"a": {"dtype": "F32", "shape": [nbytes // 4], "data_offsets": [0, nbytes]}}).encode()
    header += b" " * (-len(header) % 8)
    with open(tmp_path / "a.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + nbytes)

    def loaded_in(path):
        start = time.perf_counter()
        value = tenon.load(path, mmap=True) if path.suffix == ".pt" else tenon.load(path)["a"]
        seconds = time.perf_counter() - start
        assert value.numel() == nbytes // 4 and value[-1] == 0
        return seconds

    assert min(loaded_in(tmp_path / "a.safetensors") for _ in range(3)) < 0.05
    os.remove(tmp_path / "a.safetensors")
    archive = tmp_path / "a.pt"
    count = nbytes // 4
    tenon.save(tenon.zeros(1).expand(1), archive)
    with zipfile.ZipFile(archive) as source:
        pkl = source.read("a/data.pkl")
    assert pkl.count(b"K\x01tq") == 1
    pkl = pkl.replace(b"K\x01tq", b"J" + struct.pack("<i", count) + b"tq")
    pkl = pkl.replace(b"K\x00K\x01\x85", b"K\x00J" + struct.pack("<i", count) + b"\x85", 1)
    _sparse_archive(archive, {"a/data.pkl": pkl, "a/version": b"3\n"}, "a/data/0", nbytes)
    assert min(loaded_in(archive) for _ in range(3)) < 0.05


def _sparse_archive(path, records, hole, nbytes):
    """A zip archive of which one record is a hole of the disk."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in records.items():
            archive.writestr(name, data)
        archive.writestr(hole, b"")
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    start = directory + (-directory) % 64
    entry = data.index(hole.encode(), directory) - 46
    local = struct.unpack_from("<I", data, entry + 42)[0]
    body, tail = bytearray(data[:directory]), bytearray(data[directory:])
    # The extra field of the last local header reaches to where the data begins.
    body += b"\0" * (start - directory)
    struct.pack_into("<H", body, local + 28, start - directory)
    struct.pack_into("<II", tail, entry - directory + 20, nbytes, nbytes)
    end = tail.index(b"PK\x05\x06")
    struct.pack_into("<I", tail, end + 16, start + nbytes)
    with open(path, "wb") as file:
        file.write(body)
        file.seek(start + nbytes)
        file.write(tail)
