"""The optimizers against torch.optim: parameters after many steps, states, and state dicts that change sides."""

import copy
import io
import pickle

import numpy
import pytest
import tenon
import torch
from optim_cases import CASES, Problem, assert_near, case_id, to_other

# Rounding grows with the steps; Adafactor's parameters have means of their own rounding.
ROOM = {"float32": (2e-5, 2e-6), "float64": (1e-12, 1e-13)}
STEPS = 100


def make(t, name, options, problem):
    return getattr(t.optim, name)(problem.params, **options)


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
@pytest.mark.parametrize("dtype", ROOM)
def test_a_hundred_steps_are_pytorchs(name, options, dtype):
    ends = []
    for t in (tenon, torch):
        problem = Problem(t, dtype)
        optimizer = make(t, name, options, problem)
        problem.run(optimizer, STEPS)
        ends.append((problem, optimizer))
    (own, ours), (other, theirs) = ends
    assert_near(own.numbers(), other.numbers(), *ROOM[dtype])
    own_state, their_state = ours.state_dict(), theirs.state_dict()
    assert own_state["param_groups"] == their_state["param_groups"]
    assert own_state["state"].keys() == their_state["state"].keys()
    for i, state in their_state["state"].items():
        assert list(own_state["state"][i]) == list(state)
        for key, value in state.items():
            mine = own_state["state"][i][key]
            assert type(mine).__name__ == type(value).__name__
            if isinstance(value, torch.Tensor):
                assert str(mine.dtype).split(".")[1] == str(value.dtype).split(".")[1], key
                assert_near([mine.double().numpy()], [value.double().numpy()], *ROOM[dtype])
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_states_go_to_pytorch_and_back(name, options):
    whole, halves = Problem(torch), Problem(tenon)
    expected = make(torch, name, options, whole)
    whole.run(expected, 60)
    first = make(tenon, name, options, halves)
    halves.run(first, 20)

    middle = Problem(torch)
    middle.count = halves.count
    for param, value in zip(middle.params, halves.params):
        param.data.copy_(torch.from_dlpack(value.detach()))
    second = make(torch, name, options, middle)
    second.load_state_dict(to_other(first.state_dict()))
    middle.run(second, 20)

    last = Problem(tenon)
    last.count = middle.count
    for param, value in zip(last.params, middle.params):
        param.data.copy_(tenon.from_torch(value.detach()))
    third = make(tenon, name, options, last)
    third.load_state_dict(to_other(second.state_dict()))
    last.run(third, 20)
    assert_near(last.numbers(), whole.numbers(), *ROOM["float32"])


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_a_resumed_run_ends_bitwise_as_one_never_interrupted(name, options):
    whole, halves = Problem(tenon), Problem(tenon)
    whole.run(make(tenon, name, options, whole), 30)
    first = make(tenon, name, options, halves)
    halves.run(first, 15)
    second = make(tenon, name, options, halves)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    halves.run(second, 15)
    for own, other in zip(halves.numbers(), whole.numbers()):
        numpy.testing.assert_array_equal(own, other)


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_types_step_as_floats_that_are_rounded(name, options, dtype):
    if name == "Adafactor":
        room = 0.2
    else:
        room = {"bfloat16": 0.05, "float16": 0.01}[dtype]
    problem, reference = Problem(tenon, dtype), Problem(torch, "float32")
    for param, exact in zip(problem.params, reference.params):
        exact.data.copy_(torch.from_dlpack(param.detach()).float())
    problem.run(make(tenon, name, options, problem), 3)
    reference.run(make(torch, name, options, reference), 3)
    assert all(param.dtype is getattr(tenon, dtype) for param in problem.params)
    assert_near(problem.numbers(), reference.numbers(), room, room)


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] != "Adafactor"], ids=case_id)
def test_complex_and_strided_parameters(name, options):
    def run(t):
        params = [
            t.tensor([[1 + 2j, -0.5j], [0.25, -1 + 1j]], dtype=t.complex64).requires_grad_(),
            t.arange(12.0).reshape(3, 4).t().requires_grad_(),
            t.arange(24.0).reshape(2, 3, 4)[:, 1].detach().requires_grad_(),
        ]
        optimizer = getattr(t.optim, name)(params, **options)
        for i in range(20):
            params[0].grad = params[0].detach() * (0.5 + 0.1j * i) + 0.1
            params[1].grad = t.ones(1).expand(4, 3) * 0.1
            params[2].grad = (params[2].detach() * 0.3).t().contiguous().t()
            optimizer.step()
        return [t.view_as_real(params[0].detach()).numpy(), *(param.detach().numpy() for param in params[1:])]

    assert_near(run(tenon), run(torch), 5e-5, 5e-5)


