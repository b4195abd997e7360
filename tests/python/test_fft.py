"""tenon.fft and the short-time transforms against PyTorch's: values, gradients, dtypes and errors."""

import pytest
import tenon
from compare import DTYPES, comparisons, torch

COMPLEX_TO_COMPLEX = ("fft", "ifft")
REAL_TO_COMPLEX = ("rfft", "ihfft")
COMPLEX_TO_REAL = ("irfft", "hfft")
ONE_DIM = COMPLEX_TO_COMPLEX + REAL_TO_COMPLEX + COMPLEX_TO_REAL
# Powers of two, products of the radices, primes with a pass of their own, and lengths that need a convolution.
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 12, 16, 30, 37, 61, 64, 67, 77, 96, 100, 128, 134, 210, 243, 360, 509, 720, 1000, 1009,
           1024, 2048, 4096, 5000, 7919, 8192, 10007]  # fmt: skip
NORMS = (None, "forward", "backward", "ortho")


def values(shape, dtype="float64", seed=0):
    """The same numbers for both libraries."""
    generator = torch.Generator().manual_seed(seed)
    if dtype.startswith("complex"):
        return torch.randn(shape, dtype=torch.complex128, generator=generator).to(getattr(torch, dtype))
    return (torch.randn(shape, dtype=torch.float64, generator=generator) * 3).to(getattr(torch, dtype))


def given(t, x):
    return x.clone() if t is torch else tenon.from_torch(x.clone())


def inputs(name, shape, single=False):
    real = name.startswith(REAL_TO_COMPLEX)
    return values(shape, ("float32" if single else "float64") if real else ("complex64" if single else "complex128"))


@pytest.mark.parametrize("name", ONE_DIM)
def test_every_kind_of_length(name):
    with comparisons() as check:
        for n in LENGTHS:
            for single in (False, True):
                for shape in ([n], [3, n], [40, n]) if n < 2000 else ([n],):
                    x = inputs(name, shape, single)
                    code = lambda t: getattr(t.fft, name)(given(t, x), n)
                    # Sums of n numbers of this size.
                    check((name, n, single, shape), code, ulps=40, scale=3 * n**0.5, strides=False)


@pytest.mark.parametrize("name", ONE_DIM)
def test_lengths_dims_and_norms(name):
    with comparisons() as check:
        for shape in ([6], [4, 6], [3, 5, 4], [2, 3, 1, 7]):
            x = inputs(name, shape)
            for dim in range(-len(shape), len(shape)):
                for n in (None, 1, 3, 8, 9):
                    for norm in NORMS:
                        code = lambda t: getattr(t.fft, name)(given(t, x), n, dim, norm)
                        check((name, shape, dim, n, norm), code, ulps=40, scale=20.0, strides=False)


@pytest.mark.parametrize("name", ONE_DIM)
def test_several_dims(name):
    with comparisons() as check:
        for shape in ([4, 6], [3, 5, 4], [2, 33, 3, 7]):
            x = inputs(name, shape)
            for s in (None, (4, 3), (-1, 6), (5,), (2, 3, 4)):
                for dim in (None, (-2, -1), (0, 1), (-1, 0), (1,), (0, 0)):
                    for norm in NORMS:
                        code = lambda t: getattr(t.fft, name + "n")(given(t, x), s, dim, norm)
                        check((name, shape, s, dim, norm), code, ulps=40, scale=60.0, strides=False)
                    if dim is not None:
                        code = lambda t: getattr(t.fft, name + "2")(given(t, x), s, dim)
                        check((name, "2", shape, s, dim), code, ulps=40, scale=60.0, strides=False)


def test_dtypes_promote_or_are_refused():
    with comparisons() as check:
        for dtype in DTYPES:
            x = values([4, 6], "float64").to(getattr(torch, dtype))
            for name in ONE_DIM:
                code = lambda t: getattr(t.fft, name)(given(t, x))
                check((name, dtype), code, ulps=40, scale=20.0, strides=False)


