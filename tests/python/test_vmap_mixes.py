"""vmap over calls of many kinds, which PyTorch answers too: indexing, views, layers, losses, nesting."""

import functools

import torch
from compare import comparisons


def numbers(t, *shape):
    """The same numbers in both libraries, to the last bit."""
    values = torch.arange(int(torch.Size(shape).numel()), dtype=torch.float32).reshape(shape).sin()
    return t.tensor(values.tolist())


def gradients_of_a_batch(t):
    w = numbers(t, 4).requires_grad_()
    y = w * w
    return t.func.vmap(lambda v: t.autograd.grad(y, w, v, retain_graph=True)[0])(t.eye(4))


CASES = {
    "dot": lambda t: t.func.vmap(t.dot)(numbers(t, 3, 4), numbers(t, 3, 4)),
    "partial": lambda t: t.func.vmap(functools.partial(t.sum, dim=0))(numbers(t, 3, 4)),
    "method": lambda t: t.func.vmap(t.Tensor.sum)(numbers(t, 3, 4)),
    "bn eval": lambda t: t.func.vmap(lambda x: t.nn.functional.batch_norm(x, t.zeros(2), t.ones(2)))(
        numbers(t, 3, 4, 2)
    ),
    "bn none": lambda t: t.func.vmap(lambda x: t.nn.functional.batch_norm(x, None, None, training=True))(
        numbers(t, 3, 4, 2)
    ),
    "attn": lambda t: t.func.vmap(t.nn.functional.scaled_dot_product_attention)(
        numbers(t, 3, 2, 4, 5), numbers(t, 3, 2, 4, 5), numbers(t, 3, 2, 4, 5)
    ),
    "emb": lambda t: t.func.vmap(lambda w, i: t.nn.functional.embedding(i, w))(
        numbers(t, 3, 5, 2), t.tensor([[0, 1], [2, 3], [4, 0]])
    ),
    "idx both": lambda t: t.func.vmap(lambda x, i: x[i])(numbers(t, 3, 5, 2), t.tensor([[0, 1], [2, 3], [4, -1]])),
    "idx unb": lambda t: t.func.vmap(lambda i: numbers(t, 5, 2)[i])(t.tensor([[0, 1], [2, 3], [4, -1]])),
    "idx scalar": lambda t: t.func.vmap(lambda x, i: x[i])(numbers(t, 3, 5, 2), t.tensor([0, -2, 3])),
    "idx comp": lambda t: t.func.vmap(lambda x, i: x[:, i])(numbers(t, 3, 5, 4), t.tensor([[0, 1], [2, 3], [3, 0]])),
    "idx sep": lambda t: t.func.vmap(lambda x: x[[0, 1], :, [1, 0]])(numbers(t, 3, 4, 5, 2)),
    "setitem b": lambda t: t.func.vmap(lambda x, i: x.clone().index_put_((i,), t.tensor(9.0)))(
        numbers(t, 3, 5), t.tensor([0, 1, 2])
    ),
    "where": lambda t: t.func.vmap(lambda x: t.where(x > 0, x, 0.0))(numbers(t, 3, 5)),
    "softmax F": lambda t: t.func.vmap(lambda x: t.nn.functional.softmax(x, -1))(numbers(t, 3, 5)),
    "relu inplace": lambda t: t.func.vmap(lambda x: t.nn.functional.relu(x.clone(), inplace=True))(numbers(t, 3, 5)),
    "maxpool": lambda t: t.func.vmap(lambda x: t.nn.functional.max_pool2d(x, 2))(numbers(t, 3, 2, 4, 4)),
    "std": lambda t: t.func.vmap(lambda x: (x.std(), x.var(0), x.std(unbiased=False), t.var(x, dim=0, correction=0)))(
        numbers(t, 3, 5)
    ),
    "max min": lambda t: t.func.vmap(lambda x: (x.max(), x.min(0)[0], x.argmax(), t.max(x, x * 2), x.median()))(
        numbers(t, 3, 5)
    ),
    "sort": lambda t: t.func.vmap(lambda x: x.sort(descending=True)[0])(numbers(t, 3, 5)),
    "topk": lambda t: t.func.vmap(lambda x: x.topk(2)[1])(numbers(t, 3, 5)),
    "cumsum": lambda t: t.func.vmap(lambda x: x.cumsum(-1))(numbers(t, 3, 5)),
    "ravel etc": lambda t: t.func.vmap(
        lambda x: (
            x.ravel(),
            x.flatten(),
            x.reshape(-1),
            x.view(2, 5),
            x.view((5, 2)),
            x.unflatten(0, (1, 2)),
            x.t(),
            x.T,
            x.mT,
            x.permute(1, 0),
            x.movedim(0, 1),
        )
    )(numbers(t, 3, 2, 5)),
    "split": lambda t: t.func.vmap(lambda x: x.split(2) + x.chunk(2) + x.unbind() + t.tensor_split(x, 2))(
        numbers(t, 3, 4, 2)
    ),
    "grad inplace": lambda t: t.func.vmap(t.func.grad(lambda x: x.clone().mul_(x).sum()))(numbers(t, 3, 4)),
    "ensemble": lambda t: t.func.vmap(lambda w, b, x: t.nn.functional.linear(x, w, b), in_dims=(0, 0, None))(
        numbers(t, 3, 4, 5), numbers(t, 3, 4), numbers(t, 7, 5)
    ),
    "nested jac": lambda t: t.func.vmap(t.func.vmap(t.func.jacrev(lambda x: x.exp() * x.sum())))(numbers(t, 2, 3, 2)),
    "jacfwd(jacrev) vmapped": lambda t: t.func.vmap(t.func.jacfwd(t.func.jacrev(lambda x: (x**3).sum())))(
        numbers(t, 2, 3)
    ),
    "promote int": lambda t: t.func.vmap(lambda i, x: i * x)(t.tensor([1, 2, 3]), numbers(t, 3, 2)),
    "scalar pow": lambda t: t.func.vmap(lambda x: 2**x + x**2 - 1 / x)(numbers(t, 3, 2) + 2),
    "any/all": lambda t: t.func.vmap(lambda x: ((x > 0).any(), (x > 0).all(0), (x > 0).sum()))(numbers(t, 3, 2)),
    "norm": lambda t: t.func.vmap(lambda x: (x.norm(), t.linalg.vector_norm(x), t.linalg.norm(x)))(numbers(t, 3, 2)),
    "bcast": lambda t: t.func.vmap(lambda x, y: x + y, in_dims=(0, 1))(numbers(t, 3, 2), numbers(t, 4, 3, 2)),
    "clamp": lambda t: t.func.vmap(lambda x, m: x.clamp(min=m))(numbers(t, 3, 2), numbers(t, 3)),
    "lerp": lambda t: t.func.vmap(lambda x, m: t.lerp(x, x * 2, m))(numbers(t, 3, 2), numbers(t, 3)),
    "one_hot": lambda t: t.func.vmap(lambda x: t.nn.functional.one_hot(x, 4))(t.tensor([0, 1, 3])),
    "losses": lambda t: t.func.vmap(
        lambda x, y: (
            t.nn.functional.mse_loss(x, y),
            t.nn.functional.l1_loss(x, y, reduction="sum"),
            t.nn.functional.smooth_l1_loss(x, y),
        )
    )(numbers(t, 3, 4), numbers(t, 3, 4) * 2),
    "complex": lambda t: t.func.vmap(lambda x: t.view_as_real(t.complex(x, x * 2) * 1j))(numbers(t, 3, 4)),
    "tensor()": lambda t: t.func.vmap(lambda x: x + t.tensor([1.0, 2.0]))(numbers(t, 3, 2)),
    "contig": lambda t: t.func.vmap(lambda x: x.t().contiguous().view(-1))(numbers(t, 3, 2, 4)),
    "gather": lambda t: t.func.vmap(lambda x, i: x.gather(0, i))(numbers(t, 3, 4), t.tensor([[0, 1], [2, 3], [3, 3]])),
    "vmap out nested": lambda t: t.func.vmap(lambda x: t.func.vmap(lambda y: y * x.sum())(x))(numbers(t, 3, 4)),
    "randomness nested": lambda t: t.func.vmap(
        lambda x: t.func.vmap(lambda y: y + t.rand(2), randomness="different")(x)
    )(numbers(t, 3, 4, 2)),
    "gradients from a batch of starts": gradients_of_a_batch,
}


def test_calls_of_many_kinds_give_what_pytorch_gives():
    with comparisons() as check:
        for name, code in CASES.items():
            check(name, code, ulps=32, scale=1.0, strides=False)
