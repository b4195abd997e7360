"""state_dict and load_state_dict: what is saved, how it is loaded, and what the reports say."""

from collections import OrderedDict

import pytest
import tenon
from compare import comparisons
from test_nn_module import counter, model, text, told


def test_a_state_holds_the_tensors_themselves():
    def code(torch):
        net = model(torch)
        state = net.state_dict()
        with torch.no_grad():
            net[0].weight.fill_(2)
        kept = net.state_dict(keep_vars=True)
        return [
            type(state).__name__, list(state), list(state.values()), dict(state._metadata),
            kept["0.weight"] is net[0].weight,
            list(net.state_dict(prefix="p.")), list(net.state_dict(destination=OrderedDict(a=1))),
            [v.requires_grad for v in state.values()], list(net.state_dict(OrderedDict(), "old.")),
        ]  # fmt: skip

    with comparisons() as check:
        check("model", code)
        check("buffers", lambda torch: list(counter(torch).state_dict().items()))


STATES = {
    "equal": lambda state, torch: state,
    "missing": lambda state, torch: {key: value for key, value in state.items() if key != "0.bias"},
    "unexpected": lambda state, torch: {**state, "7.weight": torch.ones(1), "0.more": torch.ones(1), "z": 1},
    "misshapen": lambda state, torch: {**state, "0.weight": torch.ones(4, 4), "0.bias": torch.ones(2)},
    "no tensor": lambda state, torch: {**state, "0.weight": [1, 2]},
    "all wrong": lambda state, torch: {"0.weight": torch.ones(1), "q": torch.ones(1)},
    "empty": lambda state, torch: {},
    "other dtype": lambda state, torch: {key: value.double() for key, value in state.items()},
    "no dict": lambda state, torch: 3,
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("options", [{}, {"strict": False}, {"assign": True}], ids=str)
def test_loading(name, options):
    def code(torch):
        source = {key: torch.full_like(value, 3) for key, value in model(torch).state_dict().items()}
        net = model(torch)
        before = [id(p) for p in net.parameters()]
        report = net.load_state_dict(STATES[name](source, torch), **options)
        same = [id(p) for p in net.parameters()] == before
        return repr(report), report.missing_keys, report.unexpected_keys, list(net.parameters()), same

    with comparisons() as check:
        check("loaded", code)
        check("told", lambda torch: told(code, torch))


def test_a_number_loads_from_one_element():
    def code(torch):
        module = counter(torch)
        module.load_state_dict({"scale": torch.ones(2), "calls": torch.tensor([5])})
        return module.calls

    with comparisons() as check:
        check("number", code)


def test_extra_state():
    def code(torch):
        class Extra(torch.nn.Module):
            def __init__(self, value):
                super().__init__()
                self.value = value

            def get_extra_state(self):
                return {"value": self.value}

            def set_extra_state(self, state):
                self.value = state["value"]

        first, second = torch.nn.Sequential(Extra(1)), torch.nn.Sequential(Extra(2))
        state = first.state_dict()
        second.load_state_dict(state)
        plain = torch.nn.Sequential(torch.nn.Identity())
        return [
            list(state), second[0].value, told(lambda _: second.load_state_dict({}), torch),
            told(lambda _: plain.load_state_dict(state), torch), repr(plain.load_state_dict(state, strict=False)),
        ]  # fmt: skip

    with comparisons() as check:
        check("extra", code)
    with pytest.raises(RuntimeError):
        tenon.nn.Module().get_extra_state()
    with pytest.raises(RuntimeError):
        tenon.nn.Module().set_extra_state(None)


def test_modules_load_their_older_versions():
    def code(torch):
        class Renamed(torch.nn.Module):
            _version = 2

            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(2))

            def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
                if local_metadata.get("version", 1) < 2:
                    state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
                super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

        net = torch.nn.Sequential(Renamed())
        own = net.state_dict()
        old = OrderedDict({"0.kernel": torch.ones(2)})
        old._metadata = {"": {"version": 1}, "0": {"version": 1}}
        net.load_state_dict(own)
        net.load_state_dict(old)
        return list(own._metadata.items()), net[0].weight, list(old)

    with comparisons() as check:
        check("renamed", code)


def test_hooks_on_states():
    def code(torch):
        log = []
        net = model(torch)
        net.register_state_dict_pre_hook(lambda module, prefix, keep: log.append(("before", prefix, keep)))
        net[0].register_state_dict_post_hook(
            lambda module, state, prefix, meta: state.update({prefix + "more": torch.ones(1)})
        )
        net._register_state_dict_hook(lambda module, state, prefix, meta: OrderedDict(state, added=torch.zeros(1)))
        state = net.state_dict()

        def drop(module, state_dict, prefix, meta, strict, missing, unexpected, errors):
            log.append(("load", type(module).__name__, prefix, sorted(state_dict), strict))
            state_dict.pop("added", None)
            state_dict.pop(prefix + "0.more", None)

        net.register_load_state_dict_pre_hook(drop)
        net[2]._register_load_state_dict_pre_hook(lambda state_dict, prefix, *rest: log.append(("inner", prefix)))
        handle = net.register_load_state_dict_post_hook(
            lambda module, keys: log.append(("after", list(keys.missing_keys), list(keys.unexpected_keys)))
        )
        report = repr(net.load_state_dict(state))
        handle.remove()
        net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
        lenient = repr(net.load_state_dict({}))
        return log, list(state), report, lenient

    def refused(torch):
        net = torch.nn.Linear(1, 1)
        hook = lambda *args: OrderedDict()
        net.register_state_dict_post_hook(hook)
        return told(lambda _: net.state_dict(), torch), told(lambda _: net._register_state_dict_hook(hook), torch)

    with comparisons() as check:
        check("hooks", code)
        check("refused", refused)
    net = tenon.nn.Linear(1, 1)
    net.register_load_state_dict_post_hook(lambda module, keys: 3)
    with pytest.raises(AssertionError):
        net.load_state_dict(net.state_dict())


def test_assigned_tensors_are_the_modules():
    def code(torch):
        net = model(torch)
        net[0].weight.requires_grad_(False)
        state = {key: torch.full_like(value, 2.0, dtype=torch.float64) for key, value in net.state_dict().items()}
        net.load_state_dict(state, assign=True)
        state["0.weight"].fill_(7)
        kinds = [isinstance(p, torch.nn.Parameter) for p in net.parameters()]
        return list(net.parameters()), kinds, text(net[0].weight.dtype)

    with comparisons() as check:
        check("assign", code)
