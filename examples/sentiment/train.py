"""Learns from reviews whether one is positive or negative: a tokenizer, an embedding, a GRU and a linear layer.

    train.py [--data FILE] [--out FOLDER] [--resume] ...      all options: train.py --help

FILE has a review in each line: id, document and label (1 is positive), with tabs between them, below a line that names
them. Without it the reviews are made up, so that it is known how well one can do. train.cpp is the same program and
prints the same numbers; with --pytorch this one runs on PyTorch and its tokenizers and safetensors packages instead.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1] / "python"))

if TYPE_CHECKING or "--pytorch" not in sys.argv:
    import tenon as torch
    from tenon.safetensors import load_file, save_file
    from tenon.text import ByteLevelBPETokenizer, Tokenizer
else:
    import torch
    from safetensors.torch import load_file, save_file
    from tokenizers import ByteLevelBPETokenizer, Tokenizer

from reviews import DRAWS, WORDS, Review, make_reviews, read_reviews
from showing import Pace, save_curves

nn = torch.nn
DataLoader, TensorDataset = torch.utils.data.DataLoader, torch.utils.data.TensorDataset

VOCABULARY, LENGTH, BATCH = 10000, 128, 32
MADE_UP = 20000
MOST = 1_000_000_000
PAD, PAD_ID = "<pad>", 0
NAMES = ["negative", "positive"]


class TextClassifier(nn.Module):
    def __init__(self, vocabulary: int, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.ln1 = nn.Linear(hidden, len(NAMES))

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """How much speaks for either label. What is beyond a review's length plays no part."""
        embedded = self.embedding(ids[:, : int(lengths.max())])
        packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        _, hidden = self.gru(packed)
        return self.ln1(hidden.squeeze(0))


def make_corpus(count: int) -> list[Review]:
    """The same reviews each time."""
    random = torch.Generator().manual_seed(1)
    order = torch.randperm(WORDS, generator=random).tolist()
    return make_reviews(order, torch.randint(0, 1 << 24, (count, DRAWS), generator=random).tolist())


def train_tokenizer(reviews: Sequence[Review]) -> Tokenizer:
    tokenizer = ByteLevelBPETokenizer()
    documents = (review.document for review in reviews)
    tokenizer.train_from_iterator(documents, vocab_size=VOCABULARY, special_tokens=[PAD], length=len(reviews))
    tokenizer.enable_truncation(LENGTH)
    return tokenizer


def encode(tokenizer: Tokenizer, reviews: Sequence[Review]) -> torch.utils.data.TensorDataset:
    """The ids of each review, padded, how many they are, and its label."""
    rows = [tokens.ids or [PAD_ID] for tokens in tokenizer.encode_batch([review.document for review in reviews])]
    padded = [row + [PAD_ID] * (LENGTH - len(row)) for row in rows]
    labels = [review.label for review in reviews]
    return TensorDataset(torch.tensor(padded), torch.tensor([len(row) for row in rows]), torch.tensor(labels))


class Judged(NamedTuple):
    loss: float
    accuracy: float
    matrix: torch.Tensor  # how many reviews of each label were given which
    probabilities: torch.Tensor  # of each review and label


def judge(model: TextClassifier, reviews: torch.utils.data.TensorDataset) -> Judged:
    model.eval()
    loss, probabilities = 0.0, []
    matrix = torch.zeros(len(NAMES), len(NAMES), dtype=torch.long)
    with torch.no_grad():
        for ids, lengths, labels in DataLoader(reviews, batch_size=BATCH):
            logits = model(ids, lengths)
            loss += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            probabilities.append(logits.softmax(1))
            matrix += torch.bincount(labels * len(NAMES) + logits.argmax(1), minlength=matrix.numel()).view_as(matrix)
    model.train()
    right = int(matrix.diagonal().sum())
    return Judged(loss / len(reviews), right / len(reviews), matrix, torch.cat(probabilities))


def natural(text: str) -> int:
    if not 0 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {MOST}, got {text}")
    return int(text)


def positive(text: str) -> int:
    if not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {MOST}, got {text}")
    return int(text)


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learns from reviews whether one is positive or negative.")
    parser.add_argument("--data", type=Path, help="a file of reviews; without it they are made up")
    parser.add_argument("--out", type=Path, default=Path("sentiment-model"), help="the folder to write into")
    parser.add_argument("--epochs", type=positive, default=6)
    parser.add_argument("--patience", type=positive, default=2, help="stop after so many epochs that are no better")
    parser.add_argument("--limit", type=positive, help="learn from the first reviews only")
    parser.add_argument("--seed", type=natural, default=0)
    parser.add_argument("--threads", type=positive)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--predictions", type=Path, help="write what is said of each held out review into this file")
    parser.add_argument("--pytorch", action="store_true", help="run on PyTorch")
    return parser.parse_args(arguments)


