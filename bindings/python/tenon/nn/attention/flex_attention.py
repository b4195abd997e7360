"""Attention whose scores and mask are functions of batch, head and positions, called for all of them at once.

A BlockMask says which blocks of a mask are empty, partial and full, as programs expect of it; scores are computed for
all blocks alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tenon
from tenon import Tensor
from tenon.func import vmap

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "FlexKernelOptions",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_DEFAULT_SPARSE_BLOCK_SIZE = 128
MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
ScoreMod = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


# Choices for PyTorch's kernels, which change nothing here.
FlexKernelOptions = dict[str, Any]


class AuxRequest(NamedTuple):
    """What flex_attention() is to return beside its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by an AuxRequest."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask that hides nothing."""
    return batch.new_ones((), dtype=tenon.bool)


def _sliced_mask_mod_error(*positions: Tensor) -> Tensor:
    raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")


def _checked(mask_mods: tuple[MaskMod, ...]) -> tuple[MaskMod, ...]:
    if not all(map(callable, mask_mods)):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")
    return mask_mods


def and_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask that shows what all of these show."""
    _checked(mask_mods)

    def and_mask(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = b.new_ones((), dtype=tenon.bool)
        for mask in mask_mods:
            result = result & mask(b, h, q_idx, kv_idx)
        return result

    return and_mask


def or_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask that shows what any of these shows."""
    _checked(mask_mods)

    def or_mask(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = b.new_zeros((), dtype=tenon.bool)
        for mask in mask_mods:
            result = result | mask(b, h, q_idx, kv_idx)
        return result

    return or_mask


# --- functions of positions, for all positions


def _for_all(function: Callable[..., Tensor], scores: int) -> Callable[..., Tensor]:
    # Of the positions' four ranges, after that many arguments which have all four dims.
    first = (0,) * scores
    for dims in ((None, None, None, 0), (None, None, 0, None), (None, 0, None, None), (0, None, None, None)):
        function = vmap(function, in_dims=first + dims)
    return function


def _positions(sizes: tuple[int, ...], device: Any) -> list[Tensor]:
    return [tenon.arange(size, device=device) for size in sizes]


def _takes_scores(function: Callable[..., Tensor]) -> bool:
    import inspect

    count = sum(
        parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_POSITIONAL
        for parameter in inspect.signature(function).parameters.values()
    )
    return count == 5


def create_mask(
    mod_fn: ScoreMod | MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None
) -> Tensor:
    """What a mask shows, or where scores are not minus infinity, as a tensor of B x H x Q_LEN x KV_LEN."""
    sizes = (B or 1, H or 1, Q_LEN, KV_LEN)
    device = device or tenon.accelerator.current_accelerator() or "cpu"
    positions = _positions(sizes, device)
    if _takes_scores(mod_fn):
        return ~tenon.isneginf(_for_all(mod_fn, 1)(tenon.zeros(sizes, device=device), *positions))
    return _for_all(mod_fn, 0)(*positions).expand(sizes)


# --- masks by blocks


def _ordered(blocks: Tensor) -> tuple[Tensor, Tensor]:
    # How many blocks of each row there are, and all columns, those first.
    blocks = blocks.to(tenon.int32)
    columns = blocks.argsort(dim=-1, descending=True, stable=True).to(tenon.int32).contiguous()
    return blocks.sum(-1, dtype=tenon.int32), columns


def _dense(counts: Tensor, indices: Tensor) -> Tensor:
    taken = tenon.arange(indices.shape[-1], device=indices.device) < counts.unsqueeze(-1)
    dense = tenon.zeros(indices.shape, dtype=tenon.int32, device=indices.device)
    return dense.scatter(-1, indices.long(), taken.to(tenon.int32))


class BlockMask:
    """A mask, and which of its blocks show something; in each row of blocks, and in each column for gradients."""

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None,
        full_kv_indices: Tensor | None,
        q_num_blocks: Tensor | None,
        q_indices: Tensor | None,
        full_q_num_blocks: Tensor | None,
        full_q_indices: Tensor | None,
        BLOCK_SIZE: tuple[int, int] = (_DEFAULT_SPARSE_BLOCK_SIZE, _DEFAULT_SPARSE_BLOCK_SIZE),
        mask_mod: MaskMod = noop_mask,
    ) -> None:
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        for kind, count, indices in (
            ("kv", full_kv_num_blocks, full_kv_indices),
            ("q", full_q_num_blocks, full_q_indices),
        ):
            if (count is None) != (indices is None):
                raise AssertionError(
                    f"full_{kind}_num_blocks and full_{kind}_indices must be both provided or omitted"
                )
        self.seq_lengths = seq_lengths
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.BLOCK_SIZE, self.mask_mod = BLOCK_SIZE, mask_mod

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod: MaskMod | None = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
    ) -> BlockMask:
        """The mask with these blocks, by rows."""
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if isinstance(BLOCK_SIZE, int):
            BLOCK_SIZE = (BLOCK_SIZE, BLOCK_SIZE)
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * BLOCK_SIZE[0], kv_indices.shape[-1] * BLOCK_SIZE[1])

        def by_columns(counts: Tensor | None, indices: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
            if not compute_q_blocks or counts is None or indices is None:
                return None, None
            return _ordered(_dense(counts, indices).transpose(-2, -1))

        columns = (*by_columns(kv_num_blocks, kv_indices), *by_columns(full_kv_num_blocks, full_kv_indices))
        return cls(
            seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, *columns,
            BLOCK_SIZE=BLOCK_SIZE, mask_mod=mask_mod or noop_mask,
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, ...]:
        """Batch, heads, and the lengths of queries and keys."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """The number of elements of the mask."""
        return math.prod(self.shape)

    def sparsity(self) -> float:
        """How much of the mask is in empty blocks, in percent."""
        blocks = self.kv_num_blocks.sum()
        if self.full_kv_num_blocks is not None:
            blocks = blocks + self.full_kv_num_blocks.sum()
        return 100 * (1 - int(blocks) * math.prod(self.BLOCK_SIZE) / self.numel())

    def to_dense(self) -> Tensor:
        """The blocks that are not empty, as ones."""
        dense = _dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is not None and self.full_kv_indices is not None:
            dense = dense | _dense(self.full_kv_num_blocks, self.full_kv_indices)
        return dense

    def _with(self, change: Callable[[Tensor], Tensor], mask_mod: MaskMod, seq_lengths: tuple[int, int]) -> BlockMask:
        full = [None if x is None else change(x) for x in (self.full_kv_num_blocks, self.full_kv_indices)]
        return BlockMask.from_kv_blocks(
            change(self.kv_num_blocks), change(self.kv_indices), *full, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=mask_mod,
            seq_lengths=seq_lengths, compute_q_blocks=self.q_indices is not None,
        )  # fmt: skip

    def __getitem__(self, index: Any) -> BlockMask:
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(
            slice(i, i + 1 or None) if isinstance(i, int) else i
            for i in (*index, slice(None), slice(None), slice(None))[:3]
        )
        return self._with(lambda x: x[index], _sliced_mask_mod_error, self.seq_lengths)

    def to(self, device: Any) -> BlockMask:
        """The same mask on a device."""
        return self._with(lambda x: x.to(device), self.mask_mod, self.seq_lengths)

    def _adjust(self, new_q_len: int, new_kv_len: int) -> BlockMask:
        rows, columns = (-(-n // size) for n, size in zip((new_q_len, new_kv_len), self.BLOCK_SIZE))

        def cropped(counts: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
            return _ordered(_dense(counts, indices)[..., :rows, :columns])

        parts = list(cropped(self.kv_num_blocks, self.kv_indices))
        if self.full_kv_num_blocks is not None and self.full_kv_indices is not None:
            parts += cropped(self.full_kv_num_blocks, self.full_kv_indices)
        return BlockMask.from_kv_blocks(
            *parts, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod, seq_lengths=(new_q_len, new_kv_len),
            compute_q_blocks=self.q_indices is not None,
        )  # fmt: skip

    def __repr__(self) -> str:
        def shape(x: Tensor | None) -> Any:
            return None if x is None else x.shape

        tensors = "".join(
            f"    {name}={shape(getattr(self, name))},\n"
            for kind in ("kv", "q")
            for full in ("", "full_")
            for name in (f"{full}{kind}_num_blocks", f"{full}{kind}_indices")
        )
        return (
            f"BlockMask(\n{tensors}    BLOCK_SIZE={self.BLOCK_SIZE},\n    shape={self.shape},\n"
            f"    sparsity={self.sparsity():.2f}%,\n    mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}\n)"
        )


def create_block_mask(
    mask_mod: MaskMod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
) -> BlockMask:
    """The blocks of the mask that a function of the positions gives."""
    if _takes_scores(mask_mod):
        raise AssertionError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    rows, columns = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    mask = tenon.nn.functional.pad(mask, (0, -KV_LEN % columns, 0, -Q_LEN % rows))
    blocks = mask.unflatten(-1, (-1, columns)).unflatten(-3, (-1, rows)).transpose(-3, -2)
    shown = blocks.sum((-2, -1))
    full = shown == rows * columns if separate_full_blocks else None
    parts = _ordered(shown > 0 if full is None else (shown > 0) & ~full) + (() if full is None else _ordered(full))
    return BlockMask.from_kv_blocks(
        *parts, BLOCK_SIZE=(rows, columns), mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN)
    )


# --- attention


def _check_shapes(query: Tensor, key: Tensor, value: Tensor, block_mask: BlockMask | None, enable_gqa: bool) -> None:
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if query.size(-1) != key.size(-1):
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension "
            f"but got E={query.size(-1)} and E={key.size(-1)}."
        )
    heads, key_heads = query.size(1), key.size(1)
    if not enable_gqa and heads != key_heads:
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={key_heads}. "
            "Try setting enable_gqa=True for GQA."
        )
    if heads % key_heads:
        raise ValueError(
            "Expect number of query heads to be a multiple of kv heads for GQA "
            f"but got Hq={heads} and Hkv={key_heads}."
        )
    if query.size(0) != key.size(0) and (block_mask is None or key.size(0) != 1):
        raise ValueError(
            "Expect query and key/value to have the same batch size, or non-none block_mask, "
            f"but got block_mask={block_mask}, Bq={query.size(0)}, and Bkv={key.size(0)}."
        )
    lengths = (query.size(-2), key.size(-2))
    if block_mask is not None and lengths != tuple(block_mask.seq_lengths):
        raise ValueError(
            f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={lengths[0]} and "
            f"kv_len={lengths[1]}. Create a new block mask, or crop a larger one by block_mask._adjust(q_len, kv_len)."
        )


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: ScoreMod | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: FlexKernelOptions | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """Attention with scores changed by `score_mod(score, b, h, q, kv)` where the mask shows them; gradients pass."""
    _check_shapes(query, key, value, block_mask, enable_gqa)
    if return_lse and return_aux is not None:
        raise ValueError("Cannot specify both return_lse and return_aux; return_lse is deprecated.")
    groups = query.size(1) // key.size(1)
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    working = tenon.float64 if query.dtype == tenon.float64 else tenon.float32
    scores = query.to(working) @ key.to(working).transpose(-2, -1)
    scores = scores * (1 / math.sqrt(query.size(-1)) if scale is None else scale)
    positions = _positions(tuple(scores.shape), scores.device)
    if score_mod is not None:
        scores = _for_all(score_mod, 1)(scores, *positions).to(working)
    shown = scores != -math.inf
    if block_mask is not None:
        shown = shown & _for_all(block_mask.mask_mod, 0)(*positions)
        scores = scores.masked_fill(~shown, -math.inf)
    # Rows of which nothing is shown give zero, and no gradient that is no number.
    empty = ~shown.any(-1, keepdim=True)
    filled = scores.masked_fill(empty, 0)
    weights = filled.softmax(-1).masked_fill(empty, 0)
    output = weights.to(query.dtype) @ value.to(query.dtype)
    lse = filled.logsumexp(-1).masked_fill(empty.squeeze(-1), -math.inf)
    if return_aux is not None:
        return output, AuxOutput(lse if return_aux.lse else None, scores.amax(-1) if return_aux.max_scores else None)
    return (output, lse) if return_lse else output
