"""Differences, integrals, histograms, membership and CTC agree with PyTorch where op_db has no samples."""

from __future__ import annotations

import pytest
import tenon
from compare import comparisons, torch


def rising(m, *shape):
    return (m.arange(60, dtype=m.float64) ** 1.5)[: torch.Size(shape).numel()].reshape(shape)


def test_gradient_of_uneven_samples():
    with comparisons() as check:
        for order in (1, 2):
            check(
                order,
                lambda m: m.gradient(rising(m, 4, 5), spacing=[rising(m, 4), rising(m, 5) * 2 + 1], edge_order=order),
                ulps=64,
                scale=1.0,
                strides=False,
            )
            check(
                (order, "one dim"),
                lambda m: m.gradient(rising(m, 4, 5), spacing=0.5, dim=(-1,), edge_order=order),
                ulps=16,
                scale=1.0,
                strides=False,
            )
        check("integers", lambda m: m.gradient(m.arange(12).reshape(3, 4) ** 2), strides=False)
        check("bytes", lambda m: m.gradient(m.arange(5, dtype=m.uint8)))
        check("too short", lambda m: m.gradient(m.ones(2), edge_order=2))
        check("spacings", lambda m: m.gradient(m.ones(3, 3), spacing=[1.0]))
        check("order", lambda m: m.gradient(m.ones(3), edge_order=3))


def test_convolutions_in_few_wide_lines():
    # A line of columns takes more than what the steps of a kernel share at best.
    with comparisons() as check:
        for kernel in 2, 3:
            check(
                kernel,
                lambda m: m.nn.functional.conv2d(
                    m.arange(96 * 6 * 1500).double().sin().reshape(1, 96, 6, 1500),
                    m.arange(2 * 96 * kernel**2).double().cos().reshape(2, 96, kernel, kernel),
                    stride=kernel,
                ),
                ulps=64,
                scale=96.0,
            )


def test_transposed_convolutions_of_one_element_reach_beyond_their_input():
    with comparisons() as check:
        for dims in 1, 2, 3:
            check(
                dims,
                lambda m: getattr(m.nn.functional, f"conv_transpose{dims}d")(
                    rising(m, 2, 2, *[2] * dims), rising(m, 2, 3, *[1] * dims), dilation=2, output_padding=1
                ),
                ulps=16,
            )


def test_trapezoid_of_broadcast_places():
    with comparisons() as check:
        for name in ("trapezoid", "trapz", "cumulative_trapezoid"):
            check(name, lambda m: getattr(m, name)(rising(m, 3, 4), rising(m, 3, 1), dim=0), ulps=16)
            check((name, "vector"), lambda m: getattr(m, name)(rising(m, 3, 4), rising(m, 3), dim=0), ulps=16)
            check((name, "nothing"), lambda m: getattr(m, name)(m.ones(3, 0)))
            check((name, "sizes"), lambda m: getattr(m, name)(m.ones(3, 4), m.ones(3)))
            check((name, "bools"), lambda m: getattr(m, name)(m.ones(3, dtype=m.bool)))


def test_isin_of_mixed_kinds():
    with comparisons() as check:
        check("floats", lambda m: m.isin(m.tensor([1.0, 2.5, float("nan")]), m.tensor([2.5, float("nan")])))
        check("integers and floats", lambda m: m.isin(m.tensor([1, 2, 3]), m.tensor([2.0, 2.5])))
        check("a number", lambda m: m.isin(m.tensor([1, 2, 3]), 2))
        check("a number on the left", lambda m: m.isin(3, m.tensor([[1, 3]])))
        check("invert", lambda m: m.isin(m.tensor([1, 2, 3]), m.tensor([2]), invert=True))
        check("nothing", lambda m: m.isin(m.tensor([[1, 2, 3]]), m.tensor([], dtype=m.int64)))
        check("unique", lambda m: m.isin(m.tensor([1, 2, 3]), m.tensor([3, 1]), assume_unique=True))
        check("complex", lambda m: m.isin(m.tensor([1j]), m.tensor([1j])))


def test_histograms():
    with comparisons() as check:
        x = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
        check("edges", lambda m: m.histogram(m.tensor(x), m.tensor([0.0, 1.0, 2.0])))
        check("range", lambda m: m.histogram(m.tensor(x), 4, range=(0.0, 2.0)))
        check("weights", lambda m: m.histogram(m.tensor(x), 3, weight=m.tensor(x), density=True), ulps=4)
        check("method", lambda m: m.tensor(x).histogram(2))
        check("range of nothing", lambda m: m.histogram(m.ones(3), 2))
        check("bad range", lambda m: m.histogram(m.tensor(x), 3, range=(2.0, 0.0)))
        check("no bins", lambda m: m.histogram(m.tensor(x), 0))
        check("integers", lambda m: m.histogram(m.tensor([1, 2]), 2))
        points = [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [0.25, 0.75]]
        for bins in ([2, 3], 2, (2, 2)):
            check(("points", bins), lambda m: m.histogramdd(m.tensor(points), bins), ulps=1)
        check("points in ranges", lambda m: m.histogramdd(m.tensor(points), [2, 2], range=[0.0, 0.5, 0.0, 1.0]))
        check(
            "points between edges",
            lambda m: m.histogramdd(m.tensor(points), [m.tensor([0.0, 0.5, 1.0]), m.tensor([0.0, 0.6])], density=True),
            ulps=4,
        )


