"""A training program to be killed at any moment: `resumed_training.py FOLDER WORKERS [DATA]` goes on where its last
checkpoint was made, and writes FOLDER/end.pt when all is done."""

import random
import sys
from pathlib import Path

import tenon as torch
from tenon import nn
from tenon.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

EPOCHS, SAMPLES, BATCH, EVERY = 3, 90, 6, 4


def sample(i):
    """Sample i, augmented at random as PyTorch and Python draw."""
    x = torch.linspace(0, 1 + i / SAMPLES, 12) + 0.1 * torch.randn(12)
    return (x.flip(0) if random.random() < 0.5 else x), (i % 3)


class Numbers(Dataset):
    def __len__(self):
        return SAMPLES

    def __getitem__(self, i):
        return sample(i)


class Stream(IterableDataset):
    """Each worker gives its share in an order of its own."""

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        order = list(range(first, SAMPLES, step))
        random.shuffle(order)
        for i in order:
            yield sample(i)


class StreamWithState(IterableDataset):
    """The same without shuffling, which says where it is."""

    def __init__(self):
        self.given = 0

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for i in range(first + self.given * step, SAMPLES, step):
            self.given += 1
            yield sample(i)
        self.given = 0

    def state_dict(self):
        return {"given": self.given}

    def load_state_dict(self, state):
        self.given = state["given"]


class ByWeight(torch.utils.data.Sampler):
    """A user's sampler, which draws from the default generator."""

    def __iter__(self):
        yield from torch.multinomial(torch.arange(1.0, SAMPLES + 1), SAMPLES, True).tolist()

    def __len__(self):
        return SAMPLES


def made_loader(kind, workers):
    options = {"batch_size": BATCH, "num_workers": workers}
    if kind == "persistent":
        options.update(persistent_workers=True, shuffle=True)
    elif kind == "generator":
        generator = torch.Generator().manual_seed(5)
        options["sampler"] = torch.utils.data.RandomSampler(Numbers(), True, SAMPLES, generator)
    elif kind == "sampler":
        options["sampler"] = ByWeight()
    elif kind == "shuffle":
        options["shuffle"] = True
    datasets = {"stream": Stream, "stream with state": StreamWithState}
    return DataLoader(datasets.get(kind, Numbers)(), **options)


def main(folder, workers, kind="shuffle"):
    torch.manual_seed(3)
    random.seed(3)
    model = nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 45)
    loader = made_loader(kind, workers)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}
    epoch = step = 0

    def save():
        state = {name: part.state_dict() for name, part in parts.items()}
        state.update(epoch=epoch, step=step, random=(torch.get_rng_state(), random.getstate()))
        torch.save(state, folder / "checkpoint.pt")

    if (folder / "checkpoint.pt").exists():
        state = torch.load(folder / "checkpoint.pt")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        epoch, step = state["epoch"], state["step"]
        torch.set_rng_state(state["random"][0])
        random.setstate(state["random"][1])

    while epoch < EPOCHS:
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            step += 1
            print(step, flush=True)
            if step % EVERY == 0:
                save()
        epoch += 1
        save()
    torch.save({"model": model.state_dict(), "loss": loss.item(), "steps": step}, folder / "end.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
