"""A diffusion model of points on a circle: a noise schedule, time embeddings, averaged weights, sampling."""

import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import LinearLR


class SinusoidalEmbedding(nn.Module):
    def __init__(self, size, scale=1.0):
        super().__init__()
        self.size, self.scale = size, scale

    def forward(self, x):
        half = self.size // 2
        freq = torch.exp(-torch.log(torch.tensor([10000.0])) / (half - 1) * torch.arange(half))
        emb = (x * self.scale).unsqueeze(-1) * freq.unsqueeze(0)
        return torch.cat((torch.sin(emb), torch.cos(emb)), dim=-1)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.ff = nn.Linear(size, size)
        self.act = nn.SiLU()

    def forward(self, x):
        return x + self.act(self.ff(x))


class Denoiser(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.time = SinusoidalEmbedding(16)
        self.net = nn.Sequential(nn.Linear(18, hidden), nn.SiLU(), Block(hidden), Block(hidden), nn.Linear(hidden, 2))

    def forward(self, x, t):
        return self.net(torch.cat((x, self.time(t)), dim=-1))


class Scheduler:
    def __init__(self, steps=20):
        self.steps = steps
        self.betas = torch.linspace(1e-4, 0.2, steps)
        self.alphas = 1.0 - self.betas
        self.cumprod = torch.cumprod(self.alphas, dim=0)

    def add_noise(self, x, noise, t):
        c = self.cumprod[t][:, None]
        return c.sqrt() * x + (1 - c).sqrt() * noise

    def step(self, prediction, t, x):
        mean = (x - self.betas[t] / (1 - self.cumprod[t]).sqrt() * prediction) / self.alphas[t].sqrt()
        return mean if t == 0 else mean + self.betas[t].sqrt() * torch.randn_like(x)


torch.manual_seed(12)
angles = torch.rand(256) * 2 * math.pi
data = torch.stack((angles.cos(), angles.sin()), dim=1) + 0.02 * torch.randn(256, 2)
model, noise = Denoiser(), Scheduler()
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = LinearLR(optimizer, start_factor=0.1, total_iters=20)
for step in range(80):
    batch = data[torch.randint(0, len(data), (64,))]
    target = torch.randn(batch.shape)
    t = torch.randint(0, noise.steps, (len(batch),))
    loss = F.mse_loss(model(noise.add_noise(batch, target, t), t), target)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    scheduler.step()
    for own, new in zip(average.parameters(), model.parameters()):
        own.lerp_(new, 0.1)
    if step % 16 == 0:
        print(f"step {step} loss {loss.item():.5f}")
sample = torch.randn(32, 2)
with torch.inference_mode():
    for t in reversed(range(noise.steps)):
        sample = noise.step(average(sample, torch.full((32,), t)), t, sample)
print("radius", sample.norm(dim=1).mean().item())
torch.save(average.state_dict(), "diffusion.pt")
