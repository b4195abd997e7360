"""Sparse tensors in coordinate format, compared with PyTorch's."""

import numpy as np
import pytest
import tenon
import torch

INDICES = [[0, 2, 1, 2], [1, 0, 2, 0]]
VALUES = [3.0, 4.0, 5.0, 6.0]


def both(indices=INDICES, values=VALUES, size=None, **options):
    arguments = (indices, values) if size is None else (indices, values, size)
    return tenon.sparse_coo_tensor(*arguments, **options), torch.sparse_coo_tensor(
        *arguments, check_invariants=True, **options
    )


def check(ours, theirs):
    if isinstance(theirs, torch.Tensor) and theirs.is_sparse:
        assert ours.is_sparse and ours.is_coalesced() == theirs.is_coalesced()
        check(ours._indices(), theirs._indices())
        check(ours._values(), theirs._values())
        assert ours.sparse_dim() == theirs.sparse_dim() and ours.dense_dim() == theirs.dense_dim()
    else:
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6)
    assert tuple(ours.shape) == tuple(theirs.shape) and str(ours.dtype)[6:] == str(theirs.dtype)[6:]


CASES = [
    {},
    {"size": (3, 4)},
    {"values": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], "size": (3, 3, 2)},
    {"indices": [[1, 1, 0]], "values": [1, 2, 3], "size": (4,)},
    {"indices": [[0, 1], [1, 1], [2, 0]], "values": [1.0, 2.0], "size": (2, 2, 3)},
    {"indices": np.zeros((2, 0), np.int64), "values": np.zeros(0, np.float32), "size": (2, 2)},
]


@pytest.mark.parametrize("case", CASES)
def test_forms_are_pytorchs(case):
    ours, theirs = both(**case)
    check(ours, theirs)
    check(ours.coalesce(), theirs.coalesce())
    check(ours.to_dense(), theirs.to_dense())
    check(ours.coalesce().indices(), theirs.coalesce().indices())
    check(ours.coalesce().values(), theirs.coalesce().values())
    check(ours.sum(), theirs.sum())
    for dim in range(-1, ours.dim()):
        check(ours.sum(dim), torch.sparse.sum(theirs, dim))
        double = torch.sparse.sum(theirs, (dim,), dtype=torch.float64)
        check(tenon.sparse.sum(ours, (dim,), dtype=tenon.float64), double)
    check(ours.sum(tuple(range(ours.dim()))), torch.sparse.sum(theirs, tuple(range(ours.dim()))))
    check(ours * 2, theirs * 2)
    check(-ours, -theirs)
    check((ours + ours).coalesce(), (theirs + theirs).coalesce())
    check(ours - ours.to_dense() * 2, (theirs - theirs * 2).to_dense())
    check(ours.to(tenon.float64), theirs.to(torch.float64))
    assert ours._nnz() == theirs._nnz() and ours.dim() == theirs.dim() and ours.numel() == theirs.numel()
    assert ours.size() == tuple(theirs.size()) and len(ours) == len(theirs) and ours.size(0) == theirs.size(0)


def test_gradients_pass_through_every_product():
    for product in [
        lambda library, sparse, dense: library.spmm(sparse, dense),
        lambda library, sparse, dense: library.sparse.mm(sparse, dense),
        lambda library, sparse, dense: sparse @ dense,
        lambda library, sparse, dense: sparse.mm(dense),
        lambda library, sparse, dense: sparse.matmul(dense[:, 0]),
        lambda library, sparse, dense: sparse.t() @ dense[:3],
        lambda library, sparse, dense: sparse.coalesce().to_dense() @ dense,
        lambda library, sparse, dense: library.sparse.addmm(dense[:3], sparse, dense, beta=0.5, alpha=2.0),
    ]:
        results = []
        for library in (tenon, torch):
            values = library.tensor(VALUES, requires_grad=True)
            dense = library.arange(8.0).reshape(4, 2).requires_grad_()
            sparse = library.sparse_coo_tensor(library.tensor(INDICES), values, (3, 4))
            result = product(library, sparse, dense)
            (result * library.arange(1.0, 1 + result.numel()).reshape(result.shape)).sum().backward()
            results.append([result, values.grad, dense.grad])
        for ours, theirs in zip(*results):
            if theirs is None:
                assert ours is None
            else:
                check(ours, theirs)


