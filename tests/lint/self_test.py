#!/usr/bin/env python3
"""Shows that each lint finds a violation planted for it, and passes what is right.

Usage: CXX=c++ self_test.py
"""

import os
import pathlib
import platform
import subprocess
import tempfile
import unittest

import files
import isa
import layers
import stable_abi


def problems_in(lint, name, text):
    """What `lint` finds in a tree that holds one file."""
    with tempfile.TemporaryDirectory() as root:
        file = pathlib.Path(root) / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
        return list(lint.check(root))


class Layers(unittest.TestCase):
    def assert_refused(self, name, include):
        self.assertEqual(len(problems_in(layers, name, f"#include {include}\n")), 1, f"{name} includes {include}")

    def assert_passed(self, name, include):
        self.assertEqual(problems_in(layers, name, f"#include {include}\n"), [])

    def test_includes_to_the_right_are_found(self):
        self.assert_refused("src/base/a.cpp", '"backend/backend.h"')
        self.assert_refused("src/base/a.cpp", '"tenon/tensor/tensor.h"')
        self.assert_refused("src/backend/a.h", '"tenon/tensor/tensor.h"')
        self.assert_refused("src/tensor/a.cpp", '"tenon/autograd/node.h"')
        self.assert_refused("src/autograd/a.cpp", '"ops/view.h"')
        self.assert_refused("src/ops/a.cpp", '"tenon/nn/module.h"')
        self.assert_refused("src/nn/a.cpp", '"tenon/tenon.h"')
        self.assert_refused("src/nn/a.cpp", '"tenon/optim.h"')
        self.assert_refused("src/io/a.cpp", '"tenon/c.h"')
        self.assert_refused("include/tenon/optim/a.h", '"tenon/data/loader.h"')

    def test_includes_to_the_left_pass(self):
        self.assert_passed("src/ops/a.cpp", '"autograd/record.h"')
        self.assert_passed("src/train/a.cpp", '"tenon/data/loader.h"')
        self.assert_passed("src/c/a.cpp", '"tenon/optim.h"')
        self.assert_passed("src/tensor/a.cpp", '"tenon/base/grad_mode.h"')
        self.assert_refused("src/tensor/a.cpp", '"tenon/autograd/grad_mode.h"')
        self.assert_passed("include/tenon/tenon.h", '"tenon/optim/sgd.h"')
        self.assert_passed("src/backend/a.h", '"tenon/table/elementwise.inc"')

    def test_the_inside_of_a_backend_is_found_outside_it(self):
        self.assert_refused("src/ops/a.cpp", '"backend/cpu/simd.h"')
        self.assert_refused("src/backend/cuda/a.cpp", '"backend/cpu/simd.h"')
        self.assert_passed("src/backend/backend.cpp", '"backend/cpu/kernels.h"')

    def test_foreign_headers_in_public_ones_are_found(self):
        for include in ("<unistd.h>", "<sys/mman.h>", '"autograd/record.h"'):
            self.assert_refused("include/tenon/ops/a.h", include)
        for include in ("<vector>", "<cstdint>", "<stdint.h>"):
            self.assert_passed("include/tenon/ops/a.h", include)

    def test_libraries_out_of_their_place_are_found(self):
        self.assert_refused("src/ops/a.cpp", '"hwy/highway.h"')
        self.assert_refused("src/tensor/a.cpp", "<Eigen/Core>")
        self.assert_refused("src/ops/a.cpp", "<nlohmann/json.hpp>")
        self.assert_refused("src/backend/cpu/a.cpp", "<cuda_runtime.h>")
        self.assert_refused("src/nn/a.cpp", "<Python.h>")
        self.assert_refused("src/backend/cpu/a.cpp", "<immintrin.h>")

    def test_a_table_that_depends_on_something_is_found(self):
        self.assert_refused("include/tenon/table/a.inc", '"tenon/base/dtype.h"')


class Files(unittest.TestCase):
    def assert_refused(self, name, text):
        self.assertTrue(problems_in(files, name, text), f"{name}: {text[:60]!r}")

    def test_a_good_file_passes(self):
        self.assertEqual(problems_in(files, "src/base/a.cpp", "// Adds.\nint a = 1;\n"), [])
        self.assertEqual(problems_in(files, "include/tenon/a.h", "// Adds.\n#pragma once\n"), [])
        self.assertEqual(problems_in(files, "tests/a.py", '#!/usr/bin/env python3\n"""Adds."""\n'), [])

    def test_a_file_without_its_purpose_is_found(self):
        self.assert_refused("src/base/a.cpp", "int a = 1;\n")
        self.assert_refused("tests/a.py", "import os\n")

    def test_a_header_without_a_guard_is_found(self):
        self.assert_refused("include/tenon/a.h", "// Adds.\nint a();\n")

    def test_long_files_and_lines_are_found(self):
        self.assert_refused("src/base/a.cpp", "// Adds.\n" + "int a();\n" * files.MAX_LINES)
        self.assert_refused("src/base/a.cpp", "// Adds.\n//" + "x" * files.MAX_COLUMNS + "\n")

    def test_loose_ends_are_found(self):
        for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"):
            self.assert_refused("src/base/a.cpp", f"// Adds.\n// {word}: overflow\n")

    def test_loose_blanks_are_found(self):
        self.assert_refused("src/base/a.cpp", "// Adds.\nint a; \n")
        self.assert_refused("src/base/a.cpp", "// Adds.\n\tint a;\n")
        self.assert_refused("src/base/a.cpp", "// Adds.\nint a;")


