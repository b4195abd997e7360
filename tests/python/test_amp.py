"""tenon.amp against torch.amp on the CPU: which dtypes ops give, gradients, nesting, custom functions, scaling."""

import pickle
import warnings

import numpy
import pytest
import tenon
import torch

# Calls whose results must have PyTorch's dtypes, of inputs in float32, in bfloat16 and in float64.
CALLS = {
    "mm": lambda t, f, a, b: t.mm(a, b),
    "operator @": lambda t, f, a, b: a @ b,
    "method": lambda t, f, a, b: a.matmul(b),
    "bmm": lambda t, f, a, b: t.bmm(a[None], b[None]),
    "addmm": lambda t, f, a, b: t.addmm(a, a, b),
    "baddbmm": lambda t, f, a, b: t.baddbmm(a[None], a[None], b[None]),
    "linear": lambda t, f, a, b: f.linear(a, b, a[0]),
    "conv2d": lambda t, f, a, b: f.conv2d(a[None, None], b[None, None]),
    "conv1d": lambda t, f, a, b: t.conv1d(a[None], b[None]),
    "conv_transpose2d": lambda t, f, a, b: f.conv_transpose2d(a[None, None], b[None, None]),
    "einsum": lambda t, f, a, b: t.einsum("ij,jk->ik", a, b),
    "einsum without a sum": lambda t, f, a, b: t.einsum("i,j->ij", a[0], b[0]),
    "inner": lambda t, f, a, b: t.inner(a, b),
    "inner of vectors": lambda t, f, a, b: t.inner(a[0], b[0]),
    "dot": lambda t, f, a, b: t.dot(a[0], b[0]),
    "matrix_power": lambda t, f, a, b: t.matrix_power(a, 2),
    "first matrix_power": lambda t, f, a, b: t.matrix_power(a, 1),
    "bilinear": lambda t, f, a, b: f.bilinear(a, b, a.view(1, 4, 4)),
    "gru_cell": lambda t, f, a, b: t.gru_cell(a, b, t.cat([a, a, a]), t.cat([b, b, b])),
    "lstm_cell": lambda t, f, a, b: t.lstm_cell(a, (b, b), t.cat([a] * 4), t.cat([b] * 4)),
    "prelu": lambda t, f, a, b: f.prelu(a, b[0, :1]),
    "attention": lambda t, f, a, b: f.scaled_dot_product_attention(a[None], b[None], b[None]),
    "vecdot": lambda t, f, a, b: t.linalg.vecdot(a, b),
    "mv": lambda t, f, a, b: t.mv(a.float(), b[0].float()),
    "add": lambda t, f, a, b: a + b,
    "exp": lambda t, f, a, b: a.exp(),
    "softmax": lambda t, f, a, b: f.softmax(a, 1),
    "layer_norm": lambda t, f, a, b: f.layer_norm(a, (4,)),
    "sum": lambda t, f, a, b: a.sum(),
    "prod": lambda t, f, a, b: a.prod(),
    "trace": lambda t, f, a, b: a.trace(),
    "mse_loss": lambda t, f, a, b: f.mse_loss(a, b),
    "l1_loss": lambda t, f, a, b: f.l1_loss(a, b),
    "smooth_l1_loss": lambda t, f, a, b: f.smooth_l1_loss(a, b),
    "huber_loss": lambda t, f, a, b: f.huber_loss(a, b),
    "cross_entropy": lambda t, f, a, b: f.cross_entropy(a, t.tensor([0, 1, 2, 3])),
    "nll_loss": lambda t, f, a, b: f.nll_loss(a, t.tensor([0, 1, 2, 3])),
    "bce_with_logits": lambda t, f, a, b: f.binary_cross_entropy_with_logits(a, b.sigmoid()),
    "kl_div": lambda t, f, a, b: f.kl_div(a, b, reduction="sum"),
    "cdist": lambda t, f, a, b: t.cdist(a, b),
    "cat": lambda t, f, a, b: t.cat([a, b.float()]),
    "stack": lambda t, f, a, b: t.stack([a, b]),
    "inverse": lambda t, f, a, b: t.inverse(a + 4 * t.eye(4, dtype=a.dtype)),
    "fft": lambda t, f, a, b: t.fft.rfft(a),
    "in place": lambda t, f, a, b: a.clone().addmm_(a, b),
    "max_pool3d": lambda t, f, a, b: f.max_pool3d(a[None, None], (1, 2, 2)),
    "avg_pool2d": lambda t, f, a, b: f.avg_pool2d(a[None], 2),
}


