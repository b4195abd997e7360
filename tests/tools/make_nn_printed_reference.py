"""Rewrites tests/nn/printed_reference.inc: how LibTorch, which the PyTorch package holds, prints the modules there.

Usage: make_nn_printed_reference.py; needs torch, a C++ compiler, and a few minutes.
"""

import pathlib
import re
import subprocess
import tempfile

from libtorch import compile_program, precompile

FILE = pathlib.Path(__file__).parents[1] / "nn" / "printed_reference.inc"
PROGRAM = """#include <torch/torch.h>
#include <iostream>
using namespace torch;
using namespace torch::nn;
#define PRINTED(module, text) std::cout << (module) << '\\0';
int main() {{
{cases}
}}
"""


def main():
    text = FILE.read_text()
    modules = re.findall(r'^PRINTED\((.*), R"\(', text, re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "print.cpp")
        precompile(folder)
        source.write_text(PROGRAM.format(cases="\n".join(f'PRINTED({module}, "")' for module in modules)))
        compile_program(source, source.with_suffix(""), folder)
        printed = subprocess.run([source.with_suffix("")], check=True, capture_output=True, text=True).stdout
    head = text[: text.index("PRINTED(")]
    cases = zip(modules, printed.split("\0"), strict=False)
    FILE.write_text(head + "".join(f'PRINTED({module}, R"({shown})")\n' for module, shown in cases))


if __name__ == "__main__":
    main()
