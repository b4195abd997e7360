"""autograd.functional and gradcheck compared with PyTorch's, with their options and errors."""

import pytest
import tenon
import torch
from compare import comparisons
from tenon.autograd import gradcheck, gradgradcheck
from tenon.autograd.functional import jacobian
from tenon.autograd.gradcheck import GradcheckError


def numbers(t, *shape, grad=False):
    values = torch.linspace(-1, 1.5, int(torch.Size(shape).numel()), dtype=torch.float64).reshape(shape) ** 2 + 0.3
    return t.tensor(values.tolist(), dtype=t.float64, requires_grad=grad)


def one(x):
    return x.sin() * x.sum()


def two(x, y):
    return x * y.exp(), (x + y).sum()


def number(x):
    return (x.sin() * x.sum()).sum()


def number_of_two(x, y):
    return (x * y**2).sum()


def linear(x):
    return (x * 2).sum()


CASES = {
    "vjp": lambda t, f: f.vjp(one, numbers(t, 3), numbers(t, 3)),
    "vjp of a number": lambda t, f: f.vjp(number, numbers(t, 3)),
    "vjp of two": lambda t, f: f.vjp(two, (numbers(t, 3), numbers(t, 3)), (numbers(t, 3), numbers(t))),
    "vjp without v": lambda t, f: f.vjp(one, numbers(t, 3)),
    "vjp with a graph": lambda t, f: f.vjp(one, numbers(t, 3, grad=True), numbers(t, 3), create_graph=True),
    "vjp strict": lambda t, f: f.vjp(lambda x: numbers(t, 3), numbers(t, 3), numbers(t, 3), strict=True),
    "vjp of a constant": lambda t, f: f.vjp(lambda x: numbers(t, 3), numbers(t, 3), numbers(t, 3)),
    "vjp of wrong size": lambda t, f: f.vjp(one, numbers(t, 3), numbers(t, 2)),
    "vjp of wrong length": lambda t, f: f.vjp(two, (numbers(t, 3), numbers(t, 3)), numbers(t, 3)),
    "jvp": lambda t, f: f.jvp(one, numbers(t, 3), numbers(t, 3)),
    "jvp of two": lambda t, f: f.jvp(two, (numbers(t, 3), numbers(t, 3)), (numbers(t, 3), numbers(t, 3))),
    "jvp without v": lambda t, f: f.jvp(one, numbers(t, 1)),
    "jvp needs v": lambda t, f: f.jvp(one, numbers(t, 3)),
    "jvp with a graph": lambda t, f: f.jvp(one, numbers(t, 3, grad=True), numbers(t, 3), create_graph=True),
    "jvp strict": lambda t, f: f.jvp(lambda x: numbers(t, 3), numbers(t, 3), numbers(t, 3), strict=True),
    "jacobian": lambda t, f: f.jacobian(one, numbers(t, 2, 2)),
    "jacobian of a number": lambda t, f: f.jacobian(number, numbers(t, 3)),
    "jacobian of two": lambda t, f: f.jacobian(two, (numbers(t, 3), numbers(t, 3))),
    "jacobian of a tuple of one": lambda t, f: f.jacobian(one, (numbers(t, 3),)),
    "jacobian vectorized": lambda t, f: f.jacobian(two, (numbers(t, 3), numbers(t, 3)), vectorize=True),
    "jacobian forward": lambda t, f: f.jacobian(
        two, (numbers(t, 3), numbers(t, 3)), vectorize=True, strategy="forward-mode"),
    "jacobian forward of one": lambda t, f: f.jacobian(one, numbers(t, 3), vectorize=True, strategy="forward-mode"),
    "jacobian with a graph": lambda t, f: f.jacobian(one, numbers(t, 3, grad=True), create_graph=True),
    "jacobian of the unused": lambda t, f: f.jacobian(lambda x, y: x * 2, (numbers(t, 3), numbers(t, 2))),
    "jacobian strict of the unused": lambda t, f: f.jacobian(
        lambda x, y: x * 2, (numbers(t, 3), numbers(t, 2)), strict=True),
    "jacobian strict of a constant": lambda t, f: f.jacobian(lambda x: numbers(t, 2), numbers(t, 3), strict=True),
    "jacobian strict of a linear function": lambda t, f: f.jacobian(
        lambda x: x * 2, numbers(t, 3), create_graph=True, strict=True),
    "jacobian strict and vectorized": lambda t, f: f.jacobian(one, numbers(t, 3), strict=True, vectorize=True),
    "jacobian forward, not vectorized": lambda t, f: f.jacobian(one, numbers(t, 3), strategy="forward-mode"),
    "jacobian of no tensor": lambda t, f: f.jacobian(lambda x: 1, numbers(t, 3)),
    "jacobian by no tensor": lambda t, f: f.jacobian(one, 3),
    "jacobian of a list": lambda t, f: f.jacobian(lambda x: [x], numbers(t, 3)),
    "hessian": lambda t, f: f.hessian(number, numbers(t, 2, 2)),
    "hessian of two": lambda t, f: f.hessian(number_of_two, (numbers(t, 2), numbers(t, 2))),
    "hessian vectorized": lambda t, f: f.hessian(number_of_two, (numbers(t, 2), numbers(t, 2)), vectorize=True),
    "hessian forward": lambda t, f: f.hessian(
        number, numbers(t, 3), vectorize=True, outer_jacobian_strategy="forward-mode").detach(),
    "hessian with a graph": lambda t, f: f.hessian(number, numbers(t, 3, grad=True), create_graph=True),
    "hessian of a linear function": lambda t, f: f.hessian(linear, numbers(t, 3)),
    "hessian strict of a linear function": lambda t, f: f.hessian(linear, numbers(t, 3), strict=True),
    "hessian of a vector": lambda t, f: f.hessian(one, numbers(t, 3)),
    "hessian of one element": lambda t, f: f.hessian(lambda x: number(x).reshape(1), numbers(t, 3)),
    "vhp": lambda t, f: f.vhp(number, numbers(t, 3), numbers(t, 3)),
    "vhp of two": lambda t, f: f.vhp(number_of_two, (numbers(t, 2), numbers(t, 2)), (numbers(t, 2), numbers(t, 2))),
    "vhp with a graph": lambda t, f: f.vhp(number, numbers(t, 3, grad=True), numbers(t, 3), create_graph=True),
    "vhp strict": lambda t, f: f.vhp(linear, numbers(t, 3), numbers(t, 3), strict=True),
    "vhp of a vector": lambda t, f: f.vhp(one, numbers(t, 3), numbers(t, 3)),
    "hvp": lambda t, f: f.hvp(number, numbers(t, 3), numbers(t, 3)),
    "hvp of two": lambda t, f: f.hvp(number_of_two, (numbers(t, 2), numbers(t, 2)), (numbers(t, 2), numbers(t, 2))),
    "hvp with a graph": lambda t, f: f.hvp(number, numbers(t, 3, grad=True), numbers(t, 3), create_graph=True),
    "hvp strict": lambda t, f: f.hvp(linear, numbers(t, 3), numbers(t, 3), strict=True),
    "hvp of a linear function": lambda t, f: f.hvp(linear, numbers(t, 3), numbers(t, 3)),
    "gradient of a jacobian": lambda t, f: gradient_of_jacobian(t, f),
}