@pytest.mark.parametrize("name", ONE_DIM)
def test_strided_and_transposed_inputs(name):
    x = inputs(name, [6, 35, 8])
    with comparisons() as check:
        for view in (lambda x: x.transpose(0, 1), lambda x: x[:, ::2, 1:], lambda x: x.permute(2, 0, 1)[1::3]):
            for dim in (0, 1, 2):
                code = lambda t: getattr(t.fft, name)(view(given(t, x)), dim=dim)
                check((name, dim), code, ulps=40, scale=20.0, strides=False)


@pytest.mark.parametrize("name", ONE_DIM)
@pytest.mark.parametrize("n", [6, 7, 67])
def test_gradients_and_second_gradients(name, n):
    x = inputs(name, [3, n])

    def code(t):
        leaf = given(t, x).requires_grad_()
        out = getattr(t.fft, name)(leaf, norm="ortho")
        first = t.autograd.grad((out.abs() ** 2 * out.real).sum(), leaf, create_graph=True)[0]
        return first, t.autograd.grad((first.abs() ** 2).sum(), leaf)[0]

    with comparisons() as check:
        check((name, n), code, ulps=4000, scale=200.0, strides=False)


def test_results_do_not_depend_on_threads():
    before = tenon.get_num_threads()
    try:
        for shape in ([1 << 17], [1, 3 * 5 * 7 * 11 * 64], [50, 1000], [300, 16], [64, 64, 64], [100003]):
            x = tenon.from_torch(values(shape, "complex64"))
            results = []
            for threads in (1, 2, 5):
                tenon.set_num_threads(threads)
                results.append(tenon.fft.fft(x, dim=0 if len(shape) == 3 else -1))
            assert all(tenon.equal(results[0], other) for other in results[1:])
    finally:
        tenon.set_num_threads(before)


def test_an_impulse_gives_exact_ones():
    for n in (8, 60, 1024):
        x = tenon.zeros(n, dtype=tenon.complex64)
        x[0] = 1
        assert tenon.equal(tenon.fft.fft(x), tenon.ones(n, dtype=tenon.complex64))


def test_frequencies_and_shifts():
    with comparisons() as check:
        for n in (1, 2, 5, 8, 0, -2):
            for d in (1.0, 0.25):
                for dtype in (None, "float64", "int64", "complex64"):
                    for name in ("fftfreq", "rfftfreq"):
                        code = lambda t: getattr(t.fft, name)(n, d, dtype=dtype and getattr(t, dtype))
                        check((name, n, d, dtype), code, ulps=2)
        for shape in ([5], [4, 5], [2, 3, 4]):
            for dim in (None, 0, (0,), (-1, 0), 9):
                for name in ("fftshift", "ifftshift"):
                    code = lambda t: getattr(t.fft, name)(t.arange(int(t.ones(shape).numel())).reshape(shape), dim)
                    check((name, shape, dim), code)


def test_wrong_calls_raise_what_pytorch_raises():
    cases = {
        "no dims": lambda t: t.fft.fft(t.tensor(1.0)),
        "no points": lambda t: t.fft.fft(t.ones(4), n=0),
        "negative points": lambda t: t.fft.rfft(t.ones(4), n=-1),
        "empty": lambda t: t.fft.fft(t.ones(0)),
        "one value of a half": lambda t: t.fft.irfft(t.ones(1)),
        "dim": lambda t: t.fft.fft(t.ones(4), dim=1),
        "norm": lambda t: t.fft.fft(t.ones(4), norm="unitary"),
        "complex": lambda t: t.fft.rfft(t.ones(4) + 0j),
        "half": lambda t: t.fft.fft(t.ones(4, dtype=t.float16)),
        "repeated dims": lambda t: t.fft.fftn(t.ones(4, 4), dim=(0, -2)),
        "unequal lists": lambda t: t.fft.fftn(t.ones(4, 4), s=(2,), dim=(0, 1)),
        "too many lengths": lambda t: t.fft.fftn(t.ones(4), s=(2, 2)),
        "no axis": lambda t: t.fft.rfftn(t.ones(4), dim=()),
        "a float": lambda t: t.fft.fft(t.ones(4), 2.0),
    }
    with comparisons() as check:
        for name, code in cases.items():
            check(name, code)
    with pytest.raises(tenon.TensorError, match=r"^fft.rfft: expects a real input tensor, but got complex64"):
        tenon.fft.rfft(tenon.ones(4) + 0j)


