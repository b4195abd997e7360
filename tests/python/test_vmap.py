"""vmap: PyTorch's values example by example over its op database, its errors, and what may be nested."""

import itertools
import warnings

import op_db_judge
import pytest
import tenon
import torch
from compare import comparisons
from tenon.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap
from torch.testing._internal.common_methods_invocations import op_db

# What gives each example a result of its own shape, or counts places in the tensor's memory.
REFUSED = "argwhere as_strided_scatter masked_select nonzero resize_ resize_as_ unique unique_consecutive".split()
OPS = [info for info in op_db if torch.float64 in info.dtypes and not op_db_judge.is_random(info)]


def second_example(tensor):
    """Other numbers that keep to every op's domain."""
    return tensor * 0.9 if tensor.is_floating_point() or tensor.is_complex() else tensor


def is_close(ours, theirs):
    if theirs.dtype == torch.bool:
        return torch.equal(ours, theirs)
    return torch.allclose(ours, theirs, rtol=1e-6, atol=1e-8, equal_nan=True)


class Case:
    """A sample of an op with two examples of its tensors `chosen`."""

    def __init__(self, form, sample, only_first):
        self.form, self.tree = form, ((sample.input, *sample.args), sample.kwargs)
        leaves = [leaf.detach() if isinstance(leaf, torch.Tensor) else leaf for leaf in op_db_judge.flatten(self.tree)]
        tensors = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
        self.chosen = tensors[:1] if only_first else tensors
        other = [second_example(leaf) if i in self.chosen else leaf for i, leaf in enumerate(leaves)]
        self.examples = [leaves, other]

    def call(self, op, leaves):
        values = iter(leaves)
        args, kwargs = op_db_judge.map_leaves(self.tree, lambda leaf: next(values))
        return op_db_judge.flatten(op(*args, **kwargs))

    def expected(self):
        """PyTorch's stacked results, or None where they are not tensors of one shape."""
        try:
            results = [self.call(self.form.theirs, [clone(leaf) for leaf in leaves]) for leaves in self.examples]
        except op_db_judge.REFUSALS:
            return None
        pairs = list(zip(*results))
        alike = all(isinstance(one, torch.Tensor) and one.shape == other.shape for one, other in pairs)
        return [torch.stack(pair) for pair in pairs] if alike and pairs else None

    def is_offered(self, expected):
        """Whether Tenon gives the results of one example at all; the judge of ops sees to that it does."""
        try:
            own = self.call(self.form.ours, [op_db_judge.to_tenon(clone(leaf), "cpu") for leaf in self.examples[1]])
            return all(is_close(op_db_judge.to_torch(one), both[1]) for one, both in zip(own, expected, strict=True))
        except (op_db_judge.Lacking, AttributeError, *op_db_judge.REFUSALS):
            return False

    def run(self):
        batches = [
            op_db_judge.to_tenon(torch.stack([leaves[i] for leaves in self.examples]), "cpu") for i in self.chosen
        ]

        def one(*values):
            remaining = iter(values)
            leaves = [
                next(remaining) if i in self.chosen else op_db_judge.to_tenon(leaf, "cpu")
                for i, leaf in enumerate(self.examples[0])
            ]
            return tuple(self.call(self.form.ours, leaves))

        return vmap(one)(*batches)


def clone(leaf):
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf


def cases(info):
    form = next(op_db_judge.forms(info))
    if form.ours is None or info.name in op_db_judge.UNDEFINED_VALUES:
        return
    for sample in itertools.islice(info.sample_inputs("cpu", torch.float64), 0, 5, 2):
        for only_first in (True, False):
            case = Case(form, sample, only_first)
            if not case.chosen or (not only_first and len(case.chosen) == 1):
                continue
            expected = case.expected()
            if expected is not None and case.is_offered(expected):
                yield case, expected


