"""A transformer that learns to reverse sequences: encoder and decoder, masks, positional encoding, warm-up."""

import math

import torch
from torch import Tensor, nn


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=32):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pe[: x.size(0)]


class Reverser(nn.Module):
    def __init__(self, tokens, d_model=32):
        super().__init__()
        self.embedding = nn.Embedding(tokens, d_model)
        self.position = PositionalEncoding(d_model)
        self.transformer = nn.Transformer(d_model, 4, 2, 2, 64, dropout=0.0)
        self.out = nn.Linear(d_model, tokens)
        self.d_model = d_model

    def embed(self, x):
        return self.position(self.embedding(x) * math.sqrt(self.d_model))

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.size(0))
        return self.out(self.transformer(self.embed(source), self.embed(target), tgt_mask=mask))


torch.manual_seed(7)
tokens, start, length = 12, 0, 6
model = Reverser(tokens)
print(sum(p.numel() for p in model.parameters() if p.requires_grad), "parameters")
optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-6)
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: 32**-0.5 * min((step + 1) ** -0.5, (step + 1) * 20**-1.5) * 0.05
)
criterion = nn.CrossEntropyLoss()
for step in range(32):
    source = torch.randint(1, tokens, (length, 16))
    target = torch.cat([torch.full((1, 16), start), source.flip(0)])
    output = model(source, target[:-1])
    loss = criterion(output.reshape(-1, tokens), target[1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 8 == 7:
        print(f"step {step} loss {loss.item():.5f} lr {scheduler.get_last_lr()[0]:.6f}")
model.eval()
with torch.no_grad():
    logits = model(source, target[:-1])
print("mean logit", logits.mean().item(), logits.abs().max().item())
torch.save(model.state_dict(), "transformer.pt")
