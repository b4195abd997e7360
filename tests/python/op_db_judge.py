"""Judges Tenon's ops by PyTorch's: calls both with the sample inputs of PyTorch's own tests and compares everything.

An entry is one op of op_db in one form (function, method, in-place method, out=, operator, alias), one dtype and one
check (values, gradient, second gradient). Results must have PyTorch's structure, dtypes, shapes and values. The error
inputs, wrong calls in dtypes of their own, must raise errors of PyTorch's types.
"""

from __future__ import annotations

import contextlib
import functools
import types
import unittest.mock
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tenon
import torch
from compare import kind_of
from torch.testing._internal import common_methods_invocations as methods
from torch.testing._internal import common_utils
from torch.testing._internal.common_device_type import precisionOverride, toleranceOverride
from torch.testing._internal.opinfo import core
from torch.testing._internal.opinfo.core import DecorateInfo, OpInfo

# Every dtype that both libraries have, and what is checked in it where PyTorch supports it.
CHECKS = {
    "float32": ("values", "gradient"),
    "float64": ("values", "gradient", "second"),
    "complex64": ("values", "gradient"),
    "complex128": ("values", "gradient", "second"),
    "float16": ("values",),
    "bfloat16": ("values",),
    "int64": ("values",),
    "int32": ("values",),
    "int16": ("values",),
    "int8": ("values",),
    "uint8": ("values",),
    "bool": ("values",),
}
# What stands in the place of the dtype where the calls have dtypes of their own, and all checks that there are.
ANY_DTYPE = "any"
ALL_CHECKS = {**CHECKS, ANY_DTYPE: ("errors",)}
# The forms besides the function itself run the same kernels: these dtypes show that they are the same op.
FORM_DTYPES = {"float32", "float64", "int64", "bool", "complex64"}
# The most samples of an entry, evenly taken from PyTorch's: of a function in a main dtype, and of everything else.
MANY_SAMPLES, SOME_SAMPLES = 150, 30

MAIN_DTYPES = ("float32", "float64", "int64")
# Results that hold whatever memory held.
UNDEFINED_VALUES = {
    "empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided",
}  # fmt: skip
# PyTorch leaves open which of equal elements these find; the position of their parameter `dim`.
OPEN_TIES = {"argsort": 0, "kthvalue": 1, "mode": 0, "sort": 0, "topk": 1}
# These find vectors up to their phase: what PyTorch's own tests make of the results is compared.
OPEN_PHASES = {"linalg.eig", "linalg.eigh", "linalg.svd", "pca_lowrank", "svd", "svd_lowrank"}
# The eigenvalues of these come in any order.
OPEN_ORDER = {"linalg.eig", "linalg.eigvals"}
# The position of an argument that these take to be triangular: PyTorch's gradient is one for such arguments alone.
TRIANGULAR = {"cholesky_inverse": 0, "cholesky_solve": 1}
# Tests of PyTorch whose tolerances are about eager ops, not about compilers or other devices.
EAGER_TESTS = {
    None, "TestBinaryUfuncs", "TestBinaryUfuncsDevice", "TestCommon", "TestMathBits", "TestReductions",
    "TestUnaryUfuncs",
}  # fmt: skip
WIDE = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}
REFUSALS = (RuntimeError, TypeError, ValueError, IndexError)
PASSED, NOTHING, LACKING = "passed", "nothing to check", "lacking"


class Entry(NamedTuple):
    op: str
    variant: str
    form: str
    dtype: str
    check: str

    def __str__(self) -> str:
        return "/".join(self)


class Verdict(NamedTuple):
    """What became of an entry: PASSED, NOTHING, LACKING with what lacks, or what went wrong first; and its samples.

    Samples of which PyTorch gives nothing to compare with are skipped, and not in the total.
    """

    text: str
    passed: int
    total: int
    skipped: int


class Lacking(Exception):
    """Tenon does not offer what an entry asks for."""


class Tolerance(NamedTuple):
    relative: float
    absolute: float


# --- PyTorch's objects and Tenon's


