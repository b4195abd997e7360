"""Trains a convolutional network to read digits, and goes on from its checkpoint when it is started again.

    digits.py [FOLDER] [--epochs N] [--out FOLDER]

FOLDER holds the files of MNIST; without it the digits are made up. Written to --out are digits.pt, the checkpoint, and
digits.svg, the losses. examples/cpp/digits.cpp trains the same network.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import tenon as torch
from showing import progress, save_curves
from tenon import nn
from tenon.utils.data import DataLoader, TensorDataset
from tenon.vision.datasets import MNIST

# Which of its seven segments a digit lights: top, middle, bottom, then the upper two and the lower two, left and right.
SEGMENTS = "1011111 0000101 1110110 1110101 0101101 1111001 1111011 1000101 1111111 1111101".split()
PLACES = [(0, 1, 1, 7), (6, 7, 1, 7), (12, 13, 1, 7), (1, 6, 0, 1), (1, 6, 7, 8), (7, 12, 0, 1), (7, 12, 7, 8)]


def make_digits(count: int) -> TensorDataset:
    """Digits as a pocket calculator shows them, somewhere in a noisy picture of 28 x 28."""
    glyphs = torch.zeros(10, 13, 8)
    for glyph, lit in zip(glyphs, SEGMENTS):
        for place, on in zip(PLACES, lit):
            if on == "1":
                top, bottom, left, right = place
                glyph[top:bottom, left:right] = 1
    labels = torch.randint(0, 10, (count,))
    corners = torch.randint(7, 11, (count, 2)).tolist()
    images = 0.2 * torch.randn(count, 1, 28, 28)
    for image, label, (y, x) in zip(images, labels.tolist(), corners):
        image[0, y : y + 13, x : x + 8] += glyphs[label]
    return TensorDataset(images, labels)


def read_digits(folder: str, train: bool) -> TensorDataset:
    digits = MNIST(folder, train=train)
    return TensorDataset((digits.data.unsqueeze(1) / 255 - 0.1307) / 0.3081, digits.targets)


def make_network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(16 * 7 * 7, 10),
    )


def accuracy(network: nn.Module, loader: DataLoader) -> float:
    network.eval()
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right += (network(images).argmax(1) == labels).sum().item()
            count += len(labels)
    network.train()
    return right / count


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", help="where the files of MNIST are")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("."))
    options = parser.parse_args()

    torch.manual_seed(1)
    if options.folder is None:
        training, unseen = make_digits(2000), make_digits(500)
    else:
        training, unseen = read_digits(options.folder, True), read_digits(options.folder, False)
    loader = DataLoader(training, batch_size=50, shuffle=True)
    network = make_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    parts: dict[str, Any] = {"network": network, "optimizer": optimizer, "schedule": schedule, "loader": loader}
    losses: list[float] = []
    done = 0

    checkpoint = options.out / "digits.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["random"])
        losses, done = state["losses"], state["done"]
        print(f"going on after epoch {done}")

    for epoch in range(done + 1, options.epochs + 1):
        for images, labels in progress(loader, f"epoch {epoch}"):
            loss = nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
        schedule.step()
        mean = sum(losses[-len(loader) :]) / len(loader)
        reached = accuracy(network, DataLoader(unseen, batch_size=500))
        state = {name: part.state_dict() for name, part in parts.items()}
        torch.save({**state, "random": torch.get_rng_state(), "losses": losses, "done": epoch}, checkpoint)
        print(f"epoch {epoch} of {options.epochs}   loss {mean:.4f}   accuracy on unseen digits {100 * reached:.1f} %")

    save_curves(options.out / "digits.svg", "Reading digits", {"loss": losses})
    return 0 if accuracy(network, DataLoader(unseen, batch_size=500)) > 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
