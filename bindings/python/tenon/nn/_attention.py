"""Attention of several heads together with its projections: nn.functional.multi_head_attention_forward."""

from __future__ import annotations

import math
import warnings
from typing import Any

from tenon import _C
from tenon._C import Tensor, TensorError

_f, _nn = _C.functions, _C.nn_functions


def _require(condition: bool, problem: str) -> None:
    # PyTorch asserts these.
    if not condition:
        raise AssertionError(f"multi_head_attention_forward: {problem}")


def _check_dims(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None
) -> None:
    dims = query.dim()
    _require(dims in (2, 3), f"query must be 2-d, or 3-d with a batch, got {dims}-d")
    same = key.dim() == value.dim() == dims
    _require(same, f"key and value must be {dims}-d as query is, got {key.dim()}-d and {value.dim()}-d")
    if key_padding_mask is not None:
        found = key_padding_mask.dim()
        _require(found == dims - 1, f"key_padding_mask must be {dims - 1}-d, got {found}-d")
    if attn_mask is not None:
        _require(attn_mask.dim() in (2, 3), f"attn_mask must be 2-d or 3-d, got {attn_mask.dim()}-d")


def _none_or_dtype(input: Tensor | None) -> _C.dtype | None:
    if input is not None and not isinstance(input, Tensor):
        raise RuntimeError("input to _none_or_dtype() must be None or tenon.Tensor")
    return None if input is None else input.dtype


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: _C.dtype | None,
    other_name: str,
    target_type: _C.dtype,
    check_other: bool = True,
) -> Tensor | None:
    """A mask as numbers to add: a boolean one gives -inf where it holds."""
    if mask is None:
        return None
    floating = mask.is_floating_point()
    _require(floating or mask.dtype == _C.bool, f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=2,
        )
    if floating:
        return mask
    return _f["zeros"](mask.shape, dtype=target_type, device=mask.device).masked_fill_(mask, -math.inf)


def _projected(
    inputs: tuple[Tensor, Tensor, Tensor], packed: Tensor | None, separate: tuple[Any, ...] | None, bias: Tensor | None
) -> list[Tensor]:
    """The query, key and value after their projections, whose weights come in one tensor or in three."""
    linear = _nn["linear"]
    query, key, value = inputs
    if separate is None:
        _require(packed is not None, "in_proj_weight is None, but use_separate_proj_weight is False")
        _require(key.shape == value.shape, f"key and value must be alike, got {[*key.shape]} and {[*value.shape]}")
        assert packed is not None
        if query is key is value:
            return list(linear(query, packed, bias).chunk(3, -1))
        weights = packed.chunk(3)
    else:
        weights = separate
        for name, weight in zip("qkv", weights):
            _require(weight is not None, f"{name}_proj_weight is None, but use_separate_proj_weight is True")
        same = key.shape[:2] == value.shape[:2]
        _require(same, f"key and value must have one length and batch, got {[*key.shape]} and {[*value.shape]}")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return [linear(*each) for each in zip(inputs, weights, biases)]


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What nn.MultiheadAttention computes: sequences (length, batch, width), or without a batch (length, width).

    Gives the output, and the weights of the attention, averaged over the heads, if they are needed.
    """
    _check_dims(query, key, value, key_padding_mask, attn_mask)
    batched = query.dim() == 3
    if not batched:
        own = query is key is value
        query = query.unsqueeze(1)
        key, value = (query, query) if own else (key.unsqueeze(1), value.unsqueeze(1))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    source = key.shape[0]
    _require(width == embed_dim_to_check, f"query must be {embed_dim_to_check} wide, got {width}")
    _require(num_heads > 0 and width % num_heads == 0, f"num_heads must divide the width {width}, got {num_heads}")
    heads, size = batch * num_heads, width // num_heads

    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise TensorError("multi_head_attention_forward: is_causal tells about attn_mask, which is None")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        is_causal = is_causal and key_padding_mask is None
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
    if attn_mask is not None:
        shape = (length, source) if attn_mask.dim() == 2 else (heads, length, source)
        if tuple(attn_mask.shape) != shape:
            problem = f"multi_head_attention_forward: attn_mask must be {[*shape]}, got {[*attn_mask.shape]}"
            raise TensorError(problem) if batched or attn_mask.dim() == 2 else AssertionError(problem)
        attn_mask = attn_mask if attn_mask.dim() == 3 else attn_mask.unsqueeze(0)

    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected((query, key, value), in_proj_weight, separate, in_proj_bias)
    _require((bias_k is None) == (bias_v is None), "bias_k and bias_v must be given both or not at all")
    if bias_k is not None and bias_v is not None:
        _require(static_k is None and static_v is None, "bias_k and bias_v cannot be added to static keys and values")
        k = _f["cat"]([k, bias_k.repeat(1, batch, 1)])
        v = _f["cat"]([v, bias_v.repeat(1, batch, 1)])
    q, k, v = (each.reshape(-1, heads, size).transpose(0, 1) for each in (q, k, v))
    for name, static in (("static_k", static_k), ("static_v", static_v)):
        if static is not None:
            fits = static.dim() == 3 and static.shape[0] == heads and static.shape[2] == size
            _require(fits, f"{name} must be [{heads}, any, {size}], got {[*static.shape]}")
    k, v = k if static_k is None else static_k, v if static_v is None else static_v
    if add_zero_attn:
        none = _f["zeros"]((heads, 1, size), dtype=k.dtype, device=k.device)
        k, v = _f["cat"]([k, none], 1), _f["cat"]([v, none], 1)

    added = (bias_k is not None) + add_zero_attn
    source = k.shape[1]
    if added:
        attn_mask = None if attn_mask is None else _nn["pad"](attn_mask, (0, added))
        key_padding_mask = None if key_padding_mask is None else _nn["pad"](key_padding_mask, (0, added))
    if key_padding_mask is not None:
        shape = [*key_padding_mask.shape]
        _require(shape == [batch, source], f"key_padding_mask must be {[batch, source - added]}, got {shape}")
        padding = key_padding_mask.reshape(batch, 1, 1, source).expand(-1, num_heads, -1, -1)
        padding = padding.reshape(heads, 1, source)
        attn_mask = padding if attn_mask is None else attn_mask + padding

    p = dropout_p if training else 0.0
    weights = None
    if need_weights:
        q = q * math.sqrt(1 / size)
        keys = k.transpose(1, 2)
        weights = (q.bmm(keys) if attn_mask is None else _f["baddbmm"](attn_mask, q, keys)).softmax(-1)
        weights = _nn["dropout"](weights, p) if p > 0 else weights
        output = weights.bmm(v)
        weights = weights.reshape(batch, num_heads, length, source)
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        q, k, v = (each.reshape(batch, num_heads, -1, size) for each in (q, k, v))
        if attn_mask is not None:
            shared = attn_mask.shape[0] == 1
            attn_mask = attn_mask.unsqueeze(0) if shared else attn_mask.reshape(batch, num_heads, -1, source)
        output = _nn["scaled_dot_product_attention"](q, k, v, attn_mask, p, is_causal).reshape(heads, length, size)
    output = output.transpose(0, 1).reshape(length, batch, width)
    output = _nn["linear"](output, out_proj_weight, out_proj_bias)
    if not batched:
        return output.squeeze(1), None if weights is None else weights.squeeze(0)
    return output, weights