def test_ops_give_what_pytorch_gives_example_by_example():
    wrong, count = [], 0
    with warnings.catch_warnings(), op_db_judge.cheap_sampling():
        warnings.simplefilter("ignore")
        for info in OPS:
            for case, expected in cases(info):
                statistics = info.name == "nn.functional.batch_norm" and len(case.chosen) == 1
                if info.name in REFUSED or statistics:
                    continue
                count += 1
                try:
                    for one, other in zip(case.run(), expected, strict=True):
                        own = op_db_judge.to_torch(one)
                        assert own.dtype == other.dtype and own.shape == other.shape and is_close(own, other)
                except Exception as error:
                    wrong.append(f"{info.name} {info.variant_test_name}: {type(error).__name__}: {str(error)[:200]}")
    assert count > 1000 and not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong[:30])


# --- calls that need not fit: of any rank, with a few numbers as arguments

# What is not determined by the numbers, or says how they are stored.
UNLIKE = {"__class__", "__init__", "__new__", "__repr__", "empty_like", "new", "new_empty", "_sample_dirichlet"}
NUMBERS = [(), (0,), (1,), (-1,), (0, 1), (1, 1), (2, 0.5)]
RANKS = [(2,), (3, 3), (2, 3, 3), (2, 4, 3, 3), (2, 1, 4, 2, 2)]


def offered_by_both():
    """Functions of one tensor: each public one of nn.functional and of Tensor."""
    for ours, theirs in ((tenon.Tensor, torch.Tensor), (tenon.nn.functional, torch.nn.functional)):
        for name in sorted(set(dir(ours)) & set(dir(theirs)) - UNLIKE):
            both = getattr(ours, name), getattr(theirs, name)
            if all(callable(one) and not isinstance(one, type) for one in both):
                yield name, *both


def results_of(function, examples, arguments):
    """The tensors that each example gives, or the error."""
    try:
        found = [function(example, *arguments) for example in examples]
    except Exception as error:
        return error
    rows = [list(one) if isinstance(one, (tuple, list)) else [one] for one in found]
    return [[op_db_judge.to_torch(one) if isinstance(one, tenon.Tensor) else one for one in row] for row in rows]


def agree(rows, others):
    def same(one, other):
        tensors = isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
        return tensors and one.dtype == other.dtype and one.shape == other.shape and is_close(one, other)

    return len(rows) == len(others) and all(
        len(row) == len(other) > 0 and all(map(same, row, other)) for row, other in zip(rows, others)
    )


def test_a_truth_of_each_example_is_a_condition_for_tensors_with_dims():
    truths, rows = tenon.tensor([True, False]), tenon.arange(6.0).reshape(2, 3)
    calls = [
        lambda truth, row: tenon.where(truth, row, -1.0),
        lambda truth, row: tenon.where(truth, -1.0, row),
        lambda truth, row: row.masked_fill(truth, -1.0),
        lambda truth, row: truth * row,
    ]
    for call in calls:
        expected = [call(truth, row).tolist() for truth, row in zip(truths, rows)]
        assert vmap(call)(truths, rows).tolist() == expected


def test_no_call_mixes_examples_or_takes_the_batch_for_a_dim_of_theirs():
    wrong, count = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, ours, theirs in offered_by_both():
            for shape, arguments in itertools.product(RANKS, NUMBERS):
                batch = torch.arange(1, 1 + torch.Size(shape).numel(), dtype=torch.float64).reshape(shape).sin()
                expected = results_of(theirs, [example.clone() for example in batch], arguments)
                alone = results_of(ours, [op_db_judge.to_tenon(one.clone(), "cpu") for one in batch], arguments)
                refused = isinstance(expected, Exception)
                # Without vmap both must do the same; other tests see to that.
                if refused != isinstance(alone, Exception) or (not refused and not agree(alone, expected)):
                    continue
                try:
                    found = vmap(lambda one, f=ours, a=arguments: f(one, *a))(op_db_judge.to_tenon(batch, "cpu"))
                except Exception:
                    # Some calls have no batched form.
                    continue
                count += 1
                found = list(found) if isinstance(found, (tuple, list)) else [found]
                rows = [list(row) for row in zip(*[op_db_judge.to_torch(one).unbind() for one in found])]
                if refused or not agree(rows, expected):
                    wrong.append(f"{name} of {shape} with {arguments}: {found}, expected {expected}"[:200])
    assert count > 3000 and not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong[:30])


