"""Settings that programs make, CUDA's answers without a device, and hooks on several gradients."""

import gc
import weakref

import pytest
import tenon
import torch
from compare import comparisons

WITHOUT_CUDA = pytest.mark.skipif(tenon.cuda.is_available(), reason="a CUDA device is there")


def test_settings_are_kept_as_pytorch_keeps_them():
    def deterministic(m):
        found = []
        for mode, warn_only in ((True, False), (True, True), (False, True)):
            m.use_deterministic_algorithms(mode, warn_only=warn_only)
            found.append(m.are_deterministic_algorithms_enabled())
            found.append(m.is_deterministic_algorithms_warn_only_enabled())
            found.append(m.get_deterministic_debug_mode())
        for mode in ("default", "warn", "error", 0):
            m.set_deterministic_debug_mode(mode)
            found.append((m.get_deterministic_debug_mode(), m.are_deterministic_algorithms_enabled()))
        return found

    with comparisons() as check:
        check("deterministic", deterministic)
        check("not a bool", lambda m: m.use_deterministic_algorithms(1))
        check("no mode", lambda m: m.set_deterministic_debug_mode("x"))
        check("no number", lambda m: m.set_deterministic_debug_mode(3))
        check("no threads", lambda m: m.set_num_interop_threads(0))
        check("warnings", lambda m: (m.set_warn_always(True), m.is_warn_always_enabled(), m.set_warn_always(False)))
    assert tenon.get_num_interop_threads() == 1 and tenon.set_num_interop_threads(4) is None


def test_choices_of_libraries_are_kept_as_pytorch_keeps_them():
    def switched(m, name):
        cuda = m.backends.cuda
        asked = getattr(cuda, name.removeprefix("enable_").removeprefix("allow_") +
                        ("_enabled" if name.startswith("enable") else "_allowed"))  # fmt: skip
        found = [asked()]
        for value in (not found[0], found[0]):
            getattr(cuda, name)(value)
            found.append(asked())
        return found

    def products(m, name):
        before = getattr(m.backends.cuda.matmul, name)
        setattr(m.backends.cuda.matmul, name, True)
        found = before, getattr(m.backends.cuda.matmul, name)
        setattr(m.backends.cuda.matmul, name, before)
        return found

    with comparisons() as check:
        for name in ("flash", "math", "mem_efficient", "cudnn"):
            check(name, lambda m, name=name: switched(m, f"enable_{name}_sdp"))
        check("sums", lambda m: switched(m, "allow_fp16_bf16_reduction_math_sdp"))
        check("no bool", lambda m: m.backends.cuda.enable_flash_sdp("x"))
        for kind in ("fp16", "bf16"):
            check(kind, lambda m, kind=kind: products(m, f"allow_{kind}_reduced_precision_reduction"))
        check("accumulation", lambda m: products(m, "allow_fp16_accumulation"))
        check("no setting", lambda m: setattr(m.backends.cuda.matmul, "x", 1))
        check("reduction", lambda m: setattr(m.backends.cuda.matmul, "allow_fp16_reduced_precision_reduction", 1))
        check("no library", lambda m: m.backends.cuda.preferred_linalg_library("x"))
        check("flash is there", lambda m: m.backends.cuda.is_flash_attention_available())
    assert tenon.backends.cuda.preferred_linalg_library("magma") == "magma"
    assert tenon.backends.cuda.preferred_linalg_library("default") == "default"


def test_compile_returns_what_it_is_given():
    def f(x):
        return x + 1

    assert tenon.compile(f) is f and tenon.compile(mode="max-autotune", fullgraph=True)(f) is f
    with pytest.raises(TypeError, match="compile"):
        tenon.compile(3)


def test_functionalize_returns_what_it_is_given():
    assert tenon.func.functionalize(len) is len
    with pytest.raises(RuntimeError, match="remove"):
        tenon.func.functionalize(len, remove="x")


def test_multithreading_is_a_choice_without_effect():
    x = tenon.ones(2, requires_grad=True)
    with tenon.autograd.set_multithreading_enabled(False):
        x.sum().backward()
    tenon.autograd.set_multithreading_enabled(True)
    assert x.grad.tolist() == [1, 1]


