"""The entries of op_db that Tenon offers and that do not agree with PyTorch, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

# Ops that the array API gives a number in the place of either tensor, which PyTorch refuses.
TAKE_NUMBERS = (
    "atan2 copysign eq ge gt hypot le logaddexp logical_and logical_or logical_xor lt maximum minimum ne nextafter"
)
# Patterns of entries, as op/variant/form/dtype/check.
KNOWN = {
    **{f"{op}/-/function/any/errors": "numbers are taken, as the array API asks" for op in TAKE_NUMBERS.split()},
    "__rdiv__/-/function/any/errors": "PyTorch's is a Python function, which fails on a number in another way",
    "gradient/-/function/any/errors": "there is no device meta",
    "_batch_norm_with_update/-/out/*": "PyTorch's operator names its results one by one",
    "as_strided_scatter/*/gradient": "PyTorch gives self the gradient of an element that a 0-d part replaced",
    "as_strided_scatter/*/second": "PyTorch gives self the gradient of an element that a 0-d part replaced",
    "split_with_sizes_copy/-/out/*": "PyTorch returns nothing where it writes to given tensors",
    "unbind_copy/-/out/*": "PyTorch returns nothing where it writes to given tensors",
    "addbmm/-/inplace/*": "PyTorch changes the shape of self in place where it broadcasts; Tenon refuses",
    "chalf/*": "there is no complex dtype of two float16",
    "complex/*/float16/*": "there is no complex dtype of two float16",
    "einsum/-/function/*int[138]*/*": "PyTorch sums narrow integers in int64 or not, depending on the contraction",
    "float_power/-/inplace/float32/*": "PyTorch refuses to round the double result to self's dtype",
    "float_power/-/inplace/complex64/*": "PyTorch refuses to round the double result to self's dtype",
    "jiterator_*": "PyTorch compiles it for CUDA and refuses it on the CPU",
    "masked.logsumexp/-/function/float64/second": "where nothing is selected PyTorch gives NaN, Tenon zero",
    "nn.functional.linear_cross_entropy/chunked/function/float64/second": "PyTorch gives zero for its chunks",
    "matrix_exp/-/function/float16/*": "PyTorch computes in float16, where the powers overflow",
    "max_pool2d_with_indices_backward/*": "an operator of PyTorch's registry that is no function",
    "sparse.sampled_addmm/*": "sparse tensors are of a type of their own, in coordinate format alone",
    "sparse.mm/reduce/*": "sparse tensors are of a type of their own, and are summed alone",
    "to_sparse/*": "sparse tensors are of a type of their own",
    "torch.ops.aten._safe_softmax.default/*": "an operator of PyTorch's registry that is no function",
    "view_as_complex/*/float16/*": "there is no complex dtype of two float16",
    "fft.ihfft2/-/out/*": "PyTorch leaves what it should write to as it was where it transforms several dims",
    "fft.ihfftn/-/out/*": "PyTorch leaves what it should write to as it was where it transforms several dims",
    "special.bessel_j0/*/float64/*": "PyTorch's is off by up to 2e-7; Tenon's agrees with SciPy's to 1e-15",
    "special.bessel_y1/*/float64/*": "PyTorch's is off by up to 3e-7; Tenon's agrees with SciPy's to 1e-15",
    "round/-/alias special.round/int64/*": "PyTorch's alias refuses integers, which round takes",
    "*polygamma/*/int8/*": "at a pole PyTorch gives what rounding makes of sin(pi x), Tenon infinity",
    "*polygamma/*/int16/*": "at a pole PyTorch gives what rounding makes of sin(pi x), Tenon infinity",
}
# Where rounding decides, so that a check may also pass, with other instructions.
ROUNDING = {
    "cov/-/function/complex128/second": "what is left of terms that cancel is rounding",
    "cov/-/function/float64/*": "in two samples float32 weights nearly cancel, and one rounding shows",
}
# The same as KNOWN on a CUDA device alone.
KNOWN_ON_CUDA = {
    "tensor_split/*": "the tensor that says where to split stays on the CPU, while the judge moves every tensor",
}


def reason_of(entry: object, device: str) -> str | None:
    """Why an entry is known to fail; None where it must not."""
    known = {**KNOWN, **ROUNDING, **(KNOWN_ON_CUDA if device == "cuda" else {})}
    return next((reason for pattern, reason in known.items() if fnmatchcase(str(entry), pattern)), None)


def may_pass(entry: object) -> bool:
    """Whether rounding decides what becomes of an entry."""
    return any(fnmatchcase(str(entry), pattern) for pattern in ROUNDING)


def unused_reasons(existing: Iterable[object]) -> list[str]:
    """The patterns that no entry has."""
    names = [str(entry) for entry in existing]
    patterns = {**KNOWN, **ROUNDING, **KNOWN_ON_CUDA}
    return [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names)]
