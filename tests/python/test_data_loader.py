"""DataLoader against PyTorch's: batches, orders, random numbers, lengths, warnings and errors."""

import gc
import os
import warnings

import loader_datasets as datasets
import pytest
import tenon
import tenon.multiprocessing
import tenon.utils.data
import torch
import torch.utils.data
from loader_datasets import Draws, Numbers, Stream, fail_for_worker_one

WARNS = "ignore:This DataLoader will create"
pytestmark = pytest.mark.filterwarnings(WARNS, "ignore:.*multi-threaded.*fork.*:DeprecationWarning")


def plain(value):
    """Tensors as lists, inside containers too."""
    if isinstance(value, (tenon.Tensor, torch.Tensor)):
        return str(value.dtype).split(".")[1], value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def epochs(module, dataset, count=2, **options):
    module.manual_seed(11)
    if "generator" in options:
        options["generator"] = module.Generator().manual_seed(options["generator"])
    loader = module.utils.data.DataLoader(dataset, **options)
    return [[plain(batch) for batch in loader] for _ in range(count)], module.rand(2).tolist()


OPTIONS = {
    "default": {},
    "batches": {"batch_size": 6},
    "shuffled": {"batch_size": 6, "shuffle": True},
    "whole batches": {"batch_size": 6, "shuffle": True, "drop_last": True},
    "generator": {"batch_size": 6, "shuffle": True, "generator": 5},
    "no batches": {"batch_size": None},
    "no batches, shuffled": {"batch_size": None, "shuffle": True},
    "batch_sampler": {"batch_sampler": [[3, 1], [2], [7, 7, 7]]},
    "sampler": {"sampler": [4, 2, 0], "batch_size": 2},
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", OPTIONS)
def test_batches_and_later_random_numbers_are_pytorchs(name, workers):
    found = []
    for module in (tenon, torch):
        found.append(epochs(module, Numbers(20, module), num_workers=workers, **OPTIONS[name]))
    assert found[0] == found[1]


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_draw_pytorchs_random_numbers(persistent):
    found = []
    for module in (tenon, torch):
        options = {"num_workers": 3, "batch_size": 2, "shuffle": True, "persistent_workers": persistent}
        found.append(epochs(module, Draws(11, module), **options))
    assert found[0] == found[1]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_in_fresh_interpreters(method):
    expected = epochs(tenon, Numbers(8), 1, batch_size=3, shuffle=True)
    context = tenon.multiprocessing.get_context(method)
    for given in (method, context):
        options = {"num_workers": 1, "multiprocessing_context": given}
        assert epochs(tenon, Numbers(8), 1, batch_size=3, shuffle=True, **options) == expected


def test_rows_of_tensors_are_read_at_once_and_alike():
    found = []
    for module in (tenon, torch):
        x = module.arange(60.0).reshape(20, 3)
        dataset = module.utils.data.TensorDataset(x, module.arange(20), x.double())
        subset = module.utils.data.Subset(dataset, list(range(19, 4, -1)))
        parts = [epochs(module, dataset, batch_size=6, shuffle=True, num_workers=n) for n in (0, 2)]
        parts.append(epochs(module, subset, batch_size=4))
        parts.append(epochs(module, dataset, sampler=[-1, 3], batch_size=2))
        parts.append(epochs(module, module.utils.data.TensorDataset(x.T, x[:3].requires_grad_()), batch_size=2))
        found.append(parts)
    assert found[0] == found[1]
    leaf = tenon.ones(4, 2, requires_grad=True)
    (batch,) = next(iter(tenon.utils.data.DataLoader(tenon.utils.data.TensorDataset(leaf), batch_size=3)))
    batch.sum().backward()
    assert leaf.grad.sum(1).tolist() == [2, 2, 2, 0]
    with pytest.raises(IndexError):
        next(iter(tenon.utils.data.DataLoader(tenon.utils.data.TensorDataset(leaf.detach()), sampler=[4])))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_streams(workers):
    for size in (1, 4, None):
        loader = tenon.utils.data.DataLoader(Stream(10), batch_size=size, num_workers=workers)
        for _ in range(2):
            found = [value for batch in loader for value in ([batch] if size is None else batch.tolist())]
            assert sorted(found) == list(range(10))
    loader = tenon.utils.data.DataLoader(Stream(10), batch_size=4, num_workers=workers, drop_last=True)
    assert all(len(batch) == 4 for batch in loader)
    # Workers' streams take turns, as PyTorch's do.
    if workers == 3:
        found = [batch.tolist() for batch in tenon.utils.data.DataLoader(Stream(10), num_workers=3)]
        assert found == [[i] for i in range(10)]


def test_a_stream_of_another_length_than_it_says():
    for workers in (0, 2):
        loader = tenon.utils.data.DataLoader(Stream(5, length=3), num_workers=workers)
        assert len(loader) == 3
        with pytest.warns(UserWarning, match=r"was reported to be 3\(when accessing len\(dataloader\)\), but 4 samp"):
            list(loader)
    lengths = [
        len(tenon.utils.data.DataLoader(Stream(5, length=7), batch_size=3, drop_last=drop)) for drop in (False, True)
    ]
    assert lengths == [3, 2]
    with pytest.raises(AttributeError):
        len(tenon.utils.data.DataLoader(Stream(5)))


def test_persistent_workers_live_on_and_ended_ones_do_not():
    class Pids(tenon.utils.data.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, i):
            return os.getpid()

    for persistent in (True, False):
        loader = tenon.utils.data.DataLoader(Pids(), num_workers=2, persistent_workers=persistent)
        pids = [{batch.item() for batch in loader} for _ in range(2)]
        assert (pids[0] == pids[1]) is persistent and len(pids[0]) == 2
        # An epoch that is left early does not disturb the next.
        for _ in loader:
            break
        assert len(list(loader)) == 8


def test_worker_info_and_worker_init_fn():
    def begin(worker_id):
        info = tenon.utils.data.get_worker_info()
        info.dataset.seen = (worker_id, info.id, info.num_workers, info.seed)

    class Seen(tenon.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return self.seen

    assert tenon.utils.data.get_worker_info() is None
    tenon.manual_seed(3)
    loader = tenon.utils.data.DataLoader(Seen(), batch_size=None, num_workers=2, worker_init_fn=begin)
    found = list(loader)
    torch.manual_seed(3)
    seed = torch.empty((), dtype=torch.int64).random_().item()
    assert [tuple(entry) for entry in found] == [(i % 2, i % 2, 2, seed + i % 2) for i in range(4)]
    loader = tenon.utils.data.DataLoader(Numbers(), num_workers=2, worker_init_fn=fail_for_worker_one)
    with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker process 1"):
        list(loader)


def test_batches_keep_their_values_while_blocks_are_used_again():
    class Wide(tenon.utils.data.Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, i):
            return tenon.full((2000,), float(i)), tenon.full((700,), i)

    loader = tenon.utils.data.DataLoader(Wide(), batch_size=2, num_workers=2, persistent_workers=True)
    for _ in range(3):
        kept = [batch for i, batch in enumerate(loader) if i % 3 == 0]
        for i, (x, y) in enumerate(kept):
            assert x[:, 0].tolist() == y[:, 0].tolist() == [6 * i, 6 * i + 1]
            assert (x == x[:, :1]).all() and (y == y[:, :1]).all()
            x.add_(1)
    # They outlive their loader, and can be sent on.
    del loader
    gc.collect()
    assert kept[1][0][0, 0] == 7
    queue = tenon.multiprocessing.SimpleQueue()
    queue.put(kept[1][0])
    assert tenon.equal(queue.get(), kept[1][0])


def test_views_and_structures_arrive_whole():
    whole = tenon.arange(100_000.0)

    def given(batch):
        x = tenon.arange(2000.0)
        return {"x": x, "row": x[:1000], "small": whole[5:8], "big": "t" * 200_000, "turned": tenon.ones(30, 40).T}

    loader = tenon.utils.data.DataLoader(range(3), collate_fn=given, num_workers=1)
    for batch in loader:
        assert batch["row"].data_ptr() == batch["x"].data_ptr() and batch["x"][1999] == 1999
        assert batch["small"].tolist() == [5, 6, 7] and len(batch["big"]) == 200_000
        assert batch["turned"].stride() == (1, 40)
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        graphed = lambda batch: whole.requires_grad_() * 1  # noqa: E731
        next(iter(tenon.utils.data.DataLoader(range(3), collate_fn=graphed, num_workers=1)))


def test_what_cannot_be_pickled_is_an_error_and_no_hang():
    loader = tenon.utils.data.DataLoader(range(3), collate_fn=lambda batch: lambda: 1, num_workers=1)
    with pytest.raises(Exception, match="Caught .* in DataLoader worker process 0"):
        next(iter(loader))


def test_large_batches_of_indices_and_much_prefetching():
    size = 30_000
    loader = tenon.utils.data.DataLoader(range(10 * size), batch_size=size, num_workers=1, prefetch_factor=9)
    assert [batch[0].item() for batch in loader] == [i * size for i in range(10)]
    loader = tenon.utils.data.DataLoader(range(3000), num_workers=2, prefetch_factor=1000)
    assert [batch.item() for batch in loader] == list(range(3000))


def test_out_of_order():
    import time

    class Uneven(tenon.utils.data.Dataset):
        def __len__(self):
            return 12

        def __getitem__(self, i):
            time.sleep(0.2 if i == 0 else 0)
            return i

    loader = tenon.utils.data.DataLoader(Uneven(), num_workers=2, in_order=False)
    found = [batch.item() for batch in loader]
    assert sorted(found) == list(range(12)) and found[0] != 0


MISTAKES = {
    "num_workers": dict(num_workers=-1),
    "timeout": dict(timeout=-1),
    "prefetch": dict(prefetch_factor=2),
    "negative prefetch": dict(prefetch_factor=-1, num_workers=1),
    "persistent": dict(persistent_workers=True),
    "sampler and shuffle": dict(sampler=[1], shuffle=True),
    "batch_sampler": dict(batch_sampler=[[1]], batch_size=3),
    "drop_last": dict(batch_size=None, drop_last=True),
    "batch_size": dict(batch_size=0),
    "context": dict(multiprocessing_context="fork"),
    "start method": dict(multiprocessing_context="none", num_workers=1),
    "context type": dict(multiprocessing_context=5, num_workers=1),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_raise_pytorchs_errors(name):
    texts = []
    for module in (tenon, torch):
        with pytest.raises((ValueError, TypeError)) as raised:
            module.utils.data.DataLoader(range(3), **MISTAKES[name])
        texts.append((raised.type, str(raised.value)))
    assert texts[0] == texts[1]


def test_mistakes_with_streams_and_settings():
    for options in (dict(shuffle=True), dict(sampler=[1]), dict(batch_sampler=[[1]])):
        texts = []
        for module in (tenon, torch):
            stream = type("S", (module.utils.data.IterableDataset,), {"__iter__": lambda self: iter([1])})()
            with pytest.raises(ValueError) as raised:
                module.utils.data.DataLoader(stream, **options)
            texts.append(str(raised.value))
        assert texts[0] == texts[1]
    loader = tenon.utils.data.DataLoader(range(3))
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader is initialized"):
            setattr(loader, name, None)
    with pytest.raises(AssertionError, match="requires timeout == 0"):
        iter(tenon.utils.data.DataLoader(range(3), timeout=1))
    with pytest.raises(NotImplementedError):
        import pickle

        pickle.dumps(iter(loader))


def test_warnings_are_pytorchs():
    texts = []
    for module in (tenon, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module.utils.data.DataLoader(range(3), num_workers=1000)
            next(iter(module.utils.data.DataLoader(range(3), pin_memory=True, pin_memory_device="cuda")))
        texts.append([str(warning.message) for warning in caught])
    assert texts[0] == texts[1] and len(texts[0]) == 3


def test_lengths():
    data = tenon.utils.data
    assert len(data.DataLoader(range(10), batch_size=4)) == 3
    assert len(data.DataLoader(range(10), batch_size=4, drop_last=True)) == 2
    assert len(data.DataLoader(range(10), batch_size=None)) == 10
    assert len(iter(data.DataLoader(range(10), batch_size=4))) == 3


def test_a_loader_within_a_worker():
    class Inner(tenon.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return sum(x.item() for x in tenon.utils.data.DataLoader(range(5)))

    assert [x.item() for x in tenon.utils.data.DataLoader(Inner(), num_workers=1)] == [10, 10]


@pytest.mark.parametrize("how", [datasets.raise_value_error, datasets.raise_key_error, datasets.raise_odd])
@pytest.mark.parametrize("batches", [True, False])
def test_an_exception_is_raised_again_as_pytorch_does(how, batches):
    found = []
    options = {"batch_size": 4} if batches else {"batch_size": None}
    for module in (tenon, torch):
        dataset = datasets.Failing(6, how, module)
        iterator = iter(module.utils.data.DataLoader(dataset, num_workers=2, **options))
        with pytest.raises(Exception, match="Caught") as raised:
            for _ in range(8):
                next(iterator)
        # The worker goes on with what comes next.
        after = next(iterator)["i"]
        found.append((raised.type, str(raised.value).splitlines()[:2], after.tolist() if batches else after))
        # To its end, so that its workers end too.
        assert len(list(iterator)) > 0
    assert found[0] == found[1]
    iterator = iter(tenon.utils.data.DataLoader(datasets.Failing(6, how), num_workers=2, **options))
    with pytest.raises(Exception, match="The worker was at sample 6" + (" in the batch" if batches else "")):
        list(iterator)