@pytest.mark.parametrize(
    ("shape", "key", "value"),
    [
        ((4000, 40), "row_var", tenon.zeros(1, 1)),
        ((4, 4000), "col_var", tenon.zeros(1, 2)),
        ((4, 4), "row_var", None),
        ((4000,), "variance", tenon.zeros(3)),
    ],
)
def test_adafactor_refuses_states_of_other_sizes(shape, key, value):
    param = tenon.ones(shape).requires_grad_()
    param.grad = tenon.ones(shape)
    optimizer = tenon.optim.Adafactor([param])
    optimizer.step()
    optimizer.state[param][key] = value
    with pytest.raises((tenon.TensorError, TypeError)):
        optimizer.step()


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_any_number_of_threads_gives_the_same_bits(name, options):
    ends = []
    before = tenon.get_num_threads()
    for threads in (1, 3):
        tenon.set_num_threads(threads)
        problem = Problem(tenon, shapes=[(40000,), (3,), (300, 301), (1,)])
        problem.run(make(tenon, name, options, problem), 3)
        ends.append(problem.numbers())
    tenon.set_num_threads(before)
    for one, other in zip(*ends):
        numpy.testing.assert_array_equal(one, other)


def stepped(t, name, options, start, weight, differentiable):
    """The sum of squares after some steps whose gradients depend on a weight."""
    param = start.clone() if differentiable else start.clone().requires_grad_()
    optimizer = getattr(t.optim, name)([param], differentiable=differentiable, **options)
    for i in range(3):
        param.grad = weight * (i + 1) - weight**2 * 0.3
        optimizer.step()
    return (param * param).sum()


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] != "Adafactor"], ids=case_id)
def test_gradients_of_differentiable_steps_are_the_slopes_of_pytorchs_steps(name, options):
    start = numpy.array([0.3, -1.2, 2.0])
    weight = numpy.array([1.5, -0.5, 0.7])
    leaves = [tenon.tensor(x, requires_grad=True) for x in (start, weight)]
    stepped(tenon, name, options, *leaves, True).backward()

    def slope(step):
        ends = []
        for sign in (1, -1):
            moved = torch.from_numpy(weight + sign * step)
            ends.append(stepped(torch, name, options, torch.from_numpy(start), moved, False).item())
        return (ends[0] - ends[1]) / 2e-6

    expected = [slope(1e-6 * numpy.eye(3)[i]) for i in range(3)]
    if name == "Rprop":
        # Only the sign of the gradient counts.
        assert leaves[1].grad is None or not leaves[1].grad.any()
    else:
        numpy.testing.assert_allclose(leaves[1].grad.numpy(), expected, rtol=1e-4, atol=1e-7)
    assert leaves[0].grad.any()


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_options_that_a_step_cannot_differentiate_are_refused(name):
    lr = tenon.tensor(0.1, requires_grad=True)
    param = tenon.ones(3, requires_grad=True).clone()
    optimizer = getattr(tenon.optim, name)([param], lr=lr, differentiable=True)
    param.grad = tenon.ones(3)
    with pytest.raises(NotImplementedError, match="require grad"):
        optimizer.step()


