"""Attention by functions of positions and by causal masks: nn.attention.flex_attention and nn.attention.bias."""

import functools
import importlib
import math

import pytest
import tenon
import torch
from compare import comparisons

QUERIES, KEYS = 12, 10


def part(m, name):
    return importlib.import_module(f"{m.__name__}.nn.attention.{name}")


def numbers(m, *shape):
    return (m.arange(math.prod(shape), dtype=m.float64) * 0.37 + len(shape)).sin().reshape(shape)


def inputs(m):
    return numbers(m, 2, 4, QUERIES, 6), numbers(m, 2, 4, KEYS, 6).cos(), numbers(m, 2, 4, KEYS, 3)


def causal(b, h, q, kv):
    return q >= kv


def near(b, h, q, kv):
    return q - kv < 4


def strictly_causal(b, h, q, kv):
    return q > kv


def masks(m):
    flex = part(m, "flex_attention")
    documents = m.arange(QUERIES) // 5

    def same(b, h, q, kv):
        return documents[q] == documents[kv]

    def by_head(b, h, q, kv):
        return (q + h + b) % 3 > 0

    made = flex.create_block_mask
    return {
        "causal": made(causal, None, None, QUERIES, KEYS, device="cpu", BLOCK_SIZE=4),
        "near": made(flex.and_masks(causal, near), None, None, QUERIES, KEYS, device="cpu", BLOCK_SIZE=(3, 2)),
        "documents": made(flex.or_masks(same, near), 2, 4, QUERIES, KEYS, device="cpu"),
        "by head": made(by_head, 2, 4, QUERIES, KEYS, device="cpu", BLOCK_SIZE=1),
        "empty rows": made(strictly_causal, None, 4, QUERIES, KEYS, device="cpu", BLOCK_SIZE=4),
        "one kind": made(causal, 1, 1, QUERIES, KEYS, device="cpu", BLOCK_SIZE=4, separate_full_blocks=False),
    }


def scored(m, change):
    slopes, table = numbers(m, 4), numbers(m, QUERIES, KEYS)
    score_mod = {
        "none": None,
        "slopes": lambda s, b, h, q, kv: s + slopes[h] * (kv - q),
        "table": lambda s, b, h, q, kv: s * 2 + table[q, kv],
        "hidden": lambda s, b, h, q, kv: m.where(q >= kv, s, -float("inf")),
        "some rows": lambda s, b, h, q, kv: m.where(q != 1, s, -s),
        "bounded": lambda s, b, h, q, kv: (s / 3).tanh() * 3 + b,
    }[change]
    return part(m, "flex_attention").flex_attention(*inputs(m), score_mod=score_mod)


def test_scores_are_changed_as_pytorch_changes_them():
    with comparisons() as check:
        for change in ("none", "slopes", "table", "hidden", "some rows", "bounded"):
            check(change, lambda m, change=change: scored(m, change), ulps=32, scale=1.0)


def test_masks_hide_what_they_hide_in_pytorch():
    def masked(m, name):
        flex = part(m, "flex_attention")
        return flex.flex_attention(*inputs(m), block_mask=masks(m)[name], scale=0.7)

    def grouped(m, batch):
        flex = part(m, "flex_attention")
        query, key, value = inputs(m)
        mask = flex.create_block_mask(causal, 2, None, QUERIES, KEYS, device="cpu")
        return flex.flex_attention(query, key[:batch, :2], value[:batch, :2], block_mask=mask, enable_gqa=True)

    with comparisons() as exactly:
        check = functools.partial(exactly, ulps=32, scale=1.0, strides=False)
        for name in masks(tenon):
            check(name, lambda m, name=name: masked(m, name))
        check("grouped heads", lambda m: grouped(m, 2))
        check("one batch of keys", lambda m: grouped(m, 1))


def test_masks_have_pytorchs_blocks():
    names = "kv_num_blocks kv_indices full_kv_num_blocks full_kv_indices q_num_blocks q_indices full_q_num_blocks "
    names += "full_q_indices BLOCK_SIZE seq_lengths shape"

    def blocks(mask):
        values = [getattr(mask, name) for name in names.split()]
        return *values, mask.numel(), mask.sparsity(), mask.to_dense(), repr(mask).replace("tenon.Size", "torch.Size")

    with comparisons() as check:
        for name in masks(tenon):
            check(name, lambda m, name=name: blocks(masks(m)[name]))
        check("a part", lambda m: blocks(masks(m)["by head"][1]))
        check("a head", lambda m: blocks(masks(m)["by head"][:, -1]))
        check("cropped", lambda m: blocks(masks(m)["causal"]._adjust(8, 8)), strides=False)
        check("moved", lambda m: blocks(masks(m)["near"].to("cpu")))
        check("mask", lambda m: part(m, "flex_attention").create_mask(causal, 2, None, 3, 4, device="cpu"))
        check(
            "mask of scores",
            lambda m: part(m, "flex_attention").create_mask(
                lambda s, b, h, q, kv: m.where(q > kv, s, -float("inf")), 1, 2, 3, 4, device="cpu"
            ),
        )


