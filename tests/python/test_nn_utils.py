"""nn.utils: clipping, vectors of parameters, weight and spectral normalisation, fusion; as in torch.nn.utils."""

import warnings

import pytest
import tenon
from compare import comparisons
from test_nn_module import model, text, told


def with_grads(torch, scale=1.0):
    """A model whose parameters have gradients, but for one."""
    net = model(torch)
    (net(torch.arange(6.0).reshape(2, 3)) ** 2).sum().mul(scale).backward()
    net[0].bias.grad = None
    return net


def grads(net):
    return [p.grad for p in net.parameters()]


@pytest.mark.parametrize("norm_type", [2, 1, 3.0, float("inf"), 0, "inf"])
def test_clipping_by_the_norm(norm_type):
    def clip(scale, max_norm, **options):
        def code(torch):
            net = with_grads(torch, scale)
            total = torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm, norm_type, **options)
            return total, grads(net)

        return code

    def apart(torch):
        net = with_grads(torch)
        total = torch.nn.utils.get_total_norm([g for g in grads(net) if g is not None], norm_type)
        torch.nn.utils.clip_grads_with_norm_(net.parameters(), 0.3, total)
        return total, grads(net)

    with comparisons() as check:
        check("clipped", clip(1.0, 0.5), ulps=8)
        check("left", clip(1e-3, 1e6), ulps=8)
        check("foreach", clip(1.0, 0.5, foreach=False), ulps=8)
        check("infinite", clip(float("inf"), 0.5), ulps=8)
        check("infinite, refused", clip(float("inf"), 0.5, error_if_nonfinite=True))
        check("apart", apart, ulps=8)


def test_clipping_of_one_tensor_and_of_none():
    def code(torch):
        weight = torch.ones(3, requires_grad=True)
        (weight * 4).sum().backward()
        total = torch.nn.utils.clip_grad_norm_(weight, 1.0)
        none = torch.nn.utils.clip_grad_norm_([], 1.0)
        return total, weight.grad, none, torch.nn.utils.clip_grad_norm_([torch.ones(2)], 1.0)

    with comparisons() as check:
        check("one", code, ulps=4)
    with pytest.warns(UserWarning, match="empty generator"):
        tenon.nn.utils.clip_grad_norm_((p for p in ()), 1.0)
    with pytest.warns(FutureWarning):
        tenon.nn.utils.clip_grad_norm([], 1.0)


def test_clipping_values():
    def code(torch):
        net = with_grads(torch)
        torch.nn.utils.clip_grad_value_(net.parameters(), 0.2)
        return grads(net)

    with comparisons() as check:
        check("values", code, ulps=4)


def test_vectors_of_parameters():
    def code(torch):
        net = model(torch)
        vector = torch.nn.utils.parameters_to_vector(net.parameters())
        torch.nn.utils.vector_to_parameters(torch.arange(float(len(vector))), net.parameters())
        return vector, list(net.parameters())

    with comparisons() as check:
        check("vector", code)
        check("no tensor", lambda torch: torch.nn.utils.vector_to_parameters([1.0], model(torch).parameters()))


def layer(torch):
    torch.manual_seed(5)
    return torch.nn.Linear(3, 4)


