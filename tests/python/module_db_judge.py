"""Judges Tenon's modules by PyTorch's: builds both from one seed for the samples of PyTorch's tests, and compares.

Parameters and buffers must be bitwise equal, and so must the keys of the state and the repr; what they compute must
agree within the tolerance of the dtype, and so must gradients. Modules must survive copying and pickling, load
PyTorch's state and refuse what PyTorch refuses.
"""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tenon
import torch
from compare import kind_of
from op_db_judge import Tolerance, cheap_sampling, difference, dtype_name, flatten, is_close, to_tenon, to_torch
from torch.nn.utils.rnn import PackedSequence
from torch.testing._internal.common_modules import ModuleErrorEnum, ModuleInfo, module_db

INFOS = {info.name: info for info in module_db}
DTYPES = (torch.float32, torch.float64)
# The most samples in a dtype and mode, evenly taken from PyTorch's.
MOST_SAMPLES = 8
SEED = 42
PASSED, NOTHING = "passed", "nothing to check"
# The absolute one is of a tensor's largest element, or of one.
TOLERANCES = {torch.float32: Tolerance(1e-5, 2e-6), torch.float64: Tolerance(1e-7, 1e-13)}
# These begin with normal numbers, whose last bits depend on the instructions that PyTorch finds.
DRAWING_NORMALS = {torch.nn.Embedding, torch.nn.EmbeddingBag}
NORMALS = {torch.float32: Tolerance(1e-6, 1e-6)}


class Sample(NamedTuple):
    dtype: torch.dtype
    training: bool
    # The arguments of the class and those of the call, as PyTorch's tests make them.
    made: Any
    called: Any


