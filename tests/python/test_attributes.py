"""What a tensor is to Python: copies, pickles, storages, legacy constructors, defaults, attributes."""

import copy
import pickle
import sys
import warnings
from types import MemberDescriptorType

import pytest
import tenon
import torch
from compare import comparisons


def pickled(value):
    return pickle.loads(pickle.dumps(value))


NAMED = {
    "sort": lambda t, x: x.sort(),
    "sort along a dim": lambda t, x: x.sort(dim=0, stable=True),
    "max": lambda t, x: t.max(x, 0),
    "aminmax": lambda t, x: t.aminmax(x),
    "slogdet": lambda t, x: t.slogdet(x),
    "linalg.slogdet": lambda t, x: t.linalg.slogdet(x),
    "linalg.eigh": lambda t, x: t.linalg.eigh(x + x.mT),
    "linalg.lstsq": lambda t, x: t.linalg.lstsq(x, x),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_results_are_pickled_and_have_types_of_pytorchs_names(name):
    x = tenon.tensor([[3.0, 1.0], [2.0, 9.0]])
    result = NAMED[name](tenon, x)
    theirs = type(NAMED[name](torch, x.to_torch()))
    assert type(result) is getattr(tenon.return_types, theirs.__name__) and repr(result).startswith("tenon.return_")
    again = pickled(result)
    assert type(again) is type(result) and [one.tolist() for one in again] == [one.tolist() for one in result]
    assert type(copy.deepcopy(result)) is type(result)


def test_named_results_have_pytorchs_fields():
    shared = set(tenon.return_types.__all__) & set(torch.return_types.__all__)
    assert len(shared) > 25
    for name in shared:
        own, theirs = getattr(tenon.return_types, name), getattr(torch.return_types, name)
        fields = [[field for field in dir(kind) if isinstance(getattr(kind, field), MemberDescriptorType)]
                  for kind in (own, theirs)]
        assert fields[0] == fields[1] and own.n_fields == theirs.n_fields, name


def both(t):
    base = t.arange(6.0)
    return base, base[1:3]


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickled,
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_keep_layout_gradient_and_sharing_as_pytorchs_do(how):
    make = COPIES[how]

    def facts(tensor):
        return tensor, tensor.stride(), tensor.storage_offset(), tensor.is_leaf, tensor.requires_grad, tensor.grad

    def with_grad(t):
        x = t.ones(2, requires_grad=True)
        (x * 3).sum().backward()
        return x

    def sharing(t):
        base, part = make(both(t))
        base[1] = 9
        return part

    def apart(t):
        base = t.arange(3.0)
        copied = make(base)
        base[0] = 5
        return copied

    with comparisons() as check:
        check("transposed", lambda t: facts(make(t.arange(6.0).reshape(2, 3).t())))
        check("part", lambda t: facts(make(t.arange(6.0)[2:4])))
        check("leaf with a gradient", lambda t: facts(make(with_grad(t))))
        check("not a leaf", lambda t: facts(make(t.ones(2, requires_grad=True) * 2)))
        check("expanded", lambda t: facts(make(t.ones(1).expand(3))))
        check("empty", lambda t: facts(make(t.ones(0, 3))))
        check("complex", lambda t: facts(make(t.tensor([1j]))))
        # Plain pickles of PyTorch lose what its own files keep.
        if how != "pickle":
            check("sharing", sharing)
        check("apart", apart)
        check("twice", lambda t: (lambda pair: pair[0] is pair[1])(make([both(t)[0]] * 2)))
        for name in ("float16", "bool", "int64"):
            check(name, lambda t, name=name: make(getattr(t, name)))
        check("Size", lambda t: (make(t.Size([1, 2])), type(make(t.Size([1, 2]))).__name__))
        check("device", lambda t: str(make(t.device("cpu"))))
        check("Generator", lambda t: t.rand(3, generator=make(advanced(t))))
        check("seed", lambda t: make(advanced(t)).initial_seed())


def advanced(t):
    generator = t.Generator().manual_seed(7)
    t.rand(5, generator=generator)
    return generator


@pytest.mark.parametrize("how", COPIES)
def test_copies_keep_subclasses_and_attributes(how):
    x = tenon.ones(2).as_subclass(Named)
    x.tag = [1]
    copied = COPIES[how](x)
    assert type(copied) is Named and copied.tag == [1] and copied.tolist() == [1, 1]
    assert (copied.tag is x.tag) == (how == "copy")


class Named(tenon.Tensor):
    pass


def test_storages_have_the_size_of_their_bytes():
    for part in ("storage", "untyped_storage"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            small, large = (sys.getsizeof(getattr(tenon.zeros(count), part)()) for count in (10, 1010))
            expected = [sys.getsizeof(getattr(torch.zeros(count), part)()) for count in (10, 1010)]
        assert large - small == expected[1] - expected[0] == 4000


def test_storages_are_one_object_for_all_that_share_them():
    base, part = both(tenon)
    storage = base.untyped_storage()
    assert part.untyped_storage() is storage and storage.nbytes() == 24 and storage.data_ptr() == base.data_ptr()
    with comparisons() as check:
        check("size", lambda t: (both(t)[1].untyped_storage().size(), len(both(t)[1].storage())))
        check("elements", lambda t: both(t)[1].storage().tolist())
        check("item", lambda t: both(t)[1].storage()[2])
        check("bytes", lambda t: t.tensor([1, 258], dtype=t.int16).untyped_storage().tolist())
        check("clone", lambda t: t.tensor([1, 2], dtype=t.uint8).untyped_storage().clone().tolist())
        check("fill", lambda t: filled(t))
        check("set_", lambda t: t.zeros(1).set_(t.arange(6.0).untyped_storage(), 1, (2, 2), (2, 1)))
        check("set_ to a tensor", lambda t: t.zeros(1).set_(t.arange(6.0)[2:]))
        check("set_ to nothing", lambda t: t.zeros(1).set_())
    with pytest.raises(RuntimeError, match="storage has 2 elements"):
        tenon.zeros(1).set_(tenon.arange(2.0).untyped_storage(), 1, (9,), (1,))
    pair = pickled(both(tenon))
    pair[0][1] = 9
    assert pair[1].tolist() == [9, 2]


def filled(t):
    x = t.zeros(2, dtype=t.uint8)
    x.untyped_storage().fill_(3)
    return x


CONSTRUCTORS = {
    "sizes": lambda t: t.FloatTensor(2, 3).shape,
    "Tensor of sizes": lambda t: t.Tensor(2, 3).shape,
    "Tensor of a Size": lambda t: t.Tensor(t.Size([2])).shape,
    "data": lambda t: t.LongTensor([1, 2]),
    "data of Tensor": lambda t: t.Tensor([1, 2]),
    "tuple": lambda t: t.FloatTensor((2, 3)),
    "nested": lambda t: t.DoubleTensor([[1, 2], [3, 4]]),
    "nothing": lambda t: t.FloatTensor(),
    "tensor": lambda t: t.FloatTensor(t.ones(2)),
    "tensor of another dtype": lambda t: t.FloatTensor(t.ones(2).double()),
    "number": lambda t: t.IntTensor(3.5),
    "keyword": lambda t: t.Tensor(2, dtype=t.float64),
    "isinstance": lambda t: [isinstance(t.ones(2), kind) for kind in (t.FloatTensor, t.DoubleTensor, t.Tensor)],
    "isinstance of int64": lambda t: [isinstance(t.tensor([1]), kind) for kind in (t.LongTensor, t.IntTensor)],
    "dtype": lambda t: t.HalfTensor.dtype,
    "type": lambda t: t.ones(2).type().rpartition(".")[2],
    "type to": lambda t: t.ones(2).type(t.int64),
    "type by name": lambda t: t.ones(2).type(f"{t.__name__}.DoubleTensor"),
    "type by a type": lambda t: t.ones(2).type(t.IntTensor),
    "type_as": lambda t: t.ones(2).type_as(t.tensor([1])),
}


def test_legacy_constructors_make_what_pytorchs_make():
    with comparisons() as check:
        for name, code in CONSTRUCTORS.items():
            check(name, code)


SIZES = {
    "of what is no number": lambda t: t.Size([2, 1.5]),
    "of texts": lambda t: t.Size("a"),
    "of bools and tensors": lambda t: t.Size([True, t.tensor(3)]),
    "and a tuple": lambda t: t.Size([1]) + (2,),
    "after a tuple": lambda t: (1,) + t.Size([2]),
    "in a sum": lambda t: sum([t.Size([1]), t.Size([2])], ()),
    "and what is no number": lambda t: t.Size([1]) + ("a",),
    "and a list": lambda t: t.Size([1]) + [2],
    "after a list": lambda t: [2] + t.Size([1]),
    "and a number": lambda t: t.Size([1]) + 2,
    "after a number": lambda t: 2 + t.Size([1]),
    "repeated": lambda t: (t.Size([1]) * 2, 2 * t.Size([1])),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_add_up_and_refuse_as_pytorchs_do(name):
    def outcome(t):
        try:
            return repr(SIZES[name](t))
        except TypeError as error:
            return f"TypeError: {error}"

    assert outcome(tenon) == outcome(torch).replace("torch", "tenon")


def with_defaults(code):
    def run(t):
        try:
            return code(t)
        finally:
            t.set_default_dtype(t.float32)
            t.set_default_device(None)

    return run


def test_defaults_are_set_and_left():
    def by_type(t, kind):
        t.set_default_tensor_type(kind(t))
        return t.ones(1)

    def on_device(t):
        with t.device("cpu") as device:
            made = t.ones(1)
        return made, str(device), str(t.get_default_device())

    with comparisons() as check:
        check("type", with_defaults(lambda t: by_type(t, lambda t: t.DoubleTensor)))
        check("type by name", with_defaults(lambda t: by_type(t, lambda t: "torch.DoubleTensor")))
        check("integers", with_defaults(lambda t: by_type(t, lambda t: t.IntTensor)))
        check("no type", with_defaults(lambda t: by_type(t, lambda t: 3)))
        check("dtype", with_defaults(lambda t: (t.set_default_dtype(t.float64), t.tensor([1.0]))[1]))
        check("device", with_defaults(on_device))


def attributes(t):
    x = t.arange(6.0).reshape(2, 3)
    leaf = t.ones(2, requires_grad=True)
    product = leaf * 2
    return {
        "is_sparse": x.is_sparse,
        "is_quantized": x.is_quantized,
        "layout": str(x.layout).rpartition(".")[2],
        "itemsize": x.itemsize,
        "nbytes": x.nbytes,
        "element_size": x.element_size(),
        "is_shared": x.is_shared(),
        "is_pinned": x.is_pinned(),
        "names": [x.ndim, x.dim(), x.ndimension(), x.numel(), x.nelement()],
        "leaf": [leaf.is_leaf, product.is_leaf, leaf.retains_grad, leaf.output_nr, product.output_nr, leaf._version],
        "grad_fn": [leaf.grad_fn, product.grad_fn.name(), product.grad_fn.next_functions[0][0].name()],
        "unbound": [part.output_nr for part in (leaf * 1).unbind()],
        "view": [x.t()._is_view(), x._is_view(), x.t()._base is x],
        "hash": [hash(x) == hash(x), hash(x) == hash(x.clone()), x in {x}, len({x, x, x.clone()})],
        "bool": [bool(t.ones(1)), bool(t.zeros(()))],
        "format": [f"{t.tensor(1.5):.3f}", f"{t.tensor(7):>4d}"],
        "iteration": [row.tolist() for row in x],
        "real": x.real is x,
        "other kinds": [x.is_xla, x.is_mkldnn, x.is_sparse_csr, x.is_xpu, x.volatile, x.name, x.is_distributed()],
        "dim_order": [x.dim_order(), x.t().dim_order(), t.ones(1, 2, 3, 4).dim_order()],
        "new": [x.new(2, 3).shape, x.new([1, 2]).tolist(), x.new().shape, x.int().new([1.0]).dtype is t.int32],
        "apply_": x.clone().apply_(lambda value: value * 2 + 1).tolist(),
        "map_": x.clone().map_(t.ones(3), lambda a, b: a - b).tolist(),
        "map2_": x.clone().map2_(x, t.ones(1), lambda a, b, c: a * b + c).tolist(),
        "get_device": x.get_device(),
        "is_set_to": x.is_set_to(x),
    }


def test_attributes_are_pytorchs():
    assert attributes(tenon) == attributes(torch)


def test_errors_of_numbers_and_lengths_are_pytorchs():
    codes = {
        "bool of many": lambda t: bool(t.ones(2)),
        "bool of none": lambda t: bool(t.ones(0)),
        "float of many": lambda t: float(t.ones(2)),
        "item of many": lambda t: t.ones(2).item(),
        "len of 0-d": lambda t: len(t.tensor(1)),
        "iter of 0-d": lambda t: iter(t.tensor(1)),
        "index by a float": lambda t: [1, 2][t.tensor(1.0)],
        "deepcopy of no leaf": lambda t: copy.deepcopy(t.ones(2, requires_grad=True) * 2),
        "gradient edge": lambda t: t.autograd.graph.get_gradient_edge(t.ones(1)),
        "apply_ on a leaf": lambda t: t.ones(2, requires_grad=True).apply_(lambda value: value),
        "reinforce": lambda t: t.ones(2).reinforce(1),
        "pin_memory": lambda t: t.ones(1).pin_memory(),
    }
    with comparisons() as check:
        for name, code in codes.items():
            check(name, code)


def test_graph_utilities_do_what_pytorchs_do():
    def edge(t):
        x = t.ones(2, requires_grad=True)
        graph = t.autograd.graph
        return [graph.get_gradient_edge(one)[0].name() for one in (x, x * 2)] + [graph.get_gradient_edge(x * 2)[1]]

    def mutated(t):
        x = t.ones(2, requires_grad=True)
        with t.autograd.graph.allow_mutation_on_saved_tensors():
            y = x * 2
            z = (y * y).sum()
            y.mul_(3)
            z.backward()
        return x.grad

    def version(t):
        x = t.ones(2)
        t.autograd.graph.increment_version(x)
        return x._version

    def refused(t):
        with t.autograd.graph.disable_saved_tensors_hooks("not here"):
            with t.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x):
                return 1

    with comparisons() as check:
        check("edge", edge)
        check("mutated", mutated)
        check("version", version)
        check("refused", refused)