def test_a_leaf_gets_a_sparse_gradient():
    ours, theirs = both(size=(3, 3), requires_grad=True)
    assert ours.requires_grad and ours.is_leaf
    dense = np.arange(6, dtype=np.float32).reshape(3, 2)
    (ours @ tenon.tensor(dense)).sum().backward()
    (theirs @ torch.tensor(dense)).sum().backward()
    check(ours.grad.to_dense(), (theirs.grad.to_dense() * (theirs.detach().to_dense() != 0)))
    assert not ours.detach().requires_grad


def test_a_sparse_gradient_can_be_given():
    ours, theirs = (x.coalesce().requires_grad_() for x in both())
    ours.grad, theirs.grad = ours.detach(), theirs.detach()
    check(ours.grad, theirs.grad)
    ours.grad = None
    assert ours.grad is None
    with pytest.raises(tenon.TensorError, match="at the places of the tensor itself"):
        ours.grad = tenon.sparse_coo_tensor([[0], [0]], [1.0], (3, 3))


def test_dense_tensors_become_sparse():
    for dims in (None, 1, 2):
        ours, theirs = (
            library.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0]]) for library in (tenon, torch)
        )
        check(ours.to_sparse(*[dims] * (dims is not None)), theirs.to_sparse(*[dims] * (dims is not None)))
    x = tenon.tensor([[0.0, 2.0]], requires_grad=True)
    (x.to_sparse() @ tenon.tensor([[1.0], [5.0]])).sum().backward()
    assert x.grad.tolist() == [[0, 5]]
    assert not x.is_sparse and x.to_sparse().layout is tenon.sparse_coo and x.layout is tenon.strided


def test_what_does_not_fit_is_refused():
    for arguments in [([[0, 3], [0, 0]], [1.0, 2.0], (3, 3)), ([[0, -1], [0, 0]], [1.0, 2.0], (3, 3)),
                      ([[0], [0]], [1.0, 2.0]), ([[0], [0]], [1.0], (3,)), ([0, 1], [1.0, 2.0])]:  # fmt: skip
        with pytest.raises(RuntimeError):
            torch.sparse_coo_tensor(*arguments, check_invariants=True)
        with pytest.raises(tenon.TensorError, match="sparse_coo_tensor"):
            tenon.sparse_coo_tensor(*arguments)
    ours, _ = both()
    for refused in [ours.indices, ours.values, lambda: ours @ tenon.ones(4, 2), lambda: tenon.sparse.mm(ours, ours)]:
        with pytest.raises((RuntimeError, TypeError)):
            refused()
    assert "nnz=4" in repr(ours) and "sparse_coo" in repr(ours)


def test_functions_of_tensors_take_sparse_ones():
    dense = np.arange(12, dtype=np.float32).reshape(4, 3) - 5

    def products(library, sparse):
        other = library.tensor(dense)
        return [
            library.matmul(sparse, other),
            library.mm(sparse, other),
            library.matmul(sparse, other[:, 0]),
            library.mv(sparse, other[:, 0]),
            library.matmul(other, sparse),
            library.matmul(other[:3, 0], sparse),
            library.addmm(library.ones(3, 3), sparse, other, alpha=0.5),
            library.sum(sparse),
            other.t() + sparse,
            other.t() - sparse,
            library.add(other.t(), sparse, alpha=0.5),
            library.sub(other.t(), sparse, alpha=0.5),
            library.add(sparse, sparse).to_dense(),
            library.mul(sparse, 2).to_dense(),
            library.div(sparse, 2).to_dense(),
            library.neg(library.t(sparse)).to_dense(),
            sparse.clone().to_dense(),
        ]

    ours, theirs = both(size=(3, 4))
    for mine, expected in zip(products(tenon, ours), products(torch, theirs), strict=True):
        check(mine, expected)
    with pytest.raises(TypeError, match="exp"):
        tenon.exp(ours)


def test_custom_functions_keep_sparse_tensors():
    def gradients(library):
        class Product(library.autograd.Function):
            @staticmethod
            def forward(ctx, indices, values, dense):
                a = library.sparse_coo_tensor(indices, values, (3, 4))
                ctx.save_for_backward(a, dense)
                return library.matmul(a, dense)

            @staticmethod
            def backward(ctx, grad):
                a, dense = ctx.saved_tensors
                rows, columns = a._indices()
                return None, (grad[rows] * dense[columns]).sum(1), a.t().matmul(grad)

        values = library.tensor(VALUES, requires_grad=True)
        dense = library.arange(12.0).reshape(4, 3).requires_grad_()
        (Product.apply(library.tensor(INDICES), values, dense) ** 2).sum().backward()
        return values.grad.tolist(), dense.grad.tolist()

    assert gradients(tenon) == gradients(torch)
