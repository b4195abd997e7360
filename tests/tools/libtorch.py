"""Compiles programs against LibTorch, which PyTorch's wheel holds."""

import os
import pathlib
import subprocess

import torch

HOME = pathlib.Path(torch.__file__).parent
COMPILE = (
    os.environ.get("CXX", "c++"), "-std=c++20", "-w",
    f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
)  # fmt: skip
INCLUDE = (f"-isystem{HOME}/include", f"-isystem{HOME}/include/torch/csrc/api/include")


def precompile(folder):
    """Compiles <torch/torch.h> into the folder, so that each program that is given the folder compiles sooner."""
    header = pathlib.Path(folder, "torch", "torch.h.gch")
    header.parent.mkdir()
    source = HOME / "include/torch/csrc/api/include/torch/torch.h"
    subprocess.run([*COMPILE, *INCLUDE, "-x", "c++-header", source, "-o", header], check=True)


def compile_program(source, program, precompiled):
    library = HOME / "lib"
    subprocess.run(
        [*COMPILE, f"-I{precompiled}", *INCLUDE, source, "-o", program,
         f"-L{library}", f"-Wl,-rpath,{library}", "-ltorch", "-ltorch_cpu", "-lc10"],
        check=True,
    )  # fmt: skip