def gradient_of_jacobian(t, f):
    x = numbers(t, 3, grad=True)
    f.jacobian(one, x, create_graph=True).sum().backward()
    return x.grad


def test_functional_gives_what_pytorchs_gives():
    with comparisons() as check:
        for name, code in CASES.items():
            check(name, lambda t, code=code: code(t, t.autograd.functional), ulps=64, scale=1.0, strides=False)


def test_jacobian_is_imported_as_from_torch():
    assert jacobian(lambda x: x * 2, tenon.ones(2)).tolist() == [[2, 0], [0, 2]]


def test_dual_tensors_are_refused_with_a_hint():
    with pytest.raises(NotImplementedError, match="func.jvp"):
        tenon.autograd.forward_ad.make_dual(tenon.ones(1), tenon.ones(1))
    with pytest.raises(NotImplementedError, match="func.jvp"), tenon.autograd.forward_ad.dual_level():
        pass


def test_gradients_of_a_batch_of_starts():
    def batched(t, **options):
        x = numbers(t, 3, grad=True)
        y = x.sin() * x.sum()
        starts = t.eye(3, dtype=t.float64)
        return t.autograd.grad(y, x, starts, is_grads_batched=True, **options)

    with comparisons() as check:
        check("rows of the jacobian", batched, ulps=8, scale=1.0, strides=False)
        check("with a graph", lambda t: batched(t, create_graph=True)[0].detach(), ulps=8, scale=1.0, strides=False)