def test_frexp_takes_numbers_apart_exactly():
    extremes = [0.0, -0.0, 1.0, -3.7, 1e-310, -5e-324, 1.7e308, float("inf"), -float("inf")]
    with comparisons() as check:
        check("float64", lambda m: m.frexp(m.tensor(extremes, dtype=m.float64)))
        check("float32", lambda m: m.frexp(m.tensor([1e-40, -1e-45, 3e38, 0.3, 0.0])))
        check("float16", lambda m: m.frexp(m.tensor([6e-8, 65504.0, -0.3], dtype=m.float16)))
        check("bfloat16", lambda m: m.frexp(m.tensor([1e-39, 3e38, -0.3], dtype=m.bfloat16)))
        check("integers", lambda m: m.frexp(m.tensor([3])))
    mantissa, exponent = tenon.frexp(tenon.tensor(extremes, dtype=tenon.float64))
    assert tenon.equal(tenon.ldexp(mantissa, exponent)[2:4], tenon.tensor(extremes, dtype=tenon.float64)[2:4])


def test_indices_of_a_shape():
    with comparisons() as check:
        check("matrix", lambda m: m.unravel_index(m.tensor([0, 5, 11]), (3, 4)), strides=False)
        check("line", lambda m: m.unravel_index(m.tensor([[2], [1]]), 5))
        check("floats", lambda m: m.unravel_index(m.tensor([0.5]), (3,)))
        check("negative shape", lambda m: m.unravel_index(m.tensor([1]), (-3,)))
        check("static", lambda m: m.nonzero_static(m.tensor([[1, 0], [2, 3]]), size=5, fill_value=-7))
        check("static, cut", lambda m: m.tensor([[1, 0], [2, 3]]).nonzero_static(size=2))
        check("static, negative", lambda m: m.nonzero_static(m.ones(2), size=-1))


def ctc(m, targets, lengths, reduction="mean", zero_infinity=False, steps=None):
    x = (m.arange(96, dtype=m.float64).reshape(8, 2, 6).sin() * 3).requires_grad_()
    loss = m.nn.functional.ctc_loss(
        x.log_softmax(2), m.tensor(targets), steps or (8, 7), lengths, 0, reduction, zero_infinity
    )
    (grad,) = m.autograd.grad(loss.sum(), x)
    return loss.detach(), grad


def test_ctc_loss():
    padded, joined = [[1, 2, 2, 5], [3, 1, 0, 0]], [1, 2, 2, 5, 3, 1]
    options = {"ulps": 256, "scale": 1.0, "strides": False}
    with comparisons() as check:
        for reduction in ("none", "mean", "sum"):
            check(reduction, lambda m: ctc(m, padded, (4, 2), reduction), **options)
            check((reduction, "joined"), lambda m: ctc(m, joined, (4, 2), reduction), **options)
        check("no labels", lambda m: ctc(m, padded, (0, 2)), **options)
        check("impossible", lambda m: ctc(m, padded, (4, 2), "none", False, (3, 7))[0], **options)
        check("impossible, as zero", lambda m: ctc(m, padded, (4, 2), "none", True, (3, 7)), **options)
        for case, code in {
            "lengths": lambda m: ctc(m, padded, (4,)),
            "too long": lambda m: ctc(m, padded, (5, 2)),
            "too many steps": lambda m: ctc(m, padded, (4, 2), steps=(9, 2)),
            "reduction": lambda m: ctc(m, padded, (4, 2), "median"),
            "blank": lambda m: m.nn.functional.ctc_loss(m.ones(3, 1, 2), m.ones(1, 1).long(), (3,), (1,), blank=2),
        }.items():
            check(case, code)


def test_the_gradient_of_ctc_loss_has_no_gradient():
    x = tenon.zeros(3, 1, 2, requires_grad=True)
    loss = tenon.nn.functional.ctc_loss(x.log_softmax(2), tenon.ones(1, 1).long(), (3,), (1,))
    (grad,) = tenon.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(NotImplementedError, match="ctc_loss"):
        tenon.autograd.grad(grad.square().sum(), x)


def test_segments():
    data = [[1.0, -2.0], [3.0, 0.5], [0.25, 4.0], [2.0, 2.0]]
    with comparisons() as check:
        for reduce in ("sum", "mean", "max", "min", "prod"):
            for initial in (None, 1.5):
                check(
                    (reduce, initial),
                    lambda m: m.segment_reduce(m.tensor(data), reduce, lengths=m.tensor([2, 0, 2]), initial=initial),
                )
        check("unknown", lambda m: m.segment_reduce(m.tensor(data), "median", lengths=m.tensor([4])))
        check("too short", lambda m: m.segment_reduce(m.tensor(data), "sum", lengths=m.tensor([1, 2])))


