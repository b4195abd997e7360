"""Interpolation, grid sampling and affine grids agree with PyTorch: values, gradients, layouts and errors."""

from __future__ import annotations

import itertools

import pytest
from compare import comparisons, torch

# Rounding of weights and of their products differs by a few units in the last place.
CLOSE = {"ulps": 32, "scale": 1.0, "strides": False}
SIZES = {1: ((7,), (3,), (1,)), 2: ((7, 3), (3, 11), (1, 5)), 3: ((4, 2, 7), (2, 5, 3))}
FACTORS = {1: (1.7, 0.6), 2: ((1.5, 2.3), 0.7), 3: (1.4, (0.5, 1.6, 2.0))}
INPUTS = {1: (2, 3, 5), 2: (2, 3, 5, 6), 3: (1, 2, 3, 4, 5)}
SMOOTH = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}


def values_of(module, shape, dtype="float32", seed=1):
    generator = module.Generator().manual_seed(seed)
    values = module.rand(shape, generator=generator, dtype=module.float64) * 4 - 2
    return values.to(getattr(module, dtype))


def bytes_of(module, shape):
    return (values_of(module, shape, "float64") * 60 + 128).to(module.uint8)


def calls(dims):
    """The sizes and factors to try, as keywords."""
    yield from ({"size": size} for size in SIZES[dims])
    yield from ({"scale_factor": factor} for factor in FACTORS[dims])
    yield from ({"scale_factor": factor, "recompute_scale_factor": True} for factor in FACTORS[dims])


def test_interpolate_by_the_nearest_elements_and_by_areas():
    with comparisons() as check:
        for dims, mode in itertools.product((1, 2, 3), ("nearest", "nearest-exact", "area")):
            for options in calls(dims):
                check(
                    (dims, mode, options),
                    lambda m: m.nn.functional.interpolate(values_of(m, INPUTS[dims]), mode=mode, **options),
                    **CLOSE,
                )


def test_the_nearest_element_is_pytorchs_for_every_size():
    # Of an image: of a signal PyTorch rounds the places of nearest-exact otherwise, and otherwise for each dtype.
    with comparisons() as check:
        for mode, before, after in itertools.product(("nearest", "nearest-exact"), range(1, 33), range(1, 65)):
            check(
                (mode, before, after),
                lambda m: m.nn.functional.interpolate(
                    m.arange(before).float()[None, None, None], (1, after), mode=mode
                ),
            )


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_interpolate_between_elements(dtype):
    with comparisons() as check:
        for dims in (1, 2, 3):
            for mode, options, corners in itertools.product(SMOOTH[dims], calls(dims), (False, True)):
                check(
                    (dims, mode, options, corners),
                    lambda m: m.nn.functional.interpolate(
                        values_of(m, INPUTS[dims], dtype), mode=mode, align_corners=corners, **options
                    ),
                    **CLOSE,
                )


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolate_with_a_filter_against_aliasing(mode):
    with comparisons() as check:
        for options, corners in itertools.product(calls(2), (False, True)):
            for values in (values_of, bytes_of):
                check(
                    (options, corners, values.__name__),
                    lambda m: m.nn.functional.interpolate(
                        values(m, (2, 3, 13, 17)), mode=mode, align_corners=corners, antialias=True, **options
                    ),
                    ulps=256,
                    scale=1.0,
                    strides=False,
                )


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_interpolate_bytes(mode):
    corners = (False, True) if mode.startswith("bi") else (None,)
    with comparisons() as check:
        for shape, size, align in itertools.product(
            ((1, 3, 9, 14), (2, 1, 5, 5), (1, 7, 8, 6)), ((4, 9), (20, 3), (9, 14)), corners
        ):
            check(
                (shape, size, align),
                lambda m: m.nn.functional.interpolate(bytes_of(m, shape), size, mode=mode, align_corners=align),
                strides=False,
            )


@pytest.mark.parametrize("channels", [1, 3, 8, 19])
def test_interpolate_channels_last_inputs_gives_channels_last_results(channels):
    def resized(m, mode):
        x = values_of(m, (2, channels, 6, 5)).contiguous(memory_format=m.channels_last)
        return m.nn.functional.interpolate(x, (9, 4), mode=mode)

    with comparisons() as check:
        for mode in ("nearest", "bilinear", "bicubic"):
            check(mode, lambda m: resized(m, mode), ulps=32, scale=1.0, strides=channels > 1)


def test_large_images_are_cut_into_pieces_that_fit_together():
    with comparisons() as check:
        for mode, size in itertools.product(("nearest", "bilinear", "bicubic"), ((700, 301), (97, 411), (33, 20))):
            check(
                (mode, size),
                lambda m: m.nn.functional.interpolate(values_of(m, (1, 2, 230, 310), "float64"), size, mode=mode),
                ulps=8192,
                scale=1.0,
                strides=False,
            )


def test_gradients_of_interpolation():
    def gradient(m, dims, mode, options):
        x = values_of(m, INPUTS[dims], "float64").requires_grad_()
        y = m.nn.functional.interpolate(x, mode=mode, **options)
        (first,) = m.autograd.grad((y * values_of(m, y.shape, "float64", 2)).sum(), x, create_graph=True)
        return first

    with comparisons() as check:
        for dims in (1, 2, 3):
            for mode, options in itertools.product(("nearest", *SMOOTH[dims]), calls(dims)):
                check(
                    (dims, mode, options),
                    lambda m: gradient(m, dims, mode, options),
                    ulps=256,
                    scale=1.0,
                    strides=False,
                )


