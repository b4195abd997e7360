"""Batching rules of random ops: an error, other numbers for each example, or the same for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenon import _C
from tenon._C import Tensor
from tenon.func.batched import BatchedTensor, Level, is_batched_at, wrap
from tenon.func.rules import Rule, argument, by_example, direct, tensors_of


def check_allowed(level: Level) -> None:
    """Raises where the vmap did not say what random numbers should be."""
    if level.randomness == "error":
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
            "'different' randomness flags on vmap or perform the randomness operation out of vmap"
        )


def _repeating(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """Each example draws the same numbers, from the same state of the generator."""
    generator = kwargs.get("generator") or _C.default_generator
    state = generator.get_state()

    def draw(*own_args: Any, **own_kwargs: Any) -> Any:
        generator.set_state(state)
        return func(*own_args, **own_kwargs)

    draw.__name__ = func.__name__
    return by_example(level, draw, args, kwargs)


def _sampling(different: Rule) -> Rule:
    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        check_allowed(level)
        return (different if level.randomness == "different" else _repeating)(level, func, args, kwargs)

    return rule


def _dropout(different: Rule, training_by_default: bool) -> Rule:
    def rule(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
        if not argument(args, kwargs, 2, ("training",), training_by_default):
            return direct(level, func, args, kwargs)
        result = _sampling(different)(level, func, args, kwargs)
        return args[0] if argument(args, kwargs, 3, ("inplace",), False) else result

    return rule


# --- ops that make tensors, or fill one that all examples share


def _sized(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    check_allowed(level)
    if level.randomness == "same":
        return func(*args, **kwargs)
    bounds = 0
    if func.__name__ == "randint":
        bounds = sum(1 for value in args if isinstance(value, int))
    elif func.__name__ == "normal":
        bounds = min(len(args), 2)
    given = args[bounds:]
    if "size" in kwargs:
        sizes, rest = kwargs["size"], {name: value for name, value in kwargs.items() if name != "size"}
    else:
        sizes, rest = (given[0] if given and isinstance(given[0], (tuple, list)) else given), kwargs
    return wrap(func(*args[:bounds], [level.size, *sizes], **rest), level)


def _permutation(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    check_allowed(level)
    if level.randomness == "same":
        return func(*args, **kwargs)
    return wrap(_C.functions["stack"]([func(*args, **kwargs) for _ in range(level.size)]), level)


def _of_shared(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    """An op on tensors that are the same for all examples."""
    check_allowed(level)
    if any(is_batched_at(one, level) for one in tensors_of(args, kwargs)) or level.randomness == "same":
        return func(*args, **kwargs)
    if func.__name__.endswith("_"):
        raise RuntimeError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same "
            "randomness. If this is necessary for your usage, please file an issue with functorch."
        )
    return wrap(_C.functions["stack"]([func(*args, **kwargs) for _ in range(level.size)]), level)


def _dropout_of_shared(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    training = argument(args, kwargs, 2, ("training",), func.__name__ == "dropout")
    return _of_shared(level, func, args, kwargs) if training else func(*args, **kwargs)


def _normal(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    return (_of_shared if tensors_of(args, kwargs) else _sized)(level, func, args, kwargs)


_LIKE = "rand_like randn_like randint_like bernoulli poisson"
_FILLING = "uniform_ normal_ log_normal_ cauchy_ exponential_ geometric_ random_"
_DROPOUTS = "dropout feature_dropout alpha_dropout feature_alpha_dropout"

RANDOM_RULES: dict[str, Rule] = {
    **dict.fromkeys(f"{_LIKE} {_FILLING} bernoulli_".split(), _sampling(direct)),
    "normal": _sampling(by_example),
    "multinomial": _sampling(by_example),
    "dropout": _dropout(direct, True),
    "feature_dropout": _dropout(by_example, True),
    "alpha_dropout": _dropout(direct, False),
    "feature_alpha_dropout": _dropout(by_example, False),
}

_FACTORIES: dict[str, Callable] = {
    **dict.fromkeys(("rand", "randn", "randint"), _sized),
    "randperm": _permutation,
    "normal": _normal,
    **dict.fromkeys(f"{_LIKE} {_FILLING} bernoulli_ multinomial".split(), _of_shared),
    **dict.fromkeys(_DROPOUTS.split(), _dropout_of_shared),
}


def _copied(level: Level, func: Callable, args: tuple, kwargs: dict) -> Any:
    # A new tensor with the data of one that has an example for each.
    source = args[0] if args else kwargs.get("data")
    if type(source) is BatchedTensor:
        copy = source.detach().clone() if func.__name__ == "tensor" else source
        dtype = kwargs.get("dtype")
        return copy if dtype is None else copy.to(dtype)
    return func(*args, **kwargs)


def random_factory_rule(func: Callable) -> Callable | None:
    """How a level answers a call that may need no batched tensor: of a random op, or of tensor()."""
    name = func.__name__
    if func in (_C.functions.get(name), _C.nn_functions.get(name), getattr(Tensor, name, None)):
        return _FACTORIES.get(name)
    return _copied if name in ("tensor", "as_tensor") else None