def dtype_name(value):
    return str(value.dtype).rpartition(".")[2]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_results_have_pytorchs_dtypes(call, dtype):
    def run(t):
        a, b = (t.tensor(numpy.random.default_rng(seed).random((4, 4)), dtype=getattr(t, dtype)) for seed in (0, 1))
        try:
            with t.autocast("cpu", dtype=t.bfloat16):
                result = CALLS[call](t, t.nn.functional, a, b)
                return [dtype_name(part) for part in result] if isinstance(result, tuple) else dtype_name(result)
        except RuntimeError:
            return "error"

    assert run(tenon) == run(torch)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_step_of_training_is_pytorchs(dtype):
    def run(t):
        t.manual_seed(0)
        model = t.nn.Sequential(t.nn.Linear(8, 16), t.nn.ReLU(), t.nn.Linear(16, 4))
        x = t.arange(40.0).reshape(5, 8) / 40
        with t.amp.autocast("cpu", dtype=getattr(t, dtype)):
            out = model(x)
            loss = t.nn.functional.cross_entropy(out, t.tensor([0, 1, 2, 3, 0]))
        loss.backward()
        return dtype_name(out), dtype_name(loss), [loss.item(), *(p.grad.numpy() for p in model.parameters())]

    (out, loss, own), (their_out, their_loss, theirs) = run(tenon), run(torch)
    assert (out, loss) == (their_out, their_loss)
    for one, other in zip(own, theirs):
        numpy.testing.assert_allclose(one, other, rtol=0.03, atol=2e-3)


def test_regions_nest_and_can_be_left():
    a = tenon.ones(2, 2)
    with tenon.autocast("cpu", dtype=tenon.bfloat16):
        assert tenon.is_autocast_enabled("cpu")
        assert (a @ a).dtype is tenon.bfloat16
        with tenon.autocast("cpu", enabled=False):
            assert (a @ a).dtype is tenon.float32
            with tenon.autocast("cpu", dtype=tenon.float16):
                assert (a @ a).dtype is tenon.float16
        assert (a @ a).dtype is tenon.bfloat16
    assert not tenon.is_autocast_enabled("cpu")
    assert (a @ a).dtype is tenon.float32


def test_a_region_decorates_functions_and_ends_with_errors():
    @tenon.autocast("cpu")
    def product(a):
        if a is None:
            raise ValueError("nothing")
        return a @ a

    assert product(tenon.ones(2, 2)).dtype is tenon.bfloat16
    with pytest.raises(ValueError, match="nothing"):
        product(None)
    assert not tenon.is_autocast_enabled("cpu")


def test_other_threads_are_not_in_the_region():
    import threading

    found = []
    with tenon.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append((tenon.ones(2, 2) @ tenon.ones(2, 2)).dtype))
        thread.start()
        thread.join()
    assert found == [tenon.float32]


def test_a_weight_is_converted_once_in_a_region_and_again_when_it_changed():
    weight = tenon.ones(2, 2, requires_grad=True)
    x = tenon.ones(1, 2)
    with tenon.autocast("cpu"):
        first, second = x @ weight, x @ weight
        assert first.grad_fn.next_functions[1][0] is second.grad_fn.next_functions[1][0]
        with tenon.no_grad():
            weight.mul_(3)
        assert (x @ weight == 6).all()
    with tenon.autocast("cpu", cache_enabled=False):
        first, second = x @ weight, x @ weight
        assert first.grad_fn.next_functions[1][0] is not second.grad_fn.next_functions[1][0]
    (first.sum() + second.sum()).backward()
    assert weight.grad.dtype is tenon.float32
    assert (weight.grad == 2).all()


