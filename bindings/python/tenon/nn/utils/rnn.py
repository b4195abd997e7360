"""Sequences of different lengths: padded to one length, or packed step by step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tenon import _C, _dtypes
from tenon._C import Tensor
from tenon.nn import functional as F
from tenon.nn.modules._conversion import _parse_to

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence_(NamedTuple):
    """The fields of a PackedSequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """The elements of several sequences, those of one step beside each other, and how many each step has."""

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)  # type: ignore[arg-type]

    def _with(self, data: Tensor, convert: Any) -> Any:
        indices = (None if index is None else convert(index) for index in self[2:])
        return type(self)(data, self.batch_sizes, *indices)

    def pin_memory(self) -> Any:
        """The sequence in page-locked memory."""
        return self._with(self.data.pin_memory(), lambda index: index.pin_memory())

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Tensor.to() of the elements; the indices follow to their device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        _, _, non_blocking, _ = _parse_to(*args, **kwargs)
        return self._with(data, lambda index: index.to(data.device, non_blocking=non_blocking))

    def cuda(self, *args: Any, **kwargs: Any) -> Any:
        """The sequence on a CUDA device."""
        return self.to(*args, **kwargs) if args or "device" in kwargs else self.to(device="cuda", **kwargs)

    def cpu(self, *args: Any, **kwargs: Any) -> Any:
        """The sequence on the CPU."""
        return self.to(*args, **kwargs) if args or "device" in kwargs else self.to(device="cpu", **kwargs)

    def double(self) -> Any:
        """The elements as float64."""
        return self.to(dtype=_dtypes.float64)

    def float(self) -> Any:
        """The elements as float32."""
        return self.to(dtype=_dtypes.float32)

    def half(self) -> Any:
        """The elements as float16."""
        return self.to(dtype=_dtypes.float16)

    def long(self) -> Any:
        """The elements as int64."""
        return self.to(dtype=_dtypes.int64)

    def int(self) -> Any:
        """The elements as int32."""
        return self.to(dtype=_dtypes.int32)

    def short(self) -> Any:
        """The elements as int16."""
        return self.to(dtype=_dtypes.int16)

    def char(self) -> Any:
        """The elements as int8."""
        return self.to(dtype=_dtypes.int8)

    def byte(self) -> Any:
        """The elements as uint8."""
        return self.to(dtype=_dtypes.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the elements are on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the elements are in page-locked memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another."""
    if permutation is None:
        return None
    places = _C.functions["arange"](0, permutation.numel(), device=permutation.device)
    return _C.functions["empty_like"](permutation).scatter_(0, permutation, places)


def _runs(batch_sizes: list[int]) -> list[tuple[int, int, int]]:
    # The first step and the one after the last of each run of steps with one batch size, and that size.
    runs: list[tuple[int, int, int]] = []
    for step, size in enumerate(batch_sizes):
        if runs and runs[-1][2] == size:
            runs[-1] = (runs[-1][0], step + 1, size)
        else:
            runs.append((step, step + 1, size))
    return runs


def _checked_lengths(lengths: Tensor, input: Tensor, batch_first: bool) -> list[int]:
    if not lengths.is_cpu or lengths.dim() != 1:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D {lengths.device.type} {lengths.dtype} tensor"
        )
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    steps, batch_size = (input.size(1), input.size(0)) if batch_first else (input.size(0), input.size(1))
    found = lengths.tolist()
    if len(found) != batch_size:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(found)} (batch_size={batch_size})"
        )
    if min(found) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if any(one < next for one, next in zip(found, found[1:])):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement."
        )
    if found[0] > steps:
        raise RuntimeError(f"Expected no length above {steps}, the steps of the input, but got {found[0]}")
    return found


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs padded sequences of these lengths, the longest first unless they are to be sorted here."""
    if isinstance(lengths, Tensor):
        lengths = lengths.to(dtype=_dtypes.int64)
    else:
        lengths = _C.as_tensor(lengths, dtype=_dtypes.int64, device="cpu")
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = lengths.sort(descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    sizes = _checked_lengths(lengths, input, batch_first)
    steps = input.transpose(0, 1) if batch_first else input
    batch_sizes: list[int] = []
    for count in range(len(sizes), 0, -1):
        batch_sizes += [count] * (sizes[count - 1] - len(batch_sizes))
    parts = [steps[start:end, :size].flatten(0, 1) for start, end, size in _runs(batch_sizes)]
    return PackedSequence(_C.functions["cat"](parts), _C.tensor(batch_sizes), sorted_indices, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The sequences padded to one length, and their lengths."""
    sizes: list[int] = sequence.batch_sizes.tolist()
    steps = len(sizes)
    if total_length is not None and total_length < steps:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {steps}"
        )
    rest = sequence.data.shape[1:]
    no_pads = [0, 0] * len(rest)
    parts, offset = [], 0
    for start, end, size in _runs(sizes):
        count = (end - start) * size
        part = sequence.data[offset : offset + count].view(end - start, size, *rest)
        parts.append(F.pad(part, [*no_pads, 0, sizes[0] - size], value=padding_value))
        offset += count
    padded = _C.functions["cat"](parts) if len(parts) > 1 else parts[0]
    if total_length is not None and total_length > steps:
        padded = F.pad(padded, [*no_pads, 0, 0, 0, total_length - steps], value=padding_value)
    lengths = _C.tensor([sum(size > place for size in sizes) for place in range(sizes[0])])
    unsorted_indices = sequence.unsorted_indices
    if unsorted_indices is not None:
        padded = padded.index_select(1, unsorted_indices)
        lengths = lengths[unsorted_indices.cpu()]
    return padded.transpose(0, 1) if batch_first else padded, lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences stacked, the shorter ones padded."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    found = list(sequences)
    if not found:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(sequence.size(0) for sequence in found)

    def padded(sequence: Tensor) -> Tensor:
        count = longest - sequence.size(0)
        if count == 0:
            return sequence
        pads = (count, 0) if padding_side == "left" else (0, count)
        return F.pad(sequence, [0, 0] * (sequence.dim() - 1) + list(pads), value=padding_value)

    return _C.functions["stack"]([padded(sequence) for sequence in found], 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """What pad_sequence() padded to one length, of these lengths."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    if len(rows) != len(lengths):
        raise ValueError(f"unpad_sequence: {len(rows)} sequences cannot have {len(lengths)} lengths")
    return [row[:length].clone() for row, length in zip(rows, lengths.tolist())]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences, the longest first unless they are to be sorted here."""
    lengths = [sequence.size(0) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that pack_sequence() packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
