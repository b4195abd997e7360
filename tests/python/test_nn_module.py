"""nn.Module and the containers: one program run with torch.nn and with tenon.nn gives the same."""

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import pytest
import tenon
from compare import comparisons, outcome


def text(value):
    """What Tenon says, in PyTorch's name."""
    return str(value).replace("tenon", "torch")


def told(code, torch):
    """The message of the error that `code` raises."""
    error = outcome(code, torch)
    return text(error) if isinstance(error, Exception) else f"no error but {error}"


def model(torch):
    torch.manual_seed(3)
    nn = torch.nn
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(OrderedDict(inner=nn.Linear(4, 2, bias=False))))


def counter(torch):
    """A module with a parameter, a persistent buffer and one that is not."""

    class Counter(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(2))
            self.absent = None
            self.register_parameter("nothing", None)
            self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
            self.register_buffer("cache", torch.ones(3), persistent=False)
            self.register_buffer("empty", None)

        def forward(self, x):
            self.calls += 1
            return x * self.scale

    return Counter()


# --- parameters


def test_parameters_are_tensors_that_require_grad():
    with comparisons() as check:
        for name, code in {
            "repr": lambda torch: repr(torch.nn.Parameter(torch.arange(3.0))),
            "repr frozen": lambda torch: repr(torch.nn.Parameter(torch.arange(3.0), requires_grad=False)),
            "empty": lambda torch: torch.nn.Parameter(),
            "result": lambda torch: type(torch.nn.Parameter(torch.ones(2)) * 2) is torch.Tensor,
            "detached": lambda torch: type(torch.nn.Parameter(torch.ones(2)).detach()) is torch.Tensor,
            "data": lambda torch: type(torch.nn.Parameter(torch.ones(2)).data) is torch.Tensor,
            "integers": lambda torch: torch.nn.Parameter(torch.ones(2, dtype=torch.int64)),
            "integers, frozen": lambda torch: torch.nn.Parameter(torch.ones(2, dtype=torch.int64), False),
            "of a parameter": lambda torch: torch.nn.Parameter(torch.nn.Parameter(torch.ones(2))),
            "copy": lambda torch: copy.deepcopy(torch.nn.Parameter(torch.ones(2), False)),
            "pickle": lambda torch: pickle.loads(pickle.dumps(torch.nn.Parameter(torch.arange(4.0)))),
            "buffer": lambda torch: repr(torch.nn.Buffer(torch.ones(2))),
        }.items():
            check(name, code)

    def shared(torch):
        data = torch.zeros(2)
        parameter = torch.nn.Parameter(data)
        with torch.no_grad():
            parameter.add_(1)
        kinds = [isinstance(parameter, torch.nn.Parameter), isinstance(data, torch.nn.Parameter)]
        parameter.data = torch.full((3,), 2.0)
        kinds += [isinstance(parameter, torch.nn.Parameter), parameter.is_leaf]
        return data, parameter, kinds, pickle.loads(pickle.dumps(parameter)).requires_grad

    def attributes(torch):
        parameter = torch.nn.Parameter(torch.ones(2))
        parameter.note = "kept"
        memo = copy.deepcopy([parameter, parameter])
        return pickle.loads(pickle.dumps(parameter)).note, memo[0] is memo[1], type(memo[0]) is torch.nn.Parameter

    with comparisons() as check:
        check("shared", shared)
        check("attributes", attributes)


def test_other_tensor_types_can_be_parameters():
    def code(torch):
        class Own(torch.Tensor):
            pass

        parameter = torch.nn.Parameter(torch.ones(2).as_subclass(Own))
        module = torch.nn.Module()
        module.weight = parameter
        return (
            type(parameter) is Own,
            isinstance(parameter, torch.nn.Parameter),
            [n for n, _ in module.named_parameters()],
        )

    with comparisons() as check:
        check("subclass", code)


# --- registration


