"""The hooks of modules: which are called, when, with what, and what becomes of what they return."""

import copy
import pickle
import warnings

import pytest
import tenon
from compare import comparisons
from test_nn_module import model, text, told


def shapes(values):
    """What a hook got, so that it can be compared."""
    if isinstance(values, (tuple, list)):
        return tuple(shapes(value) for value in values)
    return tuple(values.shape) if hasattr(values, "shape") else values


def run(net, torch, requires_grad=True):
    """A call and its backward pass; returns the input's gradient."""
    x = torch.arange(6.0).reshape(2, 3).requires_grad_(requires_grad)
    net(x).sum().backward()
    return x.grad


def same(name, code):
    """Checks one program."""
    with comparisons() as check:
        check(name, code, ulps=4)


def test_forward_hooks():
    def order(torch):
        log, net = [], model(torch)
        for i, prepend in enumerate([False, True, False]):
            net.register_forward_pre_hook(lambda m, a: log.append((f"before{i}", shapes(a))), prepend=prepend)
            net.register_forward_hook(lambda m, a, r: log.append((f"after{i}", shapes(a), shapes(r))), prepend=prepend)
        net[0].register_forward_hook(lambda m, a, r: log.append("inner"))
        run(net, torch)
        return log

    def replace(torch):
        net = model(torch)
        net.register_forward_pre_hook(lambda m, a: a[0] * 2)
        net.register_forward_pre_hook(lambda m, a: (a[0] + 1,))
        net.register_forward_hook(lambda m, a, r: r * 3)
        return net(torch.ones(1, 3))

    def keywords(torch):
        class Scaled(torch.nn.Module):
            def forward(self, x, scale=1):
                return x * scale

        net, log = Scaled(), []
        net.register_forward_pre_hook(lambda m, a, k: (a, {**k, "scale": 5}), with_kwargs=True)
        net.register_forward_hook(lambda m, a, k, r: log.append((shapes(a), dict(k))), with_kwargs=True)
        first = net(torch.ones(2), scale=2)
        net.register_forward_pre_hook(lambda m, a, k: a, with_kwargs=True)
        return first, log, told(lambda _: net(torch.ones(2)), torch)[:70]

    def removed(torch):
        log, net = [], model(torch)
        first = net.register_forward_pre_hook(lambda m, a: log.append(1), with_kwargs=False)
        with net.register_forward_hook(lambda m, a, r: log.append(2)):
            run(net, torch)
        run(net, torch)
        first.remove()
        first.remove()
        run(net, torch)
        return log

    def always(torch):
        class Failing(torch.nn.Module):
            def forward(self, x):
                raise ValueError("no")

        log, net = [], Failing()
        net.register_forward_hook(lambda m, a, r: log.append(("never", r)))
        net.register_forward_hook(lambda m, a, r: log.append(("always", r)), always_call=True)
        net.register_forward_hook(lambda m, a, k, r: 1 / 0, always_call=True, with_kwargs=True)
        return told(lambda _: net(1), torch), log

    for code in (order, replace, keywords, removed, always):
        same(code.__name__, code)


def test_full_backward_hooks():
    def seen(torch):
        log, net = [], model(torch)
        for i, part in enumerate(net.modules()):
            part.register_full_backward_pre_hook(lambda m, go: log.append((i, "before", shapes(go))))
            part.register_full_backward_hook(lambda m, gi, go: log.append((i, "after", shapes(gi), shapes(go))))
        return run(net, torch), log, [p.grad for p in net.parameters()]

    def without_input(torch):
        log, net = [], model(torch)
        net.register_full_backward_hook(lambda m, gi, go: log.append((shapes(gi), shapes(go))))
        run(net, torch, requires_grad=False)
        return log

    def replaced(torch):
        net = model(torch)
        net[0].register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
        net[0].register_full_backward_pre_hook(lambda m, go: (go[0] + 1,), prepend=True)
        net[0].register_full_backward_hook(lambda m, gi, go: (gi[0] * 3,))
        return run(net, torch), net[0].weight.grad

    def several(torch):
        class Two(torch.nn.Module):
            def forward(self, x, n, y):
                return x * y, n, x + y

        log, net = [], Two()
        net.register_full_backward_hook(lambda m, gi, go: log.append((shapes(gi), shapes(go))))
        x, y = torch.ones(2, requires_grad=True), torch.ones(2)
        one, n, two = net(x, 3, y)
        one.sum().backward(retain_graph=True)
        (one * two).sum().backward()
        return log, x.grad, n

    def wrong(torch):
        net, other, third = model(torch), model(torch), model(torch)
        net.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
        other.register_full_backward_pre_hook(lambda m, go: ())
        third.register_full_backward_hook(lambda m, gi, go: (torch.ones(1),))
        return (
            told(lambda _: run(net, torch), torch),
            told(lambda _: run(other, torch), torch),
            told(lambda _: run(third, torch, requires_grad=False), torch),
            told(lambda _: net.register_backward_hook(print), torch),
        )

    def nothing_required(torch):
        log, net = [], model(torch).requires_grad_(False)
        net.register_full_backward_hook(lambda m, gi, go: log.append(1))
        with torch.no_grad():
            first = net(torch.ones(1, 3, requires_grad=True))
        return first, net(torch.ones(1, 3)).requires_grad, log

    for code in (seen, without_input, replaced, several, wrong, nothing_required):
        same(code.__name__, code)


