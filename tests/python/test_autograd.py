"""Automatic differentiation from Python: backward and grad, modes, hooks, custom functions, checkpoints, anomalies."""

import contextlib
import gc
import threading
import types
import weakref

import pytest
import tenon
import torch.utils.checkpoint  # noqa: F401
from compare import comparisons
from tenon.autograd import Function
from tenon.autograd.function import once_differentiable
from tenon.utils.checkpoint import CheckpointError, checkpoint, set_checkpoint_early_stop


def leaf(*values):
    return tenon.tensor(values, dtype=tenon.float64, requires_grad=True)


# --- backward and grad


def test_backward_accumulates_into_leaves():
    x = leaf(1, 2, 3)
    (x * x).sum().backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [4, 8, 12]


def test_backward_takes_gradients_inputs_and_keeps_the_graph_on_request():
    x, y = leaf(1, 2), leaf(3, 4)
    z = x * y
    z.backward(tenon.tensor([1, 10], dtype=tenon.float64), retain_graph=True)
    assert x.grad.tolist() == [3, 40]
    z.backward(tenon.ones_like(z), inputs=[y])
    assert x.grad.tolist() == [3, 40] and y.grad.tolist() == [1 + 1, 20 + 2]
    with pytest.raises(RuntimeError):
        z.sum().backward()


def test_grad_returns_gradients_and_leaves_grad_alone():
    x, unused = leaf(2), leaf(1)
    (first,) = tenon.autograd.grad(x**3, x, create_graph=True)
    (second,) = tenon.autograd.grad(first, x)
    assert (first.item(), second.item()) == (12, 12) and x.grad is None
    with pytest.raises(RuntimeError):
        tenon.autograd.grad(x * 2, [unused])
    assert tenon.autograd.grad(x * 2, [unused], allow_unused=True) == (None,)
    assert tenon.autograd.grad(x * 2, [unused], materialize_grads=True)[0].tolist() == [0]


def test_only_gradients_that_are_asked_for_are_computed():
    # These ops have no gradient for their first input, in either library.
    def run(m, name, way):
        w = m.tensor([0.5, 3.0], dtype=m.float64, requires_grad=True)
        x = m.tensor([1.5, 2.0], dtype=m.float64, requires_grad=True)
        result = getattr(m.special, name)(w + 1, x * 2).sum()
        if way == "backward":
            return result.backward(inputs=[x]), x.grad, w.grad
        return m.autograd.grad(result, x if way == "one" else [x, w], create_graph=True)

    with comparisons() as check:
        for name in ("gammainc", "gammaincc", "zeta"):
            for way in ("one", "both", "backward"):
                check((name, way), lambda m, name=name, way=way: run(m, name, way), ulps=64)


def test_only_scalars_need_no_gradient():
    with pytest.raises(RuntimeError, match="scalar"):
        (leaf(1, 2) * 2).backward()
    with pytest.raises(TypeError):
        leaf(1).sum().backward(3)


def test_nodes_tell_their_names_and_inputs():
    x = leaf(1, 2)
    y = (x + x).exp()
    assert y.grad_fn.name() == "ExpBackward0" and y.grad_fn is y.grad_fn
    ((parent, number),) = y.grad_fn.next_functions
    assert parent.name() == "AddBackward0" and number == 0
    assert parent.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"
    assert x.grad_fn is None and x.is_leaf and not y.is_leaf


def test_an_edit_of_a_saved_tensor_is_noticed():
    x = leaf(1, 2)
    y = x * 2
    z = (y * y).sum()
    y += 1
    with pytest.raises(RuntimeError, match="in-?place"):
        z.backward()


def test_a_leaf_that_requires_grad_is_not_edited():
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match="leaf"):
        x += 1
    with tenon.no_grad():
        x += 1
    assert x.tolist() == [2, 3]


# --- modes


def test_modes_nest_and_decorate():
    assert tenon.is_grad_enabled()
    with tenon.no_grad():
        assert not tenon.is_grad_enabled()
        with tenon.enable_grad():
            assert tenon.is_grad_enabled()
        with tenon.set_grad_enabled(False):
            assert not tenon.is_grad_enabled()
    assert tenon.is_grad_enabled()

    @tenon.no_grad()
    def silent():
        return tenon.is_grad_enabled()

    @tenon.no_grad
    def silent_too():
        return tenon.is_grad_enabled()

    assert not silent() and not silent_too() and tenon.is_grad_enabled()


def test_a_decorated_generator_leaves_its_callers_mode_alone():
    @tenon.no_grad()
    def steps():
        for _ in range(2):
            yield tenon.is_grad_enabled()

    for inside in steps():
        assert not inside and tenon.is_grad_enabled()


