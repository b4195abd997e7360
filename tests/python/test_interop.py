"""Memory shared with NumPy, the buffer protocol, DLPack and PyTorch, both ways."""

import array as arrays
import ctypes
import gc
import operator
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
import tenon
import torch
from compare import comparisons

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
        (np.zeros(2, np.longdouble), TypeError),
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


def test_a_capsule_is_neither_copied_nor_moved():
    for arguments in [{"copy": True}, {"copy": False}, {"device": "cpu"}]:
        for library in (tenon, torch):
            with pytest.raises(AssertionError, match="already a DLPack capsule"):
                library.from_dlpack(library.ones(2).__dlpack__(), **arguments)


def test_memory_that_is_not_aligned_is_refused():
    array = np.zeros(17, np.uint8)[1:]
    for dtype in (np.float32, np.complex64):
        for make in (tenon.from_numpy, tenon.from_dlpack):
            with pytest.raises(ValueError, match="aligned"):
                make(array.view(dtype))
    assert tenon.from_dlpack(array).numel() == 16 and tenon.from_dlpack(array[:0].view(np.float32)).numel() == 0


@pytest.mark.parametrize("options", [{}, {"copy": True}, {"device": "cpu"}])
def test_numbers_that_pytorch_has_yet_to_negate_are_refused(options):
    negated = torch.tensor([1 + 2j, 3 - 4j]).conj().imag
    assert negated.is_neg()
    for function in (tenon.from_dlpack, tenon.from_torch) if not options else (tenon.from_dlpack,):
        with pytest.raises(BufferError, match="resolve_neg"):
            function(negated, **options)
    assert tenon.from_dlpack(negated.resolve_neg(), **options).tolist() == [-2, 4]


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_pytorch_tensors_share_memory_both_ways(dtype):
    theirs = torch.ones(2, 3, dtype=getattr(torch, dtype)).t()
    x = tenon.from_torch(theirs)
    assert x.data_ptr() == theirs.data_ptr() and x.stride() == theirs.stride()
    x.zero_()
    assert not theirs.any()
    back = tenon.ones(2, 3, dtype=getattr(tenon, dtype)).to_torch()
    assert back.dtype == getattr(torch, dtype) and back.all()


def test_integers_in_numpy_are_of_its_own_types():
    for dtype in (np.int64, np.uint64, np.int32, np.int8):
        array = tenon.arange(3).to(getattr(tenon, np.dtype(dtype).name)).numpy()
        assert array.dtype.char == np.dtype(dtype).char and isinstance(array[0], dtype)


MIXED = {
    "operator": lambda ours, theirs: ours + theirs,
    "reflected operator": lambda ours, theirs: theirs + ours,
    "comparison": lambda ours, theirs: ours == theirs,
    "product": lambda ours, theirs: theirs @ ours,
    "in place": lambda ours, theirs: operator.iadd(ours, theirs),
    "function": lambda ours, theirs: tenon.sin(theirs),
    "function of several forms": lambda ours, theirs: tenon.pow(ours, theirs),
    "function of a list": lambda ours, theirs: tenon.cat([ours, theirs]),
    "function in Python": lambda ours, theirs: tenon.nn.functional.mse_loss(ours, theirs),
    "keyword": lambda ours, theirs: tenon.add(ours, other=theirs),
    "method": lambda ours, theirs: ours.add(theirs),
    "copy_": lambda ours, theirs: ours.copy_(theirs),
    "index": lambda ours, theirs: ours[theirs.long()],
    "tensor()": lambda ours, theirs: tenon.tensor(theirs),
    "operator with a number in a tensor": lambda ours, theirs: ours + theirs[0],
    "stack of PyTorch": lambda ours, theirs: torch.stack([ours]),
    "subclass": lambda ours, theirs: tenon.sin(torch.nn.Parameter(theirs)),
    "function of PyTorch": lambda ours, theirs: torch.sin(ours),
    "function of PyTorch of both": lambda ours, theirs: torch.add(theirs, ours),
    "function of PyTorch in Python": lambda ours, theirs: torch.nn.functional.relu(ours),
    "method of PyTorch": lambda ours, theirs: theirs.add(ours),
}


@pytest.mark.parametrize("name", MIXED)
def test_tensors_of_the_two_libraries_do_not_mix(name):
    with pytest.raises(TypeError, match=r"torch\.Tensor.*tenon\.Tensor|Parameter.*tenon\.Tensor") as error:
        MIXED[name](tenon.ones(2), torch.ones(2))
    assert "from_torch" in str(error.value)


