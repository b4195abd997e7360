"""x[...] and x[...] = value, against NumPy where it has the same rules."""

import numpy as np
import pytest
import tenon

SHAPE = (4, 3, 5)
ROWS, MASK = [0, 2, 3], [True, False, True, True]
INDICES = {
    "an int": 1,
    "a negative int": -1,
    "a numpy int": np.int32(2),
    "a slice": slice(1, 3),
    "a slice with a step": slice(None, None, 2),
    "a slice beyond the end": slice(2, 100),
    "an empty slice": slice(3, 1),
    "a slice from the end": slice(-2, None),
    "an ellipsis": Ellipsis,
    "None": None,
    "ints": (1, 2, 3),
    "an int after an ellipsis": (Ellipsis, 2),
    "slices and ints": (slice(1, None), 0, slice(None, 4)),
    "None amid slices": (slice(None), None, 1),
    "a list": ROWS,
    "an empty list": [],
    "a list of lists": [[0, 1], [2, 3]],
    "a mask": np.array(MASK),
    "a mask as a list": MASK,
    "a mask of two dims": (np.arange(12).reshape(4, 3) % 2).astype(bool),
    "a full mask": (np.arange(60).reshape(SHAPE) % 3) == 0,
    "an array": np.array(ROWS),
    "two arrays": (np.array([0, 1]), np.array([2, 0])),
    "arrays that broadcast": (np.array([[0], [1]]), np.array([2, 0])),
    "arrays with a slice between": (np.array([0, 1]), slice(None), np.array([2, 0])),
    "an array after a slice": (slice(None), np.array([2, 0, 2])),
    "an array and an int": (np.array([0, 1]), 1),
    "an array, None and an ellipsis": (np.array([0, 1]), None, Ellipsis),
    "True": True,
    "False": False,
}


def ours(index):
    """The index with arrays as tensors."""
    if isinstance(index, tuple):
        return tuple(ours(item) for item in index)
    return tenon.from_numpy(index.copy()) if isinstance(index, np.ndarray) else index


def array():
    return np.arange(60, dtype=np.float32).reshape(SHAPE)


@pytest.mark.parametrize("name", INDICES)
def test_reading_agrees_with_numpy(name):
    index, values = INDICES[name], array()
    expected = values[index]
    for key in (index, ours(index)):
        result = tenon.from_numpy(values)[key]
        assert tuple(result.shape) == expected.shape
        np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.parametrize("name", INDICES)
def test_writing_a_number_agrees_with_numpy(name):
    expected, result = array(), tenon.from_numpy(array())
    expected[INDICES[name]] = -1
    result[ours(INDICES[name])] = -1
    np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.parametrize("name", INDICES)
def test_writing_a_tensor_agrees_with_numpy(name):
    expected, result = array(), tenon.from_numpy(array())
    shape = expected[INDICES[name]].shape
    source = -np.arange(np.prod(shape), dtype=np.float32).reshape(shape) - 1
    expected[INDICES[name]] = source
    result[ours(INDICES[name])] = tenon.from_numpy(np.array(source))
    np.testing.assert_array_equal(result.numpy(), expected)


def test_written_values_are_converted_and_broadcast():
    x = tenon.zeros(2, 3)
    x[0] = [1, 2, 3]
    x[1] = np.array([4, 5, 6])
    x[:, 0] = tenon.tensor(9)
    assert x.tolist() == [[9, 2, 3], [9, 5, 6]]
    x[x > 5] = 0
    assert x.tolist() == [[0, 2, 3], [0, 5, 0]]


def test_slices_are_views_and_arrays_copy():
    x = tenon.zeros(3, 3)
    x[1:][0, 0] = 5
    assert x[1, 0].item() == 5
    x[[0]][0, 0] = 7
    assert x[0, 0].item() == 0
    assert x[tenon.tensor(1)].data_ptr() == x[1].data_ptr()


def test_gradients_flow_through_indices():
    x = tenon.arange(6.0).reshape(2, 3).requires_grad_()
    (x[:, 1] * 2).sum().backward()
    assert x.grad.tolist() == [[0, 2, 0], [0, 2, 0]]
    x.grad = None
    x[[0, 0, 1], [2, 2, 0]].sum().backward()
    assert x.grad.tolist() == [[0, 0, 2], [1, 0, 0]]
    y = tenon.zeros(3, requires_grad=True)
    z = y * 1
    z[1] = x[0, 0] * 3
    z.sum().backward()
    assert y.grad.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (4, IndexError),
        (-5, IndexError),
        ((0, 0, 0, 0), IndexError),
        ("text", IndexError),
        (1.5, IndexError),
        (slice(None, None, 0), ValueError),
        (slice(None, None, -1), ValueError),
        ([0, 9], IndexError),
        (tenon.tensor([0.5]), IndexError),
        (tenon.tensor([True, False]), IndexError),
        ((Ellipsis, Ellipsis), IndexError),
        (2**70, ValueError),
    ],
)
def test_bad_indices_raise_and_change_nothing(index, error):
    x = tenon.from_numpy(array())
    with pytest.raises(error):
        x[index]
    with pytest.raises(error):
        x[index] = 0
    np.testing.assert_array_equal(x.numpy(), array())


def test_indices_of_what_holds():
    x = tenon.tensor([[0, 3], [5, 0]])
    assert x.nonzero().tolist() == [[0, 1], [1, 0]]
    for pair in [x.nonzero(as_tuple=True), tenon.nonzero(x, as_tuple=True), tenon.where(x > 0)]:
        assert [indices.tolist() for indices in pair] == [[0, 1], [1, 0]]
    assert x[tenon.where(x > 0)].tolist() == [3, 5]
    assert tenon.tensor(4).nonzero(as_tuple=True)[0].tolist() == [0]


def test_deleting_and_shapes_that_do_not_fit_raise():
    x = tenon.zeros(2, 3)
    with pytest.raises(TypeError):
        del x[0]
    with pytest.raises(RuntimeError):
        x[0] = tenon.ones(4)
