"""Names that PyTorch has twice: aliases with their methods, in-place forms and out=, and copies of views."""

from __future__ import annotations

import pytest
import tenon
from compare import comparisons

ALIASES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "clip": "clamp", "divide": "div", "fix": "trunc", "greater": "gt",
    "greater_equal": "ge", "less": "lt", "less_equal": "le", "multiply": "mul", "negative": "neg", "not_equal": "ne",
    "subtract": "sub", "true_divide": "div",
}  # fmt: skip
TWO_INPUTS = "arctan2 divide greater greater_equal less less_equal multiply not_equal subtract true_divide".split()


def inputs(m, alias):
    x = m.tensor([[0.25, -0.5, 0.75], [0.125, 0.5, -0.875]])
    if alias == "arccosh":
        x = x.abs() + 1
    other = (m.tensor([0.5, -0.5, 2.0]),) if alias in TWO_INPUTS else (-0.3, 0.4) if alias == "clip" else ()
    return x, other


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_has_every_form_of_its_op(alias):
    def function(m):
        x, other = inputs(m, alias)
        return getattr(m, alias)(x, *other)

    def method(m):
        x, other = inputs(m, alias)
        return getattr(x, alias)(*other)

    def in_place(m):
        x, other = inputs(m, alias)
        return getattr(x, alias + "_")(*other)

    def with_out(m):
        x, other = inputs(m, alias)
        plain = getattr(m, alias)(x, *other)
        out = m.empty_like(plain)
        return getattr(m, alias)(x, *other, out=out), out

    with comparisons() as check:
        for form in (function, method, in_place, with_out):
            check(form.__name__, form, ulps=4)
        assert getattr(tenon, alias).__name__ == alias


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_takes_the_keywords_of_its_op(alias):
    with comparisons() as check:
        check("keywords", lambda m: getattr(m, alias)(input=inputs(m, alias)[0], **keywords(m, alias)), ulps=4)


def keywords(m, alias):
    x, other = inputs(m, alias)
    if alias == "clip":
        return {"min": other[0], "max": other[1]}
    return {"other": other[0]} if other else {}


def test_copies_of_views_share_no_memory():
    x = tenon.arange(12.0).reshape(3, 4)
    for copy in (
        tenon.transpose_copy(x, 0, 1),
        tenon.view_copy(x, (4, 3)),
        tenon.unsqueeze_copy(x, 0),
        tenon.slice_copy(x, 0, 1),
        *tenon.split_copy(x, 2),
        *tenon.unbind_copy(x),
    ):
        copy.zero_()
    assert x.tolist() == tenon.arange(12.0).reshape(3, 4).tolist()


def test_functions_of_networks_at_the_top_level():
    def norms(m):
        x = m.arange(24.0).reshape(2, 3, 4)
        mean, var, weight = m.zeros(3), m.ones(3), m.tensor([1.0, 2.0, 3.0])
        return (
            m.layer_norm(x, (4,), None, None, 1e-5, True),
            m.group_norm(x, 3, weight, None, 1e-5, True),
            m.batch_norm(x, weight, None, mean, var, False, 0.1, 1e-5, True),
            m.instance_norm(x, weight, None, None, None, True, 0.1, 1e-5, True),
            m.embedding(x[0], m.tensor([2, 0])),
            m.adaptive_max_pool1d(x, 2),
            m.conv1d(x, m.ones(1, 3, 2)),
        )

    def losses(m, reduction):
        x, y = m.tensor([[0.5, -1.0], [2.0, 0.25]]), m.tensor([[0.25, 0.75], [0.5, 0.5]])
        sign = m.tensor([1.0, -1.0])
        return (
            m.kl_div(x, y, reduction),
            m.kl_div(x, y, reduction=reduction, log_target=True),
            m.binary_cross_entropy_with_logits(x, y, None, None, reduction),
            m.poisson_nll_loss(x, y, True, False, 1e-8, reduction),
            m.margin_ranking_loss(x[0], x[1], sign, 0.5, reduction),
            m.hinge_embedding_loss(x[0], sign, 1.0, reduction),
            m.cosine_embedding_loss(x, y, sign, 0.0, reduction),
            m.triplet_margin_loss(x, y, y - 1, 1.0, 2.0, 1e-6, False, reduction),
        )

    with comparisons() as check:
        check("norms", norms, ulps=64, scale=1.0, strides=False)
        for reduction in (0, 1, 2):
            check(f"losses {reduction}", lambda m: losses(m, reduction), ulps=16, scale=1.0)
    with pytest.raises(ValueError, match="reduction"):
        tenon.kl_div(tenon.ones(2), tenon.ones(2), 7)
