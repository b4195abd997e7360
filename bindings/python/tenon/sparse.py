"""Sparse tensors in coordinate format: where the values are, and the values, which alone take gradients."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Size, Tensor, TensorError
from tenon._typed_tensors import TYPE_NAMES

__all__ = ["SparseTensor", "addmm", "mm", "sparse_coo_tensor", "spmm", "sum", "to_sparse"]

_functions = _C.functions

_OPERATORS = {name: f"__{name}__" for name in ("add", "sub", "mul", "neg")} | {"div": "__truediv__"}


class SparseTensor:
    """A tensor of `shape` that is zero except at `indices`, one column per value; values of equal columns add up.

    The first dims are sparse, one per row of the indices; those that a value has of its own are dense.
    """

    layout = _C.sparse_coo
    is_sparse = True
    is_leaf = property(lambda self: self._value.is_leaf)
    dtype = property(lambda self: self._value.dtype)
    device = property(lambda self: self._value.device)
    is_cuda = property(lambda self: self._value.is_cuda)
    is_cpu = property(lambda self: self._value.is_cpu)
    ndim = property(lambda self: len(self.shape))

    def __init__(self, indices: Tensor, values: Tensor, shape: Any, coalesced: bool) -> None:
        self._index, self._value, self.shape = indices, values, Size(shape)
        self._coalesced = coalesced or indices.shape[1] < 2

    # --- what it holds

    def indices(self) -> Tensor:
        """Where the values are: a row per sparse dim, in order; the tensor must be coalesced."""
        self._check_coalesced("indices")
        return self._index

    def values(self) -> Tensor:
        """The values in the order of the indices; the tensor must be coalesced."""
        self._check_coalesced("values")
        return self._value

    def _indices(self) -> Tensor:
        return self._index

    def _values(self) -> Tensor:
        return self._value

    def _nnz(self) -> int:
        return self._index.shape[1]

    def _check_coalesced(self, name: str) -> None:
        if not self._coalesced:
            raise TensorError(f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first")

    def is_coalesced(self) -> bool:
        """Whether the indices are known to be in order and distinct."""
        return self._coalesced

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dim."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """The number of dims."""
        return len(self.shape)

    def sparse_dim(self) -> int:
        """The number of dims that the indices address."""
        return self._index.shape[0]

    def dense_dim(self) -> int:
        """The number of dims that each value has of its own."""
        return self._value.dim() - 1

    def numel(self) -> int:
        """The number of elements, zeros included."""
        return self.shape.numel()

    def __len__(self) -> int:
        return self.shape[0]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        # Functions of tensors are its methods where the first argument is sparse, as in torch.matmul(sparse, dense).
        name: str = func.__name__
        if isinstance(args[0], cls):
            own = getattr(cls, _OPERATORS[name] if name in _OPERATORS else name, None)
        else:
            own = _BESIDE_DENSE.get(name)
        return NotImplemented if own is None else own(*args, **(kwargs or {}))

    def __repr__(self) -> str:
        index, value = (repr(part).removeprefix("tensor(").removesuffix(")") for part in (self._index, self._value))
        return (
            f"tensor(indices=tensor({index}),\n       values=tensor({value}),\n"
            f"       size={tuple(self.shape)}, nnz={self._nnz()}, layout={self.layout!r})"
        )

    def __reduce_ex__(self, protocol: int) -> tuple:
        from tenon import _rebuild

        return _rebuild._rebuild_sparse_tensor, (
            self.layout,
            (self._index, self._value, self.shape, self._coalesced),
        )

    # --- autograd

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are computed for the values."""
        return self._value.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._value.requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Sets whether gradients are computed for the values."""
        self._value.requires_grad_(requires_grad)
        return self

    @property
    def grad(self) -> SparseTensor | None:
        """The gradient that backward left, at the same places."""
        grad = self._value.grad
        if grad is None or self._coalesced:
            return None if grad is None else self._with(grad)
        # Values of one place have the gradient of that place each: it counts once.
        places, inverse = self.coalesce(), self._row_numbers().unique(return_inverse=True)[1]
        return places._with(grad.new_zeros(places._value.shape).index_copy(0, inverse, grad))

    @grad.setter
    def grad(self, grad: SparseTensor | None) -> None:
        if grad is not None and (grad.shape != self.shape or not self._index.equal(grad._index)):
            raise TensorError("SparseTensor.grad: expected None or values at the places of the tensor itself")
        self._value.grad = None if grad is None else grad._value.detach()

    def detach(self) -> SparseTensor:
        """An alias outside any graph."""
        return self._with(self._value.detach())

    def clone(self) -> SparseTensor:
        """A copy that gradients pass through."""
        return SparseTensor(self._index.clone(), self._value.clone(), self.shape, self._coalesced)

    # --- other forms

    def _with(self, values: Tensor) -> SparseTensor:
        return SparseTensor(self._index, values, self.shape, self._coalesced)

    def _row_numbers(self) -> Tensor:
        # The sparse dims as one.
        flat = _functions["zeros"](self._nnz(), dtype=_C.int64, device=self.device)
        for dim in range(self.sparse_dim()):
            flat = flat * self.shape[dim] + self._index[dim]
        return flat

    def coalesce(self) -> SparseTensor:
        """The same tensor with its indices in order, and the values of equal ones added up."""
        if self._coalesced:
            return self
        rows, inverse = self._row_numbers().unique(return_inverse=True)
        values = self._value.new_zeros(len(rows), *self._value.shape[1:]).index_add(0, inverse, self._value)
        index = []
        for size in reversed(self.shape[: self.sparse_dim()]):
            index.append(rows % size)
            rows = rows.div(size, rounding_mode="floor")
        return SparseTensor(_functions["stack"](index[::-1]), values, self.shape, True)

    def to_dense(self) -> Tensor:
        """The tensor with all its zeros."""
        sparse_dims = self.sparse_dim()
        rows = Size(self.shape[:sparse_dims]).numel()
        flat = self._value.new_zeros(rows, *self._value.shape[1:])
        return flat.index_add(0, self._row_numbers(), self._value).reshape(self.shape)

    def to(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """The tensor with its values converted to another dtype or device."""
        values = self._value.to(*args, **kwargs)
        return SparseTensor(self._index.to(values.device), values, self.shape, self._coalesced)

    def cpu(self) -> SparseTensor:
        """The tensor on the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> SparseTensor:
        """The tensor on a CUDA device."""
        return self.to("cuda" if device is None else device)

    def float(self) -> SparseTensor:
        """The tensor as float32."""
        return self.to(_C.float32)

    def double(self) -> SparseTensor:
        """The tensor as float64."""
        return self.to(_C.float64)

    def transpose(self, dim0: int, dim1: int) -> SparseTensor:
        """The tensor with two sparse dims swapped."""
        order = list(range(self.dim()))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        if order[self.sparse_dim() :] != list(range(self.sparse_dim(), self.dim())):
            raise TensorError("transpose: a sparse dim cannot be swapped with a dense one")
        shape = [self.shape[dim] for dim in order]
        return SparseTensor(self._index[order[: self.sparse_dim()]], self._value, shape, False)

    def t(self) -> SparseTensor:
        """The matrix transposed."""
        if self.dim() != 2:
            raise TensorError(f"t() expects a tensor with 2 dims, but self is {self.dim()}D")
        return self.transpose(0, 1)

    # --- arithmetic

    def mm(self, mat2: Tensor) -> Tensor:
        """The product with a dense matrix."""
        return mm(self, mat2)

    spmm = mm

    def matmul(self, other: Tensor) -> Tensor:
        """The product with a dense matrix or vector."""
        return mm(self, other.unsqueeze(1)).squeeze(1) if other.dim() == 1 else mm(self, other)

    __matmul__ = mv = matmul

    def sum(self, dim: Any = None, dtype: Any = None) -> Any:
        """The sum of all elements, or along dims; sparse where sparse dims remain."""
        if dim is None:
            return self._value.sum(dtype=dtype)
        dims = {(each + self.dim()) % self.dim() for each in ((dim,) if isinstance(dim, int) else dim)}
        first_dense = self.sparse_dim()
        kept = [each for each in range(first_dense) if each not in dims]
        within = [each - first_dense + 1 for each in dims if each >= first_dense]
        values = self._value if dtype is None else self._value.to(dtype)
        if within:
            values = values.sum(within)
        if not kept:
            return values.sum(0)
        shape = [size for each, size in enumerate(self.shape) if each not in dims]
        return SparseTensor(self._index[kept], values, shape, self._coalesced and len(kept) == first_dense).coalesce()

    def __mul__(self, other: Any) -> SparseTensor:
        return self._with(self._value * other) if isinstance(other, (int, float, complex)) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> SparseTensor:
        return self._with(self._value / other) if isinstance(other, (int, float, complex)) else NotImplemented

    def __neg__(self) -> SparseTensor:
        return self._with(-self._value)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Tensor):
            return self.to_dense() + other
        if not isinstance(other, SparseTensor):
            return NotImplemented
        if other.shape != self.shape or other.sparse_dim() != self.sparse_dim():
            raise TensorError(f"add: expected sparse tensors of one shape, but got {self.shape} and {other.shape}")
        index = _functions["cat"]([self._index, other._index], 1)
        return SparseTensor(index, _functions["cat"]([self._value, other._value]), self.shape, False)

    def __sub__(self, other: Any) -> Any:
        return self + -other


