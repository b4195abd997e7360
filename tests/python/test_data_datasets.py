"""Datasets, samplers and collation against PyTorch's: what they give, in which order, and how they fail."""

import collections
import copy
import pickle

import numpy as np
import pytest
import tenon
import tenon.utils.data
import torch
import torch.utils.data
from compare import comparisons

Point = collections.namedtuple("Point", ["x", "y"])


def both(code):
    """What `code` gives or raises with either library, as types and texts."""
    results = []
    for module in (tenon, torch):
        module.manual_seed(7)
        try:
            results.append(code(module, module.utils.data))
        except Exception as error:
            results.append((type(error).__name__, str(error).replace("torch", "tenon")))
    return results


def same(code):
    own, theirs = both(code)
    assert own == theirs
    return own


def squares(data, count):
    class Squares(data.Dataset):
        def __len__(self):
            return count

        def __getitem__(self, i):
            if i >= count:
                raise IndexError(i)
            return i * i

    return Squares()


def stream(data, *values, length=None):
    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter(values)

    if length is not None:
        Stream.__len__ = lambda self: length
    return Stream()


# --- datasets


def test_datasets_give_pytorchs_samples():
    def tensors(m, d):
        pairs = d.TensorDataset(m.arange(6).reshape(3, 2), m.tensor([5.0, 6, 7]))
        return len(pairs), [[x.tolist() for x in pairs[i]] for i in (0, 2, -1)], [x.tolist() for x in pairs[1:]]

    same(tensors)
    same(lambda m, d: [d.ConcatDataset([range(3), "abcd"])[i] for i in (0, 2, 3, 6, -1, -7)])
    same(lambda m, d: d.ConcatDataset([range(3), range(2)]).cumulative_sizes)
    same(lambda m, d: list(squares(d, 3) + squares(d, 2))[:5])
    same(lambda m, d: [d.StackDataset(range(3), "abc")[1], d.StackDataset(a=range(3), b="abc")[2]])
    same(lambda m, d: d.StackDataset(d.Subset(range(9), [3, 5, 7]), "abc").__getitems__([2, 0]))
    same(lambda m, d: d.StackDataset(a=d.Subset(range(9), [3, 5, 7]), b="abc").__getitems__([2, 0]))
    same(lambda m, d: list(stream(d, 1, 2) + stream(d, 3)))
    same(lambda m, d: len(d.ChainDataset([stream(d, 1, length=4), stream(d, 2, length=3)])))
    same(lambda m, d: [d.Subset(range(10, 20), [3, 1])[0], d.Subset(np.arange(9), [3, 1, 2])[[0, 2]].tolist()])
    same(lambda m, d: d.Subset(d.Subset(range(10), [9, 8, 7]), [2, 0]).__getitems__([0, 1]))


