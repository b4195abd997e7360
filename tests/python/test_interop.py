"""Memory shared with NumPy, the buffer protocol, DLPack and PyTorch, both ways."""

import gc
import weakref

import numpy as np
import pytest
import tenon

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_arrays_and_tensors_share_memory(dtype):
    array = np.zeros((3, 4), dtype)
    x = tenon.from_numpy(array)
    assert x.shape == (3, 4) and str(x.dtype) == f"tenon.{dtype}" and x.data_ptr() == array.ctypes.data
    array[1, 2] = 1
    assert x[1, 2].item() == 1
    x[0, 0] = 1
    assert array[0, 0] == 1
    back = x.numpy()
    assert back.ctypes.data == array.ctypes.data and back.dtype == array.dtype


@pytest.mark.parametrize(
    "view",
    [lambda a: a.T, lambda a: a[1:, ::2], lambda a: a[:0], lambda a: a[1, 2], lambda a: np.broadcast_to(a, (2, 4, 6))],
)
def test_strides_survive(view):
    array = np.asarray(view(np.arange(24.0).reshape(4, 6)))
    x = tenon.from_numpy(array)
    assert x.shape == array.shape
    np.testing.assert_array_equal(x.numpy(), array)
    assert tenon.arange(6).reshape(2, 3).t().numpy().tolist() == [[0, 3], [1, 4], [2, 5]]


def test_memory_lives_as_long_as_its_last_user():
    array = np.ones(1000)
    reference = weakref.ref(array)
    x = tenon.from_numpy(array)[10:]
    del array
    gc.collect()
    assert reference() is not None and x.sum().item() == 990
    del x
    gc.collect()
    assert reference() is None
    shared = tenon.ones(1000).numpy()
    gc.collect()
    assert shared.sum() == 1000


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.arange(4)[::-1], ValueError),
        (np.zeros(2, "datetime64[s]"), TypeError),
        (np.zeros(2, ">f4"), TypeError),
        (np.zeros(2, np.uint32), TypeError),
        (np.array(["text"]), TypeError),
        (np.array([object()]), TypeError),
        (np.zeros(2, [("a", "i1"), ("b", "f8")])["b"], ValueError),
        ([1, 2], TypeError),
    ],
)
def test_arrays_that_cannot_be_shared_are_refused(array, error):
    with pytest.raises(error):
        tenon.from_numpy(array)


def test_read_only_memory_stays_read_only():
    array = np.ones(3)
    array.flags.writeable = False
    x = tenon.from_numpy(array)
    with pytest.raises(RuntimeError):
        x += 1
    with pytest.raises(RuntimeError):
        x[0] = 5
    assert array.tolist() == [1, 1, 1] and (x + 1).tolist() == [2, 2, 2]
    assert not np.asarray(memoryview(x)).flags.writeable


def test_tensors_that_require_grad_are_not_exported():
    x = tenon.ones(2, requires_grad=True)
    for export in [x.numpy, lambda: memoryview(x), lambda: np.asarray(x), x.__dlpack__]:
        with pytest.raises((RuntimeError, BufferError)):
            export()
    assert x.numpy(force=True).tolist() == [1, 1]
    with pytest.raises(TypeError):
        tenon.ones(2, dtype=tenon.bfloat16).numpy()


def test_numpys_functions_take_tensors():
    x = tenon.tensor([1.0, 4.0])
    assert isinstance(np.sqrt(x), tenon.Tensor) and np.sqrt(x).tolist() == [1, 2]
    assert np.asarray(x).ctypes.data == x.data_ptr()
    assert np.array(x, dtype=np.int64).tolist() == [1, 4]
    assert isinstance(x + np.ones(2), tenon.Tensor)


def test_buffers_are_read_and_written():
    x = tenon.arange(6, dtype=tenon.int16).reshape(2, 3)
    view = memoryview(x)
    assert view.shape == (2, 3) and view.format == "h" and view.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert bytes(x[1]) == np.array([3, 4, 5], np.int16).tobytes()
    with pytest.raises(BufferError):
        tenon.frombuffer(x.t(), dtype=tenon.int16)
    data = bytearray(b"\x01\x00\x02\x00\x03\x00")
    y = tenon.frombuffer(data, dtype=tenon.int16, offset=2)
    y[0] = 7
    assert y.tolist() == [7, 3] and data[2] == 7
    for arguments in [{"offset": 6}, {"offset": -1}, {"count": 4}, {"count": 0}, {"offset": 1}]:
        with pytest.raises(ValueError):
            tenon.frombuffer(data, dtype=tenon.int16, **arguments)
    with pytest.raises(ValueError):
        tenon.frombuffer(b"", dtype=tenon.uint8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_goes_both_ways_with_numpy(dtype):
    x = tenon.ones(2, 3, dtype=getattr(tenon, dtype))
    array = np.from_dlpack(x)
    assert array.ctypes.data == x.data_ptr() and array.dtype == dtype
    back = tenon.from_dlpack(np.ones((2, 3), dtype))
    assert str(back.dtype) == f"tenon.{dtype}" and back.tolist() == x.tolist()


def test_dlpack_capsules_are_used_once_and_freed_unused():
    x = tenon.ones(3)
    assert x.__dlpack_device__() == (1, 0)
    capsule = x.__dlpack__()
    assert tenon.from_dlpack(capsule).data_ptr() == x.data_ptr()
    with pytest.raises(RuntimeError):
        tenon.from_dlpack(capsule)
    with pytest.raises(RuntimeError):
        tenon.from_dlpack("text")
    assert "dltensor_versioned" in repr(x.__dlpack__(max_version=(1, 1)))
    assert tenon.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_pytorch_tensors_share_memory_both_ways(dtype):
    torch = pytest.importorskip("torch")
    theirs = torch.ones(2, 3, dtype=getattr(torch, dtype)).t()
    x = tenon.from_torch(theirs)
    assert x.data_ptr() == theirs.data_ptr() and x.stride() == theirs.stride()
    x.zero_()
    assert not theirs.any()
    back = tenon.ones(2, 3, dtype=getattr(tenon, dtype)).to_torch()
    assert back.dtype == getattr(torch, dtype) and back.all()


def test_asarray_and_as_tensor_copy_only_when_they_must():
    array = np.ones(3, np.float32)
    assert tenon.as_tensor(array).data_ptr() == array.ctypes.data
    assert tenon.as_tensor(array, dtype=tenon.float64).dtype is tenon.float64
    x = tenon.ones(3)
    assert tenon.as_tensor(x) is x and tenon.asarray(x).data_ptr() == x.data_ptr()
    assert tenon.asarray(x, copy=True).data_ptr() != x.data_ptr()
    assert tenon.asarray([1, 2], dtype=tenon.float32, requires_grad=True).requires_grad
    with pytest.raises(ValueError):
        tenon.asarray([1, 2], copy=False)


def test_exported_memory_outlives_a_resize():
    x = tenon.ones(4)
    array = x.numpy()
    with pytest.raises(RuntimeError):
        x.resize_(1_000_000)
    assert array.tolist() == [1, 1, 1, 1]