def test_a_norm_over_more_dims_than_an_example_has_is_refused():
    # PyTorch takes the examples for one of the dims.
    with pytest.raises(RuntimeError, match="normalized_shape"):
        vmap(lambda x: tenon.nn.functional.layer_norm(x, (4, 4)))(batch(tenon, 4, 4))


def test_running_statistics_are_updated_in_the_tensors_given():
    x = batch(tenon, 2, 4, 3, 5)
    kept = [tenon.zeros(3, 2), tenon.ones(3, 2)]
    vmap(lambda x, *s: tenon.nn.functional.batch_norm(x, *s, training=True), in_dims=(0, 1, 1))(x, *kept)
    for i in range(2):
        own = [torch.zeros(3), torch.ones(3)]
        torch.nn.functional.batch_norm(op_db_judge.to_torch(x[i]), *own, training=True)
        for one, other in zip(kept, own):
            torch.testing.assert_close(op_db_judge.to_torch(one[:, i].contiguous()), other)


# --- what both libraries do with the same call

FUNCTIONS = {
    "sum": (lambda t, x: x.sum(), {}),
    "in_dims 1": (lambda t, x: x * 2, {"in_dims": 1}),
    "in_dims -1": (lambda t, x: x * 2, {"in_dims": -1}),
    "out_dims": (lambda t, x: x * 2, {"out_dims": 1}),
    "out_dims -1": (lambda t, x: x.sum(), {"out_dims": -1}),
    "several outputs": (lambda t, x: (x, x.sum()), {"out_dims": (1, 0)}),
    "one number of out_dims": (lambda t, x: (x, x + 1), {"out_dims": 1}),
    "constant": (lambda t, x: t.ones(2), {}),
    "constant kept": (lambda t, x: (x, t.ones(2)), {"out_dims": (0, None)}),
    "dict": (lambda t, x: {"a": x, "b": [x, x + 1]}["b"], {}),
    "chunks": (lambda t, x: x.cumsum(0), {"chunk_size": 2}),
    "chunks of one": (lambda t, x: x.cumsum(0), {"chunk_size": 1}),
    "in place": (lambda t, x: x.clone().add_(x), {}),
    "in place on a new tensor": (lambda t, x: t.zeros_like(x).copy_(x), {}),
    "set item": (lambda t, x: set_first(x.clone()), {}),
    "index": (lambda t, x: x[t.tensor([1, 0, 1])], {}),
    "index beyond": (lambda t, x: t.arange(3)[x[0].long() + 5], {}),
    "index beyond, backwards": (lambda t, x: t.arange(3)[x[0].long() - 5], {}),
    "index backwards": (lambda t, x: t.arange(3)[x[0].long() - 2], {}),
    "pad of more dims": (lambda t, x: t.nn.functional.pad(x, (1, 1, 1, 1)), {}),
    "linear of a number": (lambda t, x: t.nn.functional.linear(x.sum(), t.ones(2, 4)), {}),
    "flip of several dims": (lambda t, x: x.reshape(2, 2).flip(0, 1), {}),
    "index by itself": (lambda t, x: x[x.argsort()], {}),
    "iteration": (lambda t, x: sum(row * 2 for row in x), {}),
    "length": (lambda t, x: x * len(x) * x.numel() * x.dim() * x.shape[0], {}),
    "promotion of numbers": (lambda t, x: x.sum().double() + x, {}),
    "promotion of dims": (lambda t, x: (x.double() + x[0]).round(), {}),
    "control by shape": (lambda t, x: x if x.shape == (4,) else x + 1, {}),
    "new_zeros": (lambda t, x: x.new_zeros(2, 2) + x.sum(), {}),
    "no inputs": (lambda t: 1, {}),
    "item": (lambda t, x: x.sum().item(), {}),
    "if": (lambda t, x: x if x.sum() > 0 else -x, {}),
    "number": (lambda t, x: 3, {}),
    "None": (lambda t, x: None, {}),
    "mask": (lambda t, x: x[x > 0], {}),
    "nonzero": (lambda t, x: x.nonzero(), {}),
    "random": (lambda t, x: x + t.rand(4), {}),
    "random like": (lambda t, x: t.rand_like(x), {}),
    "dropout": (lambda t, x: t.nn.functional.dropout(x), {}),
    "wrong in_dims": (lambda t, x: x, {"in_dims": 2}),
    "structure of in_dims": (lambda t, x: x, {"in_dims": (0, 0)}),
    "no in_dims": (lambda t, x: x, {"in_dims": None}),
    "text as in_dims": (lambda t, x: x, {"in_dims": "a"}),
    "wrong out_dims": (lambda t, x: x, {"out_dims": 5}),
    "structure of out_dims": (lambda t, x: (x, x), {"out_dims": (0,)}),
    "batched out_dims None": (lambda t, x: x, {"out_dims": None}),
    "wrong randomness": (lambda t, x: x, {"randomness": "any"}),
    "wrong chunk_size": (lambda t, x: x, {"chunk_size": 0}),
}