# --- gradcheck


def functions(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0]

    class Unsteady(t.autograd.Function):
        count = 0

        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            Unsteady.count += 1
            return grad * (1 + 1e-9 * Unsteady.count)

    return {
        "right": lambda x: x.sin() * x.sum(),
        "two outputs": lambda x: (x.sin(), x.sum()),
        "wrong": Wrong.apply,
        "unsteady": Unsteady.apply,
        "complex output": lambda x: t.complex(x, x * 2).exp(),
        "wrong of second order": lambda x: Wrong.apply(x.sin()) * 0 + x.sin(),
        "constant": lambda x: x.detach() * 0 + 1,
        "detached": lambda x: x.detach() * 2,
        "integers": lambda x: (x > 0).long(),
    }


@pytest.mark.parametrize("name", functions(tenon))
@pytest.mark.parametrize("raising", [True, False])
def test_gradcheck_finds_what_pytorchs_finds(name, raising):
    with comparisons() as check:
        for checker in ("gradcheck", "gradgradcheck"):
            if checker == "gradgradcheck" and name in ("constant", "detached", "integers", "unsteady"):
                continue

            def code(t, checker=checker):
                run = getattr(t.autograd, checker)
                return run(functions(t)[name], (numbers(t, 3, grad=True),), raise_exception=raising)

            check(checker, code)


def test_gradcheck_takes_complex_inputs_and_options():
    with comparisons() as check:
        complex_input = lambda t: t.tensor([1 + 2j, 0.5 - 1j], dtype=t.complex128, requires_grad=True)
        check("complex", lambda t: t.autograd.gradcheck(lambda z: z.exp() * z.conj(), (complex_input(t),)))
        check("to real", lambda t: t.autograd.gradcheck(lambda z: z.abs(), (complex_input(t),)))
        check("second", lambda t: t.autograd.gradgradcheck(lambda z: z.exp() * z, (complex_input(t),)))
        check("no inputs", lambda t: t.autograd.gradcheck(lambda x: x, (numbers(t, 3),)))
        check("loose", lambda t: t.autograd.gradcheck(functions(t)["wrong"], (numbers(t, 3, grad=True),), atol=10))
        check("tolerated", lambda t: t.autograd.gradcheck(
            functions(t)["unsteady"], (numbers(t, 3, grad=True),), nondet_tol=1e-3))
        for option in ("check_batched_grad", "fast_mode", "check_grad_dtypes"):
            check(option, lambda t, option=option: t.autograd.gradcheck(
                functions(t)["right"], (numbers(t, 3, grad=True),), **{option: True}))
        check("starts", lambda t: t.autograd.gradgradcheck(
            functions(t)["right"], numbers(t, 3, grad=True), numbers(t, 3, grad=True)))


def test_gradcheck_says_where_the_gradients_differ():
    with pytest.raises(GradcheckError, match="output 0 with respect to input 0"):
        gradcheck(functions(tenon)["wrong"], numbers(tenon, 2, grad=True))
    with pytest.raises(NotImplementedError):
        gradcheck(lambda x: x, numbers(tenon, 2, grad=True), check_forward_ad=True)
    assert gradgradcheck(lambda x: x**3, numbers(tenon, 2, grad=True))
