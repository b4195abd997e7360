"""The training steps that are measured beside PyTorch's, written once.

Each function takes a library with PyTorch's names and returns a step, which runs forward, loss, backward and optimizer
and returns the loss.
"""


def repeated_step(torch, optimizer, loss_of, clip=None):
    """A step of an ordinary training loop; `clip` is given the gradients before they are used."""

    def step():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        if clip is not None:
            clip()
        optimizer.step()
        return loss.item()

    return step


def classifier_step(torch, model, optimizer, inputs, classes):
    """A step of a classifier of one batch."""
    target = torch.randint(classes, (inputs.shape[0],))
    return repeated_step(torch, optimizer, lambda: torch.nn.functional.cross_entropy(model(inputs), target))


def mlp(torch):
    """784-512-256-10, batch 64, Adam."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return classifier_step(torch, model, optimizer, torch.randn(64, 784), 10)


def lenet(torch):
    """LeNet-5 on 1 x 28 x 28, batch 64, SGD with momentum."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return classifier_step(torch, model, optimizer, torch.randn(64, 1, 28, 28), 10)


def cnn(torch):
    """Six convolutions with batch norm on 3 x 32 x 32, every other one with a shortcut, batch 64, SGD with momentum."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.pool = nn.MaxPool2d(2)

        def forward(self, x):
            x = torch.relu(self.bn1(self.conv1(x)))
            return self.pool(torch.relu(self.bn2(self.conv2(x)) + x))

    model = nn.Sequential(Block(3, 32), Block(32, 64), Block(64, 128), nn.Flatten(), nn.Linear(128 * 16, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    return classifier_step(torch, model, optimizer, torch.randn(64, 3, 32, 32), 10)


def lstm_lm(torch):
    """A language model of two LSTM layers, 20 x 35 words of 10,000, 200 wide, dropout 0.2, SGD with clipping."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.2)
            self.encoder = nn.Embedding(10_000, 200)
            self.rnn = nn.LSTM(200, 200, 2, dropout=0.2)
            self.decoder = nn.Linear(200, 10_000)

        def forward(self, words, state):
            x, state = self.rnn(self.drop(self.encoder(words)), state)
            return self.decoder(self.drop(x)).view(-1, 10_000), state

    model = Model()
    words = torch.randint(10_000, (36, 20))
    state = [torch.zeros(2, 20, 200), torch.zeros(2, 20, 200)]

    def loss_of():
        state[0], state[1] = state[0].detach(), state[1].detach()
        scores, (state[0], state[1]) = model(words[:-1], tuple(state))
        return nn.functional.cross_entropy(scores, words[1:].reshape(-1))

    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    return repeated_step(torch, optimizer, loss_of, lambda: nn.utils.clip_grad_norm_(model.parameters(), 0.25))


def gru_classifier(torch):
    """A GRU over 32 padded texts of up to 128 tokens of 10,000, 128 wide, Adam."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10_000, 128, padding_idx=0)
            self.gru = nn.GRU(128, 128, batch_first=True)
            self.head = nn.Linear(128, 2)

        def forward(self, tokens, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(
                self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
            )
            return self.head(self.gru(packed)[1][-1])

    model = Model()
    lengths = torch.randint(16, 129, (32,))
    lengths[0] = 128
    tokens = torch.randint(1, 10_000, (32, 128)) * (torch.arange(128) < lengths[:, None])
    target = torch.randint(2, (32,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return repeated_step(torch, optimizer, lambda: nn.functional.cross_entropy(model(tokens, lengths), target))


def gpt(torch):
    """A GPT of characters: four layers, 128 wide, four heads, 16 x 64 of 65 characters, AdamW."""
    nn, functional = torch.nn, torch.nn.functional
    width, heads, context, characters = 128, 4, 64, 65

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attend = nn.Linear(width, 3 * width)
            self.project = nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            batch, length, _ = x.shape
            q, k, v = (
                part.view(batch, length, heads, width // heads).transpose(1, 2)
                for part in self.attend(self.norm1(x)).split(width, dim=2)
            )
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.project(y.transpose(1, 2).reshape(batch, length, width))
            return x + self.mlp(self.norm2(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.characters = nn.Embedding(characters, width)
            self.positions = nn.Embedding(context, width)
            self.blocks = nn.ModuleList([Block() for _ in range(4)])
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, characters, bias=False)

        def forward(self, text):
            x = self.characters(text) + self.positions(torch.arange(text.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    model = Model()
    text = torch.randint(characters, (16, context + 1))
    target = text[:, 1:].reshape(-1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return repeated_step(
        torch, optimizer, lambda: functional.cross_entropy(model(text[:, :-1]).view(-1, characters), target)
    )


STEPS = {"mlp": mlp, "lenet": lenet, "cnn": cnn, "lstm_lm": lstm_lm, "gru_classifier": gru_classifier, "gpt": gpt}