def set_first(x):
    x[0] = x[1] * 2
    return x


def batch(t, *shape, dtype=None):
    numbers = t.arange(int(torch.Size(shape).numel()), dtype=dtype or t.float32)
    return (numbers.reshape(shape) * 0.7 - 2).cos()


def test_calls_give_the_same_or_fail_alike():
    with comparisons() as check:
        for name, (function, options) in FUNCTIONS.items():

            def code(t, function=function, options=options, name=name):
                inputs = () if name == "no inputs" else (batch(t, 4, 4),)
                return t.func.vmap(lambda *x: function(t, *x), **options)(*inputs)

            check(name, code, ulps=16, scale=1.0, strides=False)


def test_inputs_may_be_nested_and_shared():
    with comparisons() as check:
        check(
            "dict and list",
            lambda t: t.func.vmap(lambda d, s, w: d["x"] * w + s[0], in_dims=({"x": 0}, [1], None))(
                {"x": batch(t, 3, 2)}, [batch(t, 2, 3)], batch(t, 2)
            ),
            ulps=4,
            scale=1.0,
            strides=False,
        )
        check("sizes differ", lambda t: t.func.vmap(lambda x, y: x + y)(batch(t, 3, 2), batch(t, 4, 2)))
        check("a number", lambda t: t.func.vmap(lambda x: x)(3))
        check("write to shared", lambda t: t.func.vmap(lambda x, y: y.add_(x), in_dims=(0, None))(
            batch(t, 3, 2), batch(t, 2)))
        check("keywords", lambda t: t.func.vmap(lambda x, k: x * k)(batch(t, 3, 2), k=2.0), ulps=4, scale=1.0,
              strides=False)
        check("nested", lambda t: t.func.vmap(t.func.vmap(lambda x, y: x @ y, in_dims=(0, None)), in_dims=(None, 0))(
            batch(t, 3, 4), batch(t, 2, 4)), ulps=4, scale=1.0, strides=False)