ARRAYS = {
    "array": lambda: np.ones(3),
    "array of float32": lambda: np.ones(3, dtype=np.float32),
    "empty array": lambda: np.ones(0),
    "array that runs backwards": lambda: np.ones(3)[::-1],
    "NumPy scalar": lambda: np.float64(1),
    "list": lambda: [1.0, 2.0],
    "number": lambda: 1.0,
    "bytearray": lambda: bytearray(b"abcdefgh"),
    "array.array": lambda: arrays.array("f", [1, 2]),
    "tensor of PyTorch": lambda: torch.ones(3),
}


def test_asarray_takes_shares_and_refuses_what_pytorch_does():
    with comparisons() as check:
        for name, make in ARRAYS.items():
            for copy in (None, False, True):
                for dtype in (None, "float32", "float64"):
                    if (name, copy, dtype) == ("NumPy scalar", True, "float32"):
                        # PyTorch refuses this one copy, for no reason that it names.
                        continue

                    def code(t, make=make, copy=copy, dtype=dtype):
                        obj = make()
                        result = t.asarray(obj, dtype=dtype and getattr(t, dtype), copy=copy)
                        before = result.clone()
                        if isinstance(obj, (np.ndarray, torch.Tensor)):
                            obj[...] = 7
                        elif isinstance(obj, bytearray):
                            obj[:] = b"7" * 8
                        return before, result

                    check((name, copy, dtype), code)


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

OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.matmul,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("function", OPERATORS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_operators_take_arrays_on_either_side_and_give_tensors(function, dtype):
    array = np.array([[1, 2], [3, 5]], dtype)
    x = tenon.tensor([[2, 3], [2, 4]], dtype=tenon.int64 if dtype == "int64" else tenon.float32)
    if function is operator.matmul and dtype == "float64":
        x = x.double()
    for left, right in [(x, array), (array, x)]:
        found = function(left, right)
        assert isinstance(found, tenon.Tensor)
        expected = function(np.asarray(left), np.asarray(right))
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
        assert found.dtype == function(tenon.as_tensor(left), tenon.as_tensor(right)).dtype


def test_arrays_beside_tensors_broadcast_and_take_gradients():
    x = tenon.ones(2, 3, requires_grad=True)
    array = np.array([1.0, 2.0, 3.0], np.float32)
    y = array * x + array
    # What the graph has saved is its own: the array may change.
    array[:] = 0
    y.sum().backward()
    assert x.grad.tolist() == [[1, 2, 3], [1, 2, 3]]
    z = tenon.zeros(3)
    z += np.ones(3)
    assert z.tolist() == [1, 1, 1]
    assert (tenon.tensor([True, False]) & np.array([True, True])).tolist() == [True, False]
    with pytest.raises(TypeError):
        z + np.array(["a", "b", "c"])
    with pytest.raises(RuntimeError):
        z + np.ones(4)


def test_read_only_memory_is_never_written_through():
    array = np.arange(4.0)
    array.flags.writeable = False
    for x in (tenon.from_numpy(array), tenon.from_dlpack(array), tenon.as_tensor(array), tenon.asarray(array)):
        assert x.data_ptr() == array.ctypes.data
        views = [x, x[1:], x.reshape(2, 2), x.detach()]
        for view in views:
            for name, arguments in [("zero_", ()), ("add_", (1,)), ("__setitem__", (0, 1)), ("sin_", ())]:
                with pytest.raises(RuntimeError):
                    getattr(view, name)(*arguments)
        with pytest.raises(RuntimeError):
            tenon.sin(x.clone(), out=x)
        # Whoever gets the memory next is told, or does not get it.
        assert not np.asarray(x).flags.writeable and not np.from_dlpack(x).flags.writeable
        assert memoryview(x).readonly
        for export in (x.__dlpack__, x.to_torch):
            with pytest.raises(BufferError):
                export()
        assert x.clone().zero_().tolist() == [0, 0, 0, 0]
    assert array.tolist() == [0, 1, 2, 3]
    assert tenon.frombuffer(b"\x01\x02", dtype=tenon.uint8).add(1).tolist() == [2, 3]
    with pytest.raises(RuntimeError):
        tenon.frombuffer(b"\x01\x02", dtype=tenon.uint8).add_(1)


def test_dlpack_copies_when_asked_and_says_so():
    x = tenon.arange(4.0)
    shared, copied = np.from_dlpack(x), np.from_dlpack(x, copy=True)
    x.zero_()
    assert shared.tolist() == [0, 0, 0, 0] and copied.tolist() == [0, 1, 2, 3]
    array = np.arange(4.0)
    assert tenon.from_dlpack(array, copy=True).data_ptr() != array.ctypes.data
    assert tenon.from_dlpack(array, copy=False).data_ptr() == array.ctypes.data
    assert np.from_dlpack(x, copy=False).ctypes.data == x.data_ptr()
    with pytest.raises(BufferError):
        x.__dlpack__(dl_device=(2, 0))


def test_dlpack_is_asked_as_each_producer_can_answer():
    class Producer:
        def __init__(self, array, error=None):
            self.array, self.error, self.asked = array, error, []

        def __dlpack__(self, **keywords):
            self.asked.append(keywords)
            if self.error is not None:
                raise self.error
            return self.array.__dlpack__(**keywords)

    class OldProducer(Producer):
        def __dlpack__(self, *, stream=None):
            return self.array.__dlpack__()

    array = np.arange(4.0)
    ways = [(Producer, {}), (Producer, {"copy": False}), (Producer, {"device": "cpu"}), (OldProducer, {})]
    for maker, keywords in ways:
        producer = maker(array)
        assert tenon.from_dlpack(producer, **keywords).data_ptr() == array.ctypes.data
        assert all(asked.get("max_version") == (1, 0) for asked in producer.asked)
        assert producer.asked == [] or producer.asked[0].get("copy") is keywords.get("copy")
    for error in (AttributeError("own"), TypeError("own"), KeyError("own")):
        with pytest.raises(type(error), match="own"):
            tenon.from_dlpack(Producer(array, error))
    for nothing in (3, [1.0], None):
        with pytest.raises(RuntimeError):
            tenon.from_dlpack(nothing)


def test_tensors_of_pytorch_that_dlpack_refuses_are_refused():
    class Own(torch.Tensor):
        def __dlpack__(self, **keywords):
            return torch.zeros(5).__dlpack__(**keywords)

    assert tenon.from_dlpack(torch.ones(2).as_subclass(Own)).tolist() == [0] * 5
    leaf = torch.ones(2, requires_grad=True)
    x = tenon.from_torch(leaf * 2)
    assert x.tolist() == [2, 2] and not x.requires_grad
    assert tenon.from_torch(leaf).data_ptr() == leaf.data_ptr()
    conjugate = torch.ones(2, dtype=torch.complex64).conj()
    for tensor in (leaf, conjugate, torch.ones(2, 2).to_sparse(), torch.ones(2, device="meta")):
        with pytest.raises(BufferError):
            tenon.from_dlpack(tensor)
    with pytest.raises(RuntimeError):
        tenon.from_torch(torch.ones(2).to(torch.float8_e5m2))


def test_shared_memory_outlives_either_side():
    theirs = torch.arange(1000.0)
    x = tenon.from_torch(theirs)
    shared, back = tenon.from_dlpack(x), x.to_torch()
    del theirs, x
    gc.collect()
    assert shared.sum().item() == back.sum().item() == 499500
    back.zero_()
    assert not shared.any()
    x = tenon.ones(4)
    shared = tenon.from_dlpack(x)
    with pytest.raises(RuntimeError):
        x.resize_(1_000_000)
    assert shared.tolist() == [1, 1, 1, 1]


def test_arrays_of_the_interface_alone_are_taken():
    class Image:
        def __init__(self, array):
            self.array = array
            self.__array_interface__ = array.__array_interface__

    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert tenon.tensor(np.asarray(Image(array))).tolist() == array.tolist()
    assert np.asarray(tenon.from_numpy(array)).tolist() == array.tolist()
    # PyTorch's tensors have no __array_interface__ of their own, so neither have these.
    for name in ("__array__", "__array_priority__", "__array_wrap__", "__array_interface__", "__dlpack__"):
        assert hasattr(tenon.Tensor, name) == hasattr(torch.Tensor, name)


def test_a_gigabyte_is_exchanged_without_being_touched():
    array = np.empty(2**28, np.float32)

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = resident()
    x = tenon.from_numpy(array)
    back, theirs = x.numpy(), x.to_torch()
    again = tenon.from_torch(theirs)
    assert x.nbytes == 2**30 and resident() - before < 50e6
    assert array.ctypes.data == x.data_ptr() == back.ctypes.data == theirs.data_ptr() == again.data_ptr()

    def quickest(exchange):
        times = []
        for _ in range(300):
            start = time.perf_counter()
            exchange(array)
            times.append(time.perf_counter() - start)
        return min(times)

    # Both take microseconds; a copy would take a thousand times as long.
    assert quickest(tenon.from_numpy) < 10 * quickest(torch.from_numpy)


# --- functions across frameworks


def test_a_function_of_tenon_is_a_node_of_pytorchs_graph():
    weight = tenon.tensor([2.0, 3.0], requires_grad=True)

    def own(x, y, scale=1.0):
        return scale * (x.sin() * y * weight).sum(), (x * x).detach()

    bridged = tenon.interop.torch_function(own)
    x = torch.tensor([0.5, 1.5], requires_grad=True)
    y = torch.tensor([1.0, -1.0], requires_grad=True)
    value, square = bridged(x * 2, y, scale=3.0)
    assert isinstance(value, torch.Tensor) and not square.requires_grad
    assert len(value.grad_fn.next_functions) >= 2
    (value * 5).backward()

    theirs = torch.tensor([2.0, 3.0], requires_grad=True)
    x2, y2 = x.detach().requires_grad_(), y.detach().requires_grad_()
    (5 * 3 * ((2 * x2).sin() * y2 * theirs).sum()).backward()
    for found, expected in [(x.grad, x2.grad), (y.grad, y2.grad), (weight.grad.to_torch(), theirs.grad)]:
        torch.testing.assert_close(found, expected)
    assert torch.autograd.gradcheck(
        tenon.interop.torch_function(lambda a, b: (a @ b).tanh()),
        (torch.randn(3, 4, dtype=torch.double, requires_grad=True), torch.randn(4, 2, dtype=torch.double)),
    )


def test_a_function_of_pytorch_is_a_node_of_tenons_graph():
    layer = torch.nn.Linear(3, 2)
    bridged = tenon.interop.tenon_function(layer)
    x = tenon.randn(4, 3, requires_grad=True)
    loss = (bridged(x.exp()) * 2).sum()
    loss.backward()
    expected = x.detach().to_torch().requires_grad_()
    twin = torch.nn.Linear(3, 2)
    twin.load_state_dict(layer.state_dict())
    (twin(expected.exp()) * 2).sum().backward()
    torch.testing.assert_close(x.grad.to_torch(), expected.grad)
    torch.testing.assert_close(layer.weight.grad, twin.weight.grad)


@pytest.mark.parametrize("outer", ["torch", "tenon"])
def test_what_a_bridged_function_holds_gets_gradients_though_no_argument_does(outer):
    library, inner = (torch, tenon) if outer == "torch" else (tenon, torch)
    bridge = tenon.interop.torch_function if outer == "torch" else tenon.interop.tenon_function
    weight = inner.tensor([2.0, 3.0], requires_grad=True)
    result = bridge(lambda x: x * weight)(library.tensor([5.0, 7.0]))
    assert result.requires_grad
    (result * 2).sum().backward()
    assert weight.grad.tolist() == [10, 14]
    assert not bridge(lambda x: x * 2)(library.tensor([5.0])).requires_grad


@pytest.mark.parametrize("outer", ["torch", "tenon"])
def test_bridges_keep_graphs_and_refuse_what_they_cannot_do(outer):
    library = torch if outer == "torch" else tenon
    bridge = tenon.interop.torch_function if outer == "torch" else tenon.interop.tenon_function
    x = library.ones(3, requires_grad=True)
    y = bridge(lambda a: a.exp())(x)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([2 * np.e] * 3)
    # Twice differentiable it is not, and says so.
    (first,) = library.autograd.grad(bridge(lambda a: a * a)(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError):
        first.sum().backward()
    # Memory that both see must not change between forward and backward.
    y = bridge(lambda a: a.exp())(x)
    with library.no_grad():
        y.zero_()
    with pytest.raises(RuntimeError):
        y.sum().backward()
    with pytest.raises(TypeError, match="expected it to return tensors"):
        bridge(lambda a: 3)(x)
    with library.no_grad():
        assert not bridge(lambda a: a * 2)(x).requires_grad
    unused, used = library.ones(2, requires_grad=True), library.ones(2, requires_grad=True)
    bridge(lambda a, b: b * 2)(unused, used).sum().backward()
    assert used.grad.tolist() == [2, 2] and (unused.grad is None or not unused.grad.any())


@pytest.mark.parametrize("make", [
    lambda: tenon.ones(3, 4), lambda: tenon.ones(4, 3).t(), lambda: tenon.ones(3, 8)[:, ::2], lambda: tenon.ones(5),
    lambda: tenon.ones(1, 1), lambda: tenon.ones(())])
def test_buffers_come_in_the_order_that_was_asked_for(make):
    x = make()
    array = x.numpy()
    # PyBUF_C_CONTIGUOUS and its kin, without the bits of PyBUF_STRIDES.
    orders = {0x20: array.flags.c_contiguous, 0x40: array.flags.f_contiguous, 0x80: array.flags.forc, 0: True}
    strides = 0x18
    get = ctypes.pythonapi.PyObject_GetBuffer
    get.argtypes, get.restype = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int], ctypes.c_int
    view = ctypes.create_string_buffer(256)
    for flag, expected in orders.items():
        if expected:
            assert get(x, view, strides | flag) == 0
            ctypes.pythonapi.PyBuffer_Release(view)
        else:
            with pytest.raises(BufferError):
                get(x, view, strides | flag)