def test_wrong_calls_of_flex_attention_raise_pytorchs_errors():
    def called(m, change=lambda *parts: parts, **options):
        return part(m, "flex_attention").flex_attention(*change(*inputs(m)), **options)

    with comparisons() as check:
        check("dtypes", lambda m: called(m, lambda q, k, v: (q.float(), k, v)).dtype)
        check("dims", lambda m: called(m, lambda q, k, v: (q[0], k[0], v[0])))
        check("sizes", lambda m: called(m, lambda q, k, v: (q[..., :3], k, v)))
        check("heads", lambda m: called(m, lambda q, k, v: (q, k[:, :2], v[:, :2])))
        check("groups", lambda m: called(m, lambda q, k, v: (q, k[:, :3], v[:, :3]), enable_gqa=True))
        check("batches", lambda m: called(m, lambda q, k, v: (q, k[:1], v[:1])))
        check("lengths", lambda m: called(m, lambda q, k, v: (q[..., :5, :], k, v), block_mask=masks(m)["causal"]))
        check("sliced", lambda m: called(m, block_mask=masks(m)["by head"][0]))
        check("no functions", lambda m: part(m, "flex_attention").and_masks(3))
        check("scores for a mask",
              lambda m: part(m, "flex_attention").create_block_mask(lambda s, b, h, q, kv: s, 1, 1, 2, 2))  # fmt: skip


def test_gradients_are_those_of_attention_with_a_mask():
    flex = part(tenon, "flex_attention")
    mine, other = [[x.requires_grad_() for x in inputs(tenon)] for _ in range(2)]
    slopes = [numbers(tenon, 4).requires_grad_() for _ in range(2)]
    mask = flex.create_block_mask(strictly_causal, None, None, QUERIES, KEYS)
    out, aux = flex.flex_attention(
        *mine, score_mod=lambda s, b, h, q, kv: s + slopes[0][h] * (q - kv), block_mask=mask,
        return_aux=flex.AuxRequest(lse=True, max_scores=True),
    )  # fmt: skip
    out.square().sum().backward()
    distance = tenon.arange(QUERIES)[:, None] - tenon.arange(KEYS)
    scores = other[0] @ other[1].mT / math.sqrt(6) + slopes[1][:, None, None] * distance
    scores = scores.masked_fill(distance <= 0, -math.inf)
    # The first query sees nothing, and gets nothing.
    expected = tenon.cat([tenon.zeros(2, 4, 1, 3, dtype=tenon.float64), scores[:, :, 1:].softmax(-1) @ other[2]], 2)
    expected.square().sum().backward()
    tenon.testing.assert_close(out, expected)
    for one, same in zip((*mine, slopes[0]), (*other, slopes[1])):
        tenon.testing.assert_close(one.grad, same.grad)
    tenon.testing.assert_close(aux.lse, scores.logsumexp(-1))
    tenon.testing.assert_close(aux.max_scores, scores.amax(-1))
    assert flex.flex_attention(*inputs(tenon), return_lse=True)[1].shape == (2, 4, QUERIES)


def test_causal_biases_are_pytorchs():
    def attended(m, made, *size, **options):
        query, key, value = inputs(m)
        return m.nn.functional.scaled_dot_product_attention(
            query[..., : size[0], :], key[..., : size[1], :], value[..., : size[1], :], made(part(m, "bias"), *size),
            **options,
        )  # fmt: skip

    kinds = {
        "upper": lambda b, *size: b.causal_upper_left(*size),
        "lower": lambda b, *size: b.causal_lower_right(*size),
    }
    with comparisons() as exactly:
        check = functools.partial(exactly, ulps=32, scale=1.0, strides=False)
        for name, made in kinds.items():
            for size in ((4, 9), (9, 9), (9, 4) if name == "upper" else (3, 4)):
                check(f"{name} {size}", lambda m, made=made, size=size: attended(m, made, *size))
                check(f"printed {name} {size}", lambda m, made=made, size=size: repr(made(part(m, "bias"), *size)))
            check(f"{name} scaled", lambda m, made=made: attended(m, made, 4, 9, scale=0.3))
            check(f"{name} twice", lambda m, made=made: attended(m, made, 4, 9, is_causal=True))
            check(f"{name} of three", lambda m, made=made: made(part(m, "bias"), 1, 2, 3))
        check("no variant", lambda m: part(m, "bias").CausalBias(1, 2, 3))
    for m in (tenon, torch):
        with pytest.warns(UserWarning, match="will produce NaNs"):
            part(m, "bias").causal_lower_right(5, 4)