def test_random_numbers_are_the_same_or_different_as_asked():
    codes = {
        "rand": lambda t, x: t.rand(3),
        "randn": lambda t, x: t.randn(2, 3),
        "randint": lambda t, x: t.randint(0, 9, (3,)),
        "rand_like": lambda t, x: t.rand_like(x),
        "dropout": lambda t, x: t.nn.functional.dropout(x, 0.5),
        "normal_": lambda t, x: x.clone().normal_(),
        "bernoulli": lambda t, x: t.bernoulli(x.abs()),
    }
    with comparisons() as check:
        for name, function in codes.items():
            # PyTorch has no equal numbers for bernoulli of batched probabilities.
            for randomness in ("same", "different")[name == "bernoulli" :]:

                def code(t, function=function, randomness=randomness):
                    t.manual_seed(3)
                    return t.func.vmap(lambda x: function(t, x), randomness=randomness)(batch(t, 4, 3))

                check((name, randomness), code, ulps=4, scale=1.0, strides=False)


# --- with derivatives


def loss(t, w, x):
    return t.tanh(x @ w).square().sum()


DERIVATIVES = {
    "gradients of each sample": lambda t: t.func.vmap(t.func.grad(lambda w, x: loss(t, w, x)), in_dims=(None, 0))(
        batch(t, 4, 2, dtype=t.float64), batch(t, 5, 3, 4, dtype=t.float64)),
    "value and gradient": lambda t: t.func.vmap(
        t.func.grad_and_value(lambda w, x: loss(t, w, x)), in_dims=(None, 0))(
        batch(t, 4, 2, dtype=t.float64), batch(t, 5, 3, 4, dtype=t.float64)),
    "gradient of vmap": lambda t: t.func.grad(
        lambda w: t.func.vmap(lambda x: loss(t, w, x))(batch(t, 5, 3, 4, dtype=t.float64)).sum())(
        batch(t, 4, 2, dtype=t.float64)),
    "hessians": lambda t: t.func.vmap(t.func.hessian(lambda x: (x.sin() * x.sum()).sum()))(
        batch(t, 3, 4, dtype=t.float64)),
    "jacrev": lambda t: t.func.vmap(t.func.jacrev(lambda x: x.sin() * x.sum()))(batch(t, 3, 4, dtype=t.float64)),
    "jacfwd": lambda t: t.func.vmap(t.func.jacfwd(lambda x: x.sin() * x.sum()))(batch(t, 3, 4, dtype=t.float64)),
    "jvp": lambda t: t.func.vmap(lambda x, v: t.func.jvp(lambda y: y.exp() * y, (x,), (v,)))(
        batch(t, 3, 4, dtype=t.float64), batch(t, 3, 4, dtype=t.float64) + 1),
    "vjp inside": lambda t: t.func.vmap(lambda x, v: t.func.vjp(lambda y: y.exp() * y, x)[1](v)[0])(
        batch(t, 3, 4, dtype=t.float64), batch(t, 3, 4, dtype=t.float64) + 1),
    "vjp outside": lambda t: t.func.vmap(t.func.vjp(lambda y: y.exp() * y, batch(t, 4, dtype=t.float64))[1])(
        batch(t, 3, 4, dtype=t.float64))[0],
    "two levels": lambda t: t.func.vmap(t.func.vmap(t.func.grad(lambda x: (x**3).sum())))(
        batch(t, 2, 3, 4, dtype=t.float64)),
    "grad of vmap of grad": lambda t: t.func.grad(
        lambda w: t.func.vmap(t.func.grad(lambda x: (x * w).tanh().sum()))(batch(t, 3, 4, dtype=t.float64)).sum())(
        batch(t, 4, dtype=t.float64)),
    "backward through vmap": lambda t: gradient_through(t),
    "convolutions with own weights": lambda t: t.func.vmap(
        lambda x, w: t.nn.functional.conv2d(x, w, padding=1))(
        batch(t, 3, 2, 4, 5, 5, dtype=t.float64), batch(t, 3, 6, 4, 3, 3, dtype=t.float64)),
    "gradients of convolutions": lambda t: t.func.vmap(
        t.func.grad(lambda w, x: t.nn.functional.conv2d(x, w).square().sum()), in_dims=(None, 0))(
        batch(t, 6, 4, 3, 3, dtype=t.float64), batch(t, 3, 2, 4, 5, 5, dtype=t.float64)),
    "cross entropy": lambda t: t.func.vmap(
        t.func.grad(lambda w, x, y: t.nn.functional.cross_entropy(x @ w, y)), in_dims=(None, 0, 0))(
        batch(t, 4, 5, dtype=t.float64), batch(t, 3, 2, 4, dtype=t.float64), t.tensor([[0, 1], [4, 2], [3, 3]])),
}


