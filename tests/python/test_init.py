"""tenon.nn.init against torch.nn.init: the same values from the same seed, and the same errors."""

import warnings

import pytest
import tenon
from compare import FLOATS, comparisons

SIZES = [(3, 4), (16, 16), (40, 7), (6, 4, 3), (4, 2, 3, 3), (4, 4, 2, 3, 2), (1, 1)]
FILLS = {
    "uniform_": [(), (-0.5, 2.0)],
    "normal_": [(), (1.0, 0.5)],
    "trunc_normal_": [(), (0.0, 0.02), (0.0, 1.0, -0.5, 0.75), (0.0, 1.0, 1.5, 2.5), (0.5, 2.0, -8.0, -6.0)],
    "constant_": [(2.5,), (True,)],
    "ones_": [()],
    "zeros_": [()],
    "eye_": [()],
    "dirac_": [(), (2,), (3,)],
    "xavier_uniform_": [(), (1.5,)],
    "xavier_normal_": [(), (0.3,)],
    "kaiming_uniform_": [(), (5**0.5,), (0.2, "fan_out"), (0, "fan_in", "relu"), (0, "fan_in", "selu"), (0, "sum")],
    "kaiming_normal_": [(), (0.1, "fan_out", "leaky_relu"), (0, "fan_out", "tanh"), (0, "fan_in", "gelu")],
    "sparse_": [(0.3,), (0.0,), (1.0,), (0.1, 2.0)],
}
# The normals that both libraries approximate are this far apart at most, and what a decomposition makes of them.
ULPS, DECOMPOSED_ULPS = 8, 128


def filled(t, name, size, dtype, args, transposed=False):
    x = t.zeros(size[::-1], dtype=getattr(t, dtype)).permute(*reversed(range(len(size)))) if transposed else None
    x = t.zeros(size, dtype=getattr(t, dtype)) if x is None else x
    t.manual_seed(7)
    result = getattr(t.nn.init, name)(x.requires_grad_(), *args)
    assert result is x
    return x, t.get_rng_state()


@pytest.mark.parametrize("name", FILLS)
def test_values_are_the_same(name):
    with comparisons() as check:
        for args in FILLS[name]:
            for size in [*SIZES, (5,)]:
                for dtype in FLOATS:
                    for transposed in (False, True):
                        code = lambda t: filled(t, name, size, dtype, args, transposed)
                        check((args, size, dtype, transposed), code, ulps=ULPS, scale=1.0)


def test_orthogonal_values_are_the_same():
    # PyTorch refuses transposed tensors.
    with comparisons() as check:
        for args in [(), (1.5,)]:
            for size in [*SIZES, (5,), (30, 7), (7, 30)]:
                for dtype in FLOATS:
                    code = lambda t: filled(t, "orthogonal_", size, dtype, args)
                    check((args, size, dtype), code, ulps=DECOMPOSED_ULPS, scale=1.0)


def test_a_generator_is_the_one_that_draws():
    def code(t):
        g = t.Generator().manual_seed(3)
        names = ["uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_"]
        drawn = [getattr(t.nn.init, name)(t.zeros(3, 4), generator=g) for name in [*names, "kaiming_normal_"]]
        return drawn, t.nn.init.sparse_(t.zeros(3, 4), 0.5, generator=g), g.get_state()

    def seeded(t):
        t.manual_seed(1)
        return code(t)

    with comparisons() as check:
        check("generator", seeded, ulps=ULPS, scale=1.0)


def test_gains_and_fans_are_the_same():
    names = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
    with comparisons() as check:
        for name in [*names, "sigmoid", "tanh", "relu", "leaky_relu", "selu", "gelu"]:
            for args in [(), (None,), (0.3,), (2,), (True,), ("x",)]:
                check((name, args), lambda t: float(t.nn.init.calculate_gain(name, *args)))
        for size in SIZES:
            check(size, lambda t: t.nn.init._calculate_fan_in_and_fan_out(t.zeros(size)))


def test_bad_calls_raise_the_same():
    bad = {
        "eye_ of a vector": lambda t: t.nn.init.eye_(t.zeros(3)),
        "dirac_ of a matrix": lambda t: t.nn.init.dirac_(t.zeros(3, 3)),
        "groups that do not divide": lambda t: t.nn.init.dirac_(t.zeros(3, 3, 3), 2),
        "fans of a vector": lambda t: t.nn.init.xavier_uniform_(t.zeros(3)),
        "an unknown mode": lambda t: t.nn.init.kaiming_uniform_(t.zeros(3, 3), mode="x"),
        "sparse_ of three dims": lambda t: t.nn.init.sparse_(t.zeros(3, 3, 3), 0.5),
        "integers": lambda t: t.nn.init.kaiming_uniform_(t.zeros(2, 3, dtype=t.int64)),
        "bounds the wrong way round": lambda t: t.nn.init.uniform_(t.zeros(3), 2, 1),
    }
    with comparisons() as check:
        for name, code in bad.items():
            check(name, code)


def test_what_does_nothing_or_is_old_warns():
    init = tenon.nn.init
    with pytest.warns(UserWarning, match="no-op"):
        init.kaiming_uniform_(tenon.zeros(0, 3))
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(tenon.zeros(3), 5.0, 1.0)
    for name in ("uniform", "normal", "constant", "xavier_uniform", "kaiming_normal"):
        with pytest.warns(FutureWarning, match=f"{name}_"):
            getattr(init, name)(tenon.zeros(3, 3), *([1] if name == "constant" else []))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        init.kaiming_uniform_(tenon.zeros(3, 3))