@WITHOUT_CUDA
def test_cuda_without_a_device():
    cuda = tenon.cuda
    assert cuda.device_count() == 0 and not cuda.is_bf16_supported() and cuda.get_arch_list() == []
    zeros = "memory_allocated max_memory_allocated memory_reserved max_memory_reserved".split()
    assert [getattr(cuda, name)() for name in zeros] == [0] * 4 == [getattr(torch.cuda, name)() for name in zeros]
    assert cuda.memory_stats() == {} and cuda.get_rng_state_all() == []
    for accepted in (cuda.empty_cache, cuda.ipc_collect, lambda: cuda.manual_seed(1), lambda: cuda.manual_seed_all(1)):
        accepted()
    cuda.set_device(-1)
    with cuda.device(-1), cuda.device_of(tenon.ones(1)):
        pass
    for name in "current_device init get_device_name synchronize reset_peak_memory_stats FloatTensor".split():
        with pytest.raises(tenon.DeviceError):
            getattr(cuda, name)()
    for device in (0, "cuda", tenon.device("cuda:0")):
        with pytest.raises(tenon.DeviceError, match="CUDA is not available"):
            cuda.set_device(device)
    with pytest.raises(tenon.DeviceError):
        tenon.set_default_tensor_type("torch.cuda.FloatTensor")
    assert tenon.get_default_device() == tenon.device("cpu")
    assert cuda.BFloat16Tensor.dtype is tenon.bfloat16 and not isinstance(tenon.ones(1), cuda.FloatTensor)
    assert isinstance(tenon.ones(1), tenon.FloatTensor)


def test_hooks_on_several_gradients():
    def passes(m, mode):
        a, b, c = (m.ones(2, requires_grad=True) for _ in range(3))
        d = a * 4
        seen = []
        handle = m.autograd.graph.register_multi_grad_hook((a, b, c, d), seen.append, mode=mode)
        ((d * 2).sum() + (b * 3).sum()).backward()
        (d.detach() * b).sum().backward(inputs=[b])
        ((b * 5).sum() + (c * 3).sum()).backward()
        handle.remove()
        (b * 7).sum().backward()
        return seen

    with comparisons() as check:
        check("all", lambda m: passes(m, "all"))
        check("any", lambda m: passes(m, "any"))
        check("mode", lambda m: m.autograd.graph.register_multi_grad_hook((), len, mode="x"))


def test_hooks_on_several_gradients_of_grad():
    x, y = tenon.ones(2, requires_grad=True), tenon.ones(2, requires_grad=True)
    product, seen = x * y, []
    tenon.autograd.graph.register_multi_grad_hook((x, y, product), seen.append)
    tenon.autograd.grad(product.sum(), x)
    assert len(seen) == 1 and seen[0][1] is None and [g.tolist() for g in seen[0][::2]] == [[1, 1], [1, 1]]


def test_hooks_on_several_gradients_come_without_those_that_nobody_computes():
    def seen_by(m, mode):
        class First(m.autograd.Function):
            @staticmethod
            def forward(ctx, a, b):
                return a + b

            @staticmethod
            def backward(ctx, grad):
                return grad, None

        a, b = m.ones(2, requires_grad=True), m.ones(2, requires_grad=True)
        seen = []
        m.autograd.graph.register_multi_grad_hook((a, b), seen.append, mode=mode)
        First.apply(a * 2, b * 3).sum().backward()
        return [[g if g is None else g.tolist() for g in (grads if mode == "all" else [grads])] for grads in seen]

    assert seen_by(tenon, "all") == seen_by(torch, "all")
    # The first gradient that there is: PyTorch's hooks see those that are not, too.
    assert seen_by(tenon, "any") == [[[2.0, 2.0]]]


def test_hooks_on_any_gradient_are_called_once_in_each_pass():
    a, b = tenon.ones(2, requires_grad=True), tenon.ones(2, requires_grad=True)
    calls = []
    number = tenon._C._current_pass
    tenon.autograd.graph.register_multi_grad_hook((a, b), lambda grad: calls.append(number()), mode="any")
    inner = (a * 5).sum()

    def nested(grad):
        if len(set(calls)) < 2:
            inner.backward()

    product = (a * 2) * (b * 3)
    b.register_hook(nested)
    a.register_hook(nested)
    product.sum().backward()
    assert len(calls) == len(set(calls)) == 2


