#!/usr/bin/env python3
"""Writes tests/tensor/print_reference.inc: what PyTorch prints for a range of tensors. Run it with torch installed."""

import math
import pathlib

import torch

INF, NAN = math.inf, math.nan

# (name, dtype, sizes, values repeated to fill the sizes, print options, requires_grad); complex values come as pairs.
CASES = []


def case(name, dtype, sizes, values, requires_grad=False, **options):
    CASES.append((name, dtype, sizes, values, options, requires_grad))


case("scalar", "float32", [], [3.5])
case("scalar_int", "int64", [], [-7])
case("scalar_bool", "bool", [], [1])
case("scalar_complex", "complex64", [], [1.5, -2.0])
case("scalar_nan", "float32", [], [NAN])
case("scalar_negative_nan", "float32", [], [-NAN])
case("scalar_inf", "float64", [], [-INF])
case("scalar_zero", "float32", [], [-0.0])
case("scalar_large", "float32", [], [1e20])
case("scalar_whole", "float32", [], [1e8])
case("scalar_small", "float64", [], [1e-5])
case("scalar_requires_grad", "float32", [], [1.0], True)
case("vector", "float32", [4], [1.0, -2.25, 3.125, 1000.0])
case("whole_floats", "float32", [3], [1, 20, -300])
case("whole_with_nonfinite", "float32", [4], [1, INF, NAN, -INF])
case("fixed_with_nonfinite", "float32", [4], [1.5, INF, NAN, -INF])
case("scientific_with_nonfinite", "float32", [4], [1e-7, INF, NAN, -INF])
case("only_nonfinite", "float32", [3], [INF, NAN, -INF])
case("zeros", "float32", [2, 3], [0.0, -0.0])
case("ratio_of_1000", "float32", [2], [0.5, 500.0])
case("ratio_above_1000", "float32", [2], [0.5, 500.5])
case("above_1e8", "float64", [2], [100000001.0, 100000.5])
case("at_1e8", "float64", [2], [100000000.0, 1000000.0])
case("below_1e-4", "float32", [2], [0.00009, 0.01])
case("tiny_and_huge", "float64", [3], [1e-310, 1.7e308, 1.0])
case("rounds_half_to_even", "float64", [4], [0.00005, 0.12345, 2.00025, 0.5])
case("wraps_lines", "float32", [40], [0.125, -3.0625, 17.5])
case("wraps_lines_of_ints", "int64", [60], [1, -22, 333])
case("bytes", "uint8", [2, 3], [0, 255, 17])
case("shorts", "int16", [3], [-32768, 32767, 0])
case("ints", "int32", [2], [-2147483648, 5])
case("chars", "int8", [3], [-128, 127, 0])
case("long_extremes", "int64", [2], [-(2**53), 2**53])
case("bools", "bool", [2, 2], [1, 0, 0, 1])
case("halves", "float16", [3], [0.1, 65504.0, 1.0])
case("bfloats", "bfloat16", [3], [0.1, 2.0, 300.0])
case("doubles", "float64", [2, 2], [0.1, 2.5])
case("doubles_wrap_the_suffix", "float64", [9], [0.123, 2.5])
case("complex", "complex64", [3], [1, 2, -1.5, 0.25, 0, -3])
case("complex_nonfinite", "complex64", [3], [INF, NAN, -INF, -0.0, 0.0, -INF])
case("complex_double", "complex128", [2, 2], [1e-6, 2, 3, -4e9])
case("complex_widths", "complex64", [2], [1, -100, 2000, 1])
case("complex_wraps", "complex64", [12], [1, 2.5, -1.5, 0.25])
case("matrix", "float32", [3, 4], [1.5, -2, 30.25, 4, 0])
case("cube", "float32", [2, 2, 3], [1, 2, 3.5, 4])
case("four_dims", "int64", [2, 1, 2, 2], [1, 2, 3, 4, 5])
case("many_dims", "int64", [1, 1, 1, 1, 1, 2], [8, 9])
case("wide_matrix_wraps", "float32", [2, 30], [0.5, 1.25])
case("empty", "float32", [0], [])
case("empty_matrix", "float32", [2, 0], [])
case("empty_cube_of_longs", "int64", [0, 3, 2], [])
case("empty_double", "float64", [0], [])
case("empty_bool", "bool", [0], [])
case("requires_grad", "float32", [2, 2], [1, 2, 3, 4], True)
case("requires_grad_double", "float64", [2], [1.5], True)
case("suffix_fits_exactly", "float32", [9], [10, 20, 30], True)
case("summarised_vector", "float32", [1001], [1, 2.5, 1e6, 3])
case("not_yet_summarised", "int64", [1000], [0, 1])
case("summarised_matrix", "int64", [100, 100], list(range(97)))
case("summarised_tall_matrix", "float32", [2000, 2], [0.25, 12.0, -1])
case("summarised_wide_matrix", "float32", [3, 2000], [0.25, 12.0, -1])
case("summarised_cube", "float32", [12, 11, 10], [0.5, 3, 4, 1e4, 7])
case("summary_hides_extremes", "float32", [1200], [1.5] * 100 + [1e30] + [2.5] * 1099)
case("summarised_complex", "complex64", [1200], [1, 2, -3.5, 0.125])
case("summarised_bool", "bool", [40, 40], [1, 0, 1])
case("precision", "float32", [3], [1 / 3, 2 / 3, 1], precision=2)
case("precision_zero", "float32", [2], [1.5, 2.5], precision=0)
case("precision_of_scientific", "float64", [2], [1e-9, 2.5], precision=9)
case("low_threshold", "int64", [10], list(range(10)), threshold=5)
case("edgeitems", "int64", [5, 12], list(range(60)), threshold=5, edgeitems=2)
case("no_edgeitems", "float32", [5], [1.0, 2.5], threshold=3, edgeitems=0)
case("no_edgeitems_matrix", "float64", [5, 2], [1.0, 2.5], threshold=3, edgeitems=0)
case("no_edgeitems_whole", "float64", [2, 2], [1.0, 2.5], edgeitems=0)
case("narrow_lines", "float32", [3, 8], [1.5, 2], linewidth=30)
case("lines_too_narrow", "float32", [2, 2], [1.5, 2], linewidth=3)
case("wide_lines", "float64", [40], [1.5, 2], linewidth=200)
case("forced_scientific", "float32", [3], [1.5, 20, 0], sci_mode=True)
case("forced_scientific_whole", "float32", [3], [1, 20, 0], sci_mode=True)
case("forced_scientific_zeros", "float32", [2], [0], sci_mode=True)
case("forbidden_scientific", "float64", [3], [1e-9, 20.5, 1e12], sci_mode=False)
case("short_profile", "float32", [1200], [1.23456, 7], profile="short")
case("full_profile", "float32", [30, 40], [0.25, 12.0, -1], profile="full")
case("profile_and_more", "float32", [3], [1.23456], profile="short", precision=3)