def dtype_name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def to_tenon(value: Any, device: str) -> Any:
    """PyTorch's objects as Tenon's, tensors on `device` with the same layout; the rest as it is."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_quantized:
            raise NotImplementedError("only strided tensors")
        result = tenon.from_torch(value.detach().resolve_conj().resolve_neg().clone())
        result = result if device == "cpu" else result.to(device)
        return result.requires_grad_() if value.requires_grad else result
    if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
        return getattr(tenon, dtype_name(value))
    if isinstance(value, torch.device):
        return tenon.device(device)
    if isinstance(value, torch.Size):
        return tenon.Size(value)
    if isinstance(value, torch.nn.PairwiseDistance):
        options = {"p": value.norm, "eps": value.eps, "keepdim": value.keepdim}
        return functools.partial(tenon.nn.functional.pairwise_distance, **options)
    return value


def to_torch(tensor: Any) -> torch.Tensor:
    return tensor.detach().cpu().to_torch()


def flatten(value: Any) -> list[Any]:
    """The leaves of nested tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and not isinstance(value, (torch.Size, tenon.Size)):
        return [leaf for item in value for leaf in flatten(item)]
    return [value]


def map_leaves(value: Any, visit: Callable[[Any], Any]) -> Any:
    """The same nested tuples, lists and dicts of what `visit` makes of each leaf."""
    if isinstance(value, dict):
        return {key: map_leaves(item, visit) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, (torch.Size, tenon.Size)):
        return type(value)(map_leaves(item, visit) for item in value)
    return visit(value)


# --- Forms


class _Torch:
    """Tenon in the place of the module torch, for functions of PyTorch's tests that wrap an op."""

    def __getattr__(self, name: str) -> Any:
        if not hasattr(tenon, name):
            raise Lacking(f"tenon.{name}")
        return getattr(tenon, name)


@contextlib.contextmanager
def cheap_sampling() -> Iterator[None]:
    """Makes PyTorch's samples cheaper to get, the same ones.

    It seeds before each, and its manual_seed writes down a stack trace for CUDA each time; and it looks through the
    whole stack, sources and all, for a unittest that runs.
    """
    with contextlib.ExitStack() as stack:
        if not torch.cuda.is_available():
            seed = torch.default_generator.manual_seed
            stack.enter_context(unittest.mock.patch.object(torch, "manual_seed", seed))
        for module in (common_utils, core):
            stack.enter_context(unittest.mock.patch.object(module, "extract_test_fn", lambda: None))
        yield


