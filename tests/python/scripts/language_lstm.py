"""A language model of words: LSTM of two layers, truncated backpropagation, tied weights, gradient clipping."""

import math

import torch
import torch.nn as nn

TEXT = "the cat sat on the mat and the dog sat on the cat while the mat lay on the dog " * 24


class Corpus:
    def __init__(self, text):
        words = text.split()
        self.vocabulary = sorted(set(words))
        index = {word: i for i, word in enumerate(self.vocabulary)}
        self.ids = torch.tensor([index[word] for word in words]).type(torch.int64)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers, dropout=0.2, tie_weights=True):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        self.nhid, self.nlayers = nhid, nlayers

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        decoded = self.decoder(self.drop(output))
        return nn.functional.log_softmax(decoded.view(-1, decoded.size(-1)), dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return tuple(weight.new_zeros(self.nlayers, bsz, self.nhid) for _ in range(2))


def repackage_hidden(h):
    return h.detach() if isinstance(h, torch.Tensor) else tuple(repackage_hidden(v) for v in h)


torch.manual_seed(5)
corpus = Corpus(TEXT)
train_data = batchify(corpus.ids, 8)
model = RNNModel(len(corpus.vocabulary), 24, 24, 2)
criterion = nn.NLLLoss()
lr, bptt = 5.0, 10
for epoch in range(1, 4):
    model.train()
    total_loss = 0.0
    hidden = model.init_hidden(8)
    batches = range(0, train_data.size(0) - 1, bptt)
    for i in batches:
        seq_len = min(bptt, len(train_data) - 1 - i)
        data, targets = train_data[i : i + seq_len], train_data[i + 1 : i + 1 + seq_len].view(-1)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total_loss += loss.item()
    cur_loss = total_loss / len(batches)
    print(f"| epoch {epoch:3d} | loss {cur_loss:5.4f} | ppl {math.exp(cur_loss):8.3f} | norm {norm.item():.4f}")
with open("language_lstm.pt", "wb") as f:
    torch.save(model.state_dict(), f)
with open("language_lstm.pt", "rb") as f:
    model.load_state_dict(torch.load(f))
model.eval()
with torch.no_grad():
    output, _ = model(train_data[:5], model.init_hidden(8))
print("loss after loading", criterion(output, train_data[1:6].view(-1)).item())