def test_registration():
    def listing(torch):
        module = counter(torch)
        module.child = torch.nn.Linear(1, 1)
        module.child = None
        module.second = torch.nn.Identity()
        module.second.deep = torch.nn.Linear(1, 2)
        return (
            [name for name, _ in module.named_parameters()],
            [name for name, _ in module.named_buffers()],
            [name for name, _ in module.named_modules()],
            [name for name, _ in module.named_children()],
            list(module.state_dict()),
            sorted(set(dir(module)) & {"scale", "calls", "cache", "second", "child", "forward", "empty"}),
        )

    def reassigned(torch):
        module = counter(torch)
        module.scale = None
        module.calls = torch.ones(1)
        module.cache = torch.zeros(2)
        module.absent = torch.nn.Parameter(torch.zeros(1))
        module.held = torch.nn.Buffer(torch.ones(1), persistent=False)
        del module.empty
        module.tensor = torch.ones(2)
        return list(module.state_dict()), list(dict(module.named_buffers())), "tensor" in module.__dict__

    with comparisons() as check:
        check("listing", listing)
        check("reassigned", reassigned)
    wrong = {
        "parameter": lambda m, torch: setattr(m, "scale", torch.ones(2)),
        "module": lambda m, torch: setattr(m, "part", 3),
        "buffer": lambda m, torch: setattr(m, "calls", "x"),
        "buffer taken": lambda m, torch: m.register_buffer("scale", torch.ones(1)),
        "buffer dot": lambda m, torch: m.register_buffer("a.b", torch.ones(1)),
        "buffer empty": lambda m, torch: m.register_buffer("", torch.ones(1)),
        "buffer number": lambda m, torch: m.register_buffer(3, torch.ones(1)),
        "parameter type": lambda m, torch: m.register_parameter("x", 3),
        "parameter tensor": lambda m, torch: m.register_parameter("x", torch.ones(1)),
        "parameter result": lambda m, torch: m.register_parameter("x", m.scale * 2),
        "parameter taken": lambda m, torch: m.register_parameter("forward", None),
        "module type": lambda m, torch: m.add_module("x", 3),
        "module dot": lambda m, torch: m.add_module("a.b", None),
        "module number": lambda m, torch: m.add_module(1, None),
        "missing": lambda m, torch: m.nowhere,
        "delete missing": lambda m, torch: delattr(m, "nowhere"),
        "arguments": lambda m, torch: torch.nn.Module(3),
        "keywords": lambda m, torch: torch.nn.Module(x=3),
        "forward": lambda m, torch: torch.nn.Module()(1),
        "mode": lambda m, torch: m.train(1),
    }
    with comparisons() as check:
        for name, act in wrong.items():

            def code(torch):
                module = counter(torch)
                module.part = torch.nn.Identity()
                return act(module, torch)

            check(name, code)
            if name not in ("buffer", "parameter type", "parameter tensor", "module", "parameter"):
                check(f"{name}, told", lambda torch: told(code, torch))


@pytest.mark.parametrize("value", ["parameter", "module", "buffer"])
def test_nothing_is_registered_before_init(value):
    def code(torch):
        class Late(torch.nn.Module):
            def __init__(self):
                if value == "parameter":
                    self.x = torch.nn.Parameter(torch.ones(1))
                elif value == "module":
                    self.x = torch.nn.Identity()
                else:
                    self.register_buffer("x", torch.ones(1))

        return Late()

    with comparisons() as check:
        check(value, code)
        check("told", lambda torch: told(code, torch))


def test_a_module_without_init_is_no_module():
    def code(torch):
        class Bare(torch.nn.Module):
            def __init__(self):
                pass

            def forward(self):
                return 1

        return Bare()()

    with comparisons() as check:
        check("call", code)


def test_call_super_init():
    def code(torch):
        class Other:
            def __init__(self, *args, **kwargs):
                self.got = args, sorted(kwargs)

        class Both(torch.nn.Module, Other):
            call_super_init = True

        return Both(1, a=2).got

    with comparisons() as check:
        check("super", code)