def test_wrong_calls_of_interpolate_raise_pytorchs_errors():
    with comparisons() as check:
        for shape, options in (
            ((1, 1, 4), {}),
            ((1, 1, 4), {"size": 3, "scale_factor": 2.0}),
            ((1, 1, 4), {"size": (3, 3)}),
            ((1, 1, 4), {"size": 3, "mode": "bilinear"}),
            ((1, 1, 4, 4), {"size": 3, "mode": "linear"}),
            ((1, 1, 4, 4), {"size": 3, "mode": "cubic"}),
            ((1, 1, 4), {"size": 3, "align_corners": True}),
            ((1, 1, 4), {"size": 0}),
            ((1, 1, 0), {"size": 3}),
            ((4,), {"size": 3}),
            ((1, 1, 4), {"size": 3, "recompute_scale_factor": True}),
            ((1, 1, 4), {"size": 3, "mode": "linear", "antialias": True}),
        ):
            check((shape, options), lambda m: m.nn.functional.interpolate(m.zeros(shape), **options))


GRID_MODES = ("bilinear", "nearest", "bicubic")
GRID_PADDINGS = ("zeros", "border", "reflection")


def sampled(m, dims, dtype, channels=3, points=(4, 5), **options):
    x = values_of(m, (2, channels, *INPUTS[dims][2:]), dtype)
    grid = values_of(m, (2, *points[: dims - 1], 6, dims), dtype, 3) * 0.8
    return m.nn.functional.grid_sample(x.requires_grad_(), grid.requires_grad_(), **options), x, grid


@pytest.mark.parametrize("padding", GRID_PADDINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_grid_sample(padding, dtype):
    with comparisons() as check:
        for dims, mode, corners in itertools.product((2, 3), GRID_MODES, (False, True)):
            options = {"mode": mode, "padding_mode": padding, "align_corners": corners}
            check(
                (dims, mode, corners),
                lambda m: sampled(m, dims, dtype, **options)[0].detach(),
                ulps=128,
                scale=1.0,
                strides=False,
            )


@pytest.mark.parametrize("padding", GRID_PADDINGS)
def test_gradients_of_grid_sample(padding):
    def gradients(m, dims, options):
        y, x, grid = sampled(m, dims, "float64", channels=19, points=(9, 8), **options)
        return m.autograd.grad((y * values_of(m, y.shape, "float64", 4)).sum(), (x, grid))

    with comparisons() as check:
        for dims, mode, corners in itertools.product((2, 3), GRID_MODES, (False, True)):
            if dims == 3 and mode == "bicubic":
                continue
            options = {"mode": mode, "padding_mode": padding, "align_corners": corners}
            check((dims, mode, corners), lambda m: gradients(m, dims, options), ulps=256, scale=4.0, strides=False)


def test_places_that_are_no_numbers_or_far_away():
    def at(m, place, padding):
        grid = m.tensor([[[[place, 0.0], [0.0, place]]]])
        image = m.arange(1.0, 10.0).reshape(1, 1, 3, 3)
        return m.nn.functional.grid_sample(image, grid, padding_mode=padding, align_corners=True)

    with comparisons() as check:
        for place, mode in itertools.product((1e20, -1e20, float("inf"), 3.5, -7.0), ("zeros", "border")):
            check((place, mode), lambda m: at(m, place, mode), strides=False)
        check("nan", lambda m: at(m, float("nan"), "zeros"), strides=False)


def test_affine_grid():
    def grid(m, size, corners):
        theta = values_of(m, (size[0], len(size) - 2, len(size) - 1), "float64")
        return m.nn.functional.affine_grid(theta, size, corners)

    with comparisons() as check:
        for size, corners in itertools.product(((2, 1, 3, 4), (1, 2, 1, 5), (2, 1, 2, 3, 4)), (False, True)):
            check((size, corners), lambda m: grid(m, size, corners), ulps=8, scale=1.0, strides=False)
        check("size", lambda m: m.nn.functional.affine_grid(m.zeros(1, 2, 3), (1, 1, 0, 2)))
        check("dims", lambda m: m.nn.functional.affine_grid(m.zeros(1, 2, 3), (1, 1, 2)))
        check("theta", lambda m: m.nn.functional.affine_grid(m.zeros(1, 3, 4), (1, 1, 2, 2)))


def test_wrong_calls_of_grid_sample_raise_pytorchs_errors():
    with comparisons() as check:
        for case, code in {
            "mode": lambda m: m.nn.functional.grid_sample(m.zeros(1, 1, 2, 2), m.zeros(1, 2, 2, 2), mode="cubic"),
            "padding": lambda m: m.nn.functional.grid_sample(
                m.zeros(1, 1, 2, 2), m.zeros(1, 2, 2, 2), padding_mode="wrap"
            ),
            "batch": lambda m: m.nn.functional.grid_sample(m.zeros(1, 1, 2, 2), m.zeros(2, 2, 2, 2)),
            "coordinates": lambda m: m.nn.functional.grid_sample(m.zeros(1, 1, 2, 2), m.zeros(1, 2, 2, 3)),
            "dims": lambda m: m.nn.functional.grid_sample(m.zeros(1, 2, 2), m.zeros(1, 2, 2)),
            "empty": lambda m: m.nn.functional.grid_sample(m.zeros(1, 1, 0, 2), m.zeros(1, 2, 2, 2)),
            "dtypes": lambda m: m.nn.functional.grid_sample(m.zeros(1, 1, 2, 2), m.zeros(1, 2, 2, 2).double()),
        }.items():
            check(case, code)


def test_the_comparisons_use_the_same_numbers():
    import tenon

    assert values_of(tenon, (5,)).tolist() == values_of(torch, (5,)).tolist()
