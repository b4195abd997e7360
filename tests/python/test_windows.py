"""The windows of the top-level module and of tenon.signal.windows against PyTorch's."""

import pytest
import tenon
from compare import comparisons, torch

TOP_LEVEL = {
    "hann_window": [{}],
    "hamming_window": [{}, {"alpha": 0.3, "beta": 0.2}],
    "blackman_window": [{}],
    "bartlett_window": [{}],
    "kaiser_window": [{}, {"beta": 2.5}],
}
SIGNAL = {
    "bartlett": [{}],
    "blackman": [{}],
    "cosine": [{}],
    "exponential": [{}, {"tau": 0.4}, {"center": 2.5}, {"tau": 0.0}],
    "gaussian": [{}, {"std": 3.0}, {"std": 0.0}],
    "general_cosine": [{"a": [0.5, 0.3, 0.2]}, {"a": []}, {}],
    "general_hamming": [{}, {"alpha": 0.7}],
    "hamming": [{}],
    "hann": [{}],
    "kaiser": [{}, {"beta": 2.0}, {"beta": 0.0}, {"beta": -1.0}],
    "nuttall": [{}],
}
LENGTHS = [-1, 0, 1, 2, 3, 8, 31, 400]
# Both libraries round the argument of a cosine or an exponential, PyTorch that of a long Gaussian coarsely.
ULPS = {400: 512}


def test_no_window_is_missing():
    assert set(tenon.signal.windows.__all__) == set(torch.signal.windows.__all__) == set(SIGNAL)


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_windows_of_the_top_level_module(name):
    with comparisons() as check:
        for options in TOP_LEVEL[name]:
            for length in LENGTHS:
                for periodic in (True, False):
                    for dtype in (None, "float64", "float16", "int64"):
                        code = lambda t: getattr(t, name)(
                            length, periodic, dtype=dtype and getattr(t, dtype), **options
                        )
                        check((name, length, periodic, dtype, options), code, ulps=ULPS.get(length, 16), scale=1.0)


@pytest.mark.parametrize("name", SIGNAL)
def test_windows_of_signal(name):
    with comparisons() as check:
        for options in SIGNAL[name]:
            for length in LENGTHS:
                for sym in (True, False):
                    for dtype in (None, "float64", "float16", "int64"):
                        code = lambda t: getattr(t.signal.windows, name)(
                            length, sym=sym, dtype=dtype and getattr(t, dtype), requires_grad=length == 8, **options
                        )
                        check((name, length, sym, dtype, options), code, ulps=ULPS.get(length, 16), scale=1.0)
