"""Subclasses of Tensor, types like tensors, and modes: what __torch_function__ is asked, and what results are."""

import copy
import operator
import pickle

import pytest
import tenon
import torch
from compare import outcome

OVERRIDES = {tenon: __import__("tenon.overrides", fromlist=["x"]), torch: __import__("torch.overrides", fromlist=["x"])}
BOTH = (tenon, torch)


def recording(t):
    """A subclass of Tensor, and the names of the functions that it was asked for."""
    asked = []

    class Recorder(t.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            name = func.__name__
            asked.append(f"{func.__self__.__name__}.{name}" if name in ("__get__", "__set__") else name)
            assert all(issubclass(kind, t.Tensor) for kind in types)
            return super().__torch_function__(func, types, args, kwargs)

    return Recorder, asked


def asked_by(t, code, integers=False):
    """What `code` asks of a subclass, and the kind of its result."""
    kind, asked = recording(t)
    data = t.tensor([[1, 2], [3, 4]]) if integers else t.tensor([[1.0, 2.0], [3.0, 4.0]])
    plain = data + 1
    result = outcome(lambda t: code(t, data.as_subclass(kind), plain), t)
    name = "error" if isinstance(result, Exception) else type(result).__name__
    return list(asked), name


ARITHMETIC = "add sub mul truediv floordiv mod pow matmul".split()
INTEGER = "and_ or_ xor lshift rshift".split()
COMPARISONS = "eq ne lt le gt ge".split()
OPERATORS = [(name, name in INTEGER) for name in ARITHMETIC + INTEGER + COMPARISONS]


@pytest.mark.parametrize(("name", "integers"), OPERATORS)
def test_operators_ask_for_the_function_that_pytorch_names(name, integers):
    op = getattr(operator, name)
    codes = {
        "both": lambda t, x, y: op(x, x),
        "right plain": lambda t, x, y: op(x, y),
        "left plain": lambda t, x, y: op(y, x),
        "number right": lambda t, x, y: op(x, 2) if name != "matmul" else op(x, y),
        "number left": lambda t, x, y: op(2, x) if name != "matmul" else op(y, x),
    }
    for case, code in codes.items():
        assert asked_by(tenon, code, integers) == asked_by(torch, code, integers), case


INPLACE = "iadd isub imul itruediv ifloordiv imod ipow".split()


@pytest.mark.parametrize("name", [*INPLACE, "iand", "ior", "ixor", "ilshift", "irshift"])
def test_operators_in_place_ask_too(name):
    code = lambda t, x, y: getattr(operator, name)(x, 2)
    integers = name not in INPLACE
    assert asked_by(tenon, code, integers) == asked_by(torch, code, integers)


CALLS = {
    "neg": lambda t, x, y: -x,
    "positive": lambda t, x, y: +x,
    "abs": lambda t, x, y: abs(x),
    "bool": lambda t, x, y: bool(x[0, 0]),
    "float": lambda t, x, y: float(x[0, 0]),
    "int": lambda t, x, y: int(x[0, 0]),
    "complex": lambda t, x, y: complex(x[0, 0]),
    "len": lambda t, x, y: len(x),
    "in": lambda t, x, y: 1.0 in x,
    "item": lambda t, x, y: x[0],
    "item by a tensor": lambda t, x, y: y[x.long() - 1 < 1],
    "items": lambda t, x, y: x[0:1, None, ..., 1],
    "set item": lambda t, x, y: operator.setitem(x, 0, 1.0),
    "set to a subclass": lambda t, x, y: operator.setitem(y, 0, x[0]),
    "reversed": lambda t, x, y: reversed(x),
    "format": lambda t, x, y: len(f"{x}") > 0,
    "repr": lambda t, x, y: len(repr(x)) > 0,
    "hash": lambda t, x, y: hash(x) == id(x) or hash(x) != 0,
    "shape": lambda t, x, y: x.shape,
    "dtype": lambda t, x, y: x.dtype,
    "T": lambda t, x, y: x.T,
    "grad": lambda t, x, y: x.grad,
    "is_leaf": lambda t, x, y: x.is_leaf,
    "set grad": lambda t, x, y: setattr(x, "grad", None),
    "set requires_grad": lambda t, x, y: setattr(x, "requires_grad", False),
    "set data": lambda t, x, y: setattr(x, "data", y),
    "dim": lambda t, x, y: x.dim(),
    "size": lambda t, x, y: x.size(0),
    "view": lambda t, x, y: x.view(4),
    "sum": lambda t, x, y: x.sum(),
    "sum function": lambda t, x, y: t.sum(x, dim=0),
    "cat": lambda t, x, y: t.cat([y, x]),
    "stack of a tuple": lambda t, x, y: t.stack((y, x)),
    "max": lambda t, x, y: isinstance(t.max(x, 0), tuple),
    "relu": lambda t, x, y: t.nn.functional.relu(x),
    "softmax": lambda t, x, y: t.nn.functional.softmax(x, 0),
    "linear": lambda t, x, y: t.nn.functional.linear(y, x),
    "tolist": lambda t, x, y: x.tolist(),
    "clone": lambda t, x, y: x.clone(),
    "detach": lambda t, x, y: x.detach(),
    "requires_grad_": lambda t, x, y: x.requires_grad_(),
    "float method": lambda t, x, y: x.double(),
    "to": lambda t, x, y: x.to(t.float64),
    "where": lambda t, x, y: t.where(y > 0, x, y),
    "out": lambda t, x, y: t.add(y, y, out=x),
    "zeros_like": lambda t, x, y: t.zeros_like(x),
    "new_zeros": lambda t, x, y: x.new_zeros(2),
    "split": lambda t, x, y: t.split(x, 1),
    "chunk": lambda t, x, y: x.chunk(2),
    "numel": lambda t, x, y: t.numel(x),
    "is_contiguous": lambda t, x, y: x.is_contiguous(),
    "einsum": lambda t, x, y: t.einsum("ij->ji", x),
    "linalg": lambda t, x, y: t.linalg.vector_norm(x),
    "iteration": lambda t, x, y: [row for row in iter(x)][0],
    "numpy": lambda t, x, y: x.numpy(),
    "is_tensor": lambda t, x, y: t.is_tensor(x),
    "copy": lambda t, x, y: copy.copy(x),
    "pickle": lambda t, x, y: pickle.dumps(x.type() and 1),
    "register_hook": lambda t, x, y: x.requires_grad_().register_hook(print) and None,
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_ask_for_the_function_that_pytorch_names(name):
    assert asked_by(tenon, CALLS[name]) == asked_by(torch, CALLS[name])


def test_accessors_and_methods_are_the_attributes_of_tensor():
    kind, _ = recording(tenon)
    seen = []

    class Looking(tenon.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func)
            return super().__torch_function__(func, types, args, kwargs)

    x = tenon.ones(2).as_subclass(Looking)
    (x.shape, x + 1, x.relu(), tenon.relu(x), tenon.nn.functional.relu(x), x.size(), x.to(tenon.float64))
    expected = [
        tenon.Tensor.shape.__get__,
        tenon.Tensor.add,
        tenon.Tensor.relu,
        tenon.relu,
        tenon.nn.functional.relu,
        tenon.Tensor.size,
        tenon.Tensor.to,
    ]
    assert seen == expected
    assert [OVERRIDES[tenon].resolve_name(func) for func in expected] == [
        "tenon.Tensor.shape.__get__",
        "tenon.Tensor.add",
        "tenon.Tensor.relu",
        "tenon.relu",
        "tenon.nn.functional.relu",
        "tenon.Tensor.size",
        "tenon.Tensor.to",
    ]


def like_a_tensor(t):
    class Like:
        def __init__(self, value):
            self.value = value

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return ("asked", func.__name__, len(args), sorted(kwargs or {}))

    return Like


@pytest.mark.parametrize("t", BOTH)
def test_any_type_may_take_part(t):
    like = like_a_tensor(t)(1)
    x = t.ones(2)
    assert t.add(like, x) == ("asked", "add", 2, [])
    assert t.add(x, other=like) == ("asked", "add", 1, ["other"])
    assert x + like == ("asked", "add", 2, [])
    assert t.cat([x, like]) == ("asked", "cat", 1, [])
    assert OVERRIDES[t].is_tensor_like(like) and OVERRIDES[t].is_tensor_like(x) and not OVERRIDES[t].is_tensor_like(1)
    assert OVERRIDES[t].has_torch_function((1, like)) and not OVERRIDES[t].has_torch_function((1, x))


@pytest.mark.parametrize("t", BOTH)
def test_subclasses_are_asked_before_their_bases_and_the_left_before_the_right(t):
    order = []

    def kind(name, base):
        def answer(cls, func, types, args=(), kwargs=None):
            order.append(cls.__name__)
            return NotImplemented

        return type(name, (base,), {"__torch_function__": classmethod(answer)})

    a, b = kind("A", t.Tensor), kind("B", t.Tensor)
    c = kind("C", a)
    values = [t.ones(1).as_subclass(one) for one in (a, b, c)]
    with pytest.raises(TypeError, match="NotImplemented"):
        t.cat(values)
    assert order == ["C", "A", "B"]


@pytest.mark.parametrize("t", BOTH)
def test_a_disabled_type_is_a_plain_one_and_results_lose_it(t):
    class Plain(t.Tensor):
        __torch_function__ = t._C._disabled_torch_function_impl

    x = t.ones(2).as_subclass(Plain)
    assert type(x) is Plain and type(x + 1) is t.Tensor and type(t.relu(x)) is t.Tensor
    assert not OVERRIDES[t].has_torch_function((x,))


@pytest.mark.parametrize("t", BOTH)
def test_results_keep_the_subclass_but_only_of_one_line(t):
    class A(t.Tensor):
        pass

    class B(A):
        pass

    class Other(t.Tensor):
        pass

    a, b, other = (t.ones(2).as_subclass(kind) for kind in (A, B, Other))
    assert type(a + 1) is A and type(a + b) is B and type(t.ones(2) * b) is B
    assert type(a.max(0)) is not t.Tensor and type(a.max(0)[0]) is A
    assert all(type(part) is B for part in b.split(1))
    with pytest.raises(TypeError):
        a + other
    with t._C.DisableTorchFunctionSubclass():
        assert type(a + b) is t.Tensor


@pytest.mark.parametrize("t", BOTH)
def test_a_subclass_has_constructors(t):
    class Named(t.Tensor):
        @staticmethod
        def __new__(cls, data, name):
            return t.Tensor._make_subclass(cls, t.as_tensor(data), False)

        def __init__(self, data, name):
            self.name_of_it = name

    x = Named([1.0, 2.0], "x")
    assert type(x) is Named and x.name_of_it == "x" and x.tolist() == [1, 2]

    class Simple(t.Tensor):
        pass

    assert type(Simple([1.0])) is Simple and Simple(2, 3).shape == (2, 3)
    y = t.ones(2, requires_grad=True)
    z = (y * 2).as_subclass(Simple)
    z.sum().backward()
    assert y.grad.tolist() == [2, 2] and type(z) is Simple


@pytest.mark.parametrize("t", BOTH)
def test_modes_see_every_call_and_nest(t):
    class Counting(OVERRIDES[t].TorchFunctionMode):
        def __init__(self, log, name):
            super().__init__()
            self.log, self.name = log, name

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.log.append((self.name, getattr(func, "__name__", str(func))))
            return func(*args, **(kwargs or {}))

    log = []
    x = t.ones(2)
    with Counting(log, "outer"):
        with Counting(log, "inner"):
            t.add(x, x)
            x * 2
            t.zeros(2)
            t.tensor([1.0])
    names = ["add", "mul", "zeros", "tensor"]
    assert log == [(who, name) for name in names for who in ("inner", "outer")]
    with Counting(log, "off"), t._C.DisableTorchFunction():
        x + x
    assert ("off", "add") not in log
    assert len(OVERRIDES[t]._get_current_function_mode_stack()) == 0


@pytest.mark.parametrize("t", BOTH)
def test_a_mode_may_change_results_and_raise(t):
    class Doubling(OVERRIDES[t].TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func is t.add:
                raise ValueError("no sums")
            result = func(*args, **(kwargs or {}))
            return result * 2 if func is t.relu else result

    with Doubling():
        assert t.relu(t.ones(1)).item() == 2
        with pytest.raises(ValueError, match="no sums"):
            t.add(t.ones(1), 1)
    assert t.relu(t.ones(1)).item() == 1


@pytest.mark.parametrize("t", BOTH)
def test_own_functions_can_be_overridden(t):
    overrides = OVERRIDES[t]

    def own(x, y=1):
        if overrides.has_torch_function_unary(x):
            return overrides.handle_torch_function(own, (x,), x, y=y)
        return "computed"

    assert own(t.ones(1)) == "computed"
    assert own(like_a_tensor(t)(1)) == ("asked", "own", 1, ["y"])

    @overrides.wrap_torch_function(lambda x: (x,))
    def wrapped(x):
        return "computed"

    assert wrapped(t.ones(1)) == "computed" and wrapped(like_a_tensor(t)(1))[1] == "wrapped"


def test_lists_of_functions_hold_what_is_overridable():
    overrides = OVERRIDES[tenon]
    functions = overrides.get_overridable_functions()
    assert tenon.add in functions[tenon] and tenon.Tensor.add in functions[tenon.Tensor]
    assert tenon.nn.functional.relu in functions[tenon.nn.functional]
    assert overrides.is_tensor_method_or_property(tenon.Tensor.add)
    assert overrides.is_tensor_method_or_property(tenon.Tensor.shape.__get__)
    assert not overrides.is_tensor_method_or_property(tenon.add)
    assert tenon.is_tensor in overrides.get_ignored_functions()
    assert overrides.get_testing_overrides()[tenon.add](1, 2) == -1


def test_wrapped_functions_keep_their_names_and_are_pickled_by_them():
    assert type(tenon.manual_seed).__name__ == "function"
    for function in (tenon.nn.functional.relu, tenon.einsum, tenon.Tensor.size, tenon.Tensor.backward, tenon.where):
        assert pickle.loads(pickle.dumps(function)) is function
        assert copy.deepcopy(function) is function
    assert tenon.nn.functional.softmax.__name__ == "softmax" and tenon.nn.functional.softmax.__doc__
    assert tenon.nn.functional.softmax.__wrapped__.__code__.co_varnames[0] == "input"