def test_lookups_by_path():
    with comparisons() as check:
        for kind, path in [
            ("submodule", ""), ("submodule", "2.inner"), ("submodule", "2.none"), ("submodule", "0.weight"),
            ("parameter", "0.weight"), ("parameter", "2.inner.weight"), ("parameter", "0.none"),
            ("parameter", "2.inner"), ("buffer", "0.weight"), ("buffer", "0.none"),
        ]:  # fmt: skip
            code = lambda torch: text(getattr(model(torch), f"get_{kind}")(path))
            check((kind, path), code)
            check((kind, path, "told"), lambda torch: told(code, torch))

    def replaced(torch):
        net = model(torch)
        net.set_submodule("2.inner", torch.nn.Identity())
        net.set_submodule("2.fresh", torch.nn.ReLU())
        return repr(net), told(lambda _: net.set_submodule("2.gone", torch.nn.ReLU(), strict=True), torch)

    with comparisons() as check:
        check("set", replaced)


def test_shared_parts_are_listed_once():
    def code(torch):
        shared = torch.nn.Linear(2, 2)
        net = torch.nn.ModuleList([shared, torch.nn.Sequential(shared)])
        net.extra = shared.weight
        return [
            [name for name, _ in net.named_parameters(prefix="p")],
            [name for name, _ in net.named_parameters(remove_duplicate=False)],
            [name for name, _ in net.named_modules(remove_duplicate=False)],
            [name for name, _ in net.named_parameters(recurse=False)],
            len(list(net.modules())), len(list(net.children())), len(list(net.buffers())),
        ]  # fmt: skip

    with comparisons() as check:
        check("shared", code)


def test_classes_may_find_attributes_in_their_own_way():
    def code(torch):
        class Base(torch.nn.Module):
            kind = "base"

            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.ones(1))
                self.number = 3
                self.part = torch.nn.ReLU()
                self.register_buffer("held", torch.zeros(1))

            @property
            def derived(self):
                return self.number + 1

            @property
            def broken(self):
                return self.nowhere

        class Forwarding(Base):
            def __getattr__(self, name):
                return "own" if name == "special" else super().__getattr__(name)

        class Intercepting(Base):
            def __getattribute__(self, name):
                return "own" if name == "number" else super().__getattribute__(name)

        class Hidden(Base):
            weight = "of the class"

        names = "kind weight number part held derived broken special nowhere __class__ forward".split()
        kinds = [Base, Forwarding, type("Below", (Forwarding,), {}), Intercepting, Hidden]
        seen = [[text(outcome(lambda _: getattr(kind(), name), torch)) for name in names[:-2]] for kind in kinds]
        module = Base()
        Base.__getattr__ = lambda self, name: name
        patched = [module.special, module.number, Hidden().nowhere]
        del Base.__getattr__
        return seen, patched, module.weight, told(lambda _: module.special, torch)

    with comparisons() as check:
        check("attributes", code)


# --- modes and conversions


def test_modes_gradients_and_conversions():
    def modes(torch):
        net = model(torch)
        before = [part.training for part in net.modules()]
        net.eval()
        net.requires_grad_(False)
        return before, [part.training for part in net.modules()], [p.requires_grad for p in net.parameters()]

    def zeroed(torch):
        net = model(torch)
        net(torch.ones(1, 3)).sum().backward()
        net.zero_grad(set_to_none=False)
        before = [p.grad for p in net.parameters()]
        net.zero_grad()
        return before, [p.grad for p in net.parameters()]

    def applied(torch):
        names = []
        net = model(torch)
        assert net.apply(lambda part: names.append(type(part).__name__)) is net
        return names

    def converted(convert):
        def code(torch):
            module = torch.nn.ModuleDict({"c": counter(torch), "l": torch.nn.Linear(2, 1)})
            identities = [id(p) for p in module.parameters()]
            module["l"](torch.ones(1, 2)).sum().backward()
            result = convert(module, torch)
            assert result is module and identities == [id(p) for p in module.parameters()]
            grads = [None if p.grad is None else p.grad for p in module.parameters()]
            kinds = [text(t.dtype) for t in [*module.parameters(), *module.buffers()]]
            return kinds, grads, [p.is_leaf and p.requires_grad for p in module.parameters()]

        return code

    with comparisons() as check:
        check("modes", modes)
        check("zeroed", zeroed)
        check("applied", applied)
        for name, convert in {
            "double": lambda m, torch: m.double(),
            "half": lambda m, torch: m.half(),
            "bfloat16": lambda m, torch: m.bfloat16(),
            "float": lambda m, torch: m.double().float(),
            "cpu": lambda m, torch: m.cpu(),
            "type": lambda m, torch: m.type(torch.float64),
            "to dtype": lambda m, torch: m.to(torch.float64),
            "to device": lambda m, torch: m.to("cpu"),
            "to both": lambda m, torch: m.to("cpu", torch.float64, True),
            "to keywords": lambda m, torch: m.to(device=torch.device("cpu"), dtype=torch.bfloat16),
            "to tensor": lambda m, torch: m.to(torch.ones(1, dtype=torch.float64)),
            "to tensor, named": lambda m, torch: m.to(tensor=torch.ones(1, dtype=torch.float64)),
            "to integers": lambda m, torch: m.to(torch.int64),
            "to nothing": lambda m, torch: m.to(),
            "to nonsense": lambda m, torch: m.to("cpu", "float"),
            "to a list": lambda m, torch: m.to([1]),
            "to unknown": lambda m, torch: m.to(foo=1),
        }.items():
            check(name, converted(convert))
        check("empty", lambda torch: [text(p.dtype) for p in model(torch).to_empty(device="cpu").parameters()])