def sparse_coo_tensor(
    indices: Any,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:
    """A sparse tensor with `values` at the columns of `indices`; `size` is the smallest that holds them if not given.

    Gradients reach `values` when it is a tensor that requires them.
    """
    if values is None:
        # Sizes alone: nothing but zeros.
        shape = [indices] if isinstance(indices, int) else list(indices)
        index = _functions["zeros"](len(shape), 0, dtype=_C.int64, device=device)
        return SparseTensor(index, _functions["zeros"](0, dtype=dtype, device=device), shape, True)
    index = _C.as_tensor(indices, _C.int64, device)
    value = _C.as_tensor(values, dtype, device)
    if index.dim() != 2 or value.dim() == 0 or value.shape[0] != index.shape[1]:
        raise TensorError(
            f"sparse_coo_tensor: expected indices of shape (sparse dims, n) and n values, but got "
            f"{tuple(index.shape)} and {tuple(value.shape)}"
        )
    found = [int(row.max()) + 1 if row.numel() else 0 for row in index]
    shape = [*found, *value.shape[1:]] if size is None else list(size)
    if len(shape) != index.shape[0] + value.dim() - 1 or list(value.shape[1:]) != shape[index.shape[0] :]:
        raise TensorError(
            f"sparse_coo_tensor: the size {shape} does not fit indices of shape {tuple(index.shape)} and values of "
            f"shape {tuple(value.shape)}"
        )
    if index.numel() and (int(index.min()) < 0 or any(last > size for last, size in zip(found, shape))):
        raise TensorError(f"sparse_coo_tensor: an index is negative or beyond the size {shape}")
    result = SparseTensor(index, value, shape, bool(is_coalesced))
    return SparseTensor(index, value.detach(), shape, bool(is_coalesced)).requires_grad_() if requires_grad else result


def to_sparse(input: Tensor, sparse_dim: int | None = None) -> SparseTensor:
    """The non-zero elements of a tensor, or slices of it with `sparse_dim` dims before them, as a sparse tensor."""
    dims = input.dim() if sparse_dim is None else sparse_dim
    if not 0 < dims <= input.dim():
        raise TensorError(f"to_sparse: expected sparse_dim from 1 to {input.dim()}, but got {dims}")
    holds = input != 0
    index = (holds.flatten(dims).any(-1) if dims < input.dim() else holds).nonzero().t()
    return SparseTensor(index, input[tuple(index)], input.shape, True)


def mm(input: SparseTensor, mat2: Tensor) -> Tensor:
    """The product of a sparse matrix and a dense one."""
    if not isinstance(input, SparseTensor) or not isinstance(mat2, Tensor):
        kinds = f"{type(input).__name__} and {type(mat2).__name__}"
        raise TypeError(f"sparse.mm: expected a sparse and a dense matrix, not {kinds}")
    if input.dim() != 2 or input.sparse_dim() != 2 or mat2.dim() != 2 or input.shape[1] != mat2.shape[0]:
        raise TensorError(
            f"sparse.mm: expected matrices whose inner sizes agree, but got {tuple(input.shape)} and "
            f"{tuple(mat2.shape)}"
        )
    rows, columns = input._index
    products = input._value.unsqueeze(1) * mat2.index_select(0, columns)
    return products.new_zeros(input.shape[0], mat2.shape[1]).index_add(0, rows, products)


def spmm(input: Any, mat2: Tensor) -> Tensor:
    """The product of two matrices of which the first may be sparse."""
    return mm(input, mat2) if isinstance(input, SparseTensor) else _functions["mm"](input, mat2)


def addmm(mat: Tensor, mat1: SparseTensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """beta * mat + alpha * (mat1 @ mat2), where mat1 is sparse."""
    return beta * mat + alpha * mm(mat1, mat2)


def sum(input: SparseTensor, dim: Any = None, dtype: Any = None) -> Any:
    """The sum of all elements, or along dims; sparse where sparse dims remain."""
    return input.sum(dim, dtype)


def _dense_mm(input: Tensor, mat2: SparseTensor) -> Tensor:
    return mm(mat2.t(), input.t()).t()


def _dense_matmul(input: Tensor, other: SparseTensor) -> Tensor:
    return other.t().matmul(input.t()).t()


def _dense_add(input: Tensor, other: SparseTensor, *, alpha: Any = 1) -> Tensor:
    return input.add(other.to_dense(), alpha=alpha)


def _dense_sub(input: Tensor, other: SparseTensor, *, alpha: Any = 1) -> Tensor:
    return input.sub(other.to_dense(), alpha=alpha)


_BESIDE_DENSE = {"mm": _dense_mm, "matmul": _dense_matmul, "addmm": addmm, "add": _dense_add, "sub": _dense_sub}


def as_dense_parts(values: tuple) -> tuple[tuple, list[Any]]:
    """The values with two tensors in the place of each sparse one, and what of_dense_parts() needs to undo it."""
    parts, forms = [], []
    for value in values:
        is_sparse = isinstance(value, SparseTensor)
        parts += [value._index, value._value] if is_sparse else [value]
        forms.append((value.shape, value._coalesced) if is_sparse else None)
    return tuple(parts), forms


def of_dense_parts(parts: tuple, forms: list[Any]) -> tuple:
    """The values that as_dense_parts() took apart."""
    rest = iter(parts)
    return tuple(next(rest) if form is None else SparseTensor(next(rest), next(rest), *form) for form in forms)


class TypedSparseTensor(type):
    """The type of torch.sparse.FloatTensor and the like. Called with sizes one makes an empty tensor of its dtype."""

    dtype: _C.dtype

    def __call__(cls, *args: Any) -> SparseTensor:
        if not args or isinstance(args[0], (int, Size)):
            return sparse_coo_tensor(args[0] if args and isinstance(args[0], Size) else args or (0,), dtype=cls.dtype)
        if len(args) == 1:
            raise TypeError(
                "torch.sparse.SparseTensor(sequence) only accepts sizes.  Please use torch.sparse_coo_tensor() or "
                "construct a strided tensor and convert it to sparse via to_sparse."
            )
        return sparse_coo_tensor(*args)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, SparseTensor) and instance.dtype is cls.dtype


for _dtype in (_C.uint8, _C.int8, _C.int16, _C.int32, _C.int64, _C.float16, _C.bfloat16, _C.float32, _C.float64):
    _members = {"dtype": _dtype, "__module__": __name__, "__doc__": f"Sparse tensors of {_dtype}."}
    globals()[TYPE_NAMES[_dtype]] = TypedSparseTensor(TYPE_NAMES[_dtype], (), _members)
