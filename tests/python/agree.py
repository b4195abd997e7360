"""How far what a program prints under Tenon may be from what it prints under PyTorch."""

import re

NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|\binf\b|\bnan\b")


def agree(ours, theirs):
    """Equal words; numbers equal within rounding, which is let grow from 2e-5 at the first line to 1e-2 at the last."""
    assert len(ours) == len(theirs)
    for place, (own, their) in enumerate(zip(ours, theirs)):
        assert NUMBER.sub("#", own) == NUMBER.sub("#", their), f"line {place + 1}"
        tolerance = 2e-5 * 500 ** (place / max(len(theirs) - 1, 1))
        for number, expected in zip(NUMBER.findall(own), NUMBER.findall(their)):
            if number == expected:
                continue
            # A printed number is no more exact than its last digit.
            digits = len(expected.partition(".")[2].lower().partition("e")[0])
            printed = 10.0**-digits if "e" not in expected.lower() else 0
            exact = "." not in expected
            bound = 0 if exact else tolerance * max(1, abs(float(expected))) + printed
            assert abs(float(number) - float(expected)) <= bound, f"line {place + 1}: {own!r}, PyTorch: {their!r}"