def test_a_memory_format_is_that_of_four_and_five_dims():
    def code(torch):
        module = torch.nn.ParameterList([torch.ones(2, 3, 4, 4), torch.ones(2, 3), torch.ones(2, 3, 4, 4, 4)])
        strides = lambda: [p.stride() for p in module]
        module[0:2].to(memory_format=torch.channels_last)
        return strides()

    with comparisons() as check:
        check("channels last", code)


# --- copies


def test_copies_and_pickles_are_independent_and_equal():
    def code(through):
        def run(torch):
            net = model(torch)
            net[0].note = "kept"
            other = through(net)
            with torch.no_grad():
                net[0].weight.zero_()
            return repr(other), list(other.parameters()), other[0].note, other(torch.ones(2, 3)), other.training

        return run

    with comparisons() as check:
        check("deepcopy", code(copy.deepcopy))
        check("pickle", code(lambda net: pickle.loads(pickle.dumps(net))))

    def tied(torch):
        net = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)])
        net[1].weight = net[0].weight
        other = copy.deepcopy(net)
        return other[1].weight is other[0].weight, other[0].weight is net[0].weight

    with comparisons() as check:
        check("tied", tied)


def test_an_older_pickle_gets_what_it_lacks():
    def code(torch):
        module = torch.nn.Linear(1, 1)
        state = module.__getstate__()
        for name in ("_forward_hooks_with_kwargs", "_load_state_dict_post_hooks", "_non_persistent_buffers_set"):
            del state[name]
        other = torch.nn.Linear.__new__(torch.nn.Linear)
        other.__setstate__(state)
        return list(other.state_dict()), tuple(other(torch.ones(1, 1)).shape)

    with comparisons() as check:
        check("old", code)


def test_modules_are_freed():
    module = tenon.nn.Sequential(tenon.nn.Linear(2, 2))
    module.register_forward_hook(lambda *args: None)
    reference = weakref.ref(module[0].weight)
    del module
    gc.collect()
    assert reference() is None


# --- containers


def test_sequential():
    def edits(torch):
        nn = torch.nn
        net = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
        net.append(nn.Identity()).extend([nn.Linear(2, 3)]).insert(1, nn.Linear(2, 2)).insert(-1, nn.Identity())
        out = [repr(net), repr(net[1:3]), repr(net[-1]), len(net), repr(net + net[:1]), repr(net[:1] * 2)]
        del net[1]
        net[0] = nn.Identity()
        out += [repr(net), repr(net.pop(-1)), repr(net), repr(2 * net[:1])]
        net += nn.Sequential(nn.ReLU(inplace=True))
        net *= 2
        del net[::2]
        return out + [repr(net), [type(part).__name__ for part in net], list(net._modules)]

    wrong = {
        "index": lambda net, nn: net[9],
        "add": lambda net, nn: net + [nn.ReLU()],
        "times": lambda net, nn: net * 1.5,
        "times zero": lambda net, nn: net * 0,
        "insert": lambda net, nn: net.insert(9, nn.ReLU()),
        "insert type": lambda net, nn: net.insert(0, 3),
        "set": lambda net, nn: net.__setitem__(4, nn.ReLU()),
        "append": lambda net, nn: net.append(3),
        "constructor": lambda net, nn: nn.Sequential(nn.ReLU(), 3),
    }
    with comparisons() as check:
        check("edits", edits)
        for name, act in wrong.items():
            if name != "insert type":
                code = lambda torch: act(model(torch), torch.nn)
                check(name, code)
                check(f"{name}, told", lambda torch: told(code, torch))
        check("run", lambda torch: model(torch)(torch.ones(2, 3)))
        check("many arguments", lambda torch: model(torch)(torch.ones(2, 3), 1))
    with pytest.raises(AssertionError):
        model(tenon).insert(0, 3)


