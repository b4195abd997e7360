"""Training that is killed at random moments and resumed ends as if it had never been interrupted, to the bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tenon
from loader_datasets import Draws, Numbers, Stream
from resumed_training import StreamWithState, made_loader
from tenon.utils.data import DataLoader, RandomSampler
from test_data_loader import plain

PROGRAM = Path(__file__).parent / "resumed_training.py"
KINDS = ["shuffle", "generator", "sampler", "stream", "stream with state"]
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*multi-threaded.*fork")


def started(folder, workers, kind):
    command = [sys.executable, "-W", "ignore", str(PROGRAM), str(folder), str(workers), kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finished(folder):
    assert (folder / "end.pt").exists()
    assert sorted(os.listdir(folder)) == ["checkpoint.pt", "end.pt"], "a killed save leaves nothing behind"
    return tenon.load(folder / "end.pt")


@pytest.mark.parametrize(("kind", "workers"), [("shuffle", 0), ("persistent", 2), ("stream", 2)])
def test_a_killed_run_ends_bitwise_equal_to_one_never_interrupted(tmp_path, kind, workers):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    process = started(whole, workers, kind)
    steps = process.communicate()[0].split()
    assert process.returncode == 0
    rng = random.Random(f"{kind} {workers}")
    kills = resumed_inside = 0
    while not (killed / "end.pt").exists():
        process = started(killed, workers, kind)
        # A few steps on, then a moment that may be anywhere: in a step, in a batch, in a save.
        for _ in range(rng.randrange(3, 16)):
            line = process.stdout.readline()
            if not line:
                break
        if kills < 4 and line:
            time.sleep(rng.uniform(0, 0.004))
            process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        if (killed / "checkpoint.pt").exists():
            state = tenon.load(killed / "checkpoint.pt")
            resumed_inside += state["loader"]["pass"] is not None and not state["loader"]["pass"]["finished"]
    assert kills >= 3 and resumed_inside >= 1
    expected, found = finished(whole), finished(killed)
    assert expected["steps"] == found["steps"] == len(steps) and expected["loss"] == found["loss"]
    for name, value in expected["model"].items():
        assert tenon.equal(value, found["model"][name]), name


def test_a_run_killed_while_it_saves_keeps_its_last_checkpoint(tmp_path):
    program = tmp_path / "saves.py"
    program.write_text(
        "import sys, tenon\n"
        "x = tenon.zeros(300_000)\n"
        "for i in range(10**6):\n"
        "    tenon.save({'x': x.fill_(i), 'i': i}, sys.argv[1])\n"
        "    print(i, flush=True)\n"
    )
    path = tmp_path / "checkpoint.pt"
    rng = random.Random(4)
    for _ in range(6):
        process = subprocess.Popen([sys.executable, str(program), str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "0\n"
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.communicate()
        state = tenon.load(path)
        assert tenon.equal(state["x"], tenon.full((300_000,), float(state["i"])))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_every_place_in_a_pass_is_a_place_to_go_on_from(tmp_path, kind, workers):
    def begun():
        tenon.manual_seed(8)
        random.seed(8)
        return made_loader(kind, workers)

    loader = begun()
    passes = [[plain(batch) for batch in loader] for _ in range(2)]
    after = tenon.rand(1).item()
    for place in (0, 1, 7, len(passes[0]) - 1, len(passes[0])):
        loader = begun()
        iterator = iter(loader)
        for _ in range(place):
            next(iterator)
        tenon.save((loader.state_dict(), tenon.get_rng_state(), random.getstate()), tmp_path / "state.pt")
        del iterator
        fresh = begun()
        state, tenon_state, python_state = tenon.load(tmp_path / "state.pt")
        fresh.load_state_dict(state)
        tenon.set_rng_state(tenon_state)
        random.setstate(python_state)
        assert [plain(batch) for batch in fresh] == passes[0][place:]
        assert [plain(batch) for batch in fresh] == passes[1]
        assert tenon.rand(1).item() == after


@pytest.mark.parametrize("workers", [0, 3])
def test_random_numbers_of_numpy_in_workers_go_on_too(workers):
    def batches(loader):
        return [plain(batch) for batch in loader]

    numpy = pytest.importorskip("numpy")
    loaders = []
    for _ in range(2):
        tenon.manual_seed(1)
        random.seed(1)
        numpy.random.seed(1)
        loaders.append(DataLoader(Draws(15), batch_size=2, shuffle=True, num_workers=workers))
    iterator = iter(loaders[0])
    for _ in range(4):
        next(iterator)
    state, present = loaders[0].state_dict(), tenon.utils.data._utils.states.random_states()
    rest = batches(iterator)
    loaders[1].load_state_dict(state)
    tenon.utils.data._utils.states.set_random_states(present)
    assert batches(loaders[1]) == rest and len(rest) == 4


def test_persistent_workers_take_their_random_numbers_into_the_next_pass():
    def begun():
        tenon.manual_seed(2)
        return DataLoader(Draws(8), shuffle=True, num_workers=2, persistent_workers=True)

    loader = begun()
    passes = [[plain(batch) for batch in loader] for _ in range(3)]
    loader = begun()
    assert [plain(batch) for batch in loader] == passes[0]
    between, present = loader.state_dict(), tenon.get_rng_state()
    iterator = iter(loader)
    assert [plain(next(iterator)) for _ in range(3)] == passes[1][:3]
    for state, rng, rest in (
        (between, present, passes[1]),
        (loader.state_dict(), tenon.get_rng_state(), passes[1][3:]),
    ):
        fresh = begun()
        fresh.load_state_dict(state)
        tenon.set_rng_state(rng)
        assert [plain(batch) for batch in fresh] == rest
        assert [plain(batch) for batch in fresh] == passes[2]


def test_numbers_drawn_between_the_making_of_an_iterator_and_its_use():
    loader = DataLoader(range(9), shuffle=True)
    iterator = iter(loader)
    tenon.rand(5)
    found = [next(iterator).item() for _ in range(3)]
    state = loader.state_dict()
    rest = [batch.item() for batch in iterator]
    assert sorted(found + rest) == list(range(9))
    tenon.manual_seed(123)
    fresh = DataLoader(range(9), shuffle=True)
    fresh.load_state_dict(state)
    assert fresh.state_dict()["pass"] == state["pass"]
    assert [batch.item() for batch in fresh] == rest


@pytest.mark.parametrize("options", [{"batch_size": None}, {"batch_size": 4, "drop_last": True}, {"batch_size": 4}])
@pytest.mark.parametrize("workers", [0, 3])
def test_streams_of_unequal_length(options, workers):
    whole = [plain(batch) for batch in DataLoader(Stream(17), num_workers=workers, **options)]
    for place in {0, 1, len(whole) // 2, len(whole) - 2, len(whole) - 1, len(whole)}:
        loader = DataLoader(Stream(17), num_workers=workers, **options)
        iterator = iter(loader)
        assert [plain(next(iterator)) for _ in range(place)] == whole[:place]
        fresh = DataLoader(Stream(17), num_workers=workers, **options)
        fresh.load_state_dict(loader.state_dict())
        assert [plain(batch) for batch in fresh] == whole[place:]


def test_samplers_states():
    generator = tenon.Generator().manual_seed(4)
    sampler = RandomSampler(range(6), generator=generator)
    state = sampler.state_dict()
    orders = [list(sampler) for _ in range(2)]
    sampler.load_state_dict(state)
    assert [list(sampler) for _ in range(2)] == orders
    assert RandomSampler(range(6)).state_dict() == {"generator": None}
    batches = tenon.utils.data.BatchSampler(sampler, 2, False)
    state = batches.state_dict()
    expected = list(batches)
    batches.load_state_dict(state)
    assert list(batches) == expected
    distributed = tenon.utils.data.DistributedSampler(range(6), 2, 0)
    distributed.set_epoch(5)
    fresh = tenon.utils.data.DistributedSampler(range(6), 2, 0)
    fresh.load_state_dict(distributed.state_dict())
    assert list(fresh) == list(distributed)


def test_what_cannot_be_resumed_is_an_error():
    state = DataLoader(Numbers()).state_dict()
    with pytest.raises(ValueError, match="num_workers=0, but this one has num_workers=2"):
        DataLoader(Numbers(), num_workers=2).load_state_dict(state)
    loader = DataLoader(Numbers(), num_workers=2, in_order=False)
    iterator = iter(loader)
    with pytest.raises(RuntimeError, match="set in_order=True"):
        loader.state_dict()
    del iterator


class Secretive(StreamWithState):
    def state_dict(self):
        raise KeyError("no state today")


def test_a_state_that_cannot_be_had_disturbs_only_who_asks_for_it():
    loader = DataLoader(Secretive(), batch_size=45, num_workers=1)
    assert len(list(loader)) == 2
    iterator = iter(loader)
    next(iterator)
    with pytest.raises(KeyError, match="no state today"):
        loader.state_dict()
    assert len(list(iterator)) == 1
