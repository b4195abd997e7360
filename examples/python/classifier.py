"""Teaches a network of two layers to tell the arms of a double spiral apart, with nothing but tensors and gradients.

examples/cpp/classifier.cpp is the same program, and prints the same numbers.
"""

import math
import sys

import tenon as torch
from tenon.nn import functional as F


def make_spirals(n):
    """n points along two arms that wind once around each other, a little off their curve."""
    arm = torch.arange(n, dtype=torch.float32) % 2
    distance = torch.rand(n).sqrt()
    angle = math.pi * (2 * distance + arm)
    curve = torch.stack([distance * angle.cos(), distance * angle.sin()], 1)
    return curve + 0.03 * torch.randn(n, 2), arm.unsqueeze(1)


class Network:
    def __init__(self, hidden):
        self.weight1 = 2 * torch.randn(hidden, 2)
        self.bias1 = torch.randn(hidden)
        self.weight2 = torch.randn(1, hidden) / math.sqrt(hidden)
        self.bias2 = torch.zeros(1)
        self.parameters = [self.weight1, self.bias1, self.weight2, self.bias2]
        for parameter in self.parameters:
            parameter.requires_grad_()

    def __call__(self, points):
        """Above zero where it takes a point for one of arm 1."""
        return F.linear(F.linear(points, self.weight1, self.bias1).tanh(), self.weight2, self.bias2)


def accuracy(network, points, arms):
    with torch.no_grad():
        right = (network(points) > 0) == (arms > 0)
        return right.sum().item() / right.numel()


def main():
    torch.manual_seed(7)
    points, arms = make_spirals(1000)
    unseen = make_spirals(1000)
    network = Network(64)
    velocities = [torch.zeros_like(parameter) for parameter in network.parameters]

    steps = 400
    for step in range(1, steps + 1):
        loss = F.binary_cross_entropy_with_logits(network(points), arms)
        loss.backward()

        with torch.no_grad():
            for parameter, velocity in zip(network.parameters, velocities):
                velocity.mul_(0.9).add_(parameter.grad)
                parameter.sub_(velocity, alpha=0.5)
                parameter.grad = None
        if step % 40 == 0:
            print(f"step {step:3} of {steps}   loss {loss.item():.4f}")

    reached = accuracy(network, *unseen)
    print(f"accuracy on unseen points: {100 * reached:.1f} %")
    return 0 if reached > 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