def test_sequential_takes_a_list():
    # The seeds' form.
    nn = tenon.nn
    assert repr(nn.Sequential([nn.Linear(1, 2), nn.ReLU()])) == repr(nn.Sequential(nn.Linear(1, 2), nn.ReLU()))
    assert len(nn.Sequential([])) == 0 and len(nn.Sequential((nn.ReLU(),))) == 1


def test_module_lists_and_dicts():
    def lists(torch):
        nn = torch.nn
        net = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
        out = [repr(net), repr(nn.ModuleList())]
        net += [nn.ReLU(), nn.Sequential(nn.ReLU())]
        net.append(nn.Sequential(nn.ReLU())).insert(0, nn.Identity())
        out += [repr(net), repr(net[1:3]), repr(net[-1]), len(net + [nn.ReLU()])]
        del net[0]
        del net[1:3]
        net[0] = nn.ReLU()
        out += [repr(net), repr(net.pop(0)), repr(net.pop(slice(0, 1))), list(net._modules), len(list(net))]
        return out + [
            told(lambda _: net[7], torch),
            told(lambda _: net.extend(3), torch),
            told(lambda _: net(1), torch),
        ]

    def dicts(torch):
        nn = torch.nn
        net = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(1, 1)})
        net["c"] = nn.Identity()
        net.update([("d", nn.ReLU()), ["a", nn.Identity()]])
        net.update(nn.ModuleDict({"e": nn.ReLU()}))
        out = [repr(net), list(net), list(net.keys()), [k for k, _ in net.items()], len(list(net.values()))]
        out += ["a" in net, "z" in net, repr(net.pop("b")), len(net), [name for name, _ in net.named_children()]]
        del net["a"]
        out += [told(lambda _: net["a"], torch), told(lambda _: net.update(3), torch)]
        out += [told(lambda _: net.update([3]), torch), told(lambda _: net.update([(1, 2, 3)]), torch)]
        net.clear()
        return out + [len(net), told(lambda _: net.update({"keys": nn.ReLU()}), torch)]

    with comparisons() as check:
        check("lists", lists)
        check("dicts", dicts)


def test_parameter_lists_and_dicts():
    def lists(torch):
        values = torch.nn.ParameterList([torch.ones(2), torch.nn.Parameter(torch.zeros(1), False), 3, "x"])
        values.append(torch.ones(1, 2)).extend([torch.ones(2, dtype=torch.float64)])
        values[0] = torch.zeros(2, 2)
        out = [text(repr(values)), len(values), list(values.state_dict()), repr(values[1:3]).count("Object"), values[2]]
        out += [[p.requires_grad for p in values.parameters()], values[-2], [type(v).__name__ for v in values]]
        return out + [told(lambda _: values[9], torch), told(lambda _: values.extend(torch.ones(1)), torch)]

    def dicts(torch):
        values = torch.nn.ParameterDict({"b": torch.ones(2), "a": 3})
        values["c"] = torch.nn.Parameter(torch.ones(1, 2))
        values.update([("d", torch.ones(1)), ("a", torch.zeros(1))])
        out = [
            text(repr(values)),
            list(values),
            list(reversed(values)),
            list(values.keys()),
            len(values),
            "a" in values,
        ]
        out += [[k for k, _ in values.items()], list(values.values()), values.get("z", 1), values.setdefault("y", 2)]
        out += [list(values | torch.nn.ParameterDict({"q": torch.ones(1)})), values.popitem(), values.pop("d")]
        values |= {"r": torch.ones(2)}
        out += [list(values.copy()), list(values.fromkeys(["u", "v"], 1).items()), list(values.state_dict())]
        out += [
            told(lambda _: values[3], torch).split(". ")[0].rstrip("."),
            told(lambda _: values.update(3), torch),
            told(lambda _: values(1), torch),
        ]
        values.clear()
        return out + [len(values)]

    with comparisons() as check:
        check("lists", lists)
        check("dicts", dicts)


