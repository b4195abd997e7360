"""REINFORCE on a walk to a goal, with torch.distributions."""

from itertools import count

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical


class Walk:
    """Five places in a row; the fifth is the goal."""

    def reset(self):
        self.place = 1
        return self.state()

    def state(self):
        return [float(i == self.place) for i in range(5)]

    def step(self, action):
        self.place = max(0, min(4, self.place + (1 if action == 1 else -1)))
        return self.state(), (1.0 if self.place == 4 else -0.05), self.place == 4


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(5, 24)
        self.dropout = nn.Dropout(p=0.1)
        self.affine2 = nn.Linear(24, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.dropout(self.affine1(x)))
        return F.softmax(self.affine2(x), dim=1)


torch.manual_seed(8)
policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=1e-2)
eps = torch.finfo(torch.float32).eps
env = Walk()
for episode in range(12):
    state, ep_reward = env.reset(), 0
    for t in count():
        probs = policy(torch.tensor(state).float().unsqueeze(0))
        m = Categorical(probs)
        action = m.sample()
        policy.saved_log_probs.append(m.log_prob(action))
        state, reward, done = env.step(action.item())
        policy.rewards.append(reward)
        ep_reward += reward
        if done or t == 20:
            break
    R, returns = 0, []
    for r in policy.rewards[::-1]:
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    loss = torch.cat([-p * R for p, R in zip(policy.saved_log_probs, returns)]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    del policy.rewards[:], policy.saved_log_probs[:]
    print(f"Episode {episode}\tsteps {t}\treward {ep_reward:.2f}\tloss {loss.item():.4f}")
with torch.no_grad():
    policy.eval()
    print("entropy", Categorical(policy(torch.eye(5))).entropy().tolist())
