"""Tensors as Python objects: making them, their numbers, their identity, and how they print, copy and pickle."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
import tenon


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int64"),
        (1.5, "float32"),
        (True, "bool"),
        (2j, "complex64"),
        ([1, 2.0], "float32"),
        ([True, 2], "int64"),
        ([1, 2j], "complex64"),
        ([], "float32"),
        (np.float64(2), "float64"),
        (np.int16(2), "int16"),
        (np.zeros((2, 3), np.uint8), "uint8"),
        ([np.float64(1), np.float64(2)], "float64"),
    ],
)
def test_the_dtype_follows_from_the_data(data, dtype):
    result = tenon.tensor(data)
    assert str(result.dtype) == f"tenon.{dtype}"
    assert np.array_equal(result.numpy(), np.array(data))


def test_nested_data_keeps_its_order():
    data = [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]]
    result = tenon.tensor(data)
    assert result.shape == (2, 3, 2)
    assert result.tolist() == data


def test_tensors_and_arrays_may_be_items():
    rows = [tenon.tensor([1, 2]), np.array([3, 4]), (5, tenon.tensor(6))]
    assert tenon.tensor(rows).tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize("data", [[[1], [2, 3]], [[1, 2], [3]], [[[1]], [[2, 3]]]])
def test_ragged_data_is_refused(data):
    with pytest.raises(ValueError, match="expected sequence of length"):
        tenon.tensor(data)


@pytest.mark.parametrize("data", [[[1], 2], [1, [2]], "text", {"a": 1}, [None], object()])
def test_what_holds_no_numbers_is_refused(data):
    error = RuntimeError if isinstance(data, dict) or data == [None] or type(data) is object else TypeError
    with pytest.raises(error):
        tenon.tensor(data)


def test_endless_nesting_is_refused():
    deep = []
    for _ in range(300_000):
        deep = [deep]
    with pytest.raises(ValueError, match="too many dimensions"):
        tenon.tensor(deep)
    while deep:
        deep = deep.pop()
    own = []
    own.append(own)
    with pytest.raises(ValueError, match="too many dimensions"):
        tenon.tensor(own)


def test_numbers_that_do_not_fit_are_refused():
    for value, dtype in [(300, tenon.uint8), (2**40, tenon.int32), (float("inf"), tenon.int64)]:
        with pytest.raises(RuntimeError, match="overflow"):
            tenon.tensor(value, dtype=dtype)
    with pytest.raises(TypeError, match="not complex"):
        tenon.tensor(1j, dtype=tenon.float32)
    with pytest.raises(ValueError, match="Overflow"):
        tenon.tensor(2**64)


def test_operators_take_tensors_and_numbers_on_both_sides():
    x, values = tenon.tensor([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0], np.float32)
    y = tenon.tensor([3.0, 5.0, 7.0])
    other = y.numpy()
    for operation in [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a // b,
        lambda a, b: a % b, lambda a, b: a**b, lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a == b,
        lambda a, b: a != b, lambda a, b: a > b, lambda a, b: a >= b,
    ]:  # fmt: skip
        for ours, theirs in [((x, y), (values, other)), ((x, 3), (values, 3)), ((3, x), (3, values))]:
            np.testing.assert_allclose(operation(*ours).numpy(), operation(*theirs), rtol=1e-6)
    np.testing.assert_array_equal((-x).numpy(), -values)
    np.testing.assert_array_equal(abs(-x).numpy(), values)
    assert (x @ y).item() == 41.0
    bits = tenon.tensor([6, 3])
    assert [(bits & 2).tolist(), (bits | 8).tolist(), (1 ^ bits).tolist(), (~bits).tolist()] == [
        [2, 2], [14, 11], [7, 2], [-7, -4]
    ]  # fmt: skip
    assert (bits << 1).tolist() == [12, 6] and (bits >> 1).tolist() == [3, 1]


def test_in_place_operators_keep_the_object():
    x = same = tenon.tensor([8.0, 4.0])
    x += 1
    x *= tenon.tensor([2.0, 3.0])
    x -= 2
    x /= 4
    x //= 2
    x **= 2
    assert x is same
    assert x.tolist() == [4.0, 1.0]


def test_unknown_operands_leave_the_choice_to_the_other_side():
    class Other:
        def __radd__(self, tensor):
            return "reflected"

    assert tenon.ones(2) + Other() == "reflected"
    assert (tenon.ones(2) == None) is False  # noqa: E711
    with pytest.raises(TypeError):
        tenon.ones(2) + "text"


def test_single_elements_convert_to_numbers():
    assert float(tenon.tensor(2.5)) == 2.5
    assert int(tenon.tensor(2.9)) == 2
    assert bool(tenon.tensor(0)) is False
    assert complex(tenon.tensor(1 + 2j)) == 1 + 2j
    assert [10, 20, 30][tenon.tensor(1)] == 20
    assert tenon.tensor([[7]]).item() == 7
    assert f"{tenon.tensor(3.14159):.2f}" == "3.14"
    assert round(tenon.tensor(2.567), 1).item() == pytest.approx(2.6)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: bool(tenon.ones(2)), RuntimeError),
        (lambda: bool(tenon.ones(0)), RuntimeError),
        (lambda: tenon.ones(2).item(), RuntimeError),
        (lambda: len(tenon.tensor(1)), TypeError),
        (lambda: iter(tenon.tensor(1)), TypeError),
        (lambda: [1, 2][tenon.tensor(1.0)], TypeError),
        (lambda: float(tenon.tensor(1j)), RuntimeError),
    ],
)
def test_conversions_that_have_no_answer_raise(call, error):
    with pytest.raises(error):
        call()


def test_iteration_length_and_membership():
    x = tenon.tensor([[1, 2], [3, 4]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert 3 in x and tenon.tensor(9) not in x
    a, b = x
    assert a.tolist() == [1, 2] and b.tolist() == [3, 4]


def test_a_tensor_is_one_object_and_hashes_by_identity():
    x = tenon.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad is x.grad
    assert x.requires_grad_() is x
    assert len({x, tenon.ones(2), x}) == 2


def test_attributes_subclasses_and_weak_references():
    class Named(tenon.Tensor):
        pass

    x = Named([1.0, 2.0])
    x.label = "here"
    assert isinstance(x, Named) and x.label == "here" and (x + 1).tolist() == [2.0, 3.0]
    assert repr(x).startswith("Named(")
    reference = weakref.ref(x)
    assert reference() is x
    del x
    assert reference() is None


def test_cycles_through_attributes_are_collected():
    x = tenon.ones(2)
    x.self = x
    reference = weakref.ref(x)
    del x
    gc.collect()
    assert reference() is None


def test_the_subclass_and_attributes_of_an_object_outlive_it_while_its_tensor_is_in_use():
    class Weight(tenon.Tensor):
        pass

    weight = tenon.Tensor._make_subclass(Weight, tenon.ones(2), True)
    weight.label = "first"
    seen = []
    weight.register_post_accumulate_grad_hook(lambda leaf: seen.append((type(leaf), leaf.label, leaf.grad.tolist())))
    loss = (weight * 3).sum()
    del weight
    loss.backward()
    assert seen == [(Weight, "first", [3.0, 3.0])]

    x = tenon.ones(2, requires_grad=True)
    x.grad = tenon.Tensor._make_subclass(Weight, tenon.ones(2))
    assert type(x.grad) is Weight
    x.grad.label = "second"
    assert x.grad.label == "second" and x.grad is x.grad


def test_the_attributes_of_a_tensor_die_with_it():
    class Value:
        pass

    x, value = tenon.ones(2, requires_grad=True), Value()
    reference = weakref.ref(value)
    x.grad = tenon.ones(2)
    x.grad.value = value
    del value
    assert reference() is not None
    x.grad = None
    assert reference() is None


def test_a_callback_of_a_dying_object_gets_another():
    x = tenon.ones(2, requires_grad=True)
    x.sum().backward()
    gradient, seen = x.grad, []
    reference = weakref.ref(gradient, lambda _: seen.append(x.grad))
    del gradient
    others = [tenon.zeros(3) for _ in range(40)]
    assert reference() is None and seen[0] is x.grad and x.grad.tolist() == [1.0, 1.0]
    assert len({id(tensor) for tensor in [*others, x, x.grad]}) == 42


def leaf_hook(x):
    x.register_hook(lambda grad: grad * x.detach())
    return x


def leaf_post_hook(x):
    x.register_post_accumulate_grad_hook(lambda leaf: x.detach())
    return x


def result_hook(x):
    y = x * 2
    y.register_hook(lambda grad: grad * y.detach())
    return y


@pytest.mark.parametrize("make", [leaf_hook, leaf_post_hook, result_hook])
def test_cycles_through_hooks_are_collected_when_nothing_else_holds_the_tensor(make):
    tensor = make(tenon.ones(2, requires_grad=True))
    reference = weakref.ref(tensor)
    loss = (tensor * 3).sum()
    gc.collect()
    assert reference() is tensor
    loss.backward()
    del tensor
    gc.collect()
    assert reference() is None or loss.grad_fn is not None
    del loss
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize("edit", ["register", "detach"])
def test_a_hook_whose_end_edits_the_hooks_of_its_tensor_is_removed(edit):
    x = tenon.ones(2, requires_grad=True)

    class Guard:
        def __del__(self):
            if edit == "register":
                for _ in range(50):
                    x.register_hook(lambda grad: grad * 2)
            else:
                x.detach_()

    def add(guard):
        return x.register_hook(lambda grad, guard=guard: grad)

    handles = [add(Guard()) for _ in range(3)]
    for handle in handles:
        handle.remove()
    assert x.requires_grad == (edit == "register")
    y = tenon.ones(2, requires_grad=True) * 2

    class Last:
        def __del__(self):
            for _ in range(50):
                y.register_hook(lambda grad: grad)

    y.register_hook((lambda last: lambda grad: grad if last else None)(Last())).remove()
    y.sum().backward()


def test_hooks_survive_the_collector_while_a_graph_needs_them():
    seen = []

    def loss_of(x):
        x.register_hook(lambda grad: seen.append((grad * x.detach()).tolist()))
        return (x * 3).sum()

    loss = loss_of(tenon.ones(2, requires_grad=True))
    gc.collect()
    loss.backward()
    assert seen == [[3.0, 3.0]]


def test_methods_called_on_their_type_refuse_what_is_no_tensor():
    for call in [tenon.Tensor.requires_grad_, tenon.Tensor.detach_, tenon.Tensor.detach]:
        with pytest.raises(TypeError):
            call(3)


def test_sizes_are_tuples_that_count():
    shape = tenon.zeros(2, 3).shape
    assert shape == (2, 3) and shape.numel() == 6 and isinstance(shape, tuple)
    assert isinstance(shape[:1], tenon.Size) and isinstance(shape + (4,), tenon.Size)
    assert repr(shape) == "tenon.Size([2, 3])"
    assert pickle.loads(pickle.dumps(shape)) == shape and type(pickle.loads(pickle.dumps(shape))) is tenon.Size
    with pytest.raises(TypeError):
        tenon.Size([1.5])


def test_dtypes_and_devices_are_values():
    assert tenon.float is tenon.float32 and tenon.long is tenon.int64
    assert tenon.complex64.is_complex and tenon.complex64.to_real() is tenon.float32
    assert tenon.float16.itemsize == 2 and not tenon.uint8.is_signed
    assert pickle.loads(pickle.dumps(tenon.bfloat16)) is tenon.bfloat16
    device = tenon.device("cuda:1")
    assert (device.type, device.index) == ("cuda", 1) and device == tenon.device("cuda", 1)
    assert repr(tenon.device("cpu")) == "device(type='cpu')"
    assert len({tenon.device("cpu"), tenon.device("cpu")}) == 1
    with pytest.raises(RuntimeError):
        tenon.device("nonsense")


def test_limits_of_dtypes_are_numpys():
    for name in ["float16", "float32", "float64"]:
        own, theirs = tenon.finfo(getattr(tenon, name)), np.finfo(name)
        assert (own.eps, own.max, own.min, own.tiny, own.bits) == (
            theirs.eps, theirs.max, theirs.min, theirs.tiny, theirs.bits
        )  # fmt: skip
    for name in ["uint8", "int8", "int16", "int32", "int64"]:
        own, theirs = tenon.iinfo(getattr(tenon, name)), np.iinfo(name)
        assert (own.max, own.min, own.bits) == (theirs.max, theirs.min, theirs.bits)
    with pytest.raises(TypeError):
        tenon.iinfo(tenon.float32)


def test_calls_take_positions_keywords_and_numpys_names():
    x = tenon.arange(6.0).reshape(2, 3)
    expected = x.numpy().sum(1, keepdims=True)
    for result in [
        x.sum(1, True),
        x.sum(dim=1, keepdim=True),
        x.sum(axis=1, keepdims=True),
        tenon.sum(input=x, dim=1, keepdim=True),
    ]:
        np.testing.assert_array_equal(result.numpy(), expected)
    assert x.view(3, 2).shape == x.view((3, 2)).shape == x.view(tenon.Size([3, -1])).shape == (3, 2)
    assert x.permute(1, 0).shape == (3, 2)
    assert tenon.zeros(2, 3).shape == tenon.zeros((2, 3)).shape == tenon.zeros(size=(2, 3)).shape
    assert tenon.zeros(np.int64(2), tenon.tensor(3)).shape == (2, 3)
    assert tenon.zeros(2, dtype=float).dtype is tenon.float64
    assert tenon.ones(2, requires_grad=True).requires_grad


def test_out_is_resized_checked_and_returned():
    x, out = tenon.tensor([1.0, 4.0]), tenon.empty(0)
    assert tenon.sqrt(x, out=out) is out and out.tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError):
        tenon.sqrt(x, out=tenon.empty(2, dtype=tenon.int64))
    with pytest.raises(TypeError):
        tenon.sqrt(x, out=3)


def test_several_results_are_named():
    result = tenon.tensor([[3, 1], [2, 9]]).sort(1)
    assert result.values.tolist() == [[1, 3], [2, 9]] and result.indices.tolist() == [[1, 0], [0, 1]]
    values, indices = result
    assert values is result[0] and indices is result.indices


def test_conversions_of_dtype():
    x = tenon.tensor([1.7, -2.2])
    assert x.long().tolist() == [1, -2] and x.double().dtype is tenon.float64
    assert x.to(tenon.int32).dtype is tenon.int32 and x.to("cpu") is x and x.to(x.dtype) is x
    assert x.to("cpu", tenon.float64, copy=True).dtype is tenon.float64
    assert x.to(tenon.tensor(1)).dtype is tenon.int64
    assert x.type() == "tenon.FloatTensor" and x.type(tenon.float16).dtype is tenon.float16
    with pytest.raises(TypeError):
        x.to(3.5)


def test_the_default_dtype_is_what_factories_use():
    tenon.set_default_dtype(tenon.float64)
    try:
        assert tenon.zeros(1).dtype is tenon.float64 and tenon.tensor(1.0).dtype is tenon.float64
    finally:
        tenon.set_default_dtype(tenon.float32)


def test_copies_and_pickles_are_apart_from_the_original():
    x = tenon.tensor([[1.0, 2.0]], requires_grad=True)
    x.grad = tenon.ones(1, 2)
    x.note = ["kept"]
    for other in [copy.deepcopy(x), pickle.loads(pickle.dumps(x))]:
        assert other.tolist() == x.tolist() and other.requires_grad and other.note == ["kept"]
        assert other.data_ptr() != x.data_ptr() and other.note is not x.note
    assert copy.deepcopy(x).grad.tolist() == [[1.0, 1.0]]
    pair = copy.deepcopy([x, x])
    assert pair[0] is pair[1]
    half = tenon.ones(3, dtype=tenon.bfloat16)
    assert pickle.loads(pickle.dumps(half)).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(RuntimeError):
        copy.deepcopy(x * 2)


def test_seeds_give_the_same_numbers_again():
    tenon.manual_seed(7)
    state = tenon.get_rng_state()
    first = tenon.rand(4).tolist()
    tenon.set_rng_state(state)
    assert tenon.rand(4).tolist() == first
    generator = tenon.Generator().manual_seed(7)
    assert tenon.rand(4, generator=generator).tolist() == first


def test_threads_and_instruction_sets_do_not_change_results():
    x = tenon.rand(300, 300)
    threads = tenon.get_num_threads()
    try:
        expected = (x @ x).sum().item()
        tenon.set_num_threads(1)
        assert (x @ x).sum().item() == expected
    finally:
        tenon.set_num_threads(threads)
    isa = tenon.get_cpu_isa()
    tenon.set_simd_enabled(False)
    assert tenon.get_cpu_isa() == "baseline"
    tenon.set_simd_enabled(True)
    assert tenon.get_cpu_isa() == isa
