"""The names that Tenon has beside PyTorch's: create_tensor, operations, config, metal and the module tenon.tensor.

The snippets are those of the document that asks for them, with the package's name replaced.
"""

import operator
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tenon
import tenon.autograd as autograd
import tenon.tensor as tensor_module
import torch


def test_tensor_snippet():
    tensor = tenon.create_tensor([1, 2, 3, 4], shape=[2, 2])
    assert f"{tensor}" == "tensor([[1., 2.],\n        [3., 4.]])"
    result = tenon.tensor_add(tensor, tensor)
    matrix_result = tenon.tensor_matmul(tensor, tensor)
    assert result.tolist() == [[2, 4], [6, 8]] and matrix_result.tolist() == [[7, 10], [15, 22]]


def test_autograd_snippet():
    x = tenon.create_variable([2.0, 3.0], requires_grad=True)
    y = tenon.create_variable([1.0, 4.0], requires_grad=True)
    z = tenon.operations.mul(x, y)
    loss = tenon.operations.sum(z)
    tenon.backward(loss)
    assert x.grad.tolist() == [1, 4] and y.grad.tolist() == [2, 3]


def test_tensor_module_snippet():
    import tenon.tensor as tensor

    a, b = tensor.ones([2, 2]), tensor.ones([2, 2])
    matrix, tensor_input = tensor.create_tensor([[1, 2, 3]]), tensor.zeros([3, 4])
    zeros = tensor.zeros([3, 4])
    randn = tensor.randn([5, 5])
    result = tensor.add(a, b)
    transposed = tensor.transpose(matrix, 0, 1)
    reshaped = tensor.reshape(tensor_input, [6, -1])
    assert zeros.shape == (3, 4) and randn.shape == (5, 5) and result.tolist() == [[2, 2], [2, 2]]
    assert transposed.tolist() == [[1], [2], [3]] and reshaped.shape == (6, 2)


def test_autograd_module_snippet():
    data = [1.0, 2.0]
    var = autograd.Variable(data, requires_grad=True)
    loss = (var * var).sum()
    autograd.backward(loss)
    assert var.grad.tolist() == [2, 4]
    with autograd.no_grad():
        prediction = var * 2
    assert not prediction.requires_grad


def test_device_snippet():
    tensor = tenon.ones(2, 2)
    if tenon.cuda.is_available():
        device = tenon.device("cuda:0")
        tensor_gpu = tensor.to(device)
        result = tenon.cuda.matmul(tensor_gpu, tensor_gpu)
        assert result.cpu().tolist() == [[2, 2], [2, 2]]
        tenon.cuda.empty_cache()
    if tenon.metal.is_available():
        metal_device = tenon.device("metal:0")
        tensor.to(metal_device)


def test_error_snippet():
    data, shape = [1, 2, 3], [2, 2]
    try:
        tenon.create_tensor(data, shape)
    except tenon.TensorError as e:
        assert "3 numbers" in str(e) and "[2, 2]" in str(e)
    except tenon.DeviceError as e:
        pytest.fail(f"{e}")
    else:
        pytest.fail("no error")


def test_settings_snippet():
    threads, dtype = tenon.get_num_threads(), tenon.get_default_dtype()
    try:
        tenon.set_simd_enabled(True)
        tenon.set_num_threads(8)
        assert tenon.get_num_threads() == 8
        if tenon.cuda.is_available():
            tenon.config.set_default_device("cuda:0")
        tenon.config.set_default_dtype(tenon.float32)
        tenon.config.enable_fast_math(True)
        tenon.config.set_thread_pool_size(16)
        assert tenon.get_num_threads() == tenon.config.get_thread_pool_size() == 16
    finally:
        tenon.config.enable_fast_math(False)
        tenon.config.set_default_device("cpu")
        tenon.set_default_dtype(dtype)
        tenon.set_num_threads(threads)


def test_interop_snippet():
    import torch

    numpy_array = np.array([[1, 2], [3, 4]], dtype=np.float32)
    own_tensor = tenon.from_numpy(numpy_array)
    numpy_result = own_tensor.numpy()
    assert numpy_result.ctypes.data == numpy_array.ctypes.data
    torch_tensor = torch.randn(3, 4)
    own_tensor = tenon.from_torch(torch_tensor)
    pytorch_tensor = own_tensor.to_torch()
    assert pytorch_tensor.data_ptr() == torch_tensor.data_ptr()