ERRORS = {
    "rows": lambda m, d: d.TensorDataset(m.ones(2), m.ones(3)),
    "no index": lambda m, d: d.Dataset()[0],
    "no datasets": lambda m, d: d.ConcatDataset([]),
    "a stream in a concatenation": lambda m, d: d.ConcatDataset([stream(d, 1)]),
    "below": lambda m, d: d.ConcatDataset([range(3)])[-4],
    "beyond": lambda m, d: d.ConcatDataset([range(3)])[3],
    "no stream in a chain": lambda m, d: list(d.ChainDataset([range(3)])),
    "nothing to stack": lambda m, d: d.StackDataset(),
    "two ways to stack": lambda m, d: d.StackDataset(range(3), b=range(3)),
    "stacked sizes": lambda m, d: d.StackDataset(range(3), range(4)),
    "named sizes": lambda m, d: d.StackDataset(a=range(3), b=range(4)),
    "split": lambda m, d: d.random_split(range(9), [4, 4]),
    "fraction": lambda m, d: d.random_split(range(9), [1.5, -0.5]),
    "sampler": lambda m, d: iter(d.Sampler()),
    "replacement": lambda m, d: d.RandomSampler(range(3), replacement=3),
    "num_samples": lambda m, d: d.RandomSampler(range(3), num_samples=0),
    "nothing to sample": lambda m, d: d.RandomSampler([]),
    "num_samples of weights": lambda m, d: d.WeightedRandomSampler([1.0], True),
    "replacement of weights": lambda m, d: d.WeightedRandomSampler([1.0], 1, 3),
    "weights": lambda m, d: d.WeightedRandomSampler([[1.0, 2.0]], 1),
    "batch_size": lambda m, d: d.BatchSampler(range(3), 0, False),
    "batch_size of bool": lambda m, d: d.BatchSampler(range(3), True, False),
    "drop_last": lambda m, d: d.BatchSampler(range(3), 2, 1),
    "rank": lambda m, d: d.DistributedSampler(range(3), num_replicas=2, rank=2),
    "batches of a stream": lambda m, d: len(d.BatchSampler(iter([1]), 2, False)),
    "nothing known": lambda m, d: d.default_collate([object()]),
    "objects": lambda m, d: d.default_collate([np.array(["a"], dtype=object)]),
    "texts in arrays": lambda m, d: d.default_collate([np.array("a")]),
    "uneven lists": lambda m, d: d.default_collate([[1, 2], [3]]),
    "keys": lambda m, d: d.default_collate([{"a": 1}, {"b": 1}]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_mistakes_raise_pytorchs_errors(name):
    own, theirs = both(ERRORS[name])
    assert isinstance(theirs, tuple) and own == theirs, (own, theirs)


def test_a_subset_that_overrides_only_half_is_refused():
    def code(m, d):
        class Half(d.Subset):
            def __getitem__(self, i):
                return i

        return Half(range(3), [0])

    own, theirs = both(code)
    assert own == theirs and own[0] == "NotImplementedError"


def test_splits_are_pytorchs():
    for lengths in ([3, 7], [0.3, 0.3, 0.4], [0.25, 0.75], [1 / 3] * 3, [1.0], [10, 0]):
        own = same(lambda m, d, lengths=lengths: [part.indices for part in d.random_split(range(10), lengths)])
        assert sorted(sum(own, [])) == list(range(10))
    same(lambda m, d: [part.indices for part in d.random_split(range(9), [4, 5], m.Generator().manual_seed(3))])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        tenon.utils.data.random_split(range(1), [0.5, 0.5])


# --- samplers


SAMPLERS = {
    "sequential": lambda m, d: d.SequentialSampler(range(5)),
    "random": lambda m, d: d.RandomSampler(range(50)),
    "random with generator": lambda m, d: d.RandomSampler(range(50), generator=m.Generator().manual_seed(3)),
    "more than there are": lambda m, d: d.RandomSampler(range(10), num_samples=33),
    "fewer": lambda m, d: d.RandomSampler(range(50), num_samples=7),
    "replacement": lambda m, d: d.RandomSampler(range(50), True, 100),
    "replacement of whole chunks": lambda m, d: d.RandomSampler(range(50), True, 64),
    "replacement with generator": lambda m, d: d.RandomSampler(range(9), True, generator=m.Generator().manual_seed(1)),
    "subset": lambda m, d: d.SubsetRandomSampler([3, 1, 4, 1, 5]),
    "subset with generator": lambda m, d: d.SubsetRandomSampler(range(30), m.Generator().manual_seed(2)),
    "weighted": lambda m, d: d.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 20),
    "weighted without replacement": lambda m, d: d.WeightedRandomSampler([0.9, 0.4, 0.05, 0.2, 0.3], 5, False),
    "weights in a tensor": lambda m, d: d.WeightedRandomSampler(m.tensor([1.0, 2, 3]), 9, generator=m.Generator()),
    "batches": lambda m, d: d.BatchSampler(d.RandomSampler(range(10)), 3, False),
    "whole batches": lambda m, d: d.BatchSampler(d.RandomSampler(range(10)), 3, True),
    "batches of any iterable": lambda m, d: d.BatchSampler("abcde", 2, False),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_give_pytorchs_orders_and_leave_its_generator_state(name):
    def code(m, d):
        sampler = SAMPLERS[name](m, d)
        return len(sampler), list(sampler), list(sampler), m.rand(3).tolist()

    own, theirs = both(code)
    assert own == theirs and own[0] == len(own[1])


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 7, 10, 12])
def test_distributed_samplers_share_as_pytorchs(size, drop_last):
    for shuffle in (False, True):
        for replicas in (1, 3, 4):

            def code(m, d, shuffle=shuffle, replicas=replicas):
                found = []
                for rank in range(replicas):
                    sampler = d.distributed.DistributedSampler(
                        range(size), replicas, rank, shuffle, seed=5, drop_last=drop_last
                    )
                    found.append((len(sampler), list(sampler)))
                    sampler.set_epoch(2)
                    found.append(list(sampler))
                return found

            same(code)


def test_an_order_goes_on_from_a_saved_generator():
    generator = tenon.Generator().manual_seed(5)
    sampler = tenon.utils.data.RandomSampler(range(20), generator=generator)
    list(sampler)
    saved = pickle.dumps((generator, tenon.get_rng_state()))
    expected = list(sampler), list(sampler), list(tenon.utils.data.RandomSampler(range(9)))
    generator, state = pickle.loads(saved)
    tenon.set_rng_state(state)
    sampler = tenon.utils.data.RandomSampler(range(20), generator=generator)
    assert (list(sampler), list(sampler), list(tenon.utils.data.RandomSampler(range(9)))) == expected
    copied = copy.deepcopy(sampler)
    assert list(copied) == list(sampler)


