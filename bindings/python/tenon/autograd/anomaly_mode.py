"""Anomaly detection: backward names the forward op, with its Python stack, whose gradient is NaN."""

from __future__ import annotations

from tenon import _C


def _trace() -> str:
    import traceback

    return "".join(traceback.format_stack()[:-1])


class set_anomaly_enabled:
    """Turns anomaly detection on or off: at once, and as a context manager until its end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._previous = _C.is_anomaly_enabled(), _C.is_anomaly_check_nan_enabled()
        if mode:
            _C._set_anomaly_tracer(_trace)
        _C._set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _C._set_anomaly_enabled(*self._previous)


class detect_anomaly:
    """Detects anomalies within its block."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self._previous = False, True

    def __enter__(self) -> None:
        self._previous = _C.is_anomaly_enabled(), _C.is_anomaly_check_nan_enabled()
        _C._set_anomaly_tracer(_trace)
        _C._set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *exception: object) -> None:
        _C._set_anomaly_enabled(*self._previous)