def test_modes_end_with_exceptions():
    with pytest.raises(ValueError), tenon.no_grad():
        raise ValueError
    assert tenon.is_grad_enabled()


def test_modes_are_each_threads_own():
    seen = []
    with tenon.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tenon.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_inference_tensors_stay_outside_graphs():
    with tenon.inference_mode():
        x = tenon.ones(2)
        assert tenon.is_inference_mode_enabled()
    assert x.is_inference() and not tenon.is_inference_mode_enabled()
    with pytest.raises(RuntimeError):
        (leaf(1, 2) * x).sum()


# --- hooks


def test_hooks_see_and_replace_gradients_until_removed():
    x = leaf(1, 2)
    seen = []
    handle = x.register_hook(lambda grad: seen.append(grad.tolist()))
    doubled = x.register_hook(lambda grad: grad * 2)
    (x * 3).sum().backward()
    assert seen == [[3, 3]] and x.grad.tolist() == [6, 6]
    handle.remove()
    doubled.remove()
    handle.remove()
    (x * 3).sum().backward()
    assert seen == [[3, 3]] and x.grad.tolist() == [9, 9]


GRAPHS = {
    "square": lambda t, x: x**2,
    "product": lambda t, x: x * t.tensor([2.0, 3.0], requires_grad=True),
    "several outputs": lambda t, x: x.split(1)[1],
    "reduction": lambda t, x: (x.exp() + 1).sum(),
    "leaf": lambda t, x: x.exp().grad_fn.next_functions[0][0],
}
GRADIENTS = {
    "one": lambda t: (t.tensor([2.0, 3.0]),),
    "one number": lambda t: (t.tensor(2.0),),
    "two": lambda t: (t.tensor([2.0]), t.tensor([3.0])),
    "None": lambda t: (None,),
    "None and one": lambda t: (None, t.tensor([3.0])),
    "number": lambda t: (2.0,),
    "nothing": lambda t: (),
}


def test_nodes_are_of_a_type_of_their_name_and_can_be_called():
    with comparisons() as check:
        for graph, make in GRAPHS.items():

            def node(t, make=make):
                made = make(t, t.tensor([0.5, 0.25], requires_grad=True))
                return getattr(made, "grad_fn", made)

            check((graph, "type"), lambda t: type(node(t)).__name__)
            check((graph, "class"), lambda t: isinstance(node(t), t.autograd.graph.Node))
            check((graph, "variable"), lambda t: [hasattr(node(t), "variable"), hasattr(node(t), "no_such")])
            for given, gradients in GRADIENTS.items():
                # PyTorch does not look at the shapes.
                if (given == "one number") == (graph == "reduction") or given not in ("one", "one number"):
                    check((graph, given), lambda t: node(t)(*gradients(t)), ulps=1)
        check("accumulation", accumulated)
    with pytest.raises(RuntimeError, match="gradient 0 must be like the output"):
        (leaf(1, 2) ** 2).grad_fn(tenon.ones(3, dtype=tenon.float64))


def accumulated(t):
    x = t.tensor([0.5, 0.25], requires_grad=True)
    node = x.exp().grad_fn.next_functions[0][0]
    assert node.variable is x
    node(t.tensor([1.0, 2.0]))
    node(t.tensor([1.0, 2.0]))
    return x.grad


def test_metadata_of_nodes_lives_as_long_as_they_do():
    y = leaf(1) * 2
    assert y.grad_fn.metadata == {}
    y.grad_fn.metadata["note"] = mark = Mark()
    gc.collect()
    assert y.grad_fn.metadata == {"note": mark}
    alive = weakref.ref(mark)
    del y, mark
    assert alive() is None


class Mark:
    """What can be referred to weakly."""


def test_hooks_of_inner_tensors_nodes_and_leaves():
    x = leaf(1)
    y = x * 2
    y.retain_grad()
    order = []
    y.register_hook(lambda grad: order.append("tensor"))
    y.grad_fn.register_prehook(lambda grads: order.append("before"))
    y.grad_fn.register_hook(lambda inputs, outputs: order.append("after"))
    x.register_post_accumulate_grad_hook(lambda leaf: order.append(leaf.grad.item()))
    (y * 5).sum().backward()
    assert order == ["tensor", "before", "after", 10]
    assert y.grad.tolist() == [5]


