"""Modules that programs import for what Tenon does not do: compilers and process groups."""

import importlib

import pytest
import tenon
import torch
import torch.utils.cpp_extension  # noqa: F401
from compare import comparisons


def test_scripted_and_traced_functions_and_modules_are_themselves():
    class Twice(tenon.nn.Module):
        size: tenon.jit.Final[int] = 2

        @tenon.jit.export
        def double(self, x: tenon.Tensor) -> tenon.Tensor:
            return x * self.size

        @tenon.jit.ignore
        def log(self) -> None:
            pass

        @tenon.jit.ignore(drop=True)
        def forget(self) -> None:
            pass

        @tenon.jit.unused
        def forward(self, x):
            return x if tenon.jit.is_scripting() or tenon.jit.is_tracing() else self.double(x)

    net = Twice()
    assert tenon.jit.script(net) is net and tenon.jit.trace(net, tenon.ones(1)) is net
    assert tenon.jit.freeze(net) is net and tenon.jit.optimize_for_inference(net) is net
    assert net(tenon.ones(2)).tolist() == [2, 2] and net.log() is None and net.forget() is None
    assert tenon.jit.script(len) is len and not isinstance(len, tenon.jit.ScriptFunction)
    assert tenon.jit.annotate(list[int], [1]) == [1]
    with tenon.jit.fuser("fuser2"), tenon.jit.optimized_execution(False), tenon.jit.strict_fusion():
        assert tenon.jit.set_fusion_strategy([("STATIC", 2)]) == []


def test_what_compilers_are_told_changes_nothing():
    @tenon.compiler.disable
    @tenon.compiler.disable(recursive=False)
    @tenon.compiler.allow_in_graph
    @tenon.compiler.set_stance("force_eager")
    def f(x):
        return x + 1

    assert f(1) == 2 and not tenon.compiler.is_compiling() and not tenon.compiler.is_exporting()
    with tenon.compiler.set_stance("default"):
        assert tenon.compiler.reset() is None and tenon.compiler.cudagraph_mark_step_begin() is None
    tenon._dynamo.config.verbose = True
    assert tenon._dynamo.config.verbose and not tenon._dynamo.config.suppress_errors
    tenon._dynamo.config.verbose = False


def test_a_program_finds_that_there_is_no_process_group():
    with comparisons() as check:
        check("initialized", lambda m: m.distributed.is_initialized())
        check("elastic", lambda m: m.distributed.is_torchelastic_launched())
        check("destroy", lambda m: m.distributed.destroy_process_group())
        for name in ("get_rank", "get_world_size", "barrier", "get_backend", "new_group"):
            check(name, lambda m, name=name: getattr(m.distributed, name)())
        check("broadcast", lambda m: m.distributed.broadcast(m.ones(1), 0))
        check("with gradients", lambda m: importlib.import_module(f"{m.__name__}.distributed.nn").all_reduce(m.ones(1)))
        check("sum", lambda m: m.distributed.all_reduce(m.ones(1), m.distributed.ReduceOp.SUM))
    assert not tenon.distributed.is_available()
    with pytest.raises(AttributeError, match="no attribute 'fsdp'"):
        _ = tenon.distributed.fsdp


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: tenon.distributed.init_process_group("gloo"), "no process groups yet; train in one process"),
        (lambda: tenon.jit.save(tenon.nn.Linear(1, 1), "x.pt"), "the Linear to TorchScript; save its state_dict"),
        (lambda: tenon.jit.load("x.pt"), "'x.pt': Tenon does not run TorchScript"),
    ],
)
def test_what_cannot_be_done_is_told(call, words):
    with pytest.raises(NotImplementedError, match=words):
        call()


def test_types_of_arguments_have_their_names():
    for name in torch.types.__all__:
        assert hasattr(tenon.types, name), name
    assert isinstance(1.5, tenon.types.Number) and isinstance("cpu", tenon.types.Device)
    assert tenon.types._size and tenon.serialization.MAP_LOCATION


def test_sparse_tensors_are_made_by_their_types():
    def made(m, *args):
        x = m.sparse.FloatTensor(*args)
        return tuple(x.shape), x.to_dense().tolist(), str(x.dtype).split(".")[1], isinstance(x, m.sparse.DoubleTensor)

    with comparisons() as check:
        index, values = [[0, 1], [1, 0]], [1.5, 2.5]
        check("all", lambda m: made(m, m.tensor(index), m.tensor(values), m.Size([2, 3])))
        check("no size", lambda m: made(m, m.tensor(index), m.tensor(values)))
        check("of values", lambda m: made(m, m.tensor(index), m.tensor(values).double(), (3, 3)))
        check("sizes", lambda m: made(m, 2, 3))
        check("size", lambda m: made(m, m.Size([2, 3])))
        check("nothing", lambda m: made(m))
        check("sequence", lambda m: made(m, (2, 2)))


def test_libraries_that_are_not_used_are_not_there():
    for name in ("mkl", "mkldnn", "openmp", "opt_einsum"):
        assert getattr(tenon.backends, name).is_available() is False
    assert tenon.backends.opt_einsum.get_opt_einsum() is None


def test_the_build_is_described():
    assert tenon.version.__version__ in tenon.__config__.show() and "CPU capability" in tenon.__config__.show()
    assert f"{tenon.get_num_threads()}\n" in tenon.__config__.parallel_info()


def test_extensions_of_pytorch_are_refused_when_they_are_built():
    extension = tenon.utils.cpp_extension
    for name in extension.__all__:
        assert hasattr(torch.utils.cpp_extension, name)
    for name in ("load", "load_inline", "CppExtension", "CUDAExtension", "SyclExtension"):
        with pytest.raises(NotImplementedError, match=f"cpp_extension.{name}: mine: Tenon does not load extensions"):
            getattr(extension, name)("mine", ["a.cpp"])
    with pytest.raises(NotImplementedError, match="BuildExtension"):
        extension.BuildExtension.with_options(use_ninja=False)()
    assert extension.CUDA_HOME is None and extension.include_paths() == extension.library_paths() == []
    assert isinstance(extension.is_ninja_available(), bool)


def test_a_gradient_is_set_under_its_inner_name():
    # As programs do that share a model between processes.
    def given(m):
        shared, own = m.ones(2, requires_grad=True), m.ones(2, requires_grad=True)
        (own * 3).sum().backward()
        shared._grad = own.grad
        return shared._grad is own.grad, shared.grad.tolist()

    assert given(tenon) == given(torch)