# --- short-time transforms

SIGNAL = values([2, 50])
STFTS = [
    {"n_fft": 16},
    {"n_fft": 16, "hop_length": 3},
    {"n_fft": 15, "hop_length": 4, "win_length": 10},
    {"n_fft": 16, "win_length": 11, "center": False},
    {"n_fft": 16, "win_length": 10, "center": False, "align_to_window": True},
    {"n_fft": 16, "pad_mode": "constant", "normalized": True},
    {"n_fft": 16, "onesided": False},
    {"n_fft": 12, "pad_mode": "replicate"},
]


@pytest.mark.parametrize("options", STFTS)
@pytest.mark.parametrize("windowed", [False, True])
def test_short_time_transforms_and_back(options, windowed):
    def code(t, signal):
        x = given(t, signal)
        length = options.get("win_length", options["n_fft"])
        window = t.hann_window(length, dtype=t.float64) + 0.1 if windowed else None
        spectrum = x.stft(window=window, return_complex=True, **options)
        names = ("n_fft", "hop_length", "win_length", "center", "normalized", "onesided")
        kept = {name: options[name] for name in names if name in options}
        return spectrum, t.istft(spectrum, window=window, **kept), t.stft(x, return_complex=False, **options)

    with comparisons() as check:
        for signal in (SIGNAL, SIGNAL[0], SIGNAL.float()):
            check(options, lambda t: code(t, signal), ulps=100, scale=10.0, strides=False)


def test_short_time_transforms_of_complex_signals():
    x = values([2, 50], "complex128")

    def code(t):
        spectrum = t.stft(given(t, x), 16)
        return spectrum, t.istft(spectrum, 16, return_complex=True, length=60)

    with comparisons() as check:
        check("complex", code, ulps=100, scale=10.0, strides=False)


def test_gradients_of_short_time_transforms():
    def code(t):
        x = given(t, SIGNAL).requires_grad_()
        spectrum = t.stft(x, 16, 5, 12, t.hann_window(12, dtype=t.float64), return_complex=True)
        return t.autograd.grad((spectrum.abs() ** 2).sum() + t.istft(spectrum * spectrum, 16, 5, 12).sum(), x)[0]

    with comparisons() as check:
        check("gradient", code, ulps=1000, scale=100.0, strides=False)


def test_wrong_short_time_calls_raise_what_pytorch_raises():
    x = lambda t: given(t, SIGNAL[0])
    spectrum = lambda t: t.stft(x(t), 16, return_complex=True)
    cases = {
        "return_complex": lambda t: t.stft(x(t), 16),
        "integers": lambda t: t.stft(x(t).int(), 16, return_complex=True),
        "3-d": lambda t: t.stft(x(t)[None, None], 16, return_complex=True),
        "n_fft": lambda t: t.stft(x(t), 60, center=False, return_complex=True),
        "n_fft of zero": lambda t: t.stft(x(t), 0, center=False, return_complex=True),
        "hop": lambda t: t.stft(x(t), 16, 0, return_complex=True),
        "win_length": lambda t: t.stft(x(t), 16, 4, 17, return_complex=True),
        "window": lambda t: t.stft(x(t), 16, 4, 12, t.ones(5), return_complex=True),
        "onesided": lambda t: t.stft(x(t) + 0j, 16, onesided=True),
        "align": lambda t: t.stft(x(t), 16, align_to_window=True, return_complex=True),
        "real spectrum": lambda t: t.istft(x(t), 16),
        "bins": lambda t: t.istft(spectrum(t)[:5], 16),
        "bins of both sides": lambda t: t.istft(spectrum(t), 16, onesided=False),
        "hop back": lambda t: t.istft(spectrum(t), 16, 17),
        "window back": lambda t: t.istft(spectrum(t), 16, 4, 12, t.ones(5)),
        "no window": lambda t: t.istft(spectrum(t), 16, window=t.zeros(16)),
        "empty": lambda t: t.istft(spectrum(t)[:, :0], 16),
        "complex result": lambda t: t.istft(spectrum(t), 16, return_complex=True),
    }
    with comparisons() as check:
        for name, code in cases.items():
            check(name, code)
