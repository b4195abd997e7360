"""Batch normalisation, and the statistics that it shares with instance normalisation."""

from __future__ import annotations

from typing import Any

import tenon
from tenon._C import Tensor
from tenon.nn import functional as F
from tenon.nn import init
from tenon.nn.modules.lazy import LazyModuleMixin
from tenon.nn.modules.module import Module
from tenon.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """A weight and a bias for each channel, and a running mean and variance."""

    # Since version 2 the state holds num_batches_tracked.
    _version = 2
    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            values = tenon.empty(num_features, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, None if values is None else Parameter(values))
        mean = variance = count = None
        if track_running_stats:
            mean = tenon.zeros(num_features, device=device, dtype=dtype)
            variance = tenon.ones(num_features, device=device, dtype=dtype)
            count = tenon.tensor(0, dtype=tenon.long, device=device)
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", variance)
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forgets the batches that were seen."""
        if self.track_running_stats:
            assert self.running_mean is not None and self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forgets the batches that were seen, and what was learnt."""
        self.reset_running_stats()
        if self.affine:
            assert self.weight is not None
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        version, key = local_metadata.get("version"), prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            own = self.num_batches_tracked
            state_dict[key] = tenon.tensor(0, dtype=tenon.long) if own is None else own
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    def _normalised(self, input: Tensor) -> Tensor:
        """The input normalised by its batch in training and where nothing is tracked, else by what was tracked."""
        factor = 0.0 if self.momentum is None else self.momentum
        mean, variance = self.running_mean, self.running_var
        from_batch = self.training or (mean is None and variance is None)
        if self.training:
            if not self.track_running_stats:
                mean = variance = None
            elif (count := self.num_batches_tracked) is not None:
                count.add_(1)
                if self.momentum is None:
                    factor = 1.0 / float(count)
        return F.batch_norm(input, mean, variance, self.weight, self.bias, from_batch, factor, self.eps)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return self._normalised(input)


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """A normalisation that learns its number of channels from the first input."""

    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tenon.tensor(0, dtype=tenon.long, device=device)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Takes the number of channels from dim 1."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        learnt = (self.weight, self.bias) if self.affine else ()
        tracked = (self.running_mean, self.running_var) if self.track_running_stats else ()
        for values in (*learnt, *tracked):
            if values is not None:
                values.materialize((self.num_features,))
        self.reset_parameters()


class BatchNorm1d(_BatchNorm):
    """Normalises each channel of (batch, channels) or (batch, channels, length)."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.dim()}D input)")


class LazyBatchNorm1d(_LazyNormBase, BatchNorm1d):
    """A BatchNorm1d that learns its number of channels from the first input."""

    cls_to_become = BatchNorm1d


class BatchNorm2d(_BatchNorm):
    """Normalises each channel of images."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 4:
            raise ValueError(f"expected 4D input (got {input.dim()}D input)")


class LazyBatchNorm2d(_LazyNormBase, BatchNorm2d):
    """A BatchNorm2d that learns its number of channels from the first input."""

    cls_to_become = BatchNorm2d


class BatchNorm3d(_BatchNorm):
    """Normalises each channel of volumes."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 5:
            raise ValueError(f"expected 5D input (got {input.dim()}D input)")


class LazyBatchNorm3d(_LazyNormBase, BatchNorm3d):
    """A BatchNorm3d that learns its number of channels from the first input."""

    cls_to_become = BatchNorm3d


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over the processes of a group; outside of one, over its own batch as any other.

    Tenon has no process groups: one that is given is refused when it would be used.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")
        if self.process_group is not None and self.training:
            raise NotImplementedError(
                f"SyncBatchNorm: process_group must be None, as there are no process groups, got {self.process_group}"
            )
        return self._normalised(input)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """A module in which each batch normalisation is one over the processes, with the same state."""
        converted = module
        if isinstance(module, _BatchNorm):
            sizes = (module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
            converted = SyncBatchNorm(*sizes, process_group, bias=module.bias is not None)
            for name in ("weight", "bias") if module.affine else ():
                setattr(converted, name, getattr(module, name))
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(converted, name, getattr(module, name))
            converted.training = module.training
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted
