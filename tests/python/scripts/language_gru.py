"""A classifier of sequences of different lengths: padding, packed sequences, a bidirectional GRU."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset


class Sums(Dataset):
    """Sequences of digits; the label tells whether their sum is large."""

    def __init__(self, count):
        lengths = torch.randint(3, 12, (count,)).tolist()
        self.items = [torch.randint(1, 10, (length,)) for length in lengths]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index], int(self.items[index].sum() > 5 * len(self.items[index]))


def collate(batch):
    batch.sort(key=lambda pair: len(pair[0]), reverse=True)
    sequences, labels = zip(*batch)
    lengths = [len(sequence) for sequence in sequences]
    return pad_sequence(sequences, batch_first=True), torch.tensor(lengths), torch.tensor(labels)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 12, padding_idx=0)
        self.gru = nn.GRU(12, 16, num_layers=2, batch_first=True, bidirectional=True, dropout=0.1)
        self.fc = nn.Linear(32, 2)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True)
        output, hidden = self.gru(packed)
        output, _ = pad_packed_sequence(output, batch_first=True)
        pooled = output.sum(dim=1) / lengths.unsqueeze(1)
        return self.fc(pooled + torch.cat((hidden[-2], hidden[-1]), dim=1))


torch.manual_seed(6)
loader = DataLoader(Sums(160), batch_size=20, shuffle=True, collate_fn=collate, drop_last=True)
model = Classifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(5):
    losses, hits, seen = [], 0, 0
    for x, lengths, y in loader:
        logits = model(x, lengths)
        loss = loss_fn(logits, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        hits += (logits.argmax(-1) == y).sum().item()
        seen += len(y)
    scheduler.step()
    print(f"epoch {epoch}: loss {sum(losses) / len(losses):.5f}, lr {optimizer.param_groups[0]['lr']:.6f}, seen {seen}")
torch.save({"epoch": epoch, "state": model.state_dict(), "optimizer": optimizer.state_dict()}, "language_gru.pt")