def test_numbers_become_the_default_float_dtype():
    assert tenon.create_tensor([1, 2]).dtype is tenon.create_tensor(3).dtype is tenon.float32
    tenon.set_default_dtype(tenon.float64)
    try:
        assert tenon.create_tensor([True]).dtype is tenon.float64
        assert autograd.Variable([1]).dtype is tenon.float64
    finally:
        tenon.set_default_dtype(tenon.float32)
    assert tenon.create_tensor([1], dtype=tenon.int8).dtype is tenon.int8
    assert tenon.create_tensor(np.arange(4), (2, -1)).dtype is tenon.int64
    assert tenon.create_tensor(tenon.arange(2)).dtype is tenon.int64


def test_create_tensor_copies():
    array, x = np.ones(2), tenon.ones(2)
    tenon.create_tensor(array).zero_()
    tenon.create_tensor(x).zero_()
    assert array.tolist() == x.tolist() == [1, 1]


@pytest.mark.parametrize(
    "arguments", [([[1, 2], [3]],), (["a"],), ([1, 2], [3]), ([1, 2], "ab"), (None,), ([1, 2], [1.5]), ([1], [-3])]
)
def test_what_create_tensor_cannot_use_is_a_tensor_error(arguments):
    with pytest.raises(tenon.TensorError, match="^create_tensor: "):
        tenon.create_tensor(*arguments)
    with pytest.raises(RuntimeError):
        tenon.create_variable(*arguments[:1], requires_grad=True) if len(arguments) == 1 else tenon.create_tensor(
            *arguments
        )


def test_a_device_that_is_missing_is_a_device_error():
    for device in ["metal:0", *([] if tenon.cuda.is_available() else ["cuda:0"])]:
        with pytest.raises(tenon.DeviceError, match=device):
            tenon.create_tensor([1, 2], device=device)
        with pytest.raises(tenon.DeviceError):
            tenon.ones(2).to(device)
        with pytest.raises(tenon.DeviceError):
            tenon.cuda.matmul(tenon.ones(2, 2), tenon.ones(2, 2))


def test_tensor_is_a_function_and_a_module():
    assert tenon.tensor is tensor_module and tenon.tensor is sys.modules["tenon.tensor"]
    x = tenon.tensor([1, 2], dtype=tenon.float64, requires_grad=True)
    assert x.dtype is tenon.float64 and x.requires_grad
    assert callable(tenon.tensor) and pickle.loads(pickle.dumps(tenon.tensor)) is tenon.tensor
    assert tenon.tensor.Tensor is tenon.Tensor
    with pytest.raises(TypeError):
        tenon.tensor()


def test_variable_is_what_pytorchs_is():
    import torch

    for library in (torch, tenon):
        variable = library.autograd.Variable
        x = library.ones(2)
        v = variable(x, requires_grad=True)
        assert v is not x and v.data_ptr() == x.data_ptr() and v.requires_grad and not x.requires_grad
        assert isinstance(x, variable) and isinstance(v, variable) and not isinstance(1, variable)
        assert variable(v * 2).grad_fn is None and not variable(v).requires_grad
        assert variable().shape == (0,)


def test_operations_are_the_functions():
    assert tenon.operations.sin is tenon.sin and tenon.operations.matmul is tenon.matmul
    x = tenon.create_variable([0.5], requires_grad=True)
    tenon.backward(tenon.operations.sin(x))
    assert x.grad.item() == pytest.approx(np.cos(0.5))


def test_metal_says_why_it_is_missing():
    assert tenon.metal.is_available() is False and tenon.metal.device_count() == 0
    assert "Metal" in tenon.metal.unavailable_reason()
    assert str(tenon.device("metal:0")) == "metal:0" and tenon.device("metal:0").index == 0
    tenon.metal.empty_cache()
    with pytest.raises(tenon.DeviceError):
        tenon.metal.synchronize()


