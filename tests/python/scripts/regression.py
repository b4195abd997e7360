"""Fits a line and a polynomial, by hand and with a model."""

import torch
import torch.nn as nn

torch.manual_seed(0)
x = torch.linspace(-1, 1, 200).unsqueeze(1)
y = 3 * x - 0.5 + 0.1 * torch.randn(x.size())

w = torch.zeros(1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(30):
    loss = ((w * x + b - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for p in (w, b):
            p -= 0.5 * p.grad
            p.grad.zero_()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.6f}")
print("line", w.item(), b.item())

features = torch.cat([x**i for i in range(1, 4)], dim=1)
model = nn.Linear(3, 1)
criterion = nn.MSELoss(reduction="sum")
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-2)
for step in range(200):
    loss = criterion(model(features), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 39:
        print(step, loss.item())
print("polynomial", model.bias.item(), model.weight[0].tolist())
torch.save(model.state_dict(), "regression.pt")
