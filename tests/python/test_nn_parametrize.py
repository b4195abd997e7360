"""Parametrizations: registered, trained, cached, removed and transferred as in torch.nn.utils.parametrize."""

import copy
import pickle

import pytest
from compare import comparisons
from test_nn_module import text, told
from test_nn_utils import layer, trained


def parts(torch):
    """Parametrizations of several kinds."""

    class Symmetric(torch.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).mT

        def right_inverse(self, x):
            return x.triu()

    class Doubled(torch.nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, x):
            return x / 2

    class OneWay(torch.nn.Module):
        def forward(self, x):
            return x.tanh()

    class Sum(torch.nn.Module):
        def forward(self, a, b):
            return a + b

        def right_inverse(self, x):
            return x * 0.25, x * 0.75

    class Wrong(torch.nn.Module):
        def forward(self, x):
            return x.sum()

    return dict(symmetric=Symmetric(), doubled=Doubled(), one_way=OneWay(), sum=Sum(), wrong=Wrong())


def square(torch):
    torch.manual_seed(1)
    return torch.nn.Linear(3, 3)


@pytest.mark.parametrize(
    "names", [["symmetric"], ["doubled"], ["one_way"], ["sum"], ["doubled", "symmetric"], ["sum", "doubled"]]
)
def test_a_parametrized_module_is_seen_trained_and_restored(names):
    def code(torch):
        p = torch.nn.utils.parametrize
        net, made = square(torch), parts(torch)
        for name in names:
            assert p.register_parametrization(net, "weight", made[name]) is net
        out = [type(net).__name__, p.is_parametrized(net), p.is_parametrized(net, "bias"), text(repr(net)), net.weight]
        out += [p.type_before_parametrizations(net) is torch.nn.Linear, [n for n, _ in net.named_parameters()]]
        out += [trained(net, torch)]
        other = copy.deepcopy(net)
        other.load_state_dict(net.state_dict())
        out += [other.weight, type(other) is type(net), told(lambda _: pickle.dumps(net), torch)[:90]]
        if "one_way" not in names:
            net.weight = torch.eye(3)
            out += [net.weight, list(net.state_dict().values())]
        else:
            out += [told(lambda _: setattr(net, "weight", torch.eye(3)), torch)]
        p.remove_parametrizations(net, "weight", leave_parametrized=True)
        out += [
            type(net) is torch.nn.Linear,
            list(net.state_dict().items()),
            isinstance(net.weight, torch.nn.Parameter),
        ]
        return out + [other(torch.ones(1, 3)), p.is_parametrized(net), hasattr(net, "parametrizations")]

    with comparisons() as check:
        check("program", code, ulps=64, scale=1.0)


def test_originals_can_be_left():
    def code(torch):
        p = torch.nn.utils.parametrize
        net = square(torch)
        p.register_parametrization(net, "weight", parts(torch)["doubled"])
        p.register_parametrization(net, "bias", parts(torch)["doubled"])
        p.remove_parametrizations(net, "weight", leave_parametrized=False)
        still = p.is_parametrized(net)
        p.remove_parametrizations(net, "bias")
        return net.weight, still, net.bias, list(net.state_dict())

    with comparisons() as check:
        check("left", code)


def test_buffers_can_be_parametrized():
    def code(torch):
        net = torch.nn.Module()
        net.register_buffer("held", torch.ones(2))
        torch.nn.utils.parametrize.register_parametrization(net, "held", parts(torch)["doubled"])
        before = list(net.state_dict().items())
        torch.nn.utils.parametrize.remove_parametrizations(net, "held")
        return before, net.held, list(net.named_buffers())

    with comparisons() as check:
        check("buffer", code)


def test_caching_computes_once():
    def code(torch):
        p = torch.nn.utils.parametrize
        net = p.register_parametrization(square(torch), "weight", parts(torch)["doubled"])
        apart = net.weight is net.weight
        with p.cached():
            first = net.weight
            with p.cached():
                inside = net.weight is first
            once = net.weight is first
        return apart, inside, once, net.weight is first

    with comparisons() as check:
        check("cached", code)


