"""Several processes train one model in shared memory without locks."""

import os

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn, optim


def train(rank, model, x, y):
    torch.manual_seed(10 + rank)
    torch.set_num_threads(1)
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    for step in range(60):
        index = torch.randint(0, len(x), (16,))
        loss = F.mse_loss(model(x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert os.getpid() != os.getppid()


if __name__ == "__main__":
    mp.set_start_method("spawn", force=True)
    torch.manual_seed(10)
    x = torch.randn(256, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.25
    model = nn.Linear(3, 1)
    model.share_memory()
    print("shared", all(p.is_shared() for p in model.parameters()))
    print("loss before", F.mse_loss(model(x), y).item())
    processes = []
    for rank in range(2):
        p = mp.Process(target=train, args=(rank, model, x, y))
        p.start()
        processes.append(p)
    for p in processes:
        p.join()
    print("exit codes", [p.exitcode for p in processes])
    print("learned", F.mse_loss(model(x), y).item() < 0.01)