def test_errors_of_hooks_arrive_as_they_were_raised():
    x = leaf(1)

    def bad(grad):
        raise KeyError("mine")

    x.register_hook(bad)
    with pytest.raises(KeyError, match="mine"):
        (x * 2).sum().backward()
    y = leaf(1)
    y.register_hook(lambda grad: "text")
    with pytest.raises(TypeError):
        (y * 2).sum().backward()


def test_saved_tensors_are_packed_and_unpacked():
    x = leaf(1, 2)
    packed = []

    def pack(tensor):
        packed.append(tensor)
        return len(packed) - 1

    with tenon.autograd.graph.saved_tensors_hooks(pack, lambda index: packed[index] * 10):
        y = x * x
    y.sum().backward()
    assert len(packed) == 2 and x.grad.tolist() == [20, 40]


def test_an_unpacked_tensor_must_be_of_the_shape_that_was_packed():
    x = leaf(1, 2, 3)
    with tenon.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor[:2]):
        y = x.tanh()
    with pytest.raises(RuntimeError, match=r"tanh: the unpack hook .* shape \[2\] .* packed had shape \[3\]"):
        y.sum().backward()


@pytest.mark.parametrize("dtype", [tenon.float32, tenon.float64])
def test_an_unpacked_tensor_may_have_other_strides_and_another_dtype(dtype):
    x = tenon.randn(4, 9).requires_grad_()
    classes = tenon.tensor([1, 2, 3, 4])
    (expected,) = tenon.autograd.grad(tenon.nn.functional.cross_entropy(x, classes), x)

    def unpack(tensor):
        wide = tensor.to(dtype) if tensor.is_floating_point() else tensor
        return wide.repeat_interleave(2, -1)[..., ::2] if wide.dim() > 0 else wide

    with tenon.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, unpack):
        loss = tenon.nn.functional.cross_entropy(x, classes)
    assert tenon.equal(tenon.autograd.grad(loss, x)[0], expected)


# --- custom functions


class Cube(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x**3 * scale

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        assert ctx.needs_input_grad == (True, False)
        return grad * 3 * x**2 * ctx.scale, None


class Split(Function):
    @staticmethod
    def forward(x):
        return x * 2, x.detach().round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, grad, nothing):
        assert nothing is None
        return grad * 2


