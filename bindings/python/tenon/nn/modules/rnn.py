"""Recurrent layers over sequences, packed or not, and the cells that take one step."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import tenon
from tenon._C import Tensor
from tenon.nn import init
from tenon.nn.modules.module import Module
from tenon.nn.parameter import Parameter
from tenon.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]

# How many gates each kind of layer has, and what computes it.
_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    return tensor.index_select(dim, permutation)


def apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    """The old name of tensor.index_select(dim, permutation)."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` instead",
        FutureWarning,
        stacklevel=2,
    )
    return _apply_permutation(tensor, permutation, dim)


def _casting() -> bool:
    """Whether autocast is on, which gives inputs and weights one dtype."""
    ask = getattr(tenon, "is_autocast_enabled", None)
    return ask is not None and ask("cpu")


def _check_sizes(mode: str, input_size: Any, hidden_size: Any, num_layers: int, proj_size: int) -> None:
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise ValueError("Unrecognized RNN mode: " + mode)


class RNNBase(Module):
    """What the recurrent layers share: weights by layer and direction, and the checks of their inputs."""

    mode: str
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=2,
            )
        for name, flag in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
        _check_sizes(mode, input_size, hidden_size, num_layers, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        output_size = proj_size or hidden_size
        width = _GATES[mode] * hidden_size
        for layer in range(num_layers):
            read = output_size * (1 + bidirectional) if layer else input_size
            shapes: dict[str, Any] = {"weight_ih": (width, read), "weight_hh": (width, output_size)}
            if bias:
                shapes |= {"bias_ih": width, "bias_hh": width}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for direction in ("", "_reverse")[: 1 + bidirectional]:
                names = {f"{name}_l{layer}{direction}": shape for name, shape in shapes.items()}
                for name, shape in names.items():
                    setattr(self, name, Parameter(tenon.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append([*names])
        self.reset_parameters()

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, weights: list[Any]) -> None:
        for name, weight in zip(self._flat_weights_names, weights):
            if weight is not getattr(self, name, None):
                setattr(self, name, weight)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Has nothing to do: weights are read where they are."""

    def reset_parameters(self) -> None:
        """Draws the initial values again."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False}
        for name, value in (usual | {"dropout": 0, "bidirectional": False}).items():
            if getattr(self, name) != value:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)

    # --- checks of what is given to forward()

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raises unless the input has the dtype, dims and width that the weights need."""
        own = self._flat_weights[0].dtype
        if input.dtype != own and not _casting():
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({own}). "
                f"Convert input: input.to({own}), or convert model: model.to({input.dtype})"
            )
        dims = 2 if batch_sizes is not None else 3
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _state_size(self, input: Tensor, batch_sizes: Tensor | None, width: int) -> tuple[int, int, int]:
        batch = input.size(0 if self.batch_first else 1) if batch_sizes is None else int(batch_sizes[0])
        return self.num_layers * (1 + self.bidirectional), batch, width

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of the hidden state for an input."""
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raises unless a state has its shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raises unless the input and the state fit the layer and each other."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The state of each sequence where a permutation puts it."""
        return hx if permutation is None else _apply_permutation(hx, permutation)

    # --- the call

    def _initial(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        size = self.get_expected_hidden_size(input, batch_sizes)
        return tenon.zeros(size, dtype=input.dtype, device=input.device)

    def _check_state_dims(self, hx: Any, batched: bool) -> None:
        self._check_dims_of(batched, ("hx", hx))

    def _check_dims_of(self, batched: bool, *states: tuple[str, Tensor]) -> None:
        dims = 3 if batched else 2
        if any(state.dim() != dims for _, state in states):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            names, found = " and ".join(name for name, _ in states), ", ".join(f"{s.dim()}-D" for _, s in states)
            told = f"{found} tensor" if len(states) == 1 else f"({found}) tensors"
            raise RuntimeError(f"For {kind} input, {names} should also be {dims}-D but got {told}")

    def _computed(self, input: Tensor, hx: Any, batch_sizes: Tensor | None) -> tuple[Tensor, Any]:
        """The outputs and the last state of checked arguments."""
        compute = getattr(tenon, self.mode.lower())
        options = (self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if batch_sizes is None:
            output, *last = compute(input, hx, *options, self.batch_first)
        else:
            output, *last = compute(input, batch_sizes, hx, *options)
        return output, last[0] if len(last) == 1 else tuple(last)

    def _over_packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        input, batch_sizes, order, back = packed
        hx = self._initial(input, batch_sizes) if hx is None else self.permute_hidden(hx, order)
        self.check_forward_args(input, hx, batch_sizes)
        output, last = self._computed(input, hx, batch_sizes)
        return PackedSequence(output, batch_sizes, order, back), self.permute_hidden(last, back)

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            return self._over_packed(input, hx)
        if input.dim() not in (2, 3):
            kind = self.mode.partition("_")[0]
            raise ValueError(f"{kind}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if hx is not None:
            self._check_state_dims(hx, batched)
        if batched:
            if hx is None:
                hx = self._initial(input, None)
            self.check_forward_args(input, hx, None)
            return self._computed(input, hx, None)
        # One sequence is a batch of one.
        place = 0 if self.batch_first else 1
        output, last = self.forward(input.unsqueeze(place), None if hx is None else _each(hx, "unsqueeze"))
        return output.squeeze(place), _each(last, "squeeze")


def _each(state: Any, method: str) -> Any:
    """A state, or both of an LSTM, with or without the dim of the batch."""
    if isinstance(state, Tensor):
        return getattr(state, method)(1)
    return tuple(getattr(each, method)(1) for each in state)


class RNN(RNNBase):
    """An Elman network: each state is tanh or relu of what the input and the state before give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """Gated recurrent units."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory, whose state is a pair: what it gives, and what it keeps."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of what is kept for an input."""
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        sizes = (self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes))
        for i, size in enumerate(sizes):
            self.check_hidden_size(hidden[i], size, f"Expected hidden[{i}] size {{}}, got {{}}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        if permutation is None:
            return hx
        return _apply_permutation(hx[0], permutation), _apply_permutation(hx[1], permutation)

    def _initial(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        size = self.get_expected_cell_size(input, batch_sizes)
        return super()._initial(input, batch_sizes), tenon.zeros(size, dtype=input.dtype, device=input.device)

    def _check_state_dims(self, hx: Any, batched: bool) -> None:
        self._check_dims_of(batched, ("hx", hx[0]), ("cx", hx[1]))


class RNNCellBase(Module):
    """What the cells share: weights of their gates for the input and for the state."""

    input_size: int
    hidden_size: int
    bias: bool
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        width = num_chunks * hidden_size
        shapes: dict[str, Any] = {"weight_ih": (width, input_size), "weight_hh": (width, hidden_size)}
        for name, shape in (shapes | {"bias_ih": width, "bias_hh": width}).items():
            wanted = bias or name in shapes
            values = Parameter(tenon.empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, values)
        self.reset_parameters()

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        if nonlinearity != "tanh":
            parts.append(f"nonlinearity={nonlinearity}")
        return ", ".join(parts)

    def reset_parameters(self) -> None:
        """Draws the initial values again."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _check_dims(self, name: str, value: Tensor) -> None:
        if value.dim() not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected {name} to be 1D or 2D, got {value.dim()}D instead")

    def _zeros(self, input: Tensor) -> Tensor:
        return tenon.zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)

    def _stepped(self, step: Any, input: Tensor, hx: Tensor | None) -> Tensor:
        """The next state of a cell that has one, of a sample or of a batch."""
        self._check_dims("input", input)
        if hx is not None:
            self._check_dims("hidden", hx)
        if input.dim() == 1:
            return self._stepped(step, input.unsqueeze(0), None if hx is None else hx.unsqueeze(0)).squeeze(0)
        hx = self._zeros(input) if hx is None else hx
        return step(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


class RNNCell(RNNCellBase):
    """One step of an Elman network."""

    nonlinearity: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        step = tenon.rnn_tanh_cell if self.nonlinearity == "tanh" else tenon.rnn_relu_cell
        return self._stepped(step, input, hx)


class GRUCell(RNNCellBase):
    """One step of a GRU."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._stepped(tenon.gru_cell, input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        self._check_dims("input", input)
        for i, value in enumerate(hx or ()):
            self._check_dims(f"hx[{i}]", value)
        if input.dim() == 1:
            states = None if hx is None else (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
            h, c = self.forward(input.unsqueeze(0), states)
            return h.squeeze(0), c.squeeze(0)
        if hx is None:
            zeros = self._zeros(input)
            hx = (zeros, zeros)
        return tenon.lstm_cell(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
