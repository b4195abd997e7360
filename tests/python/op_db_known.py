"""The entries of op_db that Tenon offers and that do not agree with PyTorch, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

# Patterns of entries, as op/variant/form/dtype/check.
KNOWN = {
    "addbmm/-/inplace/*": "PyTorch changes the shape of self in place where it broadcasts; Tenon refuses",
    "complex/*/float16/*": "there is no complex dtype of two float16",
    "cov/-/function/complex128/second": "what is left of terms that cancel is rounding",
    "cov/-/function/float64/*": "in two samples float32 weights nearly cancel, and one rounding shows",
    "einsum/-/function/*int[138]*/*": "PyTorch sums narrow integers in int64 or not, depending on the contraction",
    "float_power/-/inplace/float32/*": "PyTorch refuses to round the double result to self's dtype",
    "float_power/-/inplace/complex64/*": "PyTorch refuses to round the double result to self's dtype",
    "linalg.svd/*/complex64/gradient": "one sample's singular values are so close that rounding shows",
    "svd/*/complex64/gradient": "one sample's singular values are so close that rounding shows",
    "matrix_exp/-/function/float16/*": "PyTorch computes in float16, where the powers overflow",
    "view_as_complex/*/float16/*": "there is no complex dtype of two float16",
    "round/-/alias special.round/int64/*": "PyTorch's alias refuses integers, which round takes",
    "*polygamma/*/int8/*": "at a pole PyTorch gives what rounding makes of sin(pi x), Tenon infinity",
    "*polygamma/*/int16/*": "at a pole PyTorch gives what rounding makes of sin(pi x), Tenon infinity",
}
# The same on a CUDA device alone.
KNOWN_ON_CUDA = {
    "tensor_split/*": "the tensor that says where to split stays on the CPU, while the judge moves every tensor",
}


def reason_of(entry: object, device: str) -> str | None:
    """Why an entry is known to fail; None where it must not."""
    known = {**KNOWN, **KNOWN_ON_CUDA} if device == "cuda" else KNOWN
    return next((reason for pattern, reason in known.items() if fnmatchcase(str(entry), pattern)), None)


def unused_reasons(existing: Iterable[object]) -> list[str]:
    """The patterns that no entry has."""
    names = [str(entry) for entry in existing]
    return [pattern for pattern in {**KNOWN, **KNOWN_ON_CUDA} if not any(fnmatchcase(name, pattern) for name in names)]