def test_deprecated_container():
    def code(torch):
        return repr(torch.nn.Container(a=torch.nn.ReLU()))

    with comparisons() as check:
        check("container", code)
    with pytest.warns(FutureWarning):
        tenon.nn.Container()


# --- repr, names


def test_repr():
    def nested(torch):
        class Told(torch.nn.Module):
            def extra_repr(self):
                return "one\ntwo"

        class ToldOnce(Told):
            def extra_repr(self):
                return "one"

        parent = Told()
        parent.child = ToldOnce()
        parent.child.grandchild = torch.nn.Linear(1, 1)
        parent.nothing = None
        parent.empty = torch.nn.Module()
        return repr(parent), repr(Told()), repr(ToldOnce()), str(model(torch))

    with comparisons() as check:
        check("nested", nested)


def test_classes_are_where_pytorch_has_them():
    with comparisons() as check:
        for name in (
            "Module",
            "Linear",
            "Sequential",
            "ModuleList",
            "ParameterDict",
            "Parameter",
            "ReLU",
            "DataParallel",
        ):
            check(name, lambda torch: text(getattr(torch.nn, name).__module__) + getattr(torch.nn, name).__qualname__)


def test_star_import_and_dir():
    names = {}
    exec("from tenon.nn import *", names)
    assert {"Module", "Linear", "Parameter", "init", "functional"} <= set(names)
    assert {"Module", "Linear", "Parameter", "init", "functional", "utils"} <= set(dir(tenon.nn))
    with pytest.raises(AttributeError, match="Tenon lacks it"):
        tenon.nn.Nonesuch  # noqa: B018


def test_compile_is_accepted():
    net = model(tenon)
    net.compile(mode="reduce-overhead")
    assert net(tenon.ones(1, 3)).shape == (1, 2)


def test_data_parallel_runs_its_module():
    def code(torch):
        net = torch.nn.DataParallel(model(torch))
        return list(net.state_dict()), net(torch.ones(2, 3)), repr(net)

    with comparisons() as check:
        check("parallel", code)


# --- as functions


def test_modules_as_functions():
    def call(torch):
        net = model(torch)
        weights = {name: torch.full_like(p, 0.5) for name, p in net.named_parameters()}
        grads = torch.func.grad(lambda w: torch.func.functional_call(net, w, torch.ones(2, 3)).sum())(weights)
        return torch.func.functional_call(net, weights, torch.ones(2, 3)), grads["0.weight"], net[0].weight

    def stacked(torch):
        nets = [torch.nn.Linear(2, 3) for _ in range(3)]
        for i, net in enumerate(nets):
            torch.nn.init.constant_(net.weight, i)
            torch.nn.init.zeros_(net.bias)
        parameters, buffers = torch.func.stack_module_state(nets)
        run = lambda p, b, x: torch.func.functional_call(nets[0], (p, b), (x,))
        return torch.func.vmap(run, in_dims=(0, 0, None))(parameters, buffers, torch.ones(2, 2))

    def changed(torch):
        class Counting(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("calls", torch.zeros(1))

            def forward(self, x):
                self.calls = self.calls + 1
                return x + self.calls + getattr(self, "extra", 0)

        net, given = Counting(), {"calls": torch.full((1,), 5.0), "extra": torch.ones(1)}
        out = torch.func.functional_call(net, given, torch.zeros(1))
        return out, given["calls"], net.calls, hasattr(net, "extra")

    def parametrized(torch):
        net = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2, bias=False))
        weights = {name: torch.full_like(p, 2.0) for name, p in net.named_parameters()}
        return torch.func.functional_call(net, weights, torch.ones(1, 2))

    with comparisons() as check:
        check("changed", changed)
        check("parametrized", parametrized, ulps=4)
        check("call", call, ulps=4)
        check("stacked", stacked, ulps=4)
