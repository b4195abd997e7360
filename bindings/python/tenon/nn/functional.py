"""The functions that neural networks are made of, under the names of torch.nn.functional."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon.nn import _attention, _losses, _resampling

# Ops of the top-level module that PyTorch has here as well.
_SHARED = "hardshrink prelu sigmoid softplus tanh tanhshrink".split()
_ALIASES = {
    "log_sigmoid": "logsigmoid",
    "celu_": "celu_", "elu_": "elu_", "hardtanh_": "hardtanh_", "leaky_relu_": "leaky_relu_", "relu_": "relu_",
    "rrelu_": "rrelu_", "selu_": "selu_", "threshold_": "threshold_",
}  # fmt: skip

for _name in _SHARED:
    globals()[_name] = _C.functions[_name]
for _name, _alias in _ALIASES.items():
    if _name in _C.functions:
        globals()[_alias] = _C.functions[_name]
globals().update(_C.nn_functions)
for _name in _losses.__all__:
    globals()[_name] = getattr(_losses, _name)
affine_grid = _resampling.affine_grid
grid_sample = _resampling.grid_sample
interpolate = _resampling.interpolate
multi_head_attention_forward = _attention.multi_head_attention_forward
_canonical_mask = _attention._canonical_mask
_none_or_dtype = _attention._none_or_dtype
pad = _C.nn_functions["pad"]
upsample = _resampling.upsample
upsample_bilinear = _resampling.upsample_bilinear
upsample_nearest = _resampling.upsample_nearest
native_channel_shuffle = _C.nn_functions["channel_shuffle"]


def _activation(name: str) -> Any:
    # Activations edit their input on request.
    plain, editing = _C.functions[name], _C.functions[name + "_"]

    def activation(input: _C.Tensor, inplace: bool = False) -> _C.Tensor:
        return (editing if inplace else plain)(input)

    activation.__name__ = activation.__qualname__ = name
    activation.__doc__ = plain.__doc__
    return activation


for _name in ("hardsigmoid", "hardswish", "mish", "relu", "relu6", "selu", "silu"):
    globals()[_name] = _activation(_name)


def _form(name: str, inplace: bool) -> Any:
    return _C.functions[name + "_" if inplace else name]


def celu(input: _C.Tensor, alpha: float = 1.0, inplace: bool = False) -> _C.Tensor:
    """x above zero, alpha (exp(x / alpha) - 1) below."""
    return _form("celu", inplace)(input, alpha)


def elu(input: _C.Tensor, alpha: float = 1.0, inplace: bool = False) -> _C.Tensor:
    """x above zero, alpha (exp(x) - 1) below."""
    return _form("elu", inplace)(input, alpha)


def hardtanh(input: _C.Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> _C.Tensor:
    """x from `min_val` to `max_val`, and these beyond."""
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val must not be greater than max_val, got {min_val} and {max_val}")
    return _form("hardtanh", inplace)(input, min_val, max_val)


def leaky_relu(input: _C.Tensor, negative_slope: float = 0.01, inplace: bool = False) -> _C.Tensor:
    """x above zero, negative_slope x below."""
    return _form("leaky_relu", inplace)(input, negative_slope)


def rrelu(
    input: _C.Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> _C.Tensor:
    """leaky_relu with random slopes in training, else with the middle one."""
    return _form("rrelu", inplace)(input, lower, upper, training)


def threshold(input: _C.Tensor, threshold: float, value: float, inplace: bool = False) -> _C.Tensor:
    """x above `threshold`, `value` elsewhere."""
    return _form("threshold", inplace)(input, threshold, value)


def softshrink(input: _C.Tensor, lambd: float = 0.5, *, out: _C.Tensor | None = None) -> _C.Tensor:
    """Each element moved towards zero by lambd, and zero where it is nearer."""
    if lambd < 0:
        raise _C.TensorError(f"softshrink: lambd must not be negative, got {lambd}")
    return _C.functions["softshrink"](input, lambd, out=out)


_softmax, _log_softmax = _C.functions["softmax"], _C.functions["log_softmax"]


def _softmax_dim(input: _C.Tensor) -> int:
    # What PyTorch takes, with a warning there, when no dim is given.
    return 0 if input.ndim in (0, 1, 3) else 1


def softmax(input: _C.Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> _C.Tensor:
    """exp(input) divided by its sum along a dim."""
    return _softmax(input, _softmax_dim(input) if dim is None else dim, dtype)


def log_softmax(input: _C.Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> _C.Tensor:
    """The logarithm of softmax."""
    return _log_softmax(input, _softmax_dim(input) if dim is None else dim, dtype)


def softmin(input: _C.Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> _C.Tensor:
    """softmax of -input."""
    return softmax(-input, dim, dtype=dtype)


def _pooling(name: str, dims: int, always_both: bool) -> Any:
    # Max pooling gives its indices on request.
    values, both = (_C.nn_functions[name + ending] for ending in ("", "_with_indices"))
    values = both if always_both else values

    def max_pool(
        input: _C.Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        pool = both if return_indices else values
        return pool(input, kernel_size, stride, padding, dilation, ceil_mode)

    def adaptive_max_pool(input: _C.Tensor, output_size: Any, return_indices: bool = False) -> Any:
        return (both if return_indices else values)(input, _grid(input, output_size, dims))

    pool = adaptive_max_pool if name.startswith("adaptive") else max_pool
    pool.__name__ = pool.__qualname__ = name + "_with_indices" * always_both
    pool.__doc__ = values.__doc__
    return pool


def _grid(input: _C.Tensor, output_size: Any, dims: int) -> Any:
    # None stands for the input's own size.
    if not isinstance(output_size, (list, tuple)):
        return output_size
    if dims > 1 and input.ndim <= len(output_size):
        raise ValueError(f"adaptive pooling: input must have at least {len(output_size) + 1} dims, got {input.ndim}")
    if len(output_size) != dims:
        raise _C.TensorError(f"adaptive pooling: output_size must have {dims} entries, got {output_size}")
    return [own if size is None else size for size, own in zip(output_size, input.shape[-dims:])]


def _mean_pooling(name: str, dims: int) -> Any:
    means = _C.nn_functions[name]

    def adaptive_avg_pool(input: _C.Tensor, output_size: Any) -> _C.Tensor:
        return means(input, _grid(input, output_size, dims))

    adaptive_avg_pool.__name__ = adaptive_avg_pool.__qualname__ = name
    adaptive_avg_pool.__doc__ = means.__doc__
    return adaptive_avg_pool


for _dims in (1, 2, 3):
    for _name in (f"max_pool{_dims}d", f"adaptive_max_pool{_dims}d"):
        globals()[_name] = _pooling(_name, _dims, False)
        globals()[_name + "_with_indices"] = _pooling(_name, _dims, True)
    _name = f"adaptive_avg_pool{_dims}d"
    globals()[_name] = _mean_pooling(_name, _dims)


def _check_probability(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: the dropout probability must be between 0 and 1, but is {p}")


def _channel_dropout(input: _C.Tensor, p: float, training: bool, inplace: bool, batched: bool) -> _C.Tensor:
    # One sample's channels are those of a batch of one.
    whole = input if batched else input.unsqueeze(0)
    result = _C.nn_functions["feature_dropout"](whole, p, training, inplace)
    if inplace:
        return input
    return result if batched else result.squeeze(0)


def dropout1d(input: _C.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> _C.Tensor:
    """Dropout of whole channels of a signal."""
    _check_probability("dropout1d", p)
    if input.dim() not in (2, 3):
        raise RuntimeError(f"dropout1d: expected a 2-d or 3-d input, got {input.dim()} dims")
    return _channel_dropout(input, p, training, inplace, input.dim() == 3)


def dropout2d(input: _C.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> _C.Tensor:
    """Dropout of whole channels of an image; dim 0 is the batch, also of a 3-d input."""
    _check_probability("dropout2d", p)
    return _channel_dropout(input, p, training, inplace, True)


def dropout3d(input: _C.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> _C.Tensor:
    """Dropout of whole channels of a volume."""
    _check_probability("dropout3d", p)
    return _channel_dropout(input, p, training, inplace, input.dim() == 5)


def _fractional_pooling(dims: int) -> tuple[Any, Any]:
    both = _C.nn_functions[f"fractional_max_pool{dims}d_with_indices"]

    def with_indices(
        input: _C.Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: _C.Tensor | None = None,
    ) -> tuple[_C.Tensor, _C.Tensor]:
        if output_size is None and output_ratio is None:
            raise ValueError(f"fractional_max_pool{dims}d: give an output_size or an output_ratio")
        if output_size is None:
            ratios = output_ratio if isinstance(output_ratio, (list, tuple)) else [output_ratio] * dims
            if len(ratios) != dims:
                raise ValueError(f"fractional_max_pool{dims}d: output_ratio must be a number or {dims} of them")
            output_size = [int(length * ratio) for length, ratio in zip(input.shape[-dims:], ratios)]
        if _random_samples is None:
            batch = 1 if input.dim() == dims + 1 else input.shape[0]
            _random_samples = _C.functions["rand"](
                (batch, input.shape[-dims - 1], dims), dtype=input.dtype, device=input.device
            )
        return both(input, kernel_size, output_size, _random_samples)

    def pool(*args: Any, return_indices: bool = False, **kwargs: Any) -> Any:
        if len(args) > 4:
            return_indices = args[4]
        results = with_indices(*args, **kwargs)
        return results if return_indices else results[0]

    with_indices.__name__ = with_indices.__qualname__ = f"fractional_max_pool{dims}d_with_indices"
    pool.__name__ = pool.__qualname__ = f"fractional_max_pool{dims}d"
    pool.__doc__ = with_indices.__doc__ = both.__doc__
    return pool, with_indices


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional_pooling(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional_pooling(3)


def batch_norm(
    input: _C.Tensor,
    running_mean: _C.Tensor | None,
    running_var: _C.Tensor | None,
    weight: _C.Tensor | None = None,
    bias: _C.Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> _C.Tensor:
    """Each channel less its mean, over its deviation: of the batch in training, else the running ones."""
    if eps < 0 or (training and eps == 0):
        wanted = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {wanted}, but got {eps}")
    return _C.nn_functions["batch_norm"](input, running_mean, running_var, weight, bias, training, momentum, eps)


def gumbel_softmax(
    logits: _C.Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> _C.Tensor:
    """Samples of the categories of `logits`: softened by `tau`, or one-hot with the gradient of the soft ones."""
    gumbels = -_C.functions["empty_like"](logits).exponential_().log()
    soft = ((logits + gumbels) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return _C.functions["zeros_like"](logits).scatter_(dim, index, 1.0) - soft.detach() + soft


def grouped_mm(
    mat_a: _C.Tensor,
    mat_b: _C.Tensor,
    *,
    offs: _C.Tensor | None = None,
    bias: _C.Tensor | None = None,
    out_dtype: Any = None,
) -> _C.Tensor:
    """The products of groups: of matrices, or of the slices of one that end at `offs`; what lies beyond gives zeros."""
    dims = (mat_a.dim(), mat_b.dim())
    if not {2, 3} >= {*dims} or (offs is None) != (dims == (3, 3)):
        raise _C.TensorError(
            "grouped_mm: the operands must be 2-d or 3-d, and offs be given where one is 2-d, got "
            f"{dims[0]}-d and {dims[1]}-d operands {'without' if offs is None else 'with'} offs"
        )
    if bias is not None:
        raise _C.TensorError("grouped_mm: bias must be None, as PyTorch takes none either")
    if offs is None:
        result = mat_a.bmm(mat_b)
    else:
        ends = offs.tolist()
        slices = [slice(start, end) for start, end in zip([0, *ends], ends)]
        if dims == (2, 2):
            result = _C.functions["stack"]([mat_a[:, each] @ mat_b[each] for each in slices])
        else:
            along = 0 if dims == (2, 3) else 1
            jagged = mat_a if along == 0 else mat_b
            parts = [
                mat_a[each] @ mat_b[i] if along == 0 else mat_a[i] @ mat_b[:, each] for i, each in enumerate(slices)
            ]
            result = _C.functions["cat"](parts, along)
            rest = [0, 0] * (1 - along) + [0, jagged.shape[along] - result.shape[along]]
            result = pad(result, rest) if rest[-1] else result
    return result if out_dtype is None else result.to(out_dtype)