def test_parametrizations_are_transferred():
    def code(torch):
        p = torch.nn.utils.parametrize
        source, target = square(torch), torch.nn.Linear(3, 3)
        p.register_parametrization(source, "weight", parts(torch)["doubled"])
        p.register_parametrization(source, "bias", parts(torch)["sum"])
        p.transfer_parametrizations_and_params(source, target)
        same = target.parametrizations.weight.original is source.parametrizations.weight.original
        one = p.transfer_parametrizations_and_params(source, torch.nn.Module(), "weight")
        plain = p.transfer_parametrizations_and_params(square(torch), torch.nn.Module())
        return target.weight, target.bias, same, list(one.state_dict()), list(plain.state_dict())

    with comparisons() as check:
        check("transferred", code)


def test_refusals():
    def register(name, tensor="weight", then=None):
        def code(torch):
            net = layer(torch)
            torch.nn.utils.parametrize.register_parametrization(net, tensor, parts(torch)[name])
            if then:
                torch.nn.utils.parametrize.register_parametrization(net, tensor, parts(torch)[then])

        return code

    class Inverse:
        def __init__(self, make):
            self.make = make

        def __call__(self, torch):
            outer = self

            class Own(torch.nn.Module):
                def forward(self, *x):
                    return x[0]

                def right_inverse(self, x):
                    return outer.make(x)

            torch.nn.utils.parametrize.register_parametrization(layer(torch), "weight", Own())

    p = lambda torch: torch.nn.utils.parametrize
    cases = {
        "shape": register("wrong"),
        "shape later": register("doubled", then="wrong"),
        "missing": register("doubled", "none"),
        "inverse none": Inverse(lambda x: None),
        "inverse dtype": Inverse(lambda x: x.double()),
        "inverse list": Inverse(lambda x: [x, 3]),
        "remove": lambda torch: p(torch).remove_parametrizations(layer(torch), "weight"),
        "leave": lambda torch: p(torch).remove_parametrizations(
            p(torch).register_parametrization(layer(torch), "weight", parts(torch)["sum"]),
            "weight",
            leave_parametrized=False,
        ),
        "empty": lambda torch: p(torch).ParametrizationList([], torch.ones(1)),
    }
    with comparisons() as check:
        for name, code in cases.items():
            check(name, code)
            if name != "missing":
                check((name, "told"), lambda torch: told(code, torch))
        check(
            "unsafe",
            lambda torch: (
                p(torch).register_parametrization(layer(torch), "weight", parts(torch)["wrong"], unsafe=True).weight
            ),
            ulps=8,
        )


@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivial", [True, False])
@pytest.mark.parametrize("size", [(3, 3), (5, 3), (3, 5)], ids=str)
def test_orthogonal(orthogonal_map, trivial, size):
    def code(torch):
        torch.manual_seed(4)
        net = torch.nn.Linear(size[1], size[0], dtype=torch.float64)
        torch.nn.init.orthogonal_(net.weight)
        torch.nn.utils.parametrizations.orthogonal(net, "weight", orthogonal_map, use_trivialization=trivial)
        first = net.weight
        x = torch.arange(2.0 * size[1], dtype=torch.float64).reshape(2, size[1])
        (net(x) ** 3).sum().backward()
        grads = [q.grad for q in net.parameters()]
        with torch.no_grad():
            for q in net.parameters():
                q.sub_(q.grad, alpha=1e-4)
        second = net.weight
        square = second.mT @ second if size[0] >= size[1] else second @ second.mT
        random = trivial and size[0] != size[1]
        # A base completed at random depends on the decomposition, not only on the numbers drawn.
        result = [] if random else [first, grads, second]
        return result + [
            list(net.state_dict()),
            (square - torch.eye(min(size), dtype=torch.float64)).abs().max() < 1e-12,
        ]

    def assigned(torch):
        net = torch.nn.Linear(3, 3, dtype=torch.float64)
        torch.nn.utils.parametrizations.orthogonal(net, "weight", orthogonal_map, use_trivialization=trivial)
        net.weight = torch.eye(3, dtype=torch.float64).flip(0)
        return net.weight

    with comparisons() as check:
        check("orthogonal", code, ulps=1 << 14, scale=1.0, strides=False)
        check("assigned", assigned, ulps=1 << 8, scale=1.0, strides=False)
        check("unknown", lambda torch: torch.nn.utils.parametrizations.orthogonal(layer(torch), orthogonal_map="q"))
        check("vector", lambda torch: torch.nn.utils.parametrizations.orthogonal(layer(torch), "bias"))
        check("none", lambda torch: torch.nn.utils.parametrizations.orthogonal(layer(torch), "none"))
