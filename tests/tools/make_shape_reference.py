"""Writes tests/ops/shape_reference.inc: what PyTorch makes of each expression below, and its gradients.

Each case is a name, the expression in C++ and the same in Python, of two float tensors x and y of shape [2, 3, 4].
Run it with a Python that has torch: make_shape_reference.py > tests/ops/shape_reference.inc
"""

import torch
from torch import cat, stack  # noqa: F401  (used by the expressions)
from torch.nn import functional as F  # noqa: F401,N812

torch.manual_seed(0)


def longs(*values):
    return torch.tensor(values, dtype=torch.long)


def bools(*values):
    return torch.tensor(values, dtype=torch.bool)


def assigned(x, index, value):
    out = x * 1
    out[index] = value
    return out


def edited(x, name, *args, **kwargs):
    out = x * 1
    getattr(out, name)(*args, **kwargs)
    return out


N, E, S = None, Ellipsis, slice
CASES = [
    # joining
    ("CatAlongTheMiddle", "cat({x, y, x}, 1)", lambda x, y: cat([x, y, x], 1)),
    ("CatAlongTheLastDim", "cat({x, y.slice(2, 0, 1)}, -1)", lambda x, y: cat([x, y[:, :, :1]], -1)),
    ("CatOfATransposedPart", "cat({x.transpose(0, 2), y.transpose(0, 2)}, 0)", lambda x, y: cat([x.transpose(0, 2), y.transpose(0, 2)])),
    ("CatLeavesOutEmptyVectors", "cat({x, zeros({0}), y}, 2)", lambda x, y: cat([x, torch.zeros(0), y], 2)),
    ("CatPromotes", "cat({x, y.to(kDouble)}, 0).to(kFloat)", lambda x, y: cat([x, y.double()], 0).float()),
    ("StackInFront", "stack({x, y}, 0)", lambda x, y: stack([x, y], 0)),
    ("StackAtTheEnd", "stack({x, y, x}, -1)", lambda x, y: stack([x, y, x], -1)),
    ("HstackOfMatrices", "hstack({x, y})", lambda x, y: torch.hstack([x, y])),
    ("HstackOfVectors", "hstack({x[0][0], y[1][1]})", lambda x, y: torch.hstack([x[0, 0], y[1, 1]])),
    ("VstackOfVectors", "vstack({x[0][0], y[1][1]})", lambda x, y: torch.vstack([x[0, 0], y[1, 1]])),
    ("DstackOfMatrices", "dstack({x[0], y[1]})", lambda x, y: torch.dstack([x[0], y[1]])),
    ("ColumnStack", "column_stack({x[0][0], y[1].t()})", lambda x, y: torch.column_stack([x[0, 0], y[1].t()])),
    ("BlockDiag", "block_diag({x[0], y[0][0], x[0][0][0]})", lambda x, y: torch.block_diag(x[0], y[0, 0], x[0, 0, 0])),
    ("CartesianProd", "cartesian_prod({x[0][0], y[0][0]})", lambda x, y: torch.cartesian_prod(x[0, 0], y[0, 0])),
    ("MeshgridXy", "cat({meshgrid({x[0][0], y[0][1].slice(0, 0, 2)}, \"xy\")[0], meshgrid({x[0][0], y[0][1].slice(0, 0, 2)}, \"xy\")[1]}, 0)",
     lambda x, y: cat(torch.meshgrid(x[0, 0], y[0, 1][:2], indexing="xy"), 0)),
    # splitting
    ("SplitPartsHaveGradients", "x.split(3, 2)[1] * y.split(3, 2)[1]", lambda x, y: x.split(3, 2)[1] * y.split(3, 2)[1]),
    ("SplitBySizes", "x.split({1, 3}, 2)[1]", lambda x, y: x.split([1, 3], 2)[1]),
    ("ChunkUnevenly", "x.chunk(2, 1)[1]", lambda x, y: x.chunk(2, 1)[1]),
    ("TensorSplitUnevenly", "x.tensor_split(3, 2)[0]", lambda x, y: x.tensor_split(3, 2)[0]),
    ("TensorSplitAtIndices", "x.tensor_split({1, 3}, 2)[1]", lambda x, y: x.tensor_split((1, 3), 2)[1]),
    ("UnbindOfADim", "x.unbind(1)[2] + y.unbind(1)[0]", lambda x, y: x.unbind(1)[2] + y.unbind(1)[0]),
    # repeating and reversing
    ("RepeatWithNewDims", "x.repeat({2, 1, 2, 3})", lambda x, y: x.repeat(2, 1, 2, 3)),
    ("TileOfFewerDims", "x.tile({2, 2})", lambda x, y: x.tile(2, 2)),
    ("RepeatInterleaveByANumber", "x.repeat_interleave(2, 1)", lambda x, y: x.repeat_interleave(2, 1)),
    ("RepeatInterleaveByATensor", "x.repeat_interleave(longs({2, 0, 3}), 1)", lambda x, y: x.repeat_interleave(longs(2, 0, 3), 1)),
    ("RepeatInterleaveOfTheFlatTensor", "x.repeat_interleave(2)", lambda x, y: x.repeat_interleave(2)),
    ("RollOfTwoDims", "x.roll({1, -2}, {0, 2})", lambda x, y: x.roll((1, -2), (0, 2))),
    ("RollOfTheFlatTensor", "x.roll(5)", lambda x, y: x.roll(5)),
    ("FlipOfTwoDims", "x.flip({0, 2})", lambda x, y: x.flip(0, 2)),
    ("FlipOfATransposed", "x.transpose(0, 2).flip(0)", lambda x, y: x.transpose(0, 2).flip(0)),
    ("Rot90Once", "x.rot90(1, {1, 2})", lambda x, y: x.rot90(1, (1, 2))),
    ("Rot90Backwards", "x.rot90(-1, {2, 0})", lambda x, y: x.rot90(-1, (2, 0))),
    ("Rot90Twice", "x.rot90(2)", lambda x, y: x.rot90(2)),
    # views
    ("MovedimOfOne", "x.movedim(0, -1)", lambda x, y: x.movedim(0, -1)),
    ("MovedimOfTwo", "x.movedim({0, 1}, {2, 0})", lambda x, y: x.movedim((0, 1), (2, 0))),
    ("ReverseOfDims", "x.numpy_T()", lambda x, y: x.permute(2, 1, 0)),
    ("MatrixTranspose", "x.mT()", lambda x, y: x.mT),
    ("UnflattenWithAnInferredSize", "x.unflatten(2, {2, -1})", lambda x, y: x.unflatten(2, (2, -1))),
    ("UnfoldWithOverlap", "x.unfold(2, 3, 1)", lambda x, y: x.unfold(2, 3, 1)),
    ("UnfoldWithGaps", "x.unfold(1, 1, 2)", lambda x, y: x.unfold(1, 1, 2)),
    ("Atleast3d", "atleast_3d(x[0])", lambda x, y: torch.atleast_3d(x[0])),
    ("BroadcastTo", "x.slice(1, 0, 1).broadcast_to({2, 2, 3, 4})", lambda x, y: x[:, :1].broadcast_to(2, 2, 3, 4)),
    # diagonals and triangles
    ("DiagonalAboveTheMain", "x.diagonal(1, 1, 2)", lambda x, y: x.diagonal(1, 1, 2)),
    ("DiagonalBelowTheMain", "x.diagonal(-1, 2, 0)", lambda x, y: x.diagonal(-1, 2, 0)),
    ("DiagOfAMatrix", "x[0].diag(1)", lambda x, y: x[0].diag(1)),
    ("DiagOfAVector", "x[0][0].diag(-1)", lambda x, y: x[0, 0].diag(-1)),
    ("DiagEmbedInFront", "x.diag_embed(1, 0, 2)", lambda x, y: x.diag_embed(1, 0, 2)),
    ("Diagflat", "x[0].slice(1, 0, 2).diagflat(1)", lambda x, y: x[0, :, :2].diagflat(1)),
    ("Tril", "x.tril(-1)", lambda x, y: x.tril(-1)),
    ("Triu", "x.triu(1)", lambda x, y: x.triu(1)),
    ("SelectScatter", "x.select_scatter(y[0], 0, 1)", lambda x, y: x.select_scatter(y[0], 0, 1)),
    ("SliceScatter", "x.slice_scatter(y.slice(2, 0, 2), 2, 0, 4, 2)", lambda x, y: x.slice_scatter(y[:, :, :2], 2, 0, 4, 2)),
    ("DiagonalScatter", "x.diagonal_scatter(y.diagonal(0, 1, 2), 1, 1, 2)", lambda x, y: x.diagonal_scatter(y.diagonal(0, 1, 2), 1, 1, 2)),
    # brackets
    ("IndexByNumbersAndSlices", "x.index({0, Slice(1, None), Slice(None, None, 2)})", lambda x, y: x[0, 1:, ::2]),
    ("IndexWithEllipsisAndNone", "x.index({Ellipsis, None, -1})", lambda x, y: x[E, N, -1]),
    ("IndexByBool", "x.index({true, Ellipsis})", lambda x, y: x[True, E]),
    ("IndexByATensorWithRepeats", "x.index({Slice(), longs({2, 0, 2, -1})})", lambda x, y: x[:, longs(2, 0, 2, -1)]),
    ("IndexBySeparatedTensors", "x.index({longs({0, 1}), Slice(), longs({3, 1})})", lambda x, y: x[longs(0, 1), :, longs(3, 1)]),
    ("IndexByNeighbouringTensors", "x.index({Slice(), longs({0, 1}), longs({3, 1})})", lambda x, y: x[:, longs(0, 1), longs(3, 1)]),
    ("IndicesBroadcast", "x.index({longs({0, 1}).view({2, 1}), longs({3, 1, 0}).remainder(3)})",
     lambda x, y: x[longs(0, 1).view(2, 1), longs(3, 1, 0) % 3]),
    ("IndexByTensorAndNumber", "x.index({longs({0, 1}), 1, longs({3, 1})})", lambda x, y: x[longs(0, 1), 1, longs(3, 1)]),
    ("IndexByTensorsAroundNone", "x.index({longs({0, 1}), None, longs({2, 1})})", lambda x, y: x[longs(0, 1), N, longs(2, 1)]),
    ("IndexByAWholeMask", "x.index({x > 0.5})", lambda x, y: x[x > 0.5]),
    ("IndexByALeadingMask", "x.index({bools({1, 0, 1, 0, 1, 1}).view({2, 3}), Slice(1, 3)})",
     lambda x, y: x[bools(1, 0, 1, 0, 1, 1).view(2, 3), 1:3]),
    ("IndexByAMaskAndANumber", "x.index({bools({1, 0, 1, 0, 1, 1}).view({2, 3}), 0})",
     lambda x, y: x[bools(1, 0, 1, 0, 1, 1).view(2, 3), 0]),
    ("IndexByATrailingMask", "x.index({Ellipsis, bools({0, 1, 1, 0})})", lambda x, y: x[E, bools(0, 1, 1, 0)]),
    ("IndexByAByteMask", "x.index({Ellipsis, bools({0, 1, 1, 0}).to(kByte)})", lambda x, y: x[E, bools(0, 1, 1, 0)]),
    ("IndexByAnEmptyTensor", "x.index({longs({})})", lambda x, y: x[longs()]),
    ("PutANumberIntoASlice", "assigned(x, {Slice(), 1, Slice(0, 2)}, 7)", lambda x, y: assigned(x, (S(N), 1, S(0, 2)), 7)),
    ("PutATensorIntoASlice", "assigned(x, {0, Slice(1, 3)}, y[1].slice(0, 0, 1))", lambda x, y: assigned(x, (0, S(1, 3)), y[1, :1])),
    ("PutAtATensor", "assigned(x, {Slice(), longs({2, 0})}, y.slice(1, 0, 2))", lambda x, y: assigned(x, (S(N), longs(2, 0)), y[:, :2])),
    ("PutAtSeparatedTensors", "assigned(x, {longs({0, 1}), Slice(), longs({3, 1})}, y[0].slice(1, 0, 1).t())",
     lambda x, y: assigned(x, (longs(0, 1), S(N), longs(3, 1)), y[0, :, :1].t())),
    ("PutANumberAtAMask", "assigned(x, {x > 0}, -1)", lambda x, y: assigned(x, (x > 0,), -1)),
    ("PutATensorAtAMask", "assigned(x, {bools({1, 0})}, y.slice(0, 0, 1))", lambda x, y: assigned(x, (bools(1, 0),), y[:1])),
    ("IndexPutAccumulates", "x.index_put({longs({1, 1, 0}), longs({2, 2, 0})}, y[0], true)",
     lambda x, y: x.index_put((longs(1, 1, 0), longs(2, 2, 0)), y[0], True)),
    # one index for each element
    ("Gather", "x.gather(1, longs({0, 2, 1, 1, 2, 2, 0, 0}).view({2, 1, 4}))",
     lambda x, y: x.gather(1, longs(0, 2, 1, 1, 2, 2, 0, 0).view(2, 1, 4))),
    ("GatherBySmallerIndex", "x.gather(2, longs({0, 3, 1}).view({1, 1, 3}))", lambda x, y: x.gather(2, longs(0, 3, 1).view(1, 1, 3))),
    ("Scatter", "x.scatter(2, longs({3, 1}).view({1, 2, 1}).expand({2, 2, 1}), y.slice(1, 0, 2).slice(2, 0, 1))",
     lambda x, y: x.scatter(2, longs(3, 1).view(1, 2, 1).expand(2, 2, 1), y[:, :2, :1])),
    ("ScatterOfANumber", "x.scatter(1, longs({2, 1}).view({2, 1, 1}), 9)", lambda x, y: x.scatter(1, longs(2, 1).view(2, 1, 1), 9)),
    ("ScatterAdd", "x.scatter_add(1, longs({1, 1, 1, 0, 0, 2}).view({2, 3, 1}).expand({2, 3, 4}), y)",
     lambda x, y: x.scatter_add(1, longs(1, 1, 1, 0, 0, 2).view(2, 3, 1).expand(2, 3, 4), y)),
    ("ScatterInPlace", "edited(x, [&](const Tensor& z) { z.scatter_(1, longs({2, 1}).view({2, 1, 1}), y.slice(1, 0, 1).slice(2, 0, 1)); })",
     lambda x, y: edited(x, "scatter_", 1, longs(2, 1).view(2, 1, 1), y[:, :1, :1])),
]
for fold in ("sum", "prod", "mean", "amax", "amin"):
    for included in (True, False):
        CASES.append((
            f"ScatterReduceBy{fold.capitalize()}{'WithSelf' if included else 'WithoutSelf'}",
            f'x.scatter_reduce(1, longs({{1, 1, 1, 0, 0, 2}}).view({{2, 3, 1}}).expand({{2, 3, 4}}), y, "{fold}", {str(included).lower()})',
            lambda x, y, fold=fold, included=included: x.scatter_reduce(
                1, longs(1, 1, 1, 0, 0, 2).view(2, 3, 1).expand(2, 3, 4), y, fold, include_self=included)))
