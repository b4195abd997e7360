"""multi_head_attention_forward where op_db does not reach: masks, padding, added keys, no weights, wrong calls."""

import math

import tenon
import torch
from compare import comparisons

WIDTH, HEADS, LENGTH, SOURCE, BATCH = 4, 2, 3, 5, 2


def numbers(m, *shape):
    return (m.arange(math.prod(shape), dtype=m.float64) * 0.37 + len(shape)).sin().reshape(shape)


def attention(m, *, self_attention=False, unbatched=False, **options):
    """The output, the weights and the gradients of query and in_proj_weight."""
    lead = () if unbatched else (BATCH,)
    query = numbers(m, LENGTH, *lead, WIDTH).requires_grad_()
    key = query if self_attention else numbers(m, SOURCE, *lead, WIDTH)
    value = query if self_attention else numbers(m, SOURCE, *lead, WIDTH) * 2
    weight = numbers(m, 3 * WIDTH, WIDTH).requires_grad_()
    given = {"in_proj_weight": weight, "in_proj_bias": numbers(m, 3 * WIDTH), "bias_k": None, "bias_v": None}
    given |= {"add_zero_attn": False, "dropout_p": 0.0, "num_heads": HEADS, "embed_dim_to_check": WIDTH}
    given |= {"out_proj_weight": numbers(m, WIDTH, WIDTH), "out_proj_bias": numbers(m, WIDTH), **options}
    forward = m.nn.functional.multi_head_attention_forward
    output, weights = forward(query, key, value, **given)
    (output.square().sum() + (0 if weights is None else weights.square().sum())).backward()
    return output, weights, query.grad, weight.grad


def causal(m):
    return m.ones(LENGTH, LENGTH, dtype=m.bool).triu(1)


def padding(m, *lead):
    return (m.arange(SOURCE) > 2).expand(*lead, SOURCE)


def separate(m):
    return {
        "use_separate_proj_weight": True,
        "in_proj_weight": None,
        **{f"{name}_proj_weight": numbers(m, WIDTH, WIDTH) for name in "qkv"},
    }


