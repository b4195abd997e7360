"""tenon.func: derivatives of functions, compared with torch.func's, alone and nested; modules as functions."""

import pytest
import tenon
import tenon.func
import torch
from compare import comparisons


def numbers(t, *shape, grad=False):
    """The same numbers in both libraries."""
    values = torch.linspace(-1, 1.5, int(torch.Size(shape).numel()), dtype=torch.float64).reshape(shape) ** 2 + 0.3
    return t.tensor(values.tolist(), dtype=t.float64, requires_grad=grad)


def cube(x):
    return (x**3).sum()




CASES = {
    "grad": lambda t, f: f.grad(cube)(numbers(t, 3)),
    "grad of the second": lambda t, f: f.grad(lambda x, y: (x * y.exp()).sum(), argnums=1)(
        numbers(t, 3), numbers(t, 3)),
    "grad of both": lambda t, f: f.grad(lambda x, y: (x * y.exp()).sum(), argnums=(0, 1))(numbers(t, 3), numbers(t, 3)),
    "grad of the last": lambda t, f: f.grad(lambda x, y: (x * y.exp()).sum(), argnums=-1)(numbers(t, 3), numbers(t, 3)),
    "grad of a dict": lambda t, f: f.grad(lambda p: (p["a"] * p["b"][0]).sum())(
        {"a": numbers(t, 3), "b": [numbers(t, 3)]})["b"],
    "grad with aux": lambda t, f: f.grad(lambda x: (cube(x), x * 2), has_aux=True)(numbers(t, 3)),
    "grad with keywords": lambda t, f: f.grad(lambda x, k: cube(x) * k)(numbers(t, 3), k=2),
    "grad and value": lambda t, f: f.grad_and_value(cube)(numbers(t, 3)),
    "grad and value with aux": lambda t, f: f.grad_and_value(lambda x: (cube(x), x * 2), has_aux=True)(numbers(t, 3)),
    "grad of nothing used": lambda t, f: f.grad(lambda x, y: y.sum())(numbers(t, 3), numbers(t, 3)),
    "grad of grad": lambda t, f: f.grad(lambda x: f.grad(cube)(x).sum())(numbers(t, 3)),
    "third": lambda t, f: f.grad(lambda x: f.grad(lambda y: f.grad(lambda z: z**4)(y))(x))(numbers(t)),
    "no confusion": lambda t, f: f.grad(lambda x: x * f.grad(lambda y: x + y)(numbers(t)))(numbers(t)),
    "no confusion of products": lambda t, f: f.grad(lambda x: x * f.grad(lambda y: x * y)(x))(numbers(t)),
    "grad that closes over an input": lambda t, f: f.grad(lambda x: f.grad(lambda y: (x * y).sin().sum())(x).sum())(
        numbers(t, 3)),
    "linked to what requires grad": lambda t, f: f.grad(cube)(numbers(t, 3, grad=True)),
    "closes over what requires grad": lambda t, f: closed_over(t, f),
    "vjp": lambda t, f: f.vjp(lambda x: x.sin() * x.sum(), numbers(t, 3))[1](numbers(t, 3)),
    "vjp output": lambda t, f: f.vjp(lambda x: x.sin() * x.sum(), numbers(t, 3))[0],
    "vjp of several": lambda t, f: f.vjp(lambda x, y: (x * y, x + y), numbers(t, 3), numbers(t, 3))[1](
        (numbers(t, 3), numbers(t, 3))),
    "vjp with aux": lambda t, f: f.vjp(lambda x: (x.sin(), x * 2), numbers(t, 3), has_aux=True)[2],
    "vjp twice": lambda t, f: twice(t, f.vjp(lambda x: x.exp(), numbers(t, 3))[1]),
    "jvp": lambda t, f: f.jvp(lambda x: x.sin() * x.sum(), (numbers(t, 3),), (numbers(t, 3),)),
    "jvp of several": lambda t, f: f.jvp(
        lambda x, y: (x * y, x + y), (numbers(t, 3), numbers(t, 3)), (numbers(t, 3), numbers(t, 3))),
    "jvp with aux": lambda t, f: f.jvp(lambda x: (x.sin(), x * 2), (numbers(t, 3),), (numbers(t, 3),), has_aux=True),
    "jvp of a constant": lambda t, f: f.jvp(lambda x: t.ones(2, dtype=t.float64), (numbers(t, 3),), (numbers(t, 3),)),
    "jvp of linear": lambda t, f: f.jvp(lambda x: x * 2 + 1, (numbers(t, 3),), (numbers(t, 3),)),
    "jvp of jvp": lambda t, f: f.jvp(
        lambda x: f.jvp(lambda y: y**3, (x,), (numbers(t, 3),))[1], (numbers(t, 3),), (numbers(t, 3),)),
    "grad of jvp": lambda t, f: f.grad(lambda x: f.jvp(lambda y: y**3, (x,), (numbers(t, 3),))[1].sum())(numbers(t, 3)),
    "jvp of grad": lambda t, f: f.jvp(f.grad(cube), (numbers(t, 3),), (numbers(t, 3),)),
    "linearize": lambda t, f: f.linearize(lambda x: x.sin() * x.sum(), numbers(t, 3))[1](numbers(t, 3)),
    "linearize output": lambda t, f: f.linearize(lambda x: x.sin() * x.sum(), numbers(t, 3))[0],
    "jacrev": lambda t, f: f.jacrev(lambda x: x.sin() * x.sum())(numbers(t, 2, 2)),
    "jacrev of a number": lambda t, f: f.jacrev(cube)(numbers(t, 2, 2)),
    "jacrev by two": lambda t, f: f.jacrev(lambda x, y: (x * y).sin(), argnums=(0, 1))(numbers(t, 3), numbers(t, 3)),
    "jacrev of two": lambda t, f: f.jacrev(lambda x: (x.sin(), x.sum()))(numbers(t, 3)),
    "jacrev with aux": lambda t, f: f.jacrev(lambda x: (x.sin(), x), has_aux=True)(numbers(t, 3)),
    "jacrev in chunks": lambda t, f: f.jacrev(lambda x: x.sin(), chunk_size=2)(numbers(t, 3)),
    "jacrev of a dict": lambda t, f: f.jacrev(lambda p: p["a"].sin())({"a": numbers(t, 3)})["a"],
    "jacfwd": lambda t, f: f.jacfwd(lambda x: x.sin() * x.sum())(numbers(t, 2, 2)),
    "jacfwd by two": lambda t, f: f.jacfwd(lambda x, y: (x * y).sin(), argnums=(0, 1))(numbers(t, 3), numbers(t, 3)),
    "jacfwd of two": lambda t, f: f.jacfwd(lambda x: (x.sin(), x.sum()))(numbers(t, 3)),
    "jacfwd with aux": lambda t, f: f.jacfwd(lambda x: (x.sin(), x), has_aux=True)(numbers(t, 3)),
    "jacfwd of a constant": lambda t, f: f.jacfwd(lambda x: t.ones(2, dtype=t.float64))(numbers(t, 3)),
    "hessian": lambda t, f: f.hessian(lambda x: (x.sin() * x.sum()).sum())(numbers(t, 3)),
    "hessian by two": lambda t, f: f.hessian(lambda x, y: (x * y**2).sum(), argnums=(0, 1))(
        numbers(t, 2), numbers(t, 2)),
    "jacfwd of jacrev": lambda t, f: f.jacfwd(f.jacrev(lambda x: x**3))(numbers(t, 2)),
    "jacrev of jacfwd": lambda t, f: f.jacrev(f.jacfwd(lambda x: x**3))(numbers(t, 2)),
    # errors
    "grad of a vector": lambda t, f: f.grad(lambda x: x * 2)(numbers(t, 3)),
    "grad of no tensor": lambda t, f: f.grad(lambda x: 2.0)(numbers(t, 3)),
    "grad of a tuple": lambda t, f: f.grad(lambda x: (x.sum(),))(numbers(t, 3)),
    "grad by integers": lambda t, f: f.grad(lambda x: x.sum())(t.tensor([1, 2])),
    "grad by a number": lambda t, f: f.grad(lambda x: x * 2)(3.0),
    "argnums too large": lambda t, f: f.grad(cube, argnums=1)(numbers(t, 3)),
    "cotangent of another shape": lambda t, f: f.vjp(cube, numbers(t, 3))[1](numbers(t, 2)),
    "cotangents of another structure": lambda t, f: f.vjp(lambda x: (x, x), numbers(t, 3))[1](numbers(t, 3)),
    "primals that are no tuple": lambda t, f: f.jvp(cube, numbers(t, 3), (numbers(t, 3),)),
    "tangents of another shape": lambda t, f: f.jvp(cube, (numbers(t, 3),), (numbers(t, 2),)),
    "tangents of another structure": lambda t, f: f.jvp(cube, (numbers(t, 3),), numbers(t, 3)),
    "aux that is missing": lambda t, f: f.jacfwd(lambda x: x, has_aux=True)(numbers(t, 3)),
    "jacrev of no tensor": lambda t, f: f.jacrev(lambda x: 2)(numbers(t, 3)),
    "input edited in place": lambda t, f: f.grad(lambda x: x.mul_(2).sum())(numbers(t, 3)),
}


