"""Packed and padded sequences, as in torch.nn.utils.rnn."""

import pickle

import pytest
import tenon
from compare import comparisons
from test_nn_module import told


def sequences(torch, sizes, rest=(2,), dtype=None):
    start = 0
    found = []
    for size in sizes:
        shape = (size, *rest)
        count = int(torch.Size(shape).numel())
        found.append(torch.arange(start, start + count, dtype=dtype or torch.float32).reshape(shape))
        start += count
    return found


def fields(packed):
    return list(packed)


@pytest.mark.parametrize("sizes", [(4, 3, 1), (3, 3, 3), (5,), (4, 4, 2, 2, 2, 1)], ids=str)
@pytest.mark.parametrize("rest", [(), (2,), (2, 3)], ids=str)
def test_sequences_are_packed_and_padded(sizes, rest):
    def there_and_back(batch_first):
        def code(torch):
            rnn = torch.nn.utils.rnn
            padded = rnn.pad_sequence(sequences(torch, sizes, rest), batch_first=batch_first, padding_value=-1.0)
            packed = rnn.pack_padded_sequence(padded, list(sizes), batch_first=batch_first)
            again = rnn.pad_packed_sequence(packed, batch_first=batch_first, padding_value=7.0)
            longer = rnn.pad_packed_sequence(packed, batch_first=batch_first, total_length=9)
            return padded, fields(packed), again, longer

        return code

    def gradients(torch):
        rnn = torch.nn.utils.rnn
        parts = [part.requires_grad_() for part in sequences(torch, sizes, rest)]
        padded = rnn.pad_sequence(parts)
        packed = rnn.pack_padded_sequence(padded, torch.tensor(sizes))
        back, _ = rnn.pad_packed_sequence(packed)
        (back**2).sum().backward()
        return [part.grad for part in parts]

    def unsorted(torch):
        rnn = torch.nn.utils.rnn
        parts = sequences(torch, sizes[::-1], rest)
        packed = rnn.pack_sequence(parts, enforce_sorted=False)
        return fields(packed), rnn.pad_packed_sequence(packed), rnn.unpack_sequence(packed)

    with comparisons() as check:
        check("steps first", there_and_back(False), strides=False)
        check("batch first", there_and_back(True), strides=False)
        check("gradients", gradients, strides=False)
        check("unsorted", unsorted, strides=False)


def test_padding():
    def code(torch):
        rnn = torch.nn.utils.rnn
        parts = sequences(torch, (2, 3), (), torch.int64)
        left = rnn.pad_sequence(parts, batch_first=True, padding_value=9, padding_side="left")
        back = rnn.unpad_sequence(rnn.pad_sequence(parts, batch_first=True), torch.tensor([2, 3]), batch_first=True)
        return left, rnn.pad_sequence(iter(parts)), back, rnn.invert_permutation(torch.tensor([2, 0, 1]))

    with comparisons() as check:
        check("padding", code, strides=False)


def test_packed_sequences_convert():
    def code(torch):
        packed = torch.nn.utils.rnn.pack_sequence(sequences(torch, (1, 3), ()), enforce_sorted=False)
        double = packed.double()
        forms = [
            packed.half(),
            packed.long(),
            packed.int(),
            packed.short(),
            packed.char(),
            packed.byte(),
            packed.float(),
        ]
        same = [packed.to(torch.float32) is packed, packed.cpu() is packed, packed.is_cuda, double.to("cpu") is double]
        return [[text(f.data.dtype) for f in forms], fields(double), same, fields(pickle.loads(pickle.dumps(packed)))]

    text = lambda dtype: str(dtype).rpartition(".")[2]
    with comparisons() as check:
        check("converted", code)
        check("made", lambda torch: fields(torch.nn.utils.rnn.PackedSequence(torch.ones(3), torch.tensor([2, 1]))))
        check(
            "of a pair", lambda torch: fields(torch.nn.utils.rnn.PackedSequence((torch.ones(3), torch.tensor([2, 1]))))
        )


def test_refusals():
    ones = lambda torch: torch.ones(3, 2, 1)
    cases = {
        "not sorted": lambda torch, rnn: rnn.pack_padded_sequence(ones(torch), [2, 3]),
        "too few": lambda torch, rnn: rnn.pack_padded_sequence(ones(torch), [3]),
        "zero": lambda torch, rnn: rnn.pack_padded_sequence(ones(torch), [3, 0]),
        "no vector": lambda torch, rnn: rnn.pack_padded_sequence(ones(torch), torch.ones(1, 2)),
        "nothing": lambda torch, rnn: rnn.pack_padded_sequence(torch.ones(3, 2, 0), [3, 2]),
        "no sequences": lambda torch, rnn: rnn.pad_sequence([]),
        "no iterable": lambda torch, rnn: rnn.pad_sequence(3),
        "side": lambda torch, rnn: rnn.pad_sequence([torch.ones(1)], padding_side="top"),
        "misshapen": lambda torch, rnn: rnn.pad_sequence([torch.ones(1, 2), torch.ones(1, 3)]),
        "total": lambda torch, rnn: rnn.pad_packed_sequence(
            rnn.pack_padded_sequence(ones(torch), [3, 2]), total_length=2
        ),
    }
    with comparisons() as check:
        for name, act in cases.items():
            code = lambda torch: act(torch, torch.nn.utils.rnn)
            check(name, code)
            if name in ("too few", "zero", "side", "total"):
                check((name, "told"), lambda torch: told(code, torch).split("\n")[0])


def test_lengths_beyond_the_input_are_refused():
    # PyTorch gives a sequence that lacks elements.
    with pytest.raises(RuntimeError, match="no length above 3"):
        tenon.nn.utils.rnn.pack_padded_sequence(tenon.ones(3, 2, 1), [4, 3])
