"""Compiles programs against LibTorch, which PyTorch's wheel holds."""

import os
import pathlib
import subprocess

import torch


def compile_program(source, program):
    home = pathlib.Path(torch.__file__).parent
    include, library = home / "include", home / "lib"
    subprocess.run(
        [os.environ.get("CXX", "c++"), "-std=c++20", "-w", source, "-o", program,
         f"-isystem{include}", f"-isystem{include}/torch/csrc/api/include",
         f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
         f"-L{library}", f"-Wl,-rpath,{library}", "-ltorch", "-ltorch_cpu", "-lc10"],
        check=True,
    )  # fmt: skip