def closed_over(t, f):
    w = numbers(t, 3, grad=True)
    result = f.grad(lambda x: (x**2 * w).sum())(numbers(t, 3))
    result.sum().backward()
    return result, w.grad


def twice(t, function):
    return function(numbers(t, 3)), function(numbers(t, 3) * 2)


def test_transforms_give_what_pytorchs_give():
    with comparisons() as check:
        for name, code in CASES.items():
            check(name, lambda t, code=code: code(t, t.func), ulps=64, scale=1.0, strides=False)


def test_the_mode_outside_decides_about_results_not_about_the_computation():
    with comparisons() as check:
        check("no_grad outside", lambda t: outside(t), ulps=4)
        check("no_grad inside", lambda t: t.func.grad(lambda x: (x * inside(t, x)).sum())(numbers(t, 3)), ulps=4)


def outside(t):
    with t.no_grad():
        return t.func.grad(cube)(numbers(t, 3, grad=True))


def inside(t, x):
    with t.no_grad():
        return x * 2


def test_results_that_nobody_outside_could_want_have_no_graph():
    x = tenon.ones(3)
    value, pullback = tenon.func.vjp(lambda y: y.exp(), x)
    results = [value, pullback(x)[0], tenon.func.grad(cube)(x), tenon.func.jacrev(lambda y: y * 2)(x)]
    results += tenon.func.jvp(lambda y: y.exp(), (x,), (x,))
    assert not any(result.requires_grad for result in results)
    assert tenon.func.grad(lambda y: tenon.func.grad(cube)(y).sum())(x).requires_grad is False