def test_fast_math_takes_denormal_numbers_for_zero_on_every_thread():
    import torch

    x = tenon.full((1_000_000,), 1e-40)
    if not tenon.config.enable_fast_math(True):
        assert not torch.set_flush_denormal(True)
        return
    try:
        assert (x * 1).sum().item() == 0 and (x * 1).count_nonzero().item() == 0
    finally:
        tenon.config.enable_fast_math(False)
    assert (x * 1).count_nonzero().item() == 1_000_000


def test_matmul_precision_and_tensor_types_as_in_pytorch():
    import torch

    for library in (torch, tenon):
        assert library.get_float32_matmul_precision() == "highest"
        library.set_float32_matmul_precision("high")
        assert library.get_float32_matmul_precision() == "high"
        library.set_float32_matmul_precision("highest")
        library.set_default_tensor_type(library.DoubleTensor)
        assert library.ones(1).dtype is library.float64
        library.set_default_tensor_type(f"{library.__name__}.FloatTensor")
        assert library.ones(1).dtype is library.float32
        with pytest.raises(TypeError):
            library.set_default_tensor_type(library.LongTensor)
    with pytest.raises(RuntimeError, match="highest"):
        tenon.set_float32_matmul_precision("exact")


def test_versions_compare_as_pytorchs_do():
    from tenon.torch_version import TorchVersion
    from torch.torch_version import TorchVersion as Theirs

    others = ["2.13.0", "2.13", "2.2", "2.13.1", "2.13.0rc1", "2.14.0.dev2026", "1.9", "3", (2, 0), (2, 13), (2, 13, 1),
              [2, 20], "2.13.0+cpu", "2.13.0+tenon0.1.0", "a word", ""]  # fmt: skip
    for text in ["2.13.0+tenon0.1.0", "2.13.0", "2.13.0rc1", "2.14.0.dev1"]:
        ours, theirs = TorchVersion(text), Theirs(text)
        assert str(ours) == text and hash(ours) == hash(text) and ours.split(".")[0] == "2"
        for other in others:
            # PyTorch's != compares strings, so that 2.13 both equals 2.13.0 and does not.
            assert (ours != other) is not (ours == other)
            for name in ("lt", "le", "gt", "ge", "eq"):
                compare = getattr(operator, name)
                assert compare(ours, other) == compare(theirs, other), (text, name, other)


def test_accelerators_answer_where_there_are_none():
    accelerator = tenon.accelerator
    assert accelerator.is_available() == tenon.cuda.is_available()
    assert accelerator.device_count() == tenon.cuda.device_count()
    assert not tenon.backends.mps.is_available() and not tenon.mps.is_available()
    tenon.backends.cudnn.deterministic = True
    if not accelerator.is_available():
        assert accelerator.current_accelerator() is None
        with accelerator.device_index(None):
            pass
        asked = "synchronize current_device_index current_device_idx current_stream get_device_capability empty_cache "
        asked += "empty_host_cache memory_allocated max_memory_allocated memory_reserved max_memory_reserved "
        asked += "memory_stats reset_peak_memory_stats reset_accumulated_memory_stats get_memory_info"
        for name in asked.split():
            assert hasattr(torch.accelerator, name)
            with pytest.raises(tenon.DeviceError):
                getattr(accelerator, name)()
        with pytest.raises(tenon.DeviceError):
            accelerator.set_device_index(0)


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("TENON_NUM_THREADS", "3", "assert tenon.get_num_threads() == 3"),
        ("TENON_CPU_ISA", "baseline", "assert tenon.get_cpu_isa() == 'baseline'"),
        ("TENON_CUDA_DEVICE", "0", "tenon.cuda.is_available()"),
        ("TENON_LOG_LEVEL", "info", "tenon.ones(2)"),
    ],
)
def test_environment_variables_set_what_config_starts_from(variable, value, code):
    command = [sys.executable, "-c", f"import tenon; {code}"]
    done = subprocess.run(command, env={**os.environ, variable: value}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nonsense_in_the_environment_is_named():
    environment = {**os.environ, "TENON_NUM_THREADS": "many"}
    code = "import tenon\ntry: tenon.get_num_threads()\nexcept ValueError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "TENON_NUM_THREADS" in done.stdout and "many" in done.stdout, done.stderr
