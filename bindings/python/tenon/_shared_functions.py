"""Top-level functions that nn.functional has too, with other parameters: numbers for reductions, weights first."""

from __future__ import annotations

from typing import Any

from tenon import _C
from tenon._C import Tensor

_nn = _C.nn_functions
_REDUCTIONS = ("none", "mean", "sum")

adaptive_max_pool1d = _nn["adaptive_max_pool1d_with_indices"]
native_channel_shuffle = _nn["channel_shuffle"]


def _loss(name: str, parameters: str) -> Any:
    # The loss with a number for its reduction; its parameters, of which PyTorch's order may be another.
    names, loss = parameters.split(), _nn[name]

    def numbered(*args: Any, **kwargs: Any) -> Tensor:
        if len(args) > len(names):
            raise TypeError(f"{name}() takes {len(names)} positional arguments but {len(args)} were given")
        given = {**dict(zip(names, args)), **kwargs}
        if isinstance(given.get("reduction"), int):
            if not 0 <= given["reduction"] < len(_REDUCTIONS):
                raise ValueError(f"{name}: reduction must be 0 (none), 1 (mean) or 2 (sum), got {given['reduction']}")
            given["reduction"] = _REDUCTIONS[given["reduction"]]
        return loss(**given)

    numbered.__name__ = numbered.__qualname__ = name
    numbered.__doc__ = loss.__doc__
    return numbered


binary_cross_entropy_with_logits = _loss("binary_cross_entropy_with_logits", "input target weight pos_weight reduction")
cosine_embedding_loss = _loss("cosine_embedding_loss", "input1 input2 target margin reduction")
ctc_loss = _loss("ctc_loss", "log_probs targets input_lengths target_lengths blank reduction zero_infinity")
hinge_embedding_loss = _loss("hinge_embedding_loss", "input target margin reduction")
kl_div = _loss("kl_div", "input target reduction")
margin_ranking_loss = _loss("margin_ranking_loss", "input1 input2 target margin reduction")
poisson_nll_loss = _loss("poisson_nll_loss", "input target log_input full eps reduction")
triplet_margin_loss = _loss("triplet_margin_loss", "anchor positive negative margin p eps swap reduction")


def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """The rows of weight that indices names."""
    padding = None if padding_idx < 0 else padding_idx
    return _nn["embedding"](indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """nn.functional.layer_norm."""
    return _nn["layer_norm"](input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """nn.functional.group_norm."""
    return _nn["group_norm"](input, num_groups, weight, bias, eps)


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """nn.functional.batch_norm, with the weights first."""
    return _nn["batch_norm"](input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """nn.functional.instance_norm, with the weights first."""
    return _nn["instance_norm"](input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