class StableAbi(unittest.TestCase):
    def found(self, text):
        return len(problems_in(stable_abi, "bindings/python/a.cpp", text))

    def test_what_looks_into_objects_is_found(self):
        for text in (
            "PyTuple_GET_ITEM(tuple, 0);",
            "PySequence_Fast_ITEMS(list);",
            "Py_TYPE(object)->tp_name;",
            "PyTuple_Type.tp_new;",
            "object->ob_refcnt;",
            "_PyType_Lookup(type, name);",
            "PyUnstable_EnableTryIncRef(object);",
            "PyMethod_New(function, object);",
            "PyUnicode_AsUTF8(text);",
        ):
            self.assertEqual(self.found(text + "\n"), 1, text)

    def test_the_stable_abi_passes(self):
        for text in (
            "PyTuple_GetItem(tuple, 0);",
            "PyUnicode_AsUTF8AndSize(text, nullptr);",
            "PyObject_HEAD",
            "{Py_tp_new, make};",
            "PyGILState_STATE state = PyGILState_Ensure();",
            "PyObject_GC_Track(object);",
            "Py_TPFLAGS_DEFAULT | PyBUF_WRITABLE;",
            "// PyTuple_GET_ITEM",
            'f("a.tp_name");',
        ):
            self.assertEqual(self.found(text + "\n"), 0, text)

    def test_what_is_built_for_one_version_may_use_more(self):
        macro = "PyTuple_GET_ITEM(tuple, 0);\n"
        self.assertEqual(self.found(f"#ifdef Py_LIMITED_API\n#else\n{macro}#endif\n"), 0)
        self.assertEqual(self.found(f"#ifndef Py_LIMITED_API\n{macro}#endif\n"), 0)
        without_gil = "defined(Py_GIL_DISABLED)"
        self.assertEqual(self.found(f"#if {without_gil} && A\n{macro}#elif {without_gil}\n{macro}#endif\n"), 0)
        self.assertEqual(self.found("TENON_BY_ABI(PyTuple_GET_ITEM, PyTuple_GetItem)(tuple, 0);\n"), 0)
        for name in ("ifdef Py_LIMITED_API", "ifdef Py_GIL_DISABLED\n#else", "ifndef Py_LIMITED_API\n#else", "if 1"):
            self.assertEqual(self.found(f"#{name}\n{macro}#endif\n"), 1, name)
        nested = f"#ifdef Py_LIMITED_API\n#ifdef A\n#endif\n#else\n{macro}#endif\n{macro}"
        self.assertEqual(self.found(nested), 1)


@unittest.skipUnless(platform.machine() in ("x86_64", "AMD64"), "the instruction sets are those of x86")
class Isa(unittest.TestCase):
    def compile(self, source):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "a.cpp"
            file.write_text(source)
            compiler = [os.environ.get("CXX", "c++"), "-std=c++20", "-O2", "-march=x86-64-v2", "-ffunction-sections"]
            subprocess.run([*compiler, "-c", file, "-o", file.with_suffix(".o")], check=True)
            return isa.check([folder])

    def test_code_of_the_baseline_passes(self):
        problems, higher = self.compile("float add(float a, float b) { return a + b; }")
        self.assertEqual((problems, higher), ([], 0))

    def test_higher_code_in_its_namespace_passes(self):
        problems, higher = self.compile(
            'namespace N_AVX2 { __attribute__((target("avx2"))) float add(float a, float b) { return a + b; } }\n'
            'namespace N_AVX3 { __attribute__((target("avx512f"))) float add(float a, float b) { return a + b; } }'
        )
        self.assertEqual((problems, higher), ([], 2))

    def test_higher_code_outside_is_found(self):
        problems, _ = self.compile('__attribute__((target("avx2"))) float add(float a, float b) { return a + b; }')
        self.assertEqual(len(problems), 1)
        self.assertIn("AVX2", problems[0])

    def test_a_shared_inline_function_compiled_for_a_higher_set_is_found_and_called_weak(self):
        problems, _ = self.compile(
            '#pragma GCC push_options\n#pragma GCC target("avx2,fma")\n'
            "template <class T> __attribute__((noinline)) T twice(T a) { return a + a; }\n"
            "namespace N_AVX2 { float call(float a) { return twice(a); } }\n#pragma GCC pop_options"
        )
        self.assertEqual(len(problems), 1)
        self.assertIn("weak", problems[0])

    def test_avx512_among_avx2_is_found(self):
        problems, _ = self.compile('namespace N_AVX2 { void f() { asm volatile("vaddps %zmm0, %zmm1, %zmm2"); } }')
        self.assertEqual(len(problems), 1)
        self.assertIn("AVX-512", problems[0])

    def test_bit_counting_above_the_baseline_is_found(self):
        problems, _ = self.compile('__attribute__((target("lzcnt"))) int f(unsigned x) { return __builtin_clz(x); }')
        self.assertEqual(len(problems), 1)

    def test_no_objects_is_an_error(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertTrue(isa.check([folder])[0])


if __name__ == "__main__":
    unittest.main()