class Increment(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        x.add_(1)
        return x

    @staticmethod
    def backward(ctx, grad):
        return grad


def test_custom_functions_differentiate_twice():
    x = leaf(2)
    y = Cube.apply(x, 5)
    assert y.grad_fn.name() == "CubeBackward" and y.item() == 40
    (first,) = tenon.autograd.grad(y, x, create_graph=True)
    (second,) = tenon.autograd.grad(first, x)
    assert (first.item(), second.item()) == (60, 60)


def test_custom_functions_with_a_separate_context():
    x = leaf(1.6)
    doubled, rounded = Split.apply(x)
    assert doubled.requires_grad and not rounded.requires_grad and rounded.item() == 2
    doubled.sum().backward()
    assert x.grad.tolist() == [2]


def test_custom_functions_may_edit_their_input():
    x = leaf(1, 2)
    y = x * 1
    z = Increment.apply(y)
    assert z is y and z.tolist() == [2, 3] and z.grad_fn.name() == "IncrementBackward"
    z.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_functions_without_gradient_record_nothing():
    with tenon.no_grad():
        assert not Cube.apply(leaf(1), 1).requires_grad
    assert not Cube.apply(tenon.tensor([1.0]), 1).requires_grad


def test_wrong_backwards_are_told():
    class Short(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, grad):
            return grad

    with pytest.raises(RuntimeError, match="incorrect number of gradients"):
        Short.apply(leaf(1), leaf(2)).backward()
    with pytest.raises(NotImplementedError):
        Function.apply(leaf(1))


def test_once_differentiable_refuses_the_second_time():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            return 2 * ctx.saved_tensors[0] * grad

    x = leaf(3)
    Once.apply(x).backward()
    assert x.grad.tolist() == [6]
    (first,) = tenon.autograd.grad(Once.apply(x), x, leaf(1), create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.backward()


def test_contexts_die_with_their_graph():
    class Probe:
        pass

    class Keeps(Function):
        @staticmethod
        def forward(ctx, x, probe):
            ctx.probe = probe
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad, None

    probe = Probe()
    reference = weakref.ref(probe)
    y = Keeps.apply(leaf(1), probe)
    del probe
    assert reference() is not None
    del y
    gc.collect()
    assert reference() is None


# --- checkpoints and anomalies


def test_checkpoints_run_forward_again():
    runs = []

    def function(x, weight):
        runs.append(1)
        return (x * weight).exp() * weight

    x, weight = leaf(0.1, 0.2), leaf(0.5, 0.6)
    function(x, weight).sum().backward()
    expected = x.grad.tolist(), weight.grad.tolist()
    x.grad = weight.grad = None
    runs.clear()
    y = checkpoint(function, x, weight, use_reentrant=False).sum()
    assert len(runs) == 1
    y.backward()
    assert len(runs) == 2 and (x.grad.tolist(), weight.grad.tolist()) == expected


def test_checkpoints_repeat_random_numbers():
    x = leaf(1, 2, 3)
    tenon.manual_seed(3)
    y = checkpoint(lambda x: x * tenon.rand(3, dtype=tenon.float64), x, use_reentrant=False)
    noise = y.detach() / x.detach()
    tenon.rand(5)
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx(noise.tolist())


def alternating(*functions):
    """A function that is another one each time it is called."""
    turns = iter(functions)
    return lambda x: next(turns)(x)


CHECKPOINTS = {
    "another shape": (lambda t: alternating(lambda x: (x * x).exp(), lambda x: (x[:1] * x[:1]).exp()), {}),
    "another dtype": (lambda t: alternating(lambda x: x.exp(), lambda x: x.float().exp()), {}),
    "fewer tensors": (lambda t: alternating(lambda x: x.exp().sin(), lambda x: x.exp()), {}),
    "more tensors": (lambda t: alternating(lambda x: x.exp(), lambda x: x.exp().sin()), {}),
    "more tensors, to the end": (
        lambda t: alternating(lambda x: x.exp(), lambda x: x.exp().sin()), {"early_stop": False}
    ),
    "another value": (lambda t: alternating(lambda x: x.exp(), lambda x: (2 * x).exp()), {}),
    "another shape, unchecked": (
        lambda t: alternating(lambda x: x.exp(), lambda x: x.sum(0, keepdim=True).exp()), {"determinism_check": "none"}
    ),
    "no such check": (lambda t: t.exp, {"determinism_check": "all"}),
    "debug": (lambda t: t.exp, {"debug": True}),
    "debug and contexts": (
        lambda t: t.exp, {"debug": True, "context_fn": lambda: (contextlib.nullcontext(), contextlib.nullcontext())}
    ),
}  # fmt: skip


def test_what_checkpoints_are_made_of_is_pytorchs():
    def detached(m):
        x = m.ones(2, requires_grad=True)
        found = m.utils.checkpoint.detach_variable((x * 2, m.zeros(1), 3))
        return [(t.requires_grad, t.is_leaf) for t in found[:2]], found[2]

    def states(m):
        with m.utils.checkpoint.set_checkpoint_debug_enabled(None):
            found = m.utils.checkpoint.get_device_states(m.ones(1), 2)
        return found, m.utils.checkpoint.set_device_states(*found)

    with comparisons() as check:
        check("detached", detached)
        check("no tuple", lambda m: m.utils.checkpoint.detach_variable([m.ones(1)]))
        check("states", states)
    for m in (tenon, torch):
        with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
            m.utils.checkpoint.check_backward_validity([m.ones(1), 2])
        kind = m.utils.checkpoint.DefaultDeviceType
        kind.set_device_type("cpu")
        assert kind.get_device_type() == "cpu"


def test_checkpoints_notice_what_pytorchs_notice():
    with comparisons() as check:
        for name, (make, options) in CHECKPOINTS.items():

            def code(t, make=make, options=options):
                x = t.tensor([0.5, 0.25], dtype=t.float64, requires_grad=True)
                checkpointed = t.utils.checkpoint.checkpoint
                checkpointed(make(t), x, use_reentrant=False, **options).sum().backward()
                return x.grad

            check(name, code, ulps=4)
    function = alternating(lambda x: x.exp().sin(), lambda x: x.exp())
    y = checkpoint(function, leaf(1), use_reentrant=False, debug=True)
    with pytest.raises(CheckpointError, match="made here(.|\n)*test_autograd.py"):
        y.backward()


def test_checkpoints_stop_when_all_is_there_and_run_in_their_contexts():
    for early_stop in (True, False):
        log = []

        def function(x):
            log.append("begin")
            y = x.exp()
            log.append("end")
            return y + 1

        @contextlib.contextmanager
        def noted(name):
            log.append(name)
            yield

        y = checkpoint(
            function,
            leaf(1),
            use_reentrant=False,
            context_fn=lambda: (noted("forward"), noted("again")),
            early_stop=early_stop,
        )
        y.backward()
        assert log == ["forward", "begin", "end", "again", "begin", "end"][: 5 if early_stop else 6]
        with set_checkpoint_early_stop(not early_stop):
            assert tenon.utils.checkpoint._stops_early is not early_stop


def test_anomaly_mode_names_the_forward_line():
    with tenon.autograd.detect_anomaly():
        x = leaf(-1)
        y = (x * 1).sqrt()  # this line
        with pytest.raises(RuntimeError, match="nan") as caught:
            y.sum().backward()
    assert "SqrtBackward0" in str(caught.value) and "this line" in str(caught.value)
    assert not tenon.is_anomaly_enabled()


def test_deep_graphs_run_and_die_without_recursion():
    x = y = tenon.ones(1, requires_grad=True)
    for _ in range(100_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1]


def test_threads_may_run_backward_at_once():
    x = tenon.rand(100, 100, dtype=tenon.float64).requires_grad_()
    threads = [threading.Thread(target=lambda: (x @ x).sum().backward()) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (once,) = tenon.autograd.grad((x @ x).sum(), x)
    assert (x.grad - 4 * once).abs().sum().item() < 1e-9


@pytest.mark.parametrize("view", [lambda x: x.view(4), lambda x: x[0:1].view(2), lambda x: tenon.view_as_complex(x)])
def test_an_edited_view_has_the_history_of_the_edit(view):
    x = tenon.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    new = view(tenon.full((2, 2), 5.0)).clone().requires_grad_()
    for edit in (lambda y: y.copy_(new), lambda y: y.mul_(0).add_(new)):
        seen = view(x.clone())
        edit(seen)
        to_x, to_new = tenon.autograd.grad((seen * new.detach().conj()).real.sum(), (x, new))
        assert to_x.tolist() == [[0, 0], [0, 0]]
        assert to_new.tolist() == new.tolist()


def test_a_view_that_is_a_leaf_is_not_edited_through_its_views():
    def leaf_view(m):
        view = m.ones(3, 3).t()
        return view.requires_grad_()

    edits = [
        lambda x: x.as_strided((3,), (4,)).fill_(2.0),
        lambda x: x.fill_diagonal_(2.0),
        lambda x: x[0].narrow(0, 1, 1).mul_(2.0),
        lambda x: x.zero_(),
    ]
    for edit in edits:
        for m in (torch, tenon):
            with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
                edit(leaf_view(m))
    x = tenon.ones(3, 3, requires_grad=True)
    y = (x * 2).t().requires_grad_()
    y[0].mul_(3.0)
    y.sum().backward()
    assert x.grad.tolist() == [[6.0, 2.0, 2.0]] * 3
    assert y.requires_grad and not y.is_leaf


def test_grad_and_backward_take_the_arguments_that_pytorchs_take():
    def penalty(m):
        x = m.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = (x**3).sum()
        (slope,) = m.autograd.grad(outputs=y, inputs=x, create_graph=True, retain_graph=True, only_inputs=True)
        slope.norm(2).backward()
        return slope.tolist(), x.grad.tolist()

    def named(m):
        net = {"weight": m.ones(2, requires_grad=True), "bias": m.zeros(2, requires_grad=True)}
        loss = (net["weight"] * 3 + net["bias"]).sum()
        found = m.autograd.grad(loss, net, retain_graph=True)
        m.autograd.backward(loss, inputs={"weight": net["weight"]}, retain_graph=True)
        loss.backward(inputs={"bias": net["bias"]})
        return {name: grad.tolist() for name, grad in found.items()}, [one.grad.tolist() for one in net.values()]

    def old_name(m, **also):
        x = m.ones(2, requires_grad=True)
        with pytest.warns(FutureWarning, match="grad_variables"):
            m.autograd.backward(x * 2, grad_variables=m.tensor([1.0, 3.0]), **also)
        return x.grad.tolist()

    def all_inputs(m):
        x = m.ones(2, requires_grad=True)
        with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
            return m.autograd.grad((x * 2).sum(), x, None, None, False, False)[0].tolist()

    with comparisons() as check:
        check("penalty", penalty)
        check("names", named)
        check("grad_variables", old_name)
        check("both", lambda m: old_name(m, grad_tensors=m.ones(2)))
        check("only_inputs=False", all_inputs)
        check("no dict", lambda m: m.autograd.grad(m.ones(1, requires_grad=True), types.MappingProxyType({})))
        check("no inputs", lambda m: m.ones(1, requires_grad=True).backward(inputs=[]))
        check("unused", lambda m: m.autograd.grad(
            m.ones(1, requires_grad=True), m.ones(1), allow_unused=False, materialize_grads=True))  # fmt: skip
