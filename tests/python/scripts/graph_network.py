"""A graph convolutional network on two rings of nodes, whose adjacency is a sparse tensor."""

import math

import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.nn.parameter import Parameter


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        output = torch.spmm(adj, torch.mm(input, self.weight))
        return output if self.bias is None else output + self.bias

    def __repr__(self):
        return f"{self.__class__.__name__} ({self.in_features} -> {self.out_features})"


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


torch.manual_seed(11)
size = 40
half = size // 2
edges = [(ring * half + i, ring * half + (i + 1) % half) for ring in range(2) for i in range(half)] + [(0, half)]
rows = torch.tensor([[i, j] for i, j in edges] + [[j, i] for i, j in edges] + [[i, i] for i in range(size)]).t()
adj = torch.sparse_coo_tensor(rows, torch.ones(rows.shape[1]), (size, size)).coalesce()
degree = torch.sparse.sum(adj, dim=1).to_dense()
adj = torch.sparse_coo_tensor(adj.indices(), adj.values() / degree[adj.indices()[0]], (size, size))
features = torch.randn(size, 8)
labels = (torch.arange(size) >= half).long()
train_ids = torch.randperm(size)[:16]
model = GCN(8, 16, 2, 0.3)
print(model)
optimizer = optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
for epoch in range(40):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss = F.nll_loss(output[train_ids], labels[train_ids])
    loss.backward()
    optimizer.step()
    if epoch % 8 == 0:
        model.eval()
        with torch.no_grad():
            output = model(features, adj)
        print(f"Epoch: {epoch:04d} loss_train: {loss.item():.4f} loss_all: {F.nll_loss(output, labels).item():.4f}")
torch.save(model.state_dict(), "graph_network.pt")