def seeded(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Tenon's twin of wrapper_set_seed, by which PyTorch's tests make random ops repeatable."""
    with tenon.random.fork_rng():
        tenon.manual_seed(42)
        return op(*args, **kwargs)


def is_random(info: OpInfo) -> bool:
    wrappers = (info.op, info.inplace_variant)
    return any("wrapper_set_seed" in getattr(getattr(op, "__code__", None), "co_names", ()) for op in wrappers)


def is_wrapper(op: Any) -> bool:
    return isinstance(op, types.FunctionType) and op.__module__.startswith("torch.testing._internal")


def rebound(op: Any) -> Any:
    """A wrapper of PyTorch's tests that calls Tenon instead."""
    names = {**op.__globals__, "torch": _Torch(), "wrapper_set_seed": seeded}
    return types.FunctionType(op.__code__, names, op.__name__, op.__defaults__, op.__closure__)


def found(module: Any, path: str) -> Any:
    # Some of the aliases that PyTorch lists begin with its own name.
    for name in path.removeprefix("torch.").split("."):
        module = getattr(module, name, None)
    return module


def in_order(result: Any) -> Any:
    """Eigenvalues, and the eigenvectors if there are any, by a mix of real and imaginary part."""
    values = result if hasattr(result, "real") else result[0]
    order = (values.detach().real + values.detach().imag * 0.37).argsort(-1)
    ordered = values.gather(-1, order)
    if values is result:
        return ordered
    return ordered, result[1].gather(-1, order.unsqueeze(-2).expand(result[1].shape))


def of_triangle(op: Callable[..., Any], place: int) -> Callable[..., Any]:
    """The op of the triangle of one of its arguments."""

    def call(*args: Any, upper: bool = False, **kwargs: Any) -> Any:
        given = args[place].triu() if upper else args[place].tril()
        return op(*args[:place], given, *args[place + 1 :], upper=upper, **kwargs)

    return call


class Form(NamedTuple):
    name: str
    theirs: Callable[..., Any]
    # None where Tenon offers nothing of this name.
    ours: Callable[..., Any] | None


def with_out(op: Callable[..., Any], library: Any) -> Callable[..., Any]:
    """Calls an op for its result, then again for the same into tensors that hold something else."""

    def call(*args: Any, **kwargs: Any) -> Any:
        plain = op(*args, **kwargs)
        if not isinstance(plain, (library.Tensor, tuple)):
            raise TypeError("no tensors to write to")
        before = map_leaves(plain, lambda tensor: library.full_like(tensor, 1))
        out = before if isinstance(plain, library.Tensor) else tuple(before)
        result = op(*args, **kwargs, out=out)
        if any(one is not other for one, other in zip(flatten(result), flatten(out))):
            raise TypeError("what is returned is not what was given to write to")
        return result

    return call


def forms(info: OpInfo) -> Iterator[Form]:
    """The forms that PyTorch has of an op, each with Tenon's twin."""

    def twin(theirs: Any, path: str, owner: Any = tenon) -> Any:
        if is_wrapper(theirs):
            return rebound(theirs)
        if isinstance(theirs, functools.partial):
            own = found(tenon, info.name)
            return own and functools.partial(own, *theirs.args, **theirs.keywords)
        own = found(owner, path)
        if own is None and getattr(torch, getattr(theirs, "__name__", ""), None) is theirs:
            # op_db calls some of PyTorch's functions by another name.
            own = found(tenon, theirs.__name__)
        return own if callable(own) else None

    def method(theirs: Any) -> Any:
        return twin(theirs, getattr(theirs, "__name__", ""), tenon.Tensor)

    is_method = info.op is getattr(torch.Tensor, getattr(info.op, "__name__", ""), None)
    own = method(info.op) if is_method else twin(info.op, info.name)
    yield Form("function", info.op, own)
    if info.method_variant:
        yield Form("method", info.method_variant, method(info.method_variant))
    if info.inplace_variant:
        yield Form("inplace", info.inplace_variant, method(info.inplace_variant))
    if info.operator_variant:
        yield Form("operator", info.operator_variant, info.operator_variant)
    if info.inplace_operator_variant:
        yield Form("inplace operator", info.inplace_operator_variant, info.inplace_operator_variant)
    if info.supports_out and own is not None:
        yield Form("out", with_out(info.op, torch), with_out(own, tenon))
    for alias in info.aliases:
        yield Form(f"alias {alias.name}", alias.op, twin(alias.op, alias.name))


# --- Comparison


def tolerance_of(info: OpInfo, dtype: torch.dtype, device: str) -> Tolerance:
    """The widest of PyTorch's general tolerance and those that the op's own tests are given."""
    relative, absolute = torch.testing._comparison.default_tolerances(dtype)
    for decoration in info.decorators:
        if not isinstance(decoration, DecorateInfo) or decoration.cls_name not in EAGER_TESTS:
            continue
        if decoration.device_type not in (None, "cpu", device):
            continue
        for decorator in decoration.decorators:
            if isinstance(decorator, toleranceOverride) and dtype in decorator.d:
                relative = max(relative, decorator.d[dtype].rtol)
                absolute = max(absolute, decorator.d[dtype].atol)
            if isinstance(decorator, precisionOverride):
                absolute = max(absolute, decorator.d.get(dtype, 0))
    return Tolerance(relative, absolute)


def is_close(ours: torch.Tensor, theirs: torch.Tensor, exact: torch.Tensor | None, allowed: Tolerance) -> bool:
    """Whether `ours` is `theirs` within the tolerance.

    Where rounding takes PyTorch itself from the exact result, known from the same call in double precision, each
    element may instead be as far from that as the tolerance or as twice PyTorch's largest error.
    """
    if torch.equal(ours, theirs):
        return True
    options: dict[str, Any] = {"rtol": allowed.relative, "atol": allowed.absolute, "equal_nan": True}
    close = torch.isclose(ours, theirs, **options)
    if close.all() or exact is None:
        return bool(close.all())
    wide = exact.dtype
    error = (theirs.to(wide) - exact).abs()
    error = error[error.isfinite()]
    largest = 2 * error.max().item() if error.numel() else 0.0
    distance = (ours.to(wide) - exact).abs()
    near = distance <= (allowed.absolute + allowed.relative * exact.abs()).clamp(min=largest)
    return bool((close | (near & exact.isfinite())).all())


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> str:
    """Where two unequal tensors differ most."""
    if ours.dtype == torch.bool or not ours.numel():
        return f"{ours.tolist()}, expected {theirs.tolist()}"
    wide = torch.complex128 if ours.is_complex() else torch.float64
    distance = (ours.to(wide) - theirs.to(wide)).abs()
    unequal = ~torch.isclose(ours, theirs, rtol=0, atol=0, equal_nan=True)
    at = int(distance.nan_to_num(torch.inf, torch.inf).where(unequal, -1).argmax())
    return f"{ours.flatten()[at].item()}, expected {theirs.flatten()[at].item()} at {at} of {tuple(ours.shape)}"


class Judge:
    """Compares results of one op, in one dtype."""

    def __init__(self, info: OpInfo, dtype: torch.dtype, device: str) -> None:
        self._info = info
        self._device = device
        self._undefined = info.name in UNDEFINED_VALUES or (device != "cpu" and is_random(info))
        self._tolerances: dict[torch.dtype, Tolerance] = {}

    def _tolerance(self, dtype: torch.dtype) -> Tolerance:
        if dtype not in self._tolerances:
            self._tolerances[dtype] = tolerance_of(self._info, dtype, self._device)
        return self._tolerances[dtype]

    def compare(self, what: str, ours: list[Any], theirs: list[Any], exact: Callable[[], list[Any]]) -> None:
        """Asserts the same count, dtypes, shapes and values; `exact` gives PyTorch's results in double precision."""
        assert len(ours) == len(theirs), f"{what}: {len(ours)} results, expected {len(theirs)}"
        for place, (one, other) in enumerate(zip(ours, theirs)):
            if isinstance(other, torch.Tensor):
                self._compare_tensors(what, one, other, lambda place=place: exact()[place])
            elif isinstance(other, (int, float, complex)):
                same = one == other or abs(one - other) <= 1e-6 * abs(other) or (one != one and other != other)
                assert same and type(one) is type(other), f"{what}: {one!r}, expected {other!r}"
            elif isinstance(other, torch.dtype):
                assert dtype_name(one) == dtype_name(other), f"{what}: {one}, expected {other}"
            elif isinstance(other, torch.Size):
                assert tuple(one) == tuple(other), f"{what}: {one}, expected {other}"
            else:
                assert (one is None) == (other is None), f"{what}: {one}, expected {other}"

    def _compare_tensors(self, what: str, one: Any, other: torch.Tensor, exact: Callable[[], Any]) -> None:
        assert isinstance(one, tenon.Tensor), f"{what}: {type(one).__name__} instead of a tensor"
        assert dtype_name(one.dtype) == dtype_name(other.dtype), f"{what}: dtype {one.dtype}, expected {other.dtype}"
        assert tuple(one.shape) == tuple(other.shape), f"{what}: shape {one.shape}, expected {other.shape}"
        assert one.device.type == self._device, f"{what}: on {one.device}, expected {self._device}"
        if self._undefined:
            return
        ours, theirs = to_torch(one), other.detach().resolve_conj().resolve_neg()
        allowed = self._tolerance(theirs.dtype)
        if is_close(ours, theirs, None, allowed):
            return
        reference = exact() if theirs.dtype in WIDE else None
        reference = reference.detach() if isinstance(reference, torch.Tensor) else None
        if reference is None or reference.shape != theirs.shape or reference.dtype != WIDE[theirs.dtype]:
            reference = None
        assert is_close(ours, theirs, reference, allowed), f"{what}: {difference(ours, theirs)}"


# --- Calls


class Call:
    """One call of an op in one of the libraries, with arguments of its own."""

    def __init__(self, library: Any, sample: Any, grad: bool, inplace: bool, convert: Callable[[Any], Any]) -> None:
        self.library = library
        self.leaves: list[Any] = []

        def prepare(value: Any) -> Any:
            wants = grad and isinstance(value, torch.Tensor) and value.requires_grad
            if isinstance(value, torch.Tensor):
                value = value.detach().clone()
            value = convert(value)
            if wants:
                self.leaves.append(value.requires_grad_())
            return value

        self.args = [map_leaves(value, prepare) for value in (sample.input, *sample.args)]
        self.kwargs = {key: map_leaves(value, prepare) for key, value in sample.kwargs.items()}
        if isinstance(self.kwargs.get("device"), str):
            self.kwargs["device"] = convert(torch.device(self.kwargs["device"]))
        if inplace and grad and isinstance(self.args[0], library.Tensor):
            # A leaf must not be edited.
            self.args[0] = self.args[0].clone()

    def run(self, op: Callable[..., Any], process: Callable[[Any], Any]) -> list[Any]:
        self.outputs = flatten(process(op(*self.args, **self.kwargs)))
        return self.outputs

    def differentiable(self) -> list[Any]:
        return [tensor for tensor in self.outputs if isinstance(tensor, self.library.Tensor) and tensor.requires_grad]

    def arguments(self) -> list[Any]:
        """The tensors given, as the op left them."""
        given = flatten(self.args) + flatten(self.kwargs)
        return [value.detach() for value in given if isinstance(value, self.library.Tensor)]

    def gradients(self, outputs: list[Any], inputs: list[Any], cotangents: list[Any], create_graph: bool) -> list[Any]:
        """The gradients of the outputs that have one."""
        kept = [(one, seed) for one, seed in zip(outputs, cotangents) if one.requires_grad]
        options = {"allow_unused": True, "create_graph": create_graph, "materialize_grads": True}
        outputs, cotangents = [one for one, _ in kept], [seed for _, seed in kept]
        return list(self.library.autograd.grad(outputs, inputs, cotangents, **options))


def widened(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(WIDE.get(value.dtype, value.dtype))
    return WIDE.get(value, value) if isinstance(value, torch.dtype) else value


def random_like(tensors: list[torch.Tensor], seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(tensor.shape, dtype=tensor.dtype, generator=generator) for tensor in tensors]


class Trial:
    """One sample of an op in one form, run by both libraries."""

    def __init__(self, info: OpInfo, form: Form, sample: Any, judge: Judge, device: str) -> None:
        self._info, self._form, self._sample, self._judge, self._device = info, form, sample, judge, device
        self._inplace = form.name.startswith("inplace")
        comparable = sample.output_process_fn_grad if info.name in OPEN_PHASES else lambda result: result
        in_any_order = info.name in OPEN_ORDER
        self._process = (lambda result: in_order(comparable(result))) if in_any_order else comparable

    def _call(self, library: Any, grad: bool, convert: Callable[[Any], Any]) -> Call:
        return Call(library, self._sample, grad, self._inplace, convert)

    def run(self, check: str) -> bool:
        """Compares everything that the check is about; False when PyTorch gives nothing to compare with."""
        grad = check != "values"
        if grad and self._info.name in TRIANGULAR:
            place = TRIANGULAR[self._info.name]
            assert self._form.ours is not None
            self._form = self._form._replace(
                theirs=of_triangle(self._form.theirs, place), ours=of_triangle(self._form.ours, place)
            )
        theirs = self._call(torch, grad, lambda value: value)
        torch.manual_seed(0)
        try:
            theirs.run(self._form.theirs, self._process)
        except REFUSALS as error:
            self._assert_refused(error)
            return False
        ours = self._run_ours(grad)
        if self._inplace and isinstance(theirs.outputs[0], torch.Tensor):
            is_self = ours.outputs[0] is ours.args[0]
            assert is_self == (theirs.outputs[0] is theirs.args[0]), "the result is not the tensor edited"

        @functools.cache
        def exact() -> Call:
            call = self._call(torch, grad, widened)
            torch.manual_seed(0)
            call.run(self._form.theirs, self._process)
            return call

        self._compare_values(ours, theirs, exact)
        if not grad:
            after = lambda: exact().arguments()  # noqa: E731
            self._judge.compare("argument after the call", ours.arguments(), theirs.arguments(), after)
            return True
        return self._compare_gradients(ours, theirs, exact, check == "second")

    def _run_ours(self, grad: bool) -> Call:
        call = self._call(tenon, grad, lambda value: to_tenon(value, self._device))
        tenon.manual_seed(0)
        assert self._form.ours is not None
        call.run(self._form.ours, self._process)
        return call

    def _assert_refused(self, theirs: Exception) -> None:
        """Asserts that Tenon refuses what PyTorch refuses."""
        try:
            self._run_ours(False)
        except REFUSALS:
            return
        raise AssertionError(f"PyTorch refuses this: {theirs}")

    def _compare_values(self, ours: Call, theirs: Call, exact: Callable[[], Call]) -> None:
        our_results, their_results = ours.outputs, theirs.outputs
        if self._info.name in OPEN_TIES and not self._sample.kwargs.get("stable"):
            assert len(our_results) == len(their_results), f"value: {len(our_results)} results"
            self._compare_places(to_torch(our_results[-1]), their_results[-1], theirs.args[0])
            our_results, their_results = our_results[:-1], their_results[:-1]
        self._judge.compare("value", our_results, their_results, lambda: exact().outputs)

    def _compare_places(self, ours: torch.Tensor, theirs: torch.Tensor, source: torch.Tensor) -> None:
        """Asserts that our indices along a dim are distinct and find elements equal to those that PyTorch's find."""
        position, sample = OPEN_TIES[self._info.name], self._sample
        dim = sample.kwargs.get("dim", sample.args[position] if len(sample.args) > position else -1)

        def elements(places: torch.Tensor) -> torch.Tensor:
            return source.gather(dim, places if places.dim() == source.dim() else places.unsqueeze(dim))

        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, f"indices: {ours.dtype} of {ours.shape}"
        assert torch.allclose(elements(ours), elements(theirs), 0, 0, equal_nan=True), "indices: other elements"
        if ours.dim() == source.dim() > 0:
            assert ours.sort(dim).values.diff(dim=dim).all(), "indices: one occurs twice"

    def _compare_gradients(self, ours: Call, theirs: Call, exact: Callable[[], Call], second: bool) -> bool:
        their_outputs, our_outputs = theirs.differentiable(), ours.differentiable()
        if not their_outputs or not theirs.leaves:
            return False
        seeds = random_like(their_outputs, 1)
        if second:
            seeds = [seed.requires_grad_() for seed in seeds]
        try:
            their_grads = theirs.gradients(their_outputs, theirs.leaves, seeds, second)
        except RuntimeError:
            return False
        assert len(our_outputs) == len(their_outputs), "gradient: other outputs require grad than in PyTorch"
        our_seeds = [to_tenon(seed, self._device) for seed in seeds]
        our_grads = ours.gradients(our_outputs, ours.leaves, our_seeds, second)

        @functools.cache
        def exact_grads() -> list[Any]:
            call = exact()
            return call.gradients(call.differentiable(), call.leaves, [widened(seed) for seed in seeds], second)

        self._judge.compare("gradient", our_grads, their_grads, exact_grads)
        if not second:
            return True
        # Gradients are functions of what was differentiated and of the cotangents.
        again = random_like(their_grads, 2)
        try:
            theirs_second = theirs.gradients(their_grads, theirs.leaves + seeds, again, False)
        except RuntimeError:
            return False
        our_again = [to_tenon(seed, self._device) for seed in again]
        ours_second = ours.gradients(our_grads, ours.leaves + our_seeds, our_again, False)
        self._judge.compare("second gradient", ours_second, theirs_second, lambda: [None] * len(theirs_second))
        return True


def with_layout(device: str) -> Callable[[Any], Any]:
    """Makes Tenon's twins of PyTorch's tensors, which overlap and share memory as those do."""
    storages: dict[Any, Any] = {}

    def twin(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.layout is not torch.strided or not value.numel():
            return to_tenon(value, device)
        storage = value.untyped_storage()
        key = storage.data_ptr(), value.dtype
        if key not in storages:
            whole = value.detach().as_strided((storage.nbytes() // value.element_size(),), (1,), 0)
            storages[key] = to_tenon(whole, device)
        result = storages[key].as_strided(value.size(), value.stride(), value.storage_offset())
        return result.requires_grad_() if value.requires_grad else result

    return twin


def refuses(form: Form, sample: Any, device: str) -> bool:
    """Asserts that Tenon refuses what PyTorch refuses, with an error of the same kind, and leaves the arguments whole.

    False where PyTorch takes the arguments.
    """
    convert = with_layout(device)
    args = [map_leaves(value, convert) for value in (sample.input, *sample.args)]
    kwargs = {key: map_leaves(value, convert) for key, value in sample.kwargs.items()}
    given = [value for value in flatten(args) + flatten(kwargs) if isinstance(value, tenon.Tensor)]
    before = [to_torch(tensor).clone() for tensor in given]
    try:
        form.theirs(sample.input, *sample.args, **sample.kwargs)
        return False
    except Exception as error:
        theirs = error
    assert form.ours is not None
    try:
        form.ours(*args, **kwargs)
    except Exception as error:
        if isinstance(error, Lacking) or lacks(error, form):
            raise
        ours = f"{type(error).__name__}: {error}"
        assert isinstance(error, kind_of(theirs) or Exception), f"{ours}, expected {type(theirs).__name__}: {theirs}"
    else:
        raise AssertionError(f"PyTorch refuses this: {type(theirs).__name__}: {theirs}")
    for tensor, old in zip(given, before):
        new = to_torch(tensor)
        same = new.shape == old.shape and is_close(new, old, None, Tolerance(0, 0))
        assert same, f"an argument was edited: {new.tolist()}, expected {old.tolist()}"
    return True


# --- Entries


def checks_of(info: OpInfo, dtype: torch.dtype) -> Iterator[str]:
    """The checks that PyTorch supports for an op in a dtype."""
    for check in CHECKS[dtype_name(dtype)]:
        if check == "values" or (info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")):
            if check != "second" or info.supports_gradgrad:
                yield check


def samples_of(entry: Entry, info: OpInfo) -> list[Any]:
    if entry.check == "errors":
        return [error.sample_input for error in info.error_inputs("cpu")]
    dtype = getattr(torch, entry.dtype)
    samples = list(info.sample_inputs("cpu", dtype, requires_grad=entry.check != "values"))
    is_main = entry.form == "function" and entry.dtype in MAIN_DTYPES
    return samples[:: -(-len(samples) // (MANY_SAMPLES if is_main else SOME_SAMPLES)) or 1]


def run_entry(entry: Entry, info: OpInfo, form: Form, device: str) -> Verdict:
    """Runs all samples of an entry; the first that Tenon lacks or fails says what became of it."""
    with warnings.catch_warnings(), cheap_sampling():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        samples = samples_of(entry, info)
        if form.ours is None:
            return Verdict(f"{LACKING}: {form.name}", 0, len(samples), 0)
        dtype = torch.float32 if entry.dtype == ANY_DTYPE else getattr(torch, entry.dtype)
        judge = Judge(info, dtype, device)
        passed, wrong = 0, []
        for number, sample in enumerate(samples):
            try:
                if entry.check == "errors":
                    passed += refuses(form, sample, device)
                else:
                    passed += Trial(info, form, sample, judge, device).run(entry.check)
            except Exception as error:
                if isinstance(error, Lacking) or lacks(error, form):
                    wrong.append(f"{LACKING}: {error}")
                else:
                    wrong.append(f"sample {number}: {type(error).__name__}: {error}")
    text = wrong[0] if wrong else PASSED if passed else NOTHING
    total = passed + len(wrong)
    return Verdict(text, passed, total, len(samples) - total)


def lacks(error: Exception, form: Form) -> bool:
    """Whether an error says that Tenon has no such form, or not on this device."""
    text = str(error)
    if isinstance(error, (tenon.DeviceError, NotImplementedError)):
        return "not available on cuda" in text or ("not implemented" in text and "on cuda" in text)
    if isinstance(error, TypeError):
        return form.name == "out" and "'out'" in text and "unexpected" in text
    return isinstance(error, AttributeError) and is_wrapper(form.theirs) and "has no attribute" in text


def entries(infos: list[OpInfo] | None = None) -> Iterator[tuple[Entry, OpInfo, Form]]:
    """Every entry of op_db in PyTorch, whether Tenon offers it or not."""
    for info in methods.op_db if infos is None else infos:
        for form in forms(info):
            for name in CHECKS:
                dtype = getattr(torch, name)
                if not info.supports_dtype(dtype, "cpu") or (form.name != "function" and name not in FORM_DTYPES):
                    continue
                for check in checks_of(info, dtype):
                    if form.name == "out" and check != "values":
                        continue
                    yield Entry(info.name, info.variant_test_name or "-", form.name, name, check), info, form
            if form.name == "function" and info.error_inputs_func:
                yield Entry(info.name, info.variant_test_name or "-", form.name, ANY_DTYPE, "errors"), info, form
