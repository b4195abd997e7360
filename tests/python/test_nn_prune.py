"""Pruning, as in torch.nn.utils.prune: masks, containers of several methods, errors."""

import pytest
import tenon.nn.utils.prune  # noqa: F401
import torch.nn.utils.prune  # noqa: F401
from compare import comparisons
from test_nn_module import told
from test_nn_utils import layer, trained

METHODS = {
    "identity": lambda p, net: p.identity(net, "weight"),
    "random": lambda p, net: p.random_unstructured(net, "weight", 0.4),
    "random count": lambda p, net: p.random_unstructured(net, "weight", 3),
    "l1": lambda p, net: p.l1_unstructured(net, "weight", 0.5),
    "l1 none": lambda p, net: p.l1_unstructured(net, "weight", 0),
    "structured": lambda p, net: p.random_structured(net, "weight", 2, dim=0),
    "structured none": lambda p, net: p.random_structured(net, "weight", 0, dim=1),
    "norm": lambda p, net: p.ln_structured(net, "weight", 0.4, n=2, dim=1),
    "norm rows": lambda p, net: p.ln_structured(net, "weight", 2, n=float("inf"), dim=-2),
}


@pytest.mark.parametrize("first", METHODS)
@pytest.mark.parametrize("second", [None, "l1", "norm", "random"])
def test_methods_alone_and_after_each_other(first, second):
    def code(torch):
        prune = torch.nn.utils.prune
        net = METHODS[first](prune, layer(torch))
        if second:
            METHODS[second](prune, net)
        hooks = [type(hook).__name__ for hook in net._forward_pre_hooks.values()]
        out = [net.weight, net.weight_mask, hooks, prune.is_pruned(net), trained(net, torch)]
        prune.remove(net, "weight")
        return out + [list(net.state_dict().items()), prune.is_pruned(net), isinstance(net.weight, torch.nn.Parameter)]

    with comparisons() as check:
        check("pruned", code, ulps=32, scale=1.0)


def test_scores_masks_and_all_parameters_together():
    def scores(torch):
        net = layer(torch)
        torch.nn.utils.prune.l1_unstructured(net, "bias", 2, importance_scores=torch.tensor([3.0, 1.0, 2.0, 0.0]))
        torch.nn.utils.prune.custom_from_mask(net, "weight", torch.eye(4, 3))
        torch.nn.utils.prune.custom_from_mask(net, "weight", torch.eye(4, 3).flip(0))
        return net.bias, net.weight, net.weight_mask, len(list(net._forward_pre_hooks.values())[1])

    def together(torch):
        prune, net = torch.nn.utils.prune, torch.nn.Sequential(layer(torch), torch.nn.Linear(4, 2))
        places = [(net[0], "weight"), (net[1], "weight"), (net[1], "bias")]
        prune.global_unstructured(places, prune.L1Unstructured, amount=0.5)
        prune.global_unstructured(places, prune.RandomUnstructured, amount=3)
        return [getattr(module, name) for module, name in places], [module.weight_mask for module in net]

    def plain(torch):
        method = torch.nn.utils.prune.L1Unstructured(amount=2)
        values = torch.tensor([3.0, -1.0, 2.0, 0.5])
        return method.prune(values), method.prune(values, importance_scores=-values)

    with comparisons() as check:
        check("scores", scores)
        check("together", together)
        check("plain", plain)


def test_refusals():
    cases = {
        "amount": lambda p, net, torch: p.l1_unstructured(net, "weight", 1.5),
        "negative": lambda p, net, torch: p.l1_unstructured(net, "weight", -1),
        "text": lambda p, net, torch: p.l1_unstructured(net, "weight", "x"),
        "too many": lambda p, net, torch: p.l1_unstructured(net, "weight", 99),
        "vector": lambda p, net, torch: p.ln_structured(net, "bias", 1, 2, 0),
        "dim": lambda p, net, torch: p.random_structured(net, "weight", 1, 4),
        "missing": lambda p, net, torch: p.identity(net, "none"),
        "remove": lambda p, net, torch: p.remove(net, "weight"),
        "type": lambda p, net, torch: p.PruningContainer().add_pruning_method(3),
        "global": lambda p, net, torch: p.global_unstructured(3, p.L1Unstructured, amount=1),
        "global kind": lambda p, net, torch: p.global_unstructured(
            [(net, "weight")], p.LnStructured, amount=1, n=2, dim=0
        ),
        "global scores": lambda p, net, torch: p.global_unstructured(
            [(net, "weight")], p.L1Unstructured, [1], amount=1
        ),
    }
    with comparisons() as check:
        for name, act in cases.items():

            def code(torch):
                net = layer(torch)
                error = told(lambda _: act(torch.nn.utils.prune, net, torch), torch)
                return error if name != "global kind" else error.split(" Found")[0], sorted(net.state_dict())

            check(name, code)
            check((name, "kind"), lambda torch: act(torch.nn.utils.prune, layer(torch), torch))