# --- collation


class Counted(dict):
    """A mapping with something else about it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.extra = "kept"


def test_collation_gives_pytorchs_batches():
    samples = {
        "tensors": lambda m: [m.ones(2, 3) * i for i in range(4)],
        "transposed": lambda m: [m.arange(6.0).reshape(2, 3).T for _ in range(2)],
        "0-d": lambda m: [m.tensor(i) for i in range(3)],
        "no elements": lambda m: [m.ones(0, 2)] * 3,
        "integers": lambda m: [1, 2, 3],
        "booleans": lambda m: [True, False],
        "floats": lambda m: [1.5, 2.5],
        "complex in tensors": lambda m: [m.tensor(1j)] * 2,
        "arrays": lambda m: [np.arange(3, dtype=np.int16)] * 2,
        "scalars": lambda m: [np.float32(1), np.float32(2)],
        "numpy booleans": lambda m: [np.bool_(True), np.bool_(False)],
        "texts": lambda m: ["a", "b"],
        "bytes": lambda m: [b"a", b"b"],
        "tuples": lambda m: [(1, "a", 2.0), (3, "b", 4.0)],
        "lists": lambda m: [[1, m.ones(2)], [2, m.zeros(2)]],
        "ranges": lambda m: [range(3), range(3)],
        "half": lambda m: [m.ones(3, dtype=m.bfloat16)] * 2,
    }
    with comparisons() as check:
        for name, make in samples.items():
            check(name, lambda m: m.utils.data.default_collate(make(m)))
            check(f"{name} converted", lambda m: m.utils.data.default_convert(make(m)))
        pairs = lambda m: [(m.ones(2), [1, (2.0, "x")]), (m.zeros(2), [3, (4.0, "y")])]
        nested = lambda m: [dict(zip("ab", pair)) for pair in pairs(m)]
        for key in ("a", "b"):
            check(f"mapping {key}", lambda m: m.utils.data.default_collate(nested(m))[key])
            check(f"mapping {key} converted", lambda m: m.utils.data.default_convert(nested(m))[0][key])
        check("unequal", lambda m: m.utils.data.default_collate([m.ones(2), m.ones(3)]))
        check("requires grad", lambda m: m.utils.data.default_collate([m.ones(2, requires_grad=True)] * 2))


def test_collation_keeps_kinds_of_containers():
    data = tenon.utils.data
    batch = data.default_collate([Point(1, 2.0), Point(3, 4.0)])
    assert type(batch) is Point and batch.x.tolist() == [1, 3] and batch.y.tolist() == [2, 4]
    batch = data.default_collate([Counted({"a": 1}), Counted({"a": 2})])
    assert type(batch) is Counted and batch.extra == "kept" and batch["a"].tolist() == [1, 2]
    converted = data.default_convert(Point(np.ones(2), "a"))
    assert type(converted) is Point and converted.x.tolist() == [1, 1] and converted.y == "a"
    assert type(data.default_convert((1, 2))) is list and type(data.default_collate([(1, 2), (3, 4)])) is list
    ordered = collections.OrderedDict(z=1, a=2)
    assert list(data.default_collate([ordered, ordered])) == ["z", "a"]


def test_functions_can_be_registered_for_types():
    from tenon.utils.data._utils.collate import collate, default_collate_fn_map

    def points(batch, *, collate_fn_map=None):
        return [point.x for point in batch]

    assert collate([Point(1, 2), Point(3, 4)], collate_fn_map={Point: points}) == [1, 3]
    with pytest.raises(TypeError, match="default_collate: batch must contain"):
        tenon.utils.data.default_collate([{1}, {2}])
    default_collate_fn_map[set] = lambda batch, *, collate_fn_map=None: set.union(*batch)
    try:
        assert tenon.utils.data.default_collate([({1}, 5), ({2}, 6)])[0] == {1, 2}
    finally:
        del default_collate_fn_map[set]


def test_the_seeds_name_is_the_same_module():
    import tenon.data

    for name in ("Dataset", "DataLoader", "TensorDataset", "random_split"):
        assert getattr(tenon.data, name) is getattr(tenon.utils.data, name)
    for name in tenon.utils.data.__all__:
        theirs = getattr(torch.utils.data, name)
        own = getattr(tenon.utils.data, name)
        assert own.__module__ == theirs.__module__.replace("torch", "tenon"), name