def samples(info: ModuleInfo) -> Iterator[Sample]:
    """PyTorch's own samples of a class, in each dtype and mode."""
    for dtype in DTYPES:
        for training in (True, False):
            torch.manual_seed(SEED)
            options = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": training}
            inputs = list(info.module_inputs_func(info, **options))
            step = -(-len(inputs) // MOST_SAMPLES)
            for each in inputs[::step]:
                if each.forward_input is not None:
                    yield Sample(dtype, training, each.constructor_input, each.forward_input)


# --- PyTorch's objects as Tenon's


def module_to_tenon(module: torch.nn.Module) -> Any:
    """The one class of modules that samples hold."""
    assert isinstance(module, torch.nn.TransformerEncoderLayer)
    attention, activation = module.self_attn, value_to_tenon(module.activation)
    made = tenon.nn.TransformerEncoderLayer(
        attention.embed_dim,
        attention.num_heads,
        module.linear1.out_features,
        module.dropout.p,
        activation,
        module.norm1.eps,
        attention.batch_first,
        module.norm_first,
        attention.in_proj_bias is not None,
        dtype=getattr(tenon, dtype_name(module.linear1.weight.dtype)),
    )
    made.load_state_dict(state_to_tenon(module))
    return made.train(module.training)


def value_to_tenon(value: Any) -> Any:
    if isinstance(value, torch.nn.Module):
        return module_to_tenon(value)
    if isinstance(value, torch.nn.LinearCrossEntropyOptions):
        names = ("allow_retain_graph", "batch_chunk_size", "chunking_method", "acc_policy", "acc_dtype")
        return tenon.nn.LinearCrossEntropyOptions(*(value_to_tenon(getattr(value, name)) for name in names))
    if value in (torch.nn.functional.gelu, torch.nn.functional.relu):
        return getattr(tenon.nn.functional, value.__name__)
    return to_tenon(value, "cpu")


def converted(arguments: Any) -> Any:
    """Arguments of one library as Tenon's; packed sequences are tuples of a class of their own."""
    if isinstance(arguments, PackedSequence):
        return tenon.nn.utils.rnn.PackedSequence(*(value_to_tenon(part) for part in arguments))
    if isinstance(arguments, (list, tuple)) and not isinstance(arguments, torch.Size):
        return type(arguments)(converted(each) for each in arguments)
    if isinstance(arguments, dict):
        return {name: converted(each) for name, each in arguments.items()}
    return value_to_tenon(arguments)


def fresh(arguments: Any, wide: bool) -> Any:
    """The arguments with tensors of their own, floating ones in double precision if they should be `wide`."""
    if isinstance(arguments, PackedSequence):
        return PackedSequence(*(fresh(part, wide) for part in arguments))
    if isinstance(arguments, (list, tuple)) and not isinstance(arguments, torch.Size):
        return type(arguments)(fresh(each, wide) for each in arguments)
    if isinstance(arguments, dict):
        return {name: fresh(each, wide) for name, each in arguments.items()}
    if isinstance(arguments, torch.Tensor):
        dtype = torch.float64 if wide and arguments.is_floating_point() else arguments.dtype
        return arguments.detach().clone().to(dtype).requires_grad_(arguments.requires_grad)
    return arguments


# --- One module of each library


class Twin:
    """A module of one of the libraries, built from the seed, and calls of it."""

    def __init__(self, library: Any, info: ModuleInfo, made: Any) -> None:
        self.library = library
        # Whether calls are in double precision, whatever the dtype that the arguments are given in.
        self._wide = False
        self._convert: Callable[[Any], Any] = converted if library is tenon else lambda value: value
        args, kwargs = self._arguments(made, False)
        library.manual_seed(SEED)
        self.module = getattr(library.nn, info.module_cls.__name__)(*args, **kwargs)

    def prepare(self, sample: Sample, wide: bool = False) -> Twin:
        """Gives the module the dtype and mode of a sample."""
        self._wide = wide
        self.module.to(self._convert(torch.float64 if wide else sample.dtype)).train(sample.training)
        return self

    def _arguments(self, given: Any, wide: bool) -> tuple[Any, Any]:
        return self._convert(fresh(given.args, wide)), self._convert(fresh(given.kwargs, wide))

    def call(self, given: Any, module: Any = None) -> tuple[list[Any], list[Any]]:
        """The leaves of what a call gives, and the arguments that may receive gradients."""
        args, kwargs = self._arguments(given, self._wide)
        self.library.manual_seed(SEED)
        result = (module or self.module)(*args, **kwargs)
        tensors = [leaf for leaf in flatten([args, kwargs]) if isinstance(leaf, self.library.Tensor)]
        return flatten(result), [leaf for leaf in tensors if leaf.requires_grad and leaf.is_leaf]

    def gradients(self, given: Any) -> list[Any]:
        """The gradients of the arguments and of the parameters, for gradients of the results from a seed."""
        self.module.zero_grad()
        results, arguments = self.call(given)
        results = [result for result in results if isinstance(result, self.library.Tensor) and result.requires_grad]
        generator = torch.Generator().manual_seed(SEED)
        for result in results:
            # The same numbers in every dtype.
            grad = torch.randn(tuple(result.shape), generator=generator)
            grad = grad.to(getattr(torch, dtype_name(result.dtype)))
            result.backward(self._convert(grad), retain_graph=True)
        return [leaf.grad for leaf in (*arguments, *self.module.parameters())]


def state_to_tenon(module: torch.nn.Module) -> dict[str, Any]:
    return {name: to_tenon(value, "cpu") for name, value in module.state_dict().items()}


def require_same(
    what: str,
    ours: list[Any],
    theirs: list[Any],
    exact: Callable[[], list[Any]] | None = None,
    allowed: dict[torch.dtype, Tolerance] | None = None,
) -> None:
    """Asserts the same count, dtypes, shapes and values; bitwise the same where nothing is allowed.

    `exact` gives PyTorch's results in double precision, for where rounding takes PyTorch's own from them.
    """
    assert len(ours) == len(theirs), f"{what}: {len(ours)} tensors, expected {len(theirs)}"
    for place, (one, other) in enumerate(zip(ours, theirs)):
        if not isinstance(other, torch.Tensor):
            assert one == other, f"{what} {place}: {one}, expected {other}"
            continue
        assert isinstance(one, tenon.Tensor), f"{what} {place}: {one!r} instead of a tensor"
        assert dtype_name(one.dtype) == dtype_name(other.dtype), f"{what} {place}: {one.dtype}, not {other.dtype}"
        assert tuple(one.shape) == tuple(other.shape), f"{what} {place}: shape {one.shape}, expected {other.shape}"
        mine, yours = to_torch(one), other.detach()
        relative, absolute = (allowed or {}).get(yours.dtype, (0, 0))
        largest = yours.abs().max().item() if yours.numel() and absolute else 0.0
        tolerance = Tolerance(relative, absolute * max(1.0, largest))
        if is_close(mine, yours, None, tolerance):
            continue
        wide = exact()[place].detach() if exact is not None and yours.dtype == torch.float32 else None
        assert is_close(mine, yours, wide, tolerance), f"{what} {place}: {difference(mine, yours)}"


def tensors_of(module: Any) -> dict[str, Any]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def attributes_of(module: Any) -> dict[str, Any]:
    """The public attributes, those that are not plain values by their class alone."""
    plain = (bool, int, float, str, tuple, list, type(None))
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return {name: value if isinstance(value, plain) else callable(value) for name, value in public.items()}


# --- Checks, each of one sample


def check_parameters(info: ModuleInfo, sample: Sample, ours: Twin, theirs: Twin) -> None:
    own, expected = ours.module.state_dict(), theirs.module.state_dict()
    assert list(own) == list(expected), f"keys {list(own)}, expected {list(expected)}"
    if not info.is_lazy:
        allowed = NORMALS if info.module_cls in DRAWING_NORMALS else None
        require_same("state", list(own.values()), list(expected.values()), allowed=allowed)
    names = [list(tensors_of(twin.module)) for twin in (ours, theirs)]
    assert names[0] == names[1], f"parameters and buffers {names[0]}, expected {names[1]}"
    own, expected = (attributes_of(twin.module) for twin in (ours, theirs))
    assert own == expected, f"attributes {own}, expected {expected}"


def check_repr(info: ModuleInfo, sample: Sample, ours: Twin, theirs: Twin) -> None:
    expected = repr(theirs.module).replace("torch.", "tenon.")
    assert repr(ours.module) == expected, f"{ours.module!r}, expected {expected}"


def exact_twin(info: ModuleInfo, sample: Sample) -> Twin:
    return Twin(torch, info, sample.made).prepare(sample, wide=True)


def check_forward(info: ModuleInfo, sample: Sample, ours: Twin, theirs: Twin) -> None:
    if info.module_cls in DRAWING_NORMALS:
        ours.module.load_state_dict(state_to_tenon(theirs.module))
    for twin in (ours, theirs):
        twin.prepare(sample)
    results = ours.call(sample.called)[0], theirs.call(sample.called)[0]
    drawn = tenon.get_rng_state().to_torch(), torch.get_rng_state()
    require_same("result", *results, lambda: exact_twin(info, sample).call(sample.called)[0], TOLERANCES)
    assert torch.equal(*drawn), "random numbers that the call has drawn"
    state = [list(twin.module.state_dict().values()) for twin in (ours, theirs)]
    require_same("state after the call", *state, allowed=TOLERANCES)
    with tenon.no_grad(), torch.no_grad():
        results = ours.call(sample.called)[0], theirs.call(sample.called)[0]
    require_same("result without gradients", *results, allowed=TOLERANCES)


def check_gradients(info: ModuleInfo, sample: Sample, ours: Twin, theirs: Twin) -> None:
    found = ours.gradients(sample.called), theirs.gradients(sample.called)
    require_same("gradient", *found, lambda: exact_twin(info, sample).gradients(sample.called), TOLERANCES)


def check_loading(info: ModuleInfo, sample: Sample, ours: Twin, theirs: Twin) -> None:
    fresh_one = Twin(tenon, info, sample.made).prepare(sample).module
    told = fresh_one.load_state_dict(state_to_tenon(theirs.module), strict=True)
    assert not told.missing_keys and not told.unexpected_keys, told
    loaded = fresh_one.state_dict()
    require_same("loaded state", list(loaded.values()), list(theirs.module.state_dict().values()))


def check_copies(info: ModuleInfo, sample: Sample, ours: Twin, theirs: Twin) -> None:
    ours.module.zero_grad()
    for copied in (copy.deepcopy(ours.module), pickle.loads(pickle.dumps(ours.module))):
        assert type(copied) is type(ours.module) and repr(copied) == repr(ours.module)
        own, expected = tensors_of(copied), tensors_of(ours.module)
        assert list(own) == list(expected)
        pairs = [(own[name], expected[name]) for name in own]
        assert all(one is not other and tenon.equal(one, other) for one, other in pairs)
        assert all(one.requires_grad == other.requires_grad for one, other in pairs)
        before = copy.deepcopy(ours.module)
        results = [ours.call(sample.called, module)[0] for module in (copied, before)]
        for one, other in zip(*results):
            assert one is other or bool(((one == other) | (one != one)).all()), "the copy computes something else"


# In this order, as a lazy module is made by its first call; both modules keep what a check has done to them.
CHECKS: dict[str, Callable[[ModuleInfo, Sample, Twin, Twin], None]] = {
    "parameters": check_parameters,
    "repr": check_repr,
    "forward": check_forward,
    "gradients": check_gradients,
    "loading": check_loading,
    "copies": check_copies,
}


ALL_CHECKS = (*CHECKS, "errors")


def check_errors(info: ModuleInfo) -> str:
    """Whether wrong arguments raise errors of PyTorch's types, where PyTorch raises them."""
    if info.module_error_inputs_func is None:
        return NOTHING
    options = {"device": "cpu", "dtype": torch.float32, "requires_grad": False}
    wrong = [case for mode in (True, False) for case in info.module_error_inputs_func(info, training=mode, **options)]
    for case in wrong:
        given = case.module_error_input
        try:
            twin = Twin(tenon, info, given.constructor_input)
            if case.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR:
                return f"made of {given.constructor_input.args} {given.constructor_input.kwargs} without an error"
            twin.call(given.forward_input)
        except Exception as error:
            expected = next(kind for kind in case.error_type.__mro__ if kind.__module__ == "builtins")
            if kind_of(error) is not kind_of(expected()):
                return f"{error!r}, expected {case.error_type.__name__} {case.error_regex}"
        else:
            return f"no error, expected {case.error_type.__name__} {case.error_regex}"
    return PASSED


class Verdicts(NamedTuple):
    """What became of each check of an entry, PASSED, NOTHING or what went wrong first; and how many samples it had."""

    checks: dict[str, str]
    samples: int


def judge(info: ModuleInfo) -> Verdicts:
    verdicts, count = dict.fromkeys(CHECKS, PASSED), 0
    if not hasattr(tenon.nn, info.module_cls.__name__):
        return Verdicts(dict.fromkeys(ALL_CHECKS, "Tenon lacks the class"), 0)
    with warnings.catch_warnings(), cheap_sampling():
        warnings.simplefilter("ignore")
        for sample in samples(info):
            count += 1
            ours, theirs = Twin(tenon, info, sample.made), Twin(torch, info, sample.made)
            for check, run in CHECKS.items():
                if verdicts[check] != PASSED:
                    continue
                try:
                    run(info, sample, ours, theirs)
                except Exception as error:
                    made = f"{sample.made.args} {sample.made.kwargs}"
                    mode = f"{dtype_name(sample.dtype)} {'training' if sample.training else 'evaluation'}"
                    verdicts[check] = f"{type(error).__name__}: {error} [{mode}: {made}]"
        verdicts["errors"] = check_errors(info)
    return Verdicts(verdicts, count)