def since_best(accuracies: list[float]) -> int:
    """How many epochs came after the best one."""
    return len(accuracies) - 1 - accuracies.index(max(accuracies)) if accuracies else 0


def write_predictions(path: Path, reviews: Sequence[Review], probabilities: torch.Tensor) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        print("id\tdocument\tlabel\tanswer", file=file)
        for review, row in zip(reviews, probabilities.tolist()):
            said = row.index(max(row))
            print(review.id, review.document, review.label, f"{NAMES[said]} {row[said]:.3f}", sep="\t", file=file)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tells of a damaged file, which may fail in many ways, in one."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is damaged: {error!r}") from error


def train(options: argparse.Namespace) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer_file, model_file = options.out / "tokenizer.json", options.out / "model.safetensors"
    checkpoint = options.out / "checkpoint.pt"

    if options.data is None:
        reviews = make_corpus(options.limit or MADE_UP)
    else:
        reviews = read_reviews(options.data, options.limit)
    sizes = [len(reviews) - len(reviews) // 10, len(reviews) // 10]
    if sizes[1] == 0:
        raise ValueError(f"there are {len(reviews)} reviews; at least 10 are needed")
    parts = torch.utils.data.random_split(reviews, sizes, torch.Generator().manual_seed(options.seed))
    training, held_out = ([reviews[i] for i in part.indices] for part in parts)

    state: dict[str, Any] | None = None
    given = {"seed": options.seed, "reviews": len(reviews)}
    if options.resume and checkpoint.exists():
        with reading(checkpoint):
            state = torch.load(checkpoint)
            before = state["given"]
        if before != given:
            raise ValueError(f"{checkpoint} goes on with {before}, not {given}")
    else:
        train_tokenizer(training).save(str(tokenizer_file))
    with reading(tokenizer_file):
        tokenizer = Tokenizer.from_file(str(tokenizer_file))
    encoded, unseen = encode(tokenizer, training), encode(tokenizer, held_out)
    print(f"{len(training)} reviews to learn from, {len(held_out)} held out, {tokenizer.get_vocab_size()} tokens")

    torch.manual_seed(options.seed)
    order = torch.Generator()
    loader = DataLoader(encoded, batch_size=BATCH, shuffle=True, generator=order)
    model = TextClassifier(tokenizer.get_vocab_size())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses: list[float] = []
    unseen_losses: list[float] = []
    accuracies: list[float] = []
    if state is not None:
        with reading(checkpoint):
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            losses, unseen_losses, accuracies = state["losses"], state["unseen_losses"], state["accuracies"]
        print(f"going on after epoch {len(losses)}")

    pace = Pace((options.epochs - len(losses)) * len(training), "reviews")
    for epoch in range(len(losses) + 1, options.epochs + 1):
        if since_best(accuracies) >= options.patience:
            print(f"no better for {options.patience} epochs")
            break
        order.manual_seed(options.seed + epoch)
        total = 0.0
        for step, (ids, lengths, labels) in enumerate(loader, 1):
            loss = nn.functional.cross_entropy(model(ids, lengths), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            pace.add(len(labels))
            if step % 50 == 0:
                pace.show(f"epoch {epoch} of {options.epochs}   step {step} of {len(loader)}   loss {total / step:.4f}")
        pace.clear()
        judged = judge(model, unseen)
        losses.append(total / len(loader))
        unseen_losses.append(judged.loss)
        accuracies.append(judged.accuracy)
        if since_best(accuracies) == 0:
            save_file(model.state_dict(), model_file)
        lists = {"losses": losses, "unseen_losses": unseen_losses, "accuracies": accuracies}
        states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**states, **lists, "given": given}, checkpoint)
        print(f"epoch {epoch}   loss {losses[-1]:.6f}   held out: loss {judged.loss:.6f}   {judged.accuracy:.2%} right")

    curves = {"loss": losses, "loss of reviews held out": unseen_losses, "accuracy on them": accuracies}
    save_curves(options.out / "losses.svg", "Learning the sentiment of reviews", curves)
    model.load_state_dict(load_file(model_file))
    best = judge(model, unseen)
    print(f"the best, {model_file}: {best.accuracy:.2%} of the reviews held out are right")
    for name, row in zip(NAMES, best.matrix.tolist()):
        print(f"  of the {name} ones, {row[0]} are called {NAMES[0]}, {row[1]} {NAMES[1]}")
    if options.data is None:
        possible = sum(review.label == review.meant for review in held_out) / len(held_out)
        print(f"  no one can reach more than {possible:.2%}: the labels of the others are wrong on purpose")
    if options.predictions is not None:
        write_predictions(options.predictions, held_out, best.probabilities)


def main() -> None:
    options = parse_options()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    try:
        train(options)
    except (OSError, ValueError) as error:
        raise SystemExit(f"train.py: {error}") from None


if __name__ == "__main__":
    main()