def test_wrong_regions_are_refused_or_switched_off():
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'toaster'"):
        tenon.autocast("toaster")
    with pytest.raises(ValueError, match="of type `str`"):
        tenon.autocast(3)
    with pytest.raises(TypeError, match="requires a callable"):
        tenon.autocast("cpu")(3)
    with pytest.warns(UserWarning, match="Disabling autocast"), tenon.autocast("cpu", dtype=tenon.float64):
        assert (tenon.ones(2, 2) @ tenon.ones(2, 2)).dtype is tenon.float32


def custom_function(t, cast_inputs):
    class Product(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            seen.append((dtype_name(a), dtype_name(a @ b)))
            return a @ b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append(dtype_name(t.ones(2, 2) @ t.ones(2, 2)))
            return (g.to(b.dtype) @ b.t()), (a.t() @ g.to(a.dtype))

    Product.forward = staticmethod(t.amp.custom_fwd(Product.forward, device_type="cpu", cast_inputs=cast_inputs))
    Product.backward = staticmethod(t.amp.custom_bwd(Product.backward, device_type="cpu"))
    seen = []
    a = t.ones(2, 2, requires_grad=True)
    with t.autocast("cpu", dtype=t.bfloat16):
        out = Product.apply(a, a)
    out.sum().backward()
    return seen, dtype_name(out), dtype_name(a.grad)


@pytest.mark.parametrize("dtype", [None, "float32", "float16"])
def test_custom_functions_see_what_they_ask_for(dtype):
    own, theirs = (custom_function(t, dtype and getattr(t, dtype)) for t in (tenon, torch))
    assert own == theirs


def scaled_run(t, steps, **options):
    scaler = t.amp.GradScaler("cpu", init_scale=4.0, growth_interval=3, **options)
    param = t.tensor([1.0, 2.0], requires_grad=True)
    optimizer = t.optim.SGD([param], lr=0.1)
    rows = []
    for i in range(steps):
        optimizer.zero_grad()
        loss = (param * param).sum() * (float("inf") if i in (4, 5, 9) else 1.0)
        scaler.scale(loss).backward()
        if i % 2:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        rows.append((scaler.get_scale(), scaler.state_dict(), param.detach().numpy().tolist()))
    return rows, scaler


def test_scales_grow_and_shrink_as_pytorchs():
    for own, theirs in zip(scaled_run(tenon, 20)[0], scaled_run(torch, 20)[0], strict=True):
        assert own[:2] == theirs[:2]
        numpy.testing.assert_allclose(own[2], theirs[2], rtol=1e-6)
    for enabled in (True, False):
        options = {"enabled": enabled, "growth_factor": 3.0, "backoff_factor": 0.25}
        own, theirs = (scaled_run(t, 12, **options)[1].state_dict() for t in (tenon, torch))
        assert own == theirs


def test_scalers_save_load_and_pickle():
    _, scaler = scaled_run(tenon, 5)
    again = pickle.loads(pickle.dumps(scaler))
    assert again.state_dict() == scaler.state_dict()
    other = tenon.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})


def test_scalers_refuse_calls_out_of_order():
    for t in (tenon, torch):
        scaler = t.amp.GradScaler("cpu")
        param = t.ones(2, requires_grad=True)
        optimizer = t.optim.SGD([param], lr=0.1)
        with pytest.raises(AssertionError, match="_scale is None"):
            scaler.step(optimizer)
        scaler.scale(param.sum()).backward()
        scaler.unscale_(optimizer)
        with pytest.raises(RuntimeError, match="already been called"):
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        with pytest.raises(RuntimeError, match="already been called"):
            scaler.step(optimizer)
        scaler.update(8.0)
        assert scaler.get_scale() == 8


def test_older_names_and_cuda_without_a_device():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with tenon.cpu.amp.autocast():
            assert (tenon.ones(2, 2) @ tenon.ones(2, 2)).dtype is tenon.bfloat16
        assert tenon.cpu.amp.GradScaler(init_scale=2.0).get_scale() == 2.0
        scaler = tenon.cuda.amp.GradScaler()
        assert scaler.is_enabled() == tenon.cuda.is_available()
        with tenon.cuda.amp.autocast():
            assert tenon.is_autocast_enabled("cuda") == tenon.cuda.is_available()