def test_inputs_keep_no_gradient_and_no_history():
    x = tenon.ones(3, requires_grad=True)
    y = x * 2
    result = tenon.func.grad(cube)(y)
    result.sum().backward()
    assert x.grad.tolist() == [24, 24, 24] and not y.is_leaf and y.grad_fn.name() == "MulBackward0"


# --- modules, of which these need named_modules, named_parameters and their dicts


class Part:
    def __init__(self, **tensors):
        self._parameters = {name: value for name, value in tensors.items() if value.requires_grad}
        self._buffers = {name: value for name, value in tensors.items() if not value.requires_grad}
        self._parts = {}
        self.training = True

    def __getattr__(self, name):
        for own in (self.__dict__["_parameters"], self.__dict__["_buffers"], self.__dict__["_parts"]):
            if name in own:
                return own[name]
        raise AttributeError(name)

    def named_modules(self, prefix="", remove_duplicate=True):
        yield prefix, self
        for name, part in self._parts.items():
            yield from part.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self):
        for prefix, part in self.named_modules():
            yield from ((f"{prefix}.{name}" if prefix else name, value) for name, value in part._parameters.items())

    def named_buffers(self):
        for prefix, part in self.named_modules():
            yield from ((f"{prefix}.{name}" if prefix else name, value) for name, value in part._buffers.items())

    def __call__(self, x, scale=1):
        return (x @ self.weight + self.inner.bias) * scale * self.factor


def module(weight=1.0):
    part = Part(weight=tenon.full((2, 2), weight, requires_grad=True), factor=tenon.tensor(2.0))
    part._parts["inner"] = Part(bias=tenon.ones(2, requires_grad=True))
    return part


def test_functional_call_replaces_parameters_for_one_call():
    model = module()
    x = tenon.ones(3, 2)
    own = {"weight": tenon.zeros(2, 2), "inner.bias": tenon.full((2,), 5.0)}
    assert tenon.func.functional_call(model, own, x).tolist() == [[10, 10]] * 3
    assert tenon.func.functional_call(model, (own, {"factor": tenon.tensor(1.0)}), (x,), {"scale": 3}).tolist() == [
        [15, 15]
    ] * 3
    assert model(x).tolist() == [[6, 6]] * 3
    grads = tenon.func.grad(lambda p: tenon.func.functional_call(model, p, (x,)).sum())(dict(model.named_parameters()))
    assert grads["inner.bias"].tolist() == [6, 6]
    with pytest.raises(RuntimeError, match="Unexpected"):
        tenon.func.functional_call(model, {"no": x, **own}, x, strict=True)
    with pytest.raises(RuntimeError, match="Missing"):
        tenon.func.functional_call(model, own, x, strict=True)
    with pytest.raises(ValueError, match="multiple"):
        tenon.func.functional_call(model, (own, own), x)
    assert model(x).tolist() == [[6, 6]] * 3


def test_stacked_modules_run_as_an_ensemble():
    models = [module(weight) for weight in (1.0, 2.0, 3.0)]
    parameters, buffers = tenon.func.stack_module_state(models)
    assert parameters["weight"].shape == (3, 2, 2) and parameters["weight"].requires_grad
    assert buffers["factor"].tolist() == [2, 2, 2] and not buffers["factor"].requires_grad
    x = tenon.arange(4.0).reshape(2, 2)
    call = tenon.func.vmap(lambda p, b: tenon.func.functional_call(models[0], (p, b), (x,)))
    assert call(parameters, buffers).tolist() == [model(x).tolist() for model in models]
    with pytest.raises(RuntimeError):
        tenon.func.stack_module_state([])