def test_a_pass_that_fails_keeps_nothing_of_several_gradients():
    a, b = tenon.ones(2, requires_grad=True), tenon.ones(2, requires_grad=True)
    seen = []
    tenon.autograd.graph.register_multi_grad_hook((a, b), seen.append)
    kept = []

    def fail(grad):
        kept.append(weakref.ref(grad))
        raise ValueError("on purpose")

    b.register_hook(fail)
    a.register_hook(lambda grad: kept.append(weakref.ref(grad)))
    with pytest.raises(ValueError, match="on purpose"):
        (b * (a * 2)).sum().backward()
    gc.collect()
    assert not seen and all(reference() is None for reference in kept)
    (a * b).sum().backward(inputs=[a])
    assert len(seen) == 1


def test_backward_within_a_hook_is_a_pass_of_its_own():
    x = tenon.ones(2, requires_grad=True)
    seen = []

    def hook(grads):
        seen.append(len(grads))
        if len(seen) == 1:
            with tenon.enable_grad():
                x.exp().sum().backward()

    tenon.autograd.graph.register_multi_grad_hook((x,), hook)
    x.sin().sum().backward()
    assert seen == [1, 1]


def lowrank_input(m, dtype, shape, rank):
    generator = torch.Generator().manual_seed(3)
    left = torch.randn(*shape[:-1], rank, generator=generator, dtype=torch.float64)
    right = torch.randn(*shape[:-2], rank, shape[-1], generator=generator, dtype=torch.float64)
    x = (left @ right).to(dtype)
    return x if m is torch else tenon.from_torch(x)


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (2, 8, 6)])
def test_lowrank_factors_multiply_to_the_matrix(shape):
    x = lowrank_input(tenon, torch.float64, shape, 3)
    M = x.mean(-2, keepdim=True)
    for U, S, V, whole in (
        (*tenon.svd_lowrank(x, 3), x),
        (*tenon.svd_lowrank(x, 5, M=M), x - M),
        (*tenon.pca_lowrank(x, 4), x - M),
        (*tenon.pca_lowrank(x, center=False), x),
    ):
        tenon.testing.assert_close(U @ S.diag_embed() @ V.mH, whole)
    theirs = torch.svd_lowrank(lowrank_input(torch, torch.float64, shape, 3), 3)
    tenon.testing.assert_close(tenon.svd_lowrank(x, 3)[1], tenon.from_torch(theirs[1]))


def test_lowrank_arguments():
    with comparisons() as check:
        check("rank", lambda m: m.pca_lowrank(m.ones(3, 3), q=5))
        check("steps", lambda m: m.pca_lowrank(m.ones(3, 3), q=2, niter=-1))


def symmetric(m, size=12):
    x = lowrank_input(m, torch.float64, (size, size), size)
    return x @ x.mT + m.eye(size, dtype=m.float64)


@pytest.mark.parametrize("largest", [True, False])
def test_eigenpairs_are_those_of_pytorch(largest):
    def values(m, B=None):
        weight = None if B is None else m.diag(m.arange(1, 13, dtype=m.float64))
        # PyTorch's iteration begins with random vectors.
        torch.manual_seed(0)
        return m.lobpcg(symmetric(m), k=3, B=weight, largest=largest, niter=200, tol=1e-12)

    for B in (None, True):
        (own, vectors), (theirs, _) = values(tenon, B), values(torch, B)
        tenon.testing.assert_close(own, tenon.from_torch(theirs), rtol=1e-6, atol=1e-6)
        A = symmetric(tenon)
        right = vectors if B is None else tenon.arange(1, 13, dtype=tenon.float64).diag() @ vectors
        tenon.testing.assert_close(A @ vectors, right * own, rtol=1e-8, atol=1e-8)


def test_eigenpairs_are_differentiable_and_refuse_small_matrices():
    A = symmetric(tenon).requires_grad_()
    values, vectors = tenon.lobpcg(A, k=2)
    (grad,) = tenon.autograd.grad(values.sum(), A)
    tenon.testing.assert_close(grad, vectors @ vectors.mT)
    with comparisons() as check:
        check("too small", lambda m: m.lobpcg(m.eye(3), k=2))
