"""What comes next in a series, by Tenon's C interface through cffi: nothing of Tenon's Python package computes here."""

from array import array

import tenon.c
from cffi import FFI

ffi = FFI()
ffi.cdef(tenon.c.declarations())
lib = ffi.dlopen(tenon.c.library_path())


def check(succeeded):
    if not succeeded:
        raise RuntimeError(ffi.string(lib.tenon_last_error()).decode())


# A float[] of C that views a Python array.
data = ffi.from_buffer("float[]", array("f", [1.0, 2.0, 3.0]))
model = lib.tenon_train_model(data, len(data))
check(model)

recent = ffi.from_buffer("float[]", array("f", [4.0, 5.0, 6.0]))
prediction = lib.tenon_predict(model, recent, len(recent))
check(prediction == prediction)
print(f"Prediction: {prediction}")

check(lib.tenon_free_model(model) == 0)
# A handle is good until it is freed; then it is refused.
if lib.tenon_free_model(model) != 0:
    print(ffi.string(lib.tenon_last_error()).decode())
