"""A perceptron of two layers on spirals, with a scheduler and a validation split."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.bn = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(0.1)
        self.fc2 = nn.Linear(hidden, 3)

    def forward(self, x):
        x = F.relu(self.bn(self.fc1(x)))
        return F.log_softmax(self.fc2(self.dropout(x)), dim=1)


def spirals(count):
    t = torch.linspace(0.1, 1, count)
    points, labels = [], []
    for k in range(3):
        angle = 4 * t + k * 2.0944 + 0.1 * torch.randn(count)
        points.append(torch.stack([t * angle.sin(), t * angle.cos()], 1))
        labels.append(torch.full((count,), k))
    return torch.cat(points), torch.cat(labels)


def evaluate(model, loader, device):
    model.eval()
    loss = correct = 0
    with torch.no_grad():
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            loss += F.nll_loss(output, target, reduction="sum").item()
            correct += output.argmax(dim=1, keepdim=True).eq(target.view_as(output.argmax(1, True))).sum().item()
    count = len(loader.dataset)
    print("test loss {:.5f}, accuracy {}/{}".format(loss / count, correct, count))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--lr", type=float, default=0.05)
    args = parser.parse_args()
    torch.manual_seed(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dataset = TensorDataset(*spirals(100))
    train, test = random_split(dataset, [240, 60])
    train_loader = DataLoader(train, batch_size=32, shuffle=True)
    test_loader = DataLoader(test, batch_size=60)
    model = Net(32).to(device)
    print(model)
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4, nesterov=True)
    scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
    for epoch in range(args.epochs):
        model.train()
        for batch, (data, target) in enumerate(train_loader):
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            loss.backward()
            optimizer.step()
            if batch % 4 == 0:
                print(f"epoch {epoch} batch {batch} loss {loss.item():.5f} lr {scheduler.get_last_lr()[0]}")
        scheduler.step()
        evaluate(model, test_loader, device)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(state, "mlp.pt")


if __name__ == "__main__":
    main()
