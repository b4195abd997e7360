"""Wrong calls: the type of each error, and what its message names."""

import pytest
import tenon


def test_error_types_specialise_pythons():
    for error in [tenon.TensorError, tenon.DeviceError, tenon.OutOfMemoryError]:
        assert issubclass(error, RuntimeError)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x + tenon.ones(3), tenon.TensorError, ["add", "[2]", "[3]"]),
        (lambda x: x.view(3), tenon.TensorError, ["view", "[3]", "2"]),
        (lambda x: x.sum(5), IndexError, ["sum", "5"]),
        (lambda x: x[7], IndexError, ["7"]),
        (lambda x: x[0].size(-1), IndexError, ["size", "-1", "no dims"]),
        (lambda x: x[0].stride(0), IndexError, ["stride", "0", "no dims"]),
        (lambda x: x.to("nonsense"), RuntimeError, ["nonsense"]),
        (lambda x: x.cuda(), tenon.DeviceError, ["cuda"]),
        (lambda x: tenon.mm(x, x), tenon.TensorError, ["mm"]),
        (lambda x: x.bitwise_not(), tenon.TensorError, ["bitwise_not", "float32"]),
        (lambda x: tenon.sum(x, "text"), TypeError, ["sum()", "str", "dim", "Tensor out"]),
        (lambda x: x.add(1, out=x), TypeError, ["add()", "out"]),
        (lambda x: x.add(), TypeError, ["add()", "Tensor other", "Number other"]),
        (lambda x: x.relu(1), TypeError, ["relu()", "1 positional", "2 were given"]),
        (lambda x: x.relu(extra=1), TypeError, ["relu()", "extra"]),
        (lambda x: x.unsqueeze(), TypeError, ["unsqueeze()", "'dim'"]),
        (lambda x: x.unsqueeze("a"), TypeError, ["unsqueeze()", "'dim'", "int", "str"]),
        (lambda x: x.unsqueeze(0, dim=0), TypeError, ["unsqueeze()"]),
        (lambda x: tenon.relu(3), TypeError, ["relu()", "'self'", "Tensor", "int"]),
        (lambda x: tenon.zeros("a"), TypeError, ["zeros()", "'size'", "str"]),
        (lambda x: tenon.zeros(2, dtype="float32"), TypeError, ["zeros()", "dtype", "str"]),
        (lambda x: tenon.zeros(-1), RuntimeError, ["zeros", "-1"]),
        (lambda x: tenon.zeros(2**40, 2**40), RuntimeError, ["zeros"]),
        (lambda x: tenon.cat([x, 3]), TypeError, ["cat()"]),
        (lambda x: tenon.nn.functional.pad(x, (1, 1), "typo"), NotImplementedError, ["pad", "typo", "reflect"]),
        (lambda x: tenon.hstack([x, tenon.ones(2, 2)]), tenon.TensorError, ["hstack: ", "got 1 and 2"]),
        (lambda x: tenon.floor_divide(x, 1j), tenon.TensorError, ["floor_divide: ", "complex64"]),
        (lambda x: x.clamp_(min=tenon.ones(3)), tenon.TensorError, ["clamp", "[2]", "[3]"]),
        (lambda x: x.requires_grad_().fill_(1), RuntimeError, ["fill_: a leaf Variable"]),
        (lambda x: tenon.nn.functional.mse_loss(x, tenon.ones(3)), tenon.TensorError, ["mse_loss: ", "[2]", "[3]"]),
        (lambda x: tenon.zeros(2**62), RuntimeError, ["zeros: ", str(2**62), "float32"]),
        (lambda x: x.expand(2**62, 2), RuntimeError, ["expand: ", str(2**62)]),
        (lambda x: x.to("metal"), tenon.DeviceError, ["metal"]),
        (lambda x: tenon.device("cuda", -1), RuntimeError, ["index", "-1"]),
        (lambda x: tenon.device("cuda", 256), RuntimeError, ["index", "256"]),
        (lambda x: tenon.unique(x.requires_grad_()).sum().backward(), NotImplementedError, ["unique", "derivative"]),
        (lambda x: x.unsqueeze(2**70), ValueError, ["Overflow"]),
        (lambda x: tenon.Tensor(dtype=tenon.float32), TypeError, ["Tensor"]),
    ],
)
def test_messages_name_the_op_and_what_was_seen(call, error, words):
    with pytest.raises(error) as caught:
        call(tenon.ones(2))
    for word in words:
        assert word in str(caught.value)


