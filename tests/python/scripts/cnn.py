"""A convolutional network on made-up pictures, with transforms, worker processes and a resumed checkpoint."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Shapes(Dataset):
    """Bars that lie, stand or cross."""

    def __init__(self, count, transform=None):
        generator = torch.Generator().manual_seed(7)
        self.images = (torch.rand(count, 1, 16, 16, generator=generator) * 0.3).numpy()
        self.labels = torch.randint(0, 3, (count,), generator=generator)
        for image, label in zip(self.images, self.labels):
            if label != 1:
                image[0, 7:9, :] = 1
            if label != 0:
                image[0, :, 7:9] = 1
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index].transpose(1, 2, 0)
        if self.transform:
            image = self.transform(image)
        return image, self.labels[index]


class ConvNet(nn.Module):
    def __init__(self, num_classes=3):
        super().__init__()
        self.layer1 = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=5, stride=1, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.layer2 = nn.Sequential(
            nn.Conv2d(8, 16, kernel_size=3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.AvgPool2d(2)
        )
        self.fc = nn.Linear(4 * 4 * 16, num_classes)

    def forward(self, x):
        out = self.layer2(self.layer1(x))
        return self.fc(out.reshape(out.size(0), -1))


def train(model, optimizer, criterion, loader, epochs):
    for epoch in range(epochs):
        running = 0.0
        for i, (images, labels) in enumerate(loader, 1):
            outputs = model(images)
            loss = criterion(outputs, labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=2.0)
            optimizer.step()
            running += loss.item()
        print("Epoch [{}/{}], Loss: {:.6f}".format(epoch + 1, epochs, running / i))


if __name__ == "__main__":
    torch.manual_seed(2)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.3,), (0.35,))])
    loader = DataLoader(Shapes(96, transform), batch_size=16, shuffle=True, num_workers=2)
    model = ConvNet()
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train(model, optimizer, criterion, loader, 2)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "cnn.pt")

    resumed = ConvNet()
    checkpoint = torch.load("cnn.pt")
    resumed.load_state_dict(checkpoint["model"])
    optimizer = torch.optim.Adam(resumed.parameters(), lr=1e-3)
    optimizer.load_state_dict(checkpoint["optimizer"])
    train(resumed, optimizer, criterion, loader, 1)
    resumed.eval()
    with torch.no_grad():
        correct = sum((resumed(images).argmax(1) == labels).sum().item() for images, labels in loader)
    print("correct", correct)