def test_parts_of_tensors():
    def filled(m, shape, wrap):
        return m.zeros(shape).fill_diagonal_(3.0, wrap)

    def as_strided(m):
        x = m.arange(12.0)
        return x.as_strided_((2, 3), (1, 2), 3), x.storage_offset()

    with comparisons() as check:
        for shape in ((3, 3), (7, 3), (2, 5), (8, 3), (2, 2, 2)):
            for wrap in (False, True):
                check((shape, wrap), lambda m: filled(m, shape, wrap))
        check("diagonal of a vector", lambda m: filled(m, (3,), False))
        check("as_strided_", as_strided)
        check("apply_", lambda m: m.arange(6.0).reshape(2, 3).t().apply_(lambda x: x * x - 1))
        check("map_", lambda m: m.arange(3.0).map_(m.tensor([2.0]), lambda a, b: a * b))
        check("resize_as_", lambda m: m.ones(3, 2).resize_as_(m.zeros(2, 2)))
        check("fill", lambda m: (m.fill(m.zeros(2), 3), m.fill(m.zeros(2), m.tensor(2))))
        check("scatter", lambda m: m.as_strided_scatter(m.zeros(4, 3).t(), m.ones(2, 2), (2, 2), (1, 5), 1))


def test_random_networks_draw_pytorchs_numbers():
    def drawn(m, code):
        m.manual_seed(7)
        return code(m, m.arange(-12.0, 12.0).reshape(2, 3, 4))

    with comparisons() as check:
        check("rrelu", lambda m: drawn(m, lambda m, x: m.nn.functional.rrelu(x, 0.1, 0.4, True)), ulps=2)
        check("rrelu_", lambda m: drawn(m, lambda m, x: m.rrelu_(x, 0.1, 0.4, True)), ulps=2)
        check("rrelu, trained", lambda m: drawn(m, lambda m, x: m.nn.functional.rrelu(x)), ulps=2)
        for hard in (False, True):
            check(
                ("gumbel_softmax", hard),
                lambda m: drawn(m, lambda m, x: m.nn.functional.gumbel_softmax(x, 0.7, hard)),
                ulps=64,
                scale=1.0,
            )
        check("native_dropout", lambda m: drawn(m, lambda m, x: m.native_dropout(x, 0.4, True)), ulps=2)


LAYOUTS = {
    "contiguous": lambda m: m.arange(24.0).reshape(2, 3, 4),
    "transposed": lambda m: m.arange(24.0).reshape(4, 3, 2).transpose(0, 2),
    "permuted": lambda m: m.arange(24.0).reshape(3, 4, 2).permute(2, 0, 1),
    "expanded": lambda m: m.arange(6.0).reshape(2, 3, 1).expand(2, 3, 4),
    "with gaps": lambda m: m.arange(48.0).reshape(2, 3, 8)[:, :, ::2],
    "transposed, with gaps": lambda m: m.arange(48.0).reshape(4, 6, 2)[:, ::2].transpose(0, 2),
    "overlapping": lambda m: m.arange(24.0).as_strided((2, 3, 4), (4, 1, 1)),
    "empty": lambda m: m.zeros(4, 0, 2).transpose(0, 2),
    "of ones": lambda m: m.arange(4.0).reshape(4, 1, 1).transpose(0, 2),
}


def test_sorts_keep_the_order_of_dims_in_memory():
    with comparisons() as check:
        for name, make in LAYOUTS.items():
            for dim in range(3):
                codes = {
                    "sort": lambda x, d=dim: x.sort(dim=d, stable=True),
                    "argsort": lambda x, d=dim: x.argsort(dim=d, stable=True),
                    "msort": lambda x: x.msort(),
                    "topk": lambda x, d=dim: x.topk(min(2, x.shape[d]), dim=d)[0],
                    "topk of all": lambda x, d=dim: x.topk(x.shape[d], dim=d)[0],
                    "kthvalue": lambda x, d=dim: x.kthvalue(1, d, keepdim=True)[0],
                    "its place": lambda x, d=dim: x.kthvalue(1, d, keepdim=True)[1].stride(),
                }
                for op, code in codes.items():
                    check((name, dim, op), lambda m, make=make, code=code: code(make(m)))


def test_adaptive_pools_of_no_channels():
    with comparisons() as check:
        for dims in (1, 2, 3):
            for lead in ((2, 0), (0, 2), (0,), (0, 0)):
                for kind in ("max", "avg"):
                    check(
                        (dims, lead, kind),
                        lambda m, d=dims, lead=lead, kind=kind: getattr(
                            m.nn.functional, f"adaptive_{kind}_pool{d}d"
                        )(m.zeros(*lead, *[4] * d), 2),
                    )