CASES = {
    "plain": lambda m: {},
    "of itself": lambda m: {"self_attention": True},
    "of itself, unbatched": lambda m: {"self_attention": True, "unbatched": True},
    "no bias": lambda m: {"in_proj_bias": None, "out_proj_bias": None},
    "no weights": lambda m: {"need_weights": False},
    "weights of each head": lambda m: {"average_attn_weights": False},
    "padding": lambda m: {"key_padding_mask": padding(m, BATCH)},
    "padding, unbatched": lambda m: {"key_padding_mask": padding(m), "unbatched": True},
    "padding, no weights": lambda m: {"key_padding_mask": padding(m, BATCH), "need_weights": False},
    "padding of floats": lambda m: {"key_padding_mask": padding(m, BATCH).double()},
    "causal": lambda m: {"self_attention": True, "attn_mask": causal(m), "is_causal": True},
    "causal, no weights": lambda m: {
        "self_attention": True, "attn_mask": causal(m), "is_causal": True, "need_weights": False,
    },
    "mask of each head": lambda m: {"attn_mask": numbers(m, BATCH * HEADS, LENGTH, SOURCE)},
    "mask of each head, no weights": lambda m: {
        "attn_mask": numbers(m, BATCH * HEADS, LENGTH, SOURCE), "need_weights": False,
    },
    "mask and padding": lambda m: {
        "attn_mask": numbers(m, LENGTH, SOURCE), "key_padding_mask": padding(m, BATCH).double(), "need_weights": False,
    },
    "added keys": lambda m: {
        "bias_k": numbers(m, 1, 1, WIDTH), "bias_v": numbers(m, 1, 1, WIDTH), "add_zero_attn": True,
        "attn_mask": numbers(m, LENGTH, SOURCE),
    },
    "static keys": lambda m: {
        "static_k": numbers(m, BATCH * HEADS, 4, WIDTH // HEADS),
        "static_v": numbers(m, BATCH * HEADS, 4, WIDTH // HEADS) * 3,
    },
}  # fmt: skip


def test_attention_is_pytorchs():
    with comparisons() as check:
        for case, options in CASES.items():
            check(case, lambda m, options=options: attention(m, **options(m)), ulps=4096, scale=1.0, strides=False)


def test_dropout_draws_pytorchs_numbers():
    with comparisons() as check:
        for case in ({}, {"need_weights": False}):

            def run(m, case=case):
                m.manual_seed(3)
                return attention(m, dropout_p=0.4, **case)

            check(case, run, ulps=4096, scale=1.0, strides=False)


WRONG = {
    "width": lambda m: {"embed_dim_to_check": 5},
    "heads": lambda m: {"num_heads": 3},
    "mask's dims": lambda m: {"attn_mask": numbers(m, 1, 1, LENGTH, SOURCE)},
    "mask's shape": lambda m: {"attn_mask": numbers(m, LENGTH, LENGTH)},
    "mask's shape of each head": lambda m: {"attn_mask": numbers(m, 3, LENGTH, SOURCE)},
    "mask's dtype": lambda m: {"attn_mask": m.ones(LENGTH, SOURCE, dtype=m.int64)},
    "padding's dims": lambda m: {"key_padding_mask": padding(m)},
    "padding's length": lambda m: {"key_padding_mask": m.zeros(BATCH, 2, dtype=m.bool)},
    "a hint about no mask": lambda m: {"is_causal": True},
    "one bias of two": lambda m: {"bias_k": numbers(m, 1, 1, WIDTH)},
    "no projection": lambda m: {"in_proj_weight": None},
    "no separate projection": lambda m: {"use_separate_proj_weight": True},
    "static key's size": lambda m: {"static_k": numbers(m, BATCH * HEADS, 4, 3)},
}


def error_of(m, options):
    try:
        attention(m, **options(m))
    except (AssertionError, RuntimeError) as error:
        return error
    return None


def test_wrong_calls_raise_pytorchs_errors():
    for case, options in WRONG.items():
        ours, theirs = error_of(tenon, options), error_of(torch, options)
        assert theirs is not None and isinstance(ours, AssertionError) == isinstance(theirs, AssertionError), case
        assert ours is not None and str(ours).startswith("multi_head_attention_forward: "), case


def test_low_rank_factors_approximate_the_matrix():
    with comparisons() as check:
        for shape in [(7, 3), (3, 7), (2, 6, 5)]:

            def factors(m, name, shape=shape, **options):
                m.manual_seed(5)
                matrix = numbers(m, *shape)
                u, s, v = getattr(m, name)(matrix, 2, **options)
                return (u * s.unsqueeze(-2)) @ v.mT, s

            check(shape, lambda m, f=factors: f(m, "svd_lowrank"), ulps=1024, scale=1.0, strides=False)
            check(
                shape, lambda m, f=factors: f(m, "svd_lowrank", M=m.ones((), dtype=m.float64)),
                ulps=1024, scale=1.0, strides=False,
            )
            check(shape, lambda m, f=factors: f(m, "pca_lowrank", niter=1), ulps=1024, scale=1.0, strides=False)
            check(shape, lambda m, f=factors: f(m, "pca_lowrank", center=False), ulps=1024, scale=1.0, strides=False)
        check("q", lambda m: m.pca_lowrank(numbers(m, 3, 4), 5))
        check("niter", lambda m: m.pca_lowrank(numbers(m, 3, 4), 2, niter=-1))


def test_hints_about_causal_masks_of_an_encoder():
    masks = {
        "none": lambda m: None,
        "numbers": lambda m: m.nn.Transformer.generate_square_subsequent_mask(LENGTH),
        "bools": causal,
        "not causal": lambda m: m.zeros(LENGTH, LENGTH),
    }

    def encoded(m, mask, hint, padded, train):
        m.manual_seed(0)
        layer = m.nn.TransformerEncoderLayer(WIDTH, HEADS, 6, dropout=0.0, batch_first=True)
        encoder = m.nn.TransformerEncoder(layer, 2).train(train)
        pad = (m.arange(LENGTH) > 1).expand(BATCH, LENGTH) if padded else None
        return encoder(m.randn(BATCH, LENGTH, WIDTH), masks[mask](m), pad, hint)

    with comparisons() as check:
        for mask in masks:
            for hint in (None, True, False):
                for padded in (False, True):
                    for train in (False, True):
                        case = (mask, hint, padded, train)
                        check(case, lambda m: encoded(m, *case), ulps=64, scale=1.0, strides=False)
    # What the hint saves changes no bit, so that modules which take no hints compute the same.
    for mask in ("numbers", "bools"):
        told, not_told = (encoded(tenon, mask, hint, False, True) for hint in (True, False))
        assert tenon.equal(told, not_told)