@pytest.mark.parametrize("options", [{}, {"nesterov": False, "momentum": 0.5}, {"adjust_lr_fn": "match_rms_adamw"}])
def test_muon_is_pytorchs_within_bfloat16(options):
    ends = []
    for t in (tenon, torch):
        problem = Problem(t, shapes=[(6, 9), (12, 5), (8, 8)])
        problem.run(make(t, "Muon", options, problem), 20)
        ends.append(problem.numbers())
    assert_near(*ends, 2e-2, 2e-3)
    with pytest.raises(ValueError, match="2D"):
        tenon.optim.Muon([tenon.ones(3, requires_grad=True)])


def test_sparse_adam_leaves_untouched_rows_alone():
    def run(t):
        table = t.arange(12.0).reshape(6, 2).requires_grad_()
        optimizer = t.optim.SparseAdam([table], lr=0.1)
        for rows in ([0, 2], [2, 5], [1, 2, 2]):
            optimizer.zero_grad()
            found = t.nn.functional.embedding(t.tensor(rows), table, sparse=True)
            (found * found).sum().backward()
            optimizer.step()
        return table.detach().numpy()

    numpy.testing.assert_allclose(run(tenon), run(torch), rtol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"line_search_fn": "strong_wolfe"}, {"lr": 0.5, "max_iter": 7, "history_size": 3}]
)
def test_lbfgs_is_pytorchs(options):
    def run(t):
        x = t.tensor([-1.2, 1.0, 0.7], dtype=t.float64, requires_grad=True)
        y = t.tensor([[0.5, -0.3]], dtype=t.float64, requires_grad=True)
        optimizer = t.optim.LBFGS([x, y], **options)

        def closure():
            optimizer.zero_grad()
            loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + (x[2] * y).cosh().sum() + (y**2).sum()
            loss.backward()
            return loss

        losses = [float(optimizer.step(closure).detach()) for _ in range(4)]
        state = optimizer.state_dict()["state"][0]
        return [x.detach().numpy(), y.detach().numpy(), losses, [state["func_evals"], state["n_iter"]]], optimizer

    (own, ours), (other, theirs) = run(tenon), run(torch)
    assert_near(own, other, 1e-6, 1e-8)
    loaded = torch.optim.LBFGS([torch.zeros(3, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)])
    loaded.load_state_dict(to_other(ours.state_dict()))
    back = tenon.optim.LBFGS([tenon.zeros(3, dtype=tenon.float64), tenon.zeros(1, 2, dtype=tenon.float64)])
    back.load_state_dict(to_other(theirs.state_dict()))
    assert back.state_dict()["state"][0].keys() == loaded.state_dict()["state"][0].keys()


@pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)
def test_pickled_optimizers_go_on_as_before(name, options):
    problem = Problem(tenon)
    optimizer = make(tenon, name, options, problem)
    problem.run(optimizer, 3)
    stream = io.BytesIO()
    pickle.dump(optimizer, stream)
    again = pickle.loads(stream.getvalue())
    other = Problem(tenon)
    other.count, other.params = problem.count, again.param_groups[0]["params"]
    problem.run(optimizer, 3)
    other.run(again, 3)
    for one, two in zip(problem.numbers(), other.numbers()):
        numpy.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] != "Adafactor"], ids=case_id)
def test_empty_parameters_and_those_without_gradient_are_left_alone(name, options):
    params = [tenon.ones(0, 3), tenon.ones(2), tenon.ones(2)]
    for param in params:
        param.requires_grad_()
    optimizer = getattr(tenon.optim, name)(params, **options)
    params[0].grad, params[1].grad = tenon.ones(0, 3), tenon.ones(2)
    optimizer.step()
    assert (params[1] != 1).all()
    assert (params[2] == 1).all()
    assert "step" not in optimizer.state.get(params[2], {}) or optimizer.state[params[2]]["step"] == 0