def gradient_through(t):
    x = batch(t, 3, 4, dtype=t.float64).requires_grad_()
    t.func.vmap(lambda row: row.sin().sum())(x).sum().backward()
    return x.grad


def test_derivatives_within_and_around_vmap():
    with comparisons() as check:
        for name, code in DERIVATIVES.items():
            check(name, code, ulps=64, scale=1.0, strides=False)


def test_custom_functions_run_example_by_example_or_by_a_rule_of_their_own():
    class Generated(tenon.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    class Own(Generated):
        generate_vmap_rule = False

        @staticmethod
        def vmap(info, in_dims, x):
            assert info.batch_size == 3 and info.randomness == "error" and in_dims == (0,)
            return x + 100, 0

    class Without(Generated):
        generate_vmap_rule = False

    x = tenon.arange(6.0).reshape(3, 2)
    assert vmap(Generated.apply)(x).tolist() == (x * 2).tolist()
    assert vmap(grad(lambda row: Generated.apply(row).sum()))(x).tolist() == [[3, 3]] * 3
    assert vmap(Own.apply)(x).tolist() == (x + 100).tolist()
    with pytest.raises(RuntimeError, match="generate_vmap_rule"):
        vmap(Without.apply)(x)


def test_batched_tensors_tell_what_they_are():
    seen = []

    def look(x):
        seen.append((x.shape, x.dim(), x.dtype, isinstance(x, tenon.Tensor), x.is_leaf, len(x), repr(x)[:20]))
        return x

    vmap(look)(tenon.ones(3, 2))
    assert seen == [((2,), 1, tenon.float32, True, True, 2, "BatchedTensor(lvl=1,")]


def test_derivatives_of_each_example_do_not_mix():
    x = tenon.tensor([1.0, 2.0, 3.0], dtype=tenon.float64)
    assert vmap(jacrev(lambda v: v**2))(x).tolist() == [2, 4, 6]
    assert vmap(jacfwd(lambda v: v**2))(x).tolist() == [2, 4, 6]
    assert vmap(hessian(lambda v: v**3))(x).tolist() == [6, 12, 18]
    assert vmap(lambda v: jvp(lambda u: u**2, (v,), (v,))[1])(x).tolist() == [2, 8, 18]
    assert vmap(lambda v: vjp(lambda u: u**2, v)[1](v)[0])(x).tolist() == [2, 8, 18]


def test_arguments_by_place_and_by_name_are_the_same():
    F = tenon.nn.functional
    weights, x = batch(tenon, 3, 4), tenon.arange(4.0)
    expected = tenon.stack([F.rms_norm(x, [4], w, 0.5) for w in weights])
    tenon.testing.assert_close(vmap(lambda w: F.rms_norm(x, [4], w, 0.5))(weights), expected)
    tenon.testing.assert_close(vmap(lambda w: F.rms_norm(x, [4], weight=w, eps=0.5))(weights), expected)
    padded = vmap(lambda row: F.pad(input=row, pad=(1, 1)))(weights)
    assert padded.tolist() == F.pad(weights, (1, 1)).tolist()
    images = batch(tenon, 2, 1, 4, 3)
    by_name = vmap(lambda image: F.group_norm(input=image, num_groups=2))(images)
    tenon.testing.assert_close(by_name, vmap(lambda image: F.group_norm(image, 2))(images))
