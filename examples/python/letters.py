"""Trains a language model of letters, an LSTM, and lets it write.

    letters.py [FILE] [--epochs N] [--out FOLDER]

FILE is a text to learn from; without it the text is made up. The losses are drawn in letters.svg in --out.
examples/cpp/letters.cpp is the same program, and prints the same numbers.
"""

import argparse
import math
import sys
from pathlib import Path

import tenon as torch
from showing import progress, save_curves
from tenon import Tensor, nn

WORDS = [["a", "the", "one"], ["small", "green", "old"], ["bird", "boat", "tree"], ["sees", "finds", "likes"]]
ROWS, LENGTH = 16, 32


def make_text(sentences: int) -> str:
    """Sentences like 'the old boat finds a small tree.'"""
    order = [0, 1, 2, 3, 0, 1, 2]
    drawn = torch.randint(0, 3, (sentences, len(order))).tolist()
    return "".join(" ".join(WORDS[kind][i] for kind, i in zip(order, row)) + ".\n" for row in drawn)


class Letters(nn.Module):
    def __init__(self, letters: int, hidden: int = 96) -> None:
        super().__init__()
        self.embedding = nn.Embedding(letters, 24)
        self.lstm = nn.LSTM(24, hidden, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(hidden, letters)

    def forward(self, text: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """What may come after each letter, and what it remembers of them."""
        hidden, last = self.lstm(self.embedding(text), state)
        return self.output(self.dropout(hidden)), last


def written(model: Letters, alphabet: str, count: int) -> str:
    """Text that the model goes on with after the first letter of the alphabet."""
    model.eval()
    letter, state, text = torch.zeros(1, 1, dtype=torch.long), None, ""
    with torch.no_grad():
        for _ in range(count):
            scores, state = model(letter, state)
            letter = scores[:, -1].softmax(-1).multinomial(1)
            text += alphabet[int(letter)]
    model.train()
    return text


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", type=Path, help="a text to learn from")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("."))
    options = parser.parse_args()

    torch.manual_seed(2)
    text = make_text(1200) if options.file is None else options.file.read_text()
    alphabet = "".join(sorted(set(text)))
    numbers = torch.tensor([alphabet.index(letter) for letter in text])
    steps = (len(text) - 1) // (ROWS * LENGTH)
    if steps == 0:
        raise SystemExit(f"{options.file} has {len(text)} letters; at least {ROWS * LENGTH + 1} are needed")
    # Each row is a part of the text, read from left to right.
    shape = (ROWS, steps * LENGTH)
    given = numbers[: ROWS * steps * LENGTH].reshape(shape).split(LENGTH, 1)
    wanted = numbers[1 : ROWS * steps * LENGTH + 1].reshape(shape).split(LENGTH, 1)

    model = Letters(len(alphabet))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses: list[float] = []
    for epoch in range(1, options.epochs + 1):
        state = None
        for x, y in progress(list(zip(given, wanted)), f"epoch {epoch}"):
            scores, state = model(x, state)
            state = (state[0].detach(), state[1].detach())
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(float(loss))
        mean = sum(losses[-steps:]) / steps
        print(f"epoch {epoch} of {options.epochs}   loss {mean:.4f}   perplexity {math.exp(mean):.2f}")

    save_curves(options.out / "letters.svg", "Learning letters", {"loss": losses})
    print(written(model, alphabet, 120))
    return 0 if losses[-1] < 0.5 * losses[0] else 1


if __name__ == "__main__":
    sys.exit(main())
