"""The batching rule of each op; what has none runs example by example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.func import batched
from tenon.func.batched import Level, is_batched_at, unwrap, wrap
from tenon.func.layers import LAYER_RULES
from tenon.func.queries import METHOD_RULES, property_rule
from tenon.func.random_rules import RANDOM_RULES, random_factory_rule
from tenon.func.rules import (
    Rule,
    along,
    by_example,
    decomposed,
    direct,
    gathering,
    pointwise,
    rank_of,
    reduction,
    tried,
)
from tenon.func.views import VIEW_RULES


def _logical(function: Callable) -> Rule:
    # A rule in terms of other ops on the tensors of one example.
    return lambda level, func, args, kwargs: function(*args, **kwargs)


def _full_or(full: str, dim_rule: Rule) -> Rule:
    """For max and its like: between two tensors, along a dim, or over all elements."""

    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        if any(isinstance(value, Tensor) for value in (*args[1:], *kwargs.values())):
            return pointwise(level, func, args, kwargs)
        if len(args) > 1 or kwargs:
            return dim_rule(level, func, args, kwargs)
        flat = args[0].value.reshape(level.size, -1)
        result = getattr(flat, full)(1)
        return wrap(result if isinstance(result, Tensor) else result[0], level)

    return rule


def _matmul(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    a, b = args if len(args) == 2 else (args[0], *kwargs.values())
    ranks = [one.value.dim() - 1 if is_batched_at(one, level) else one.dim() for one in (a, b)]
    if min(ranks) == 0:
        raise RuntimeError("both arguments to matmul need to be at least 1D, but they are 0D and 1D")
    if not is_batched_at(b, level) and ranks[1] <= 2:
        return wrap(a.value.matmul(b), level)
    # Vectors become matrices, and matrices get the same number of dims before them.
    rank = max(2, *ranks)

    def matrices(one: Tensor, own: int, vector_dim: int) -> Tensor:
        value = unwrap(one, level)
        if own == 1:
            value = value.unsqueeze(vector_dim)
        if is_batched_at(one, level):
            for _ in range(rank - max(own, 2)):
                value = value.unsqueeze(1)
        return value

    result = matrices(a, ranks[0], -2).matmul(matrices(b, ranks[1], -1))
    if ranks[0] == 1:
        result = result.squeeze(-1 if ranks[1] == 1 else -2)
    return wrap(result.squeeze(-1) if ranks[1] == 1 else result, level)


def _plus_product(input: Tensor, a: Tensor, b: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    product = a.matmul(b)
    product = product if alpha == 1 else product * alpha
    # What beta = 0 multiplies is ignored, also where it is NaN.
    return product if beta == 0 else (input if beta == 1 else input * beta) + product


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    result = input.matmul(weight.t())
    return result if bias is None else result + bias


def _linear_rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    parameters = (*args[1:], *kwargs.values())
    if not any(is_batched_at(one, level) for one in parameters) and rank_of(args[0], level) > 0:
        return direct(level, func, args, kwargs)
    return _linear(*args, **kwargs)


def _outer(input: Tensor, vec2: Tensor) -> Tensor:
    return input.unsqueeze(1) * vec2.unsqueeze(0)


def _einsum(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    equation, *operands = args
    if not isinstance(equation, str):
        return by_example(level, func, args, kwargs)
    operands = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    letters = set(left) - set(".,")
    if not arrow:
        right = "..." * ("..." in left) + "".join(sorted(one for one in letters if left.count(one) == 1))
    free = [one for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if one not in letters]
    if not free or len(terms) != len(operands):
        return by_example(level, func, args, kwargs)
    terms = [free[0] + term if is_batched_at(one, level) else term for term, one in zip(terms, operands)]
    values = [unwrap(one, level) for one in operands]
    return wrap(func(f"{','.join(terms)}->{free[0]}{right}", *values), level)


def _matrices(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """For functions of a matrix that take batches of them, and have no other tensors."""
    others = (*args[1:], *kwargs.values())
    if not args or any(isinstance(one, Tensor) for one in others) or args[0].dim() < 2:
        return by_example(level, func, args, kwargs)
    return direct(level, func, args, kwargs)


def _images(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    has_channels = bool(args) and rank_of(args[0], level) >= 3
    return (direct if has_channels else by_example)(level, func, args, kwargs)


def _where(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    rule = pointwise if len(args) + len(kwargs) > 1 else METHOD_RULES["nonzero"]
    return rule(level, func, args, kwargs)


def _masked_fill(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    value = args[2] if len(args) > 2 else kwargs.get("value")
    if len(args) < 2 or not is_batched_at(value, level):
        return pointwise(level, func, args, kwargs)
    if func.__name__ == "masked_fill_":
        return by_example(level, func, args, kwargs)
    return _C.functions["where"](args[1], value.to(args[0].dtype), args[0])


def _converted(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    # A memory format counts the dims of one example.
    given = [one for one in (*args, *kwargs.values()) if isinstance(one, _C.memory_format)]
    plain = all(one in (_C.contiguous_format, _C.preserve_format) for one in given)
    return (direct if plain else by_example)(level, func, args, kwargs)


def _names(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_BY_NAME: dict[str, Rule] = {
    **_names(
        pointwise,
        "add sub subtract rsub mul multiply div divide true_divide floor_divide remainder pow square float_power clamp "
        "clip clamp_min clamp_max round addcmul addcdiv lerp polygamma softsign logit nan_to_num gelu isclose angle "
        "negative absolute positive logsigmoid conj conj_physical resolve_conj resolve_neg isreal"
        " copy_ fill_ zero_ "
        "clip_ clamp_ clamp_min_ clamp_max_ add_ sub_ subtract_ mul_ multiply_ div_ divide_ true_divide_ "
        "floor_divide_ remainder_ pow_ square_ float_power_ round_ addcmul_ addcdiv_ lerp_ polygamma_ logit_ "
        "nan_to_num_ "
        "__and__ __or__ __xor__ __lshift__ __rshift__ __rsub__ __rdiv__ __rtruediv__ __floordiv__ __rfloordiv__ "
        "__rmod__ __rpow__ __rlshift__ __rrshift__ __eq__ __invert__ __iand__ __ior__ __ixor__ __ilshift__ "
        "__irshift__",
    ),
    **_names(
        _converted,
        "clone contiguous detach float double half bfloat16 int long short char byte bool cfloat cdouble cpu cuda to "
        "zeros_like ones_like empty_like full_like view_as_real alias",
    ),
    "view_as_complex": tried(direct),
    **_names(_matrices, "tril triu tril_ triu_"),
    **_names(_images, "pixel_shuffle pixel_unshuffle"),
    **_names(
        reduction,
        "sum nansum mean nanmean prod any all count_nonzero logsumexp amax amin argmax argmin var std var_mean "
        "std_mean",
    ),
    "where": _where,
    **_names(_masked_fill, "masked_fill masked_fill_"),
    "max": _full_or("amax", along(1)),
    "min": _full_or("amin", along(1)),
    "median": _full_or("median", along(1)),
    "nanmedian": _full_or("nanmedian", along(1)),
    **_names(along(1), "softmax log_softmax softmin cumsum cumsum_ cumprod cumprod_ logcumsumexp cummax cummin"),
    **_names(along(1, -1), "sort argsort mode glu"),
    **_names(along(2, -1), "topk kthvalue"),
    **_names(tried(along(3, -1)), "diff"),
    "renorm": by_example,
    **_names(gathering, "gather scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_"),
    "index_select": along(1),
    "matmul": _matmul,
    "__matmul__": _matmul,
    **_names(_logical(lambda a, b: a.matmul(b)), "mm bmm mv dot"),
    "__rmatmul__": _logical(lambda b, a: a.matmul(b)),
    **_names(_logical(_plus_product), "addmm addmv baddbmm"),
    **_names(_logical(_outer), "outer ger"),
    "linear": _linear_rule,
    "einsum": _einsum,
    **_names(_matrices, "inverse matrix_exp matrix_power det logdet slogdet pinverse cholesky qr svd"),
    **LAYER_RULES,
    **RANDOM_RULES,
    **VIEW_RULES,
    **METHOD_RULES,
}

_LINALG_RULES: dict[str, Rule] = {
    **_names(
        _matrices,
        "cholesky cholesky_ex cond det eig eigh eigvals eigvalsh inv inv_ex lu lu_factor matrix_exp matrix_power pinv "
        "qr slogdet svd svdvals",
    ),
    "matmul": _matmul,
}


def _find(func: Callable) -> Rule:
    name = func.__name__
    if name in ("__get__", "__set__"):
        return property_rule(func)
    if name.startswith("linalg_"):
        return _LINALG_RULES.get(name.removeprefix("linalg_"), by_example)
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name in _C.elementwise_names or name.removesuffix("_") in _C.elementwise_names:
        return pointwise
    if isinstance(func, _C.Overridable) and hasattr(func.__wrapped__, "__code__"):
        return decomposed
    return by_example


_found: dict[Callable, Rule] = {}


def _rule_of(func: Callable) -> Rule:
    rule = _found.get(func)
    if rule is None:
        rule = _found[func] = _find(func)
    return rule


batched.rules.of = _rule_of
batched.rules.of_random = random_factory_rule