CASES += [
    ("TakeAlongDim", "x.take_along_dim(longs({0, 2}).view({1, 2, 1}), 1)", lambda x, y: x.take_along_dim(longs(0, 2).view(1, 2, 1), 1)),
    # one index for a dim
    ("IndexSelect", "x.index_select(2, longs({3, 3, 0}))", lambda x, y: x.index_select(2, longs(3, 3, 0))),
    ("IndexAdd", "x.index_add(1, longs({2, 2, 0}), y, 0.5)", lambda x, y: x.index_add(1, longs(2, 2, 0), y, alpha=0.5)),
    ("IndexCopy", "x.index_copy(1, longs({2, 0}), y.slice(1, 0, 2))", lambda x, y: x.index_copy(1, longs(2, 0), y[:, :2])),
    ("IndexFill", "x.index_fill(2, longs({-1, 0}), 3)", lambda x, y: x.index_fill(2, longs(-1, 0), 3)),
    ("IndexFillByATensor", "x.index_fill(2, longs({1, 0}), y[0][0][0])", lambda x, y: x.index_fill(2, longs(1, 0), y[0, 0, 0])),
    ("MaskedSelectBroadcasts", "x.masked_select(bools({1, 0, 1}).view({3, 1}))", lambda x, y: x.masked_select(bools(1, 0, 1).view(3, 1))),
    ("MaskedScatter", "x.masked_scatter(bools({1, 0, 1}).view({3, 1}), y)", lambda x, y: x.masked_scatter(bools(1, 0, 1).view(3, 1), y)),
    ("Take", "x.take(longs({0, -1, 5, 5}).view({2, 2}))", lambda x, y: x.take(longs(0, -1, 5, 5).view(2, 2))),
    ("PutFlat", "x.put(longs({0, -1, 5}), y[0].slice(1, 0, 1))", lambda x, y: x.put(longs(0, -1, 5), y[0, :, :1])),
    ("Embedding", "embedding(longs({2, 0, 2, 1}).view({2, 2}), x[0], 1)", lambda x, y: F.embedding(longs(2, 0, 2, 1).view(2, 2), x[0], 1)),
    ("EmbeddingByFrequency", "embedding(longs({2, 0, 2, 1}), x[0], nullopt, nullopt, 2, true)",
     lambda x, y: F.embedding(longs(2, 0, 2, 1), x[0], scale_grad_by_freq=True)),
    # in place
    ("TransposeInPlace", "edited(x, [](const Tensor& z) { z.transpose_(0, 2); })", lambda x, y: edited(x, "transpose_", 0, 2)),
    ("UnsqueezeInPlace", "edited(x, [](const Tensor& z) { z.unsqueeze_(1); })", lambda x, y: edited(x, "unsqueeze_", 1)),
    ("TrilInPlace", "edited(x, [](const Tensor& z) { z.tril_(); })", lambda x, y: edited(x, "tril_")),
    ("IndexAddInPlace", "edited(x, [&](const Tensor& z) { z.index_add_(0, longs({1, 1}), y); })",
     lambda x, y: edited(x, "index_add_", 0, longs(1, 1), y)),
    ("AngleOfRealNumbers", "x.angle() * y", lambda x, y: x.angle() * y),
]


def braces(values):
    return "{" + ", ".join(repr(v) if isinstance(v, int) else f"{v:.9g}" for v in values) + "}"


def main():
    print("// Written by tests/tools/make_shape_reference.py: CASE(name, (expression), sizes, values, gradient of x, of y).")
    for name, cpp, py in CASES:
        ramp = torch.arange(24.0).view(2, 3, 4)
        x = ((ramp * 7) % 24 / 4 - 2.75).requires_grad_()
        y = ((ramp * 5 + 3) % 24 / 4 - 3).requires_grad_()
        out = py(x, y)
        weights = (torch.arange(float(out.numel())) % 7 - 2).view(out.shape)
        (out * weights).sum().backward()
        grads = [t.grad.flatten().tolist() if t.grad is not None else [] for t in (x, y)]
        fields = [braces(list(out.shape)), *map(braces, (out.flatten().tolist(), *grads))]
        print(f"CASE({name}, ({cpp}),\n     ({'), ('.join(fields)}))")


main()