def trained(net, torch):
    """Three steps of a module, and what they leave."""
    x = torch.arange(6.0).reshape(2, 3) / 5
    results = []
    for _ in range(3):
        net.zero_grad()
        loss = (net(x) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            for p in net.parameters():
                p.sub_(p.grad, alpha=0.1)
        results.append(loss)
    return results, list(net.state_dict()), list(net.state_dict().values()), net.eval()(x)


@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_weight_norm(dim):
    def hooked(torch):
        net = torch.nn.utils.weight_norm(layer(torch), dim=dim)
        kinds = [isinstance(net.weight, torch.nn.Parameter), sorted(name for name, _ in net.named_parameters())]
        again = told(lambda _: torch.nn.utils.weight_norm(net), torch)
        results = trained(net, torch)
        torch.nn.utils.remove_weight_norm(net)
        return (
            kinds,
            again,
            results,
            list(net.state_dict().items()),
            told(lambda _: torch.nn.utils.remove_weight_norm(net, "bias"), torch),
        )

    def parametrized(torch):
        net = torch.nn.utils.parametrizations.weight_norm(layer(torch), dim=dim)
        results = trained(net, torch)
        old = {"weight_g": torch.ones_like(net.parametrizations.weight.original0)}
        net.load_state_dict({**old, "weight_v": torch.ones(4, 3), "bias": torch.zeros(4)})
        first = net.weight
        torch.nn.utils.parametrize.remove_parametrizations(net, "weight")
        return results, first, list(net.state_dict().items()), isinstance(net.weight, torch.nn.Parameter)

    with comparisons() as check:
        check("hooked", hooked, ulps=64, scale=1.0)
        check("parametrized", parametrized, ulps=64, scale=1.0)


def test_norms_except_of_a_dim():
    with comparisons() as check:
        for dim in (-1, 0, 1, 2):
            code = lambda torch: torch.norm_except_dim(torch.arange(24.0).reshape(2, 3, 4), 2, dim)
            check(dim, code, ulps=4)
            if dim != 1:
                values = lambda torch: torch.arange(24.0).reshape(2, 3, 4) + 1
                check((dim, "scaled"), lambda torch: torch._weight_norm(values(torch), code(torch), dim), ulps=8)


@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_norm(iterations):
    def hooked(torch):
        net = torch.nn.utils.spectral_norm(layer(torch), n_power_iterations=iterations)
        again = told(lambda _: torch.nn.utils.spectral_norm(net), torch)
        results = trained(net, torch)
        state = net.state_dict()
        fresh = torch.nn.utils.spectral_norm(layer(torch))
        fresh.load_state_dict(state)
        first = fresh.eval()(torch.ones(1, 3))
        old = {"weight_orig": state["weight_orig"], "weight": state["weight_orig"] / 2.0, "bias": state["bias"]}
        fresh.load_state_dict({**old, "weight_u": state["weight_u"]})
        older = fresh.eval()(torch.ones(1, 3))
        missing = told(lambda _: fresh.load_state_dict({"bias": state["bias"]}), torch)
        torch.nn.utils.remove_spectral_norm(net)
        left = [len(net._state_dict_hooks), len(net._forward_pre_hooks)]
        return again, results, dict(state._metadata), first, older, missing, list(net.state_dict().items()), left

    def parametrized(torch):
        net = torch.nn.utils.parametrizations.spectral_norm(layer(torch), n_power_iterations=iterations)
        results = trained(net, torch)
        torch.nn.utils.parametrizations.spectral_norm(net, "bias")
        return results, net.bias

    with comparisons() as check:
        check("hooked", hooked, ulps=256, scale=1.0)
        check("parametrized", parametrized, ulps=256, scale=1.0)
        for code in (
            lambda torch: torch.nn.utils.spectral_norm(layer(torch), n_power_iterations=0),
            lambda torch: torch.nn.utils.remove_spectral_norm(layer(torch)),
            lambda torch: torch.nn.utils.parametrizations.spectral_norm(layer(torch), "none"),
            lambda torch: torch.nn.utils.parametrizations.spectral_norm(layer(torch), dim=5),
            lambda torch: torch.nn.utils.parametrizations.spectral_norm(layer(torch), n_power_iterations=0),
        ):
            check("refused", code)
            check("told", lambda torch: told(code, torch))


def test_deprecated_forms_warn():
    with pytest.warns(FutureWarning, match="parametrizations.weight_norm"):
        tenon.nn.utils.weight_norm(layer(tenon))
    with pytest.warns(FutureWarning, match="functional_call"):
        tenon.nn.utils.stateless.functional_call(layer(tenon), {}, tenon.ones(1, 3))
    with pytest.raises(RuntimeError, match="DataParallel"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tenon.nn.utils.stateless.functional_call(tenon.nn.DataParallel(layer(tenon)), {}, tenon.ones(1, 3))


def test_skipped_initialisation_draws_nothing():
    before = tenon.get_rng_state()
    net = tenon.nn.utils.skip_init(tenon.nn.Linear, 3, 4, dtype=tenon.float64)
    assert text(net.weight.dtype) == "torch.float64" and net.weight.shape == (4, 3) and net.weight.is_leaf
    assert (tenon.get_rng_state() == before).all()
    with pytest.raises(RuntimeError, match="device"):
        tenon.nn.utils.skip_init(tenon.nn.Sequential)
    with pytest.raises(RuntimeError, match="Expected a Module"):
        tenon.nn.utils.skip_init(int)


def test_gradients_of_convolutions():
    def code(torch):
        grad = torch.nn.grad
        x, w = torch.arange(48.0).reshape(1, 2, 4, 6), torch.arange(36.0).reshape(2, 2, 3, 3) - 9
        out = torch.nn.functional.conv2d(x, w, stride=2, padding=1)
        of_input = grad.conv2d_input(x.shape, w, torch.ones_like(out), stride=2, padding=1)
        return (
            of_input,
            grad.conv2d_weight(x, w.shape, torch.ones_like(out), stride=2, padding=1),
            grad.conv1d_input((1, 1, 5), torch.ones(1, 1, 2), torch.ones(1, 1, 4)),
        )

    with comparisons() as check:
        check("gradients", code, strides=False)


def test_factory_keywords():
    cases = [None, {"device": "cpu"}, {"dtype": 1, "factory_kwargs": {"device": 2}}, {"x": 1}]
    cases += [{"device": 1, "factory_kwargs": {"device": 2}}]
    with comparisons() as check:
        for given in cases:
            code = lambda torch: sorted(torch.nn.factory_kwargs(given).items())
            check(given, code)
            check((given, "told"), lambda torch: told(code, torch))


def test_what_needs_several_processes_is_refused():
    with pytest.raises(NotImplementedError, match="no process groups yet"):
        tenon.nn.parallel.DistributedDataParallel(layer(tenon))
    with pytest.raises(NotImplementedError, match="several devices"):
        tenon.nn.DataParallel(layer(tenon), device_ids=[0, 1])
    assert tenon.nn.parallel.data_parallel(layer(tenon), tenon.ones(2, 3)).shape == (2, 4)


def test_weights_in_another_memory_format():
    def code(torch):
        nn, utils = torch.nn, torch.nn.utils
        net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(3, 2, 2), nn.Conv3d(2, 3, 2))
        utils.convert_conv2d_weight_memory_format(net, torch.channels_last)
        utils.convert_conv3d_weight_memory_format(net, torch.channels_last_3d)
        return [part.weight.stride() for part in net]

    with comparisons() as check:
        check("format", code)


@pytest.mark.parametrize("bias", [True, False])
def test_fusion_with_batch_normalisation(bias):
    def normalised(torch, kind, features, x):
        norm = getattr(torch.nn, kind)(features)
        with torch.no_grad():
            for i, values in enumerate(norm.state_dict().values()):
                if values.is_floating_point():
                    values.copy_(torch.linspace(0.5, 1.5, features) + i / 4)
        return norm.eval()

    def fused(layer_kind, args, norm_kind, shape, transpose):
        def code(torch):
            torch.manual_seed(1)
            first = getattr(torch.nn, layer_kind)(*args, bias=bias).eval()
            x = torch.linspace(-1, 1, int(torch.Size(shape).numel())).reshape(shape)
            features = args[1]
            norm = normalised(torch, norm_kind, features, x)
            fuse = torch.nn.utils.fuse_linear_bn_eval if layer_kind == "Linear" else torch.nn.utils.fuse_conv_bn_eval
            both = fuse(first, norm, True) if transpose else fuse(first, norm)
            return list(both.state_dict().items()), both(x), (both(x) - norm(first(x))).abs().max() < 1e-5

        return code

    with comparisons() as check:
        check("conv", fused("Conv2d", (2, 3, 3), "BatchNorm2d", (1, 2, 4, 4), False), ulps=64, scale=1.0)
        check("transposed", fused("ConvTranspose1d", (2, 3, 3), "BatchNorm1d", (2, 2, 4), True), ulps=64, scale=1.0)
        check("linear", fused("Linear", (4, 3), "BatchNorm1d", (2, 4), False), ulps=64, scale=1.0)
    with pytest.raises(AssertionError, match="only for eval"):
        tenon.nn.utils.fuse_linear_bn_eval(tenon.nn.Linear(1, 1), tenon.nn.BatchNorm1d(1))
    with pytest.raises(AssertionError, match="num_features"):
        tenon.nn.utils.fuse_linear_bn_eval(tenon.nn.Linear(1, 2).eval(), tenon.nn.BatchNorm1d(3).eval())