def test_a_memory_limit_is_an_error_and_not_a_crash():
    tenon.set_memory_limit(1 << 20)
    try:
        with pytest.raises(tenon.OutOfMemoryError, match=r"^zeros: .*requested 16777216 bytes; in use \d+, peak \d+"):
            tenon.zeros(1 << 22)
    finally:
        tenon.set_memory_limit(None)
    assert tenon.zeros(1 << 22).numel() == 1 << 22


def test_a_failed_edit_leaves_the_tensor_whole():
    x = tenon.ones(2)
    with pytest.raises(RuntimeError):
        x.add_(tenon.ones(3, 2))
    with pytest.raises(RuntimeError):
        tenon.ones(2, dtype=tenon.int64).add_(1.5)
    assert x.tolist() == [1, 1]


def test_an_edit_of_a_saved_tensor_is_told_by_the_names_of_the_ops():
    x = tenon.ones(2, requires_grad=True)
    y = x * 2
    z = y.pow(3)
    y += 1
    with pytest.raises(tenon.TensorError, match=r"operation: pow saved a .* and 'add' has since edited it"):
        z.sum().backward()


# --- what ends the process in PyTorch


def nested(depth):
    data = []
    for _ in range(depth):
        data = [data]
    return data


def unnest(data):
    """Takes the list apart; its own deallocation would be recursive in some versions of Python."""
    while data:
        data = data.pop()


@pytest.mark.parametrize(
    "call",
    [
        tenon.tensor,
        tenon.as_tensor,
        tenon.Tensor,
        tenon.cat,
        tenon.stack,
        tenon.zeros,
        lambda data: tenon.ones(2)[data],
        lambda data: tenon.ones(2).__setitem__(data, 1),
        lambda data: tenon.ones(2).__setitem__(0, data),
        lambda data: tenon.ones(2).new_tensor(data),
        lambda data: tenon.ones(2).view(data),
        lambda data: tenon.ones(2).sum(data),
        lambda data: tenon.ones(2) + data,
    ],
)
def test_a_list_nested_300000_deep_is_refused(call):
    deep = nested(300_000)
    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)):
        call(deep)
    unnest(deep)


@pytest.mark.parametrize("dtype", [tenon.int64, tenon.int32, tenon.int16, tenon.int8])
def test_the_least_integer_divided_by_minus_one_wraps(dtype):
    least = tenon.iinfo(dtype).min
    x = tenon.full((9,), least, dtype=dtype)
    for divisor in [-1, tenon.full((9,), -1, dtype=dtype)]:
        assert (x // divisor).tolist() == [least] * 9
        assert tenon.div(x, divisor, rounding_mode="trunc").tolist() == [least] * 9
        assert (x % divisor).tolist() == [0] * 9
        assert tenon.fmod(x, divisor).tolist() == [0] * 9


@pytest.mark.parametrize("size", [2**62, 2**63 - 1, -(2**63)])
def test_a_window_that_no_input_fills_is_refused(size):
    functional = tenon.nn.functional
    for dims in [1, 2, 3]:
        x = tenon.ones([1, 1] + [8] * dims)
        for name in ["max_pool", "avg_pool"]:
            pool = getattr(functional, f"{name}{dims}d")
            for arguments in [(size,), (2, size), (2, 2, size), (size, size, size)]:
                if arguments == (2, size) and size > 0:
                    assert pool(x, *arguments).numel() == 1
                    continue
                with pytest.raises(RuntimeError, match=f"^{name}{dims}d: "):
                    pool(x, *arguments)
    with pytest.raises(RuntimeError):
        tenon.ones(4).unfold(0, size, 1)
    with pytest.raises(RuntimeError):
        functional.unfold(tenon.ones(1, 1, 4, 4), size)


def test_hooks_along_a_graph_a_million_deep_all_run():
    x = y = tenon.ones(1, requires_grad=True)
    calls = [0]

    def count(grad):
        calls[0] += 1

    for _ in range(1_000_000):
        y = y + 1
        y.register_hook(count)
    y.backward()
    assert calls == [1_000_000] and x.grad.tolist() == [1]


def test_cuda_says_why_it_is_not_there():
    if not tenon.cuda.is_available():
        assert tenon.cuda.unavailable_reason() and tenon.cuda.device_count() == 0
    else:
        assert tenon.cuda.unavailable_reason() is None


def test_no_op_crashes_on_arguments_of_the_wrong_kind():
    wrong = [None, "text", -1, 2**62, 1.5, (), [None], object(), tenon.ones(0), tenon.tensor(3), tenon.ones(2, 2) > 0]
    for functions in [tenon._C.functions, tenon._C.nn_functions, tenon._C.linalg_functions]:
        for function in functions.values():
            for value in wrong:
                for arguments in [(value,), (tenon.ones(2, 2), value), (tenon.ones(2, 2), value, value)]:
                    try:
                        function(*arguments)
                    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
                        pass
