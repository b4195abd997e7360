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
        (lambda x: x.to("nonsense"), RuntimeError, ["nonsense"]),
        (lambda x: x.cuda(), tenon.DeviceError, ["cuda"]),
        (lambda x: tenon.mm(x, x), tenon.TensorError, ["mm"]),
        (lambda x: x.bitwise_not(), tenon.TensorError, ["bitwise_not", "float32"]),
        (lambda x: x.sum("text"), TypeError, ["sum()", "str", "dim", "Tensor out"]),
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
        with pytest.raises(tenon.OutOfMemoryError):
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