# Results whose grad_fn is shown: the same expression in both languages, of x = [[1, 2], [3, 4.5]], y = x.
GRAD_CASES = [
    "x + y", "x + 1.0", "x - y", "x * y", "x / y", "-x", "x.exp()", "x.log1p()", "x.rad2deg()", "x.square()",
    "x.pow(3.0)", "x.relu()", "x.sum()", "x.clone()", "x.add(y).mul_(2.0)", "x.div(y).sqrt().neg()",
    "x.view({4})", "x.unsqueeze(0)", "x.select(0, 1)", "x.transpose(0, 1)", "x.permute({1, 0})", "x.mm(y)",
    "x.clamp(1.5)", "x.maximum(y)", "x.addcmul(y, y)", "x.expand({3, 2, 2})", "x.detach()", "x.sigmoid().tanh()",
]


def literal(value):
    if isinstance(value, float) and math.isnan(value):
        return "-NAN" if math.copysign(1, value) < 0 else "NAN"
    if isinstance(value, float) and math.isinf(value):
        return "-INFINITY" if value < 0 else "INFINITY"
    return repr(float(value))


def text(string):
    # One literal per line: a compiler may limit the length of a single one.
    lines = string.splitlines(keepends=True)
    return "\n    ".join('"' + line.replace("\n", "\\n").replace('"', '\\"') + '"' for line in lines)


def build(dtype, sizes, values, requires_grad):
    dtype = getattr(torch, dtype)
    count = math.prod(sizes)
    if dtype.is_complex:
        values = [complex(re, im) for re, im in zip(values[::2], values[1::2])]
    filled = [values[i % len(values)] for i in range(count)]
    wide = torch.complex128 if dtype.is_complex else torch.float64
    return torch.tensor(filled, dtype=wide).to(dtype).reshape(sizes).requires_grad_(requires_grad)


def options_text(options):
    named = {"short": '"short"', "full": '"full"'}
    arguments = []
    for name in ["precision", "threshold", "edgeitems", "linewidth", "profile", "sci_mode"]:
        value = options.get(name)
        arguments.append("nullopt" if value is None else named.get(value, str(value).lower()))
    return ", ".join(arguments)


def main():
    lines = [
        "// What PyTorch prints; written by tests/tools/make_print_reference.py.",
        "// PRINT_CASE(name, dtype, sizes, values, print options, requires_grad, text)",
        "// PRINT_GRAD_CASE(expression, text)",
        "// clang-format off",
    ]
    for name, dtype, sizes, values, options, requires_grad in CASES:
        torch.set_printoptions(profile="default")
        torch.set_printoptions(**options)
        printed = repr(build(dtype, sizes, values, requires_grad))
        torch.set_printoptions(profile="default")
        braced = lambda items: "(" + ", ".join(items) + ")"
        lines.append(
            f'PRINT_CASE("{name}", "{dtype}", {braced(map(str, sizes))}, {braced(map(literal, values))}, '
            f"({options_text(options)}), {str(requires_grad).lower()},\n    {text(printed)})"
        )
    x = torch.tensor([[1, 2], [3, 4.5]], requires_grad=True)
    y = x
    for expression in GRAD_CASES:
        printed = repr(eval(expression.replace("{", "(").replace("}", ",)"), {"x": x, "y": y}))
        lines.append(f"PRINT_GRAD_CASE(({expression}),\n    {text(printed)})")
    lines.append("#undef PRINT_CASE\n#undef PRINT_GRAD_CASE\n// clang-format on\n")
    target = pathlib.Path(__file__).parent.parent / "tensor" / "print_reference.inc"
    target.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
