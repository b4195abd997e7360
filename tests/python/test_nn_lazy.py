"""Lazy modules: before, in and after the call that shapes them, as in torch.nn."""

import copy
import pickle

import pytest
from compare import comparisons
from test_nn_module import text, told

CASES = {
    "LazyLinear": ((4,), {}, (2, 3)),
    "LazyConv1d": ((4, 2), {}, (2, 3, 5)),
    "LazyConv2d": ((4, (2, 3), 1, 1), {"bias": False}, (2, 3, 5, 5)),
    "LazyConv3d": ((4, 2), {"groups": 2, "padding_mode": "circular", "padding": 1}, (2, 6, 3, 3, 3)),
    "LazyConvTranspose1d": ((4, 2), {"stride": 2}, (3, 5)),
    "LazyConvTranspose2d": ((4, 2, 2, 0, 1), {"groups": 2}, (2, 4, 3, 3)),
    "LazyConvTranspose3d": ((2, 2), {"dilation": 2}, (1, 3, 3, 3, 3)),
    "LazyBatchNorm1d": ((), {}, (4, 3)),
    "LazyBatchNorm2d": ((1e-3,), {"momentum": None}, (2, 3, 4, 4)),
    "LazyBatchNorm3d": ((), {"affine": False, "bias": False}, (2, 3, 2, 2, 2)),
    "LazyInstanceNorm1d": ((), {}, (2, 3, 4)),
    "LazyInstanceNorm2d": ((), {"track_running_stats": False}, (2, 3, 4, 4)),
    "LazyInstanceNorm3d": ((), {"affine": False}, (2, 3, 2, 2, 2)),
}


def made(torch, name, **more):
    args, kwargs, shape = CASES[name]
    torch.manual_seed(2)
    x = torch.linspace(-1, 1, int(torch.Size(shape).numel())).reshape(shape)
    return getattr(torch.nn, name)(*args, **kwargs, **more), x


@pytest.mark.parametrize("name", CASES)
def test_the_first_call_makes_it_what_it_becomes(name):
    def called(torch):
        net, x = made(torch, name)
        before = [repr(net), net.has_uninitialized_params(), [repr(p) for p in net.parameters()]]
        before += [list(net.state_dict())]
        first = net(x)
        after = [repr(net), type(net).__name__, list(net.state_dict().items()), len(net._forward_pre_hooks)]
        again = net(x)
        again.sum().backward()
        return before, first, after, again, [p.grad for p in net.parameters()]

    def loaded(torch):
        source, x = made(torch, name)
        source(x)
        target, x = made(torch, name)
        target.load_state_dict(source.state_dict())
        shaped = target.has_uninitialized_params()
        return shaped, target(x), type(target).__name__, repr(target)

    def copied(torch):
        net, x = made(torch, name)
        other = copy.deepcopy(net)
        third = pickle.loads(pickle.dumps(net))
        fourth, _ = made(torch, name)
        fourth.load_state_dict(net.state_dict())
        return [other.has_uninitialized_params(), third.has_uninitialized_params(), fourth.has_uninitialized_params()]

    def converted(torch):
        net, x = made(torch, name)
        net.double()
        net(x.double())
        return [text(p.dtype) for p in [*net.parameters(), *net.buffers()]]

    def refused(torch):
        net, x = made(torch, name)
        full, _ = made(torch, name)
        full(x)
        return told(lambda _: full.load_state_dict(net.state_dict()), torch)

    with comparisons() as check:
        for code in (called, loaded, copied, converted):
            check(code.__name__, code, ulps=64, scale=1.0)
        if name == "LazyLinear":
            check("refused", refused)


def test_within_a_model():
    def code(torch):
        torch.manual_seed(0)
        nn = torch.nn
        net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
        early = told(lambda _: net[3].weight + 1, torch)[:44], told(lambda _: net[3].weight.shape, torch)
        out = net(torch.ones(2, 3, 5, 5))
        out.sum().backward()
        return early, out, [tuple(p.grad.shape) for p in net.parameters()], repr(net)

    with comparisons() as check:
        check("model", code, ulps=64, scale=1.0)


def test_refusals():
    cases = {
        "unknown input": lambda torch: torch.nn.LazyConv2d(4, 3)(torch.ones(2, 3)),
        "groups": lambda torch: torch.nn.LazyConv2d(4, 3, groups=2)(torch.ones(2, 3, 5, 5)),
        "arguments": lambda torch: torch.nn.LazyConv2d(4),
        "other size": lambda torch: other_size(torch),
        "shared": lambda torch: torch.nn.LazyLinear(2).share_memory(),
    }

    def other_size(torch):
        net = torch.nn.LazyLinear(2)
        net.load_state_dict(torch.nn.Linear(3, 2).state_dict())
        try:
            net(torch.ones(1, 4))
        except AssertionError as error:
            return str(error)

    def without_rule(torch):
        class Own(torch.nn.modules.lazy.LazyModuleMixin, torch.nn.Module):
            pass

        return Own()(1)

    def incomplete(torch):
        class Own(torch.nn.modules.lazy.LazyModuleMixin, torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.UninitializedParameter()

            def initialize_parameters(self, x):
                pass

        return Own()(1)

    with comparisons() as check:
        for name, code in {**cases, "without rule": without_rule, "incomplete": incomplete}.items():
            check(name, code)
            if name != "arguments":
                check((name, "told"), lambda torch: told(code, torch))