def test_backward_hooks_at_the_last_node():
    def code(torch):
        log, net = [], torch.nn.ReLU()
        handle = net.register_backward_hook(lambda m, gi, go: log.append((type(m).__name__, shapes(gi), shapes(go))))
        net.register_backward_hook(lambda m, gi, go: (gi[0] * 2,))
        x = torch.ones(2, requires_grad=True)
        net(x * 3).sum().backward()
        handle.remove()
        net(x * 3).sum().backward()
        return log, x.grad, told(lambda _: net.register_full_backward_hook(print), torch)

    same("last node", code)


@pytest.mark.parametrize(
    "name, words",
    [("returns", "does not return"), ("takes", "does not take as input"), ("several", "multiple autograd Nodes")],
)
def test_backward_hooks_at_the_last_node_warn_of_what_they_miss(name, words):
    class Part(tenon.nn.Module):
        def forward(self, x, other=None):
            y = x * 2
            return {"returns": [y], "takes": y, "several": y + x}[name]

    part = Part()
    part.register_backward_hook(lambda m, gi, go: None)
    x = tenon.ones(2, requires_grad=True) * 1
    with pytest.warns(FutureWarning, match=words):
        part(x, 3) if name == "takes" else part(x)


def test_global_hooks():
    def code(torch):
        log, net, from_all = [], model(torch), torch.nn.modules.module
        note = lambda what: lambda module, *rest: log.append((what, type(module).__name__, shapes(rest)))
        handles = [
            from_all.register_module_forward_pre_hook(note("before")),
            from_all.register_module_forward_hook(note("after")),
            from_all.register_module_full_backward_pre_hook(note("backward before")),
            from_all.register_module_full_backward_hook(note("backward")),
        ]
        net.register_forward_hook(note("own"))
        grad = run(net, torch)
        refused = told(lambda _: from_all.register_module_backward_hook(print), torch)
        for handle in handles:
            handle.remove()
        run(net, torch)
        return log, grad, refused

    def registrations(torch):
        log, from_all = [], torch.nn.modules.module

        def note(what):
            return lambda module, name, value: log.append((what, type(module).__name__, name, type(value).__name__))

        handles = [
            from_all.register_module_buffer_registration_hook(note("buffer")),
            from_all.register_module_module_registration_hook(note("module")),
            from_all.register_module_parameter_registration_hook(note("parameter")),
            from_all.register_module_buffer_registration_hook(lambda m, n, v: v + 1),
        ]
        net = torch.nn.Sequential(torch.nn.Linear(1, 1))
        net.register_buffer("held", torch.zeros(1))
        for handle in handles:
            handle.remove()
        net.register_buffer("later", torch.zeros(1))
        return log, net.held, net.later

    def always(torch):
        class Failing(torch.nn.Module):
            def forward(self):
                raise ValueError("no")

        log = []
        hook = lambda m, a, k, r: log.append((a, k, r))
        with torch.nn.modules.module.register_module_forward_hook(lambda m, a, r: log.append(r), always_call=True):
            told(lambda _: Failing()(), torch)
        with torch.nn.modules.module.register_module_forward_hook(hook, with_kwargs=True):
            torch.nn.Identity()(3)
        return log

    for program in (code, registrations, always):
        same(program.__name__, program)


def calls_of(net, torch):
    """How often the hooks of a module, which count in an attribute of it, are called."""
    net(torch.ones(1, 3))
    return net.calls


def count(module, *rest):
    module.calls = getattr(module, "calls", 0) + 1


def test_hooks_are_copied_and_pickled_with_their_module():
    def code(torch):
        net = model(torch)
        handle = net.register_forward_hook(count)
        net.register_load_state_dict_pre_hook(count)
        others = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
        copied = pickle.loads(pickle.dumps(handle))
        handle.remove()
        copied.remove()
        found = [calls_of(other, torch) for other in others]
        for other in others:
            other.load_state_dict(net.state_dict())
        return found, [other.calls for other in others], hasattr(net, "calls")

    same("copies", code)


def test_a_hook_that_fails_is_told_where_it_was_called():
    def code(torch):
        net = model(torch)
        net[2].register_forward_pre_hook(lambda m, a: {}["missing"])
        return told(lambda _: run(net, torch), torch)

    same("error", code)


def test_a_silenced_error_of_a_hook_is_a_warning():
    class Failing(tenon.nn.Module):
        def forward(self):
            raise ValueError("no")

    net = Failing()
    net.register_forward_hook(lambda m, a, r: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="silenced"), pytest.raises(ValueError, match="no"):
        net()


def test_outputs_that_are_no_tensors_are_warned_of():
    class Listed(tenon.nn.Module):
        def forward(self, x):
            return [x]

    net = Listed()
    net.register_full_backward_hook(lambda m, gi, go: None)
    with pytest.warns(UserWarning, match="should be a Tensor or a tuple"):
        net(tenon.ones(1, requires_grad=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert text(model(tenon)(tenon.ones(1, 3)).dtype) == "torch.float32"
